"""The Flask service of the interop tests; see conftest.py for what every service answers."""

import os
import time
from pathlib import Path
from typing import Any

from coatcheck.flask import Coatcheck
from flask import Flask, request, session

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ["COATCHECK_SECRET"]
app.config["COATCHECK_STORE"] = os.environ["COATCHECK_STORE"]
# Flask's way to give one session's cookie an age: `session.permanent`, of this many seconds.
app.config["PERMANENT_SESSION_LIFETIME"] = 120
app.json.sort_keys = False
Coatcheck(app)


def data() -> dict[str, Any]:
    return {key: value for key, value in session.items() if key != "_permanent"}


@app.get("/session")
def read() -> dict[str, Any]:
    return data()


@app.put("/session")
def write() -> dict[str, Any]:
    body = request.get_json()
    len(session)  # reads it
    if "hold" in body:
        Path(body["hold"] + ".open").touch()
        while not Path(body["hold"] + ".go").exists():
            time.sleep(0.002)
    session.update(body["set"])
    if "maxAge" in body:
        session.permanent = True
    return data()


@app.delete("/session")
def destroy() -> dict[str, Any]:
    session.clear()
    return {}


@app.post("/login")
def login() -> dict[str, Any]:
    session.regenerate()
    return data()


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]), threaded=True)
