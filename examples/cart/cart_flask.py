"""The cart in Flask.

Each item is a top-level key of the session ("item:tea": 2). Changes to different keys are merged, so
two columns that add at the same moment both succeed.
"""

import os
import time
from typing import Any

from coatcheck.flask import Coatcheck
from flask import Flask, request, session

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ["COATCHECK_SECRET"]
app.config["COATCHECK_STORE"] = os.environ["COATCHECK_STORE"]
Coatcheck(app)


def cart() -> dict[str, Any]:
    items = {key[5:]: count for key, count in session.items() if key.startswith("item:")}
    return {"items": items, "user": session.get("user")}


@app.get("/cart")
def show() -> dict[str, Any]:
    return cart()


@app.post("/cart")
def add() -> dict[str, Any]:
    key = f"item:{request.get_json()['item']}"
    session[key] = session.get(key, 0) + 1
    return cart()


@app.post("/login")
def login() -> dict[str, Any]:
    session.regenerate()  # a new session id; the cart comes along
    session["user"] = request.get_json()["user"]
    return cart()


@app.post("/logout")
def logout() -> dict[str, Any]:
    session.clear()  # a cleared session is destroyed
    return cart()


@app.get("/slow")
def slow() -> dict[str, Any]:
    """Writes at its end. If somebody logged out meanwhile, nothing is written."""
    session["slow"] = "written by Flask"
    time.sleep(int(request.args["ms"]) / 1000)
    return {"done": True}


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]), threaded=True)
