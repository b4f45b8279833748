"""The Flask service of the interop tests; see conftest.py for what every service answers."""

import json
import os
import time
from pathlib import Path
from typing import Any

from coatcheck import RefreshTokens, TokenError, jwt
from coatcheck.flask import Coatcheck
from flask import Flask, Response, request, session

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ["COATCHECK_SECRET"]
app.config["COATCHECK_STORE"] = os.environ["COATCHECK_STORE"]
encrypt = os.environ.get("ENCRYPT")
app.config["COATCHECK_ENCRYPT"] = encrypt
# Flask's way to give one session's cookie an age: `session.permanent`, of this many seconds.
app.config["PERMANENT_SESSION_LIFETIME"] = 120
app.config["COATCHECK_OWNER"] = lambda data: data.get("user")
app.config["COATCHECK_AFFINITY"] = os.environ.get("NODE_NAME")
if os.environ.get("MODE"):
    app.config["COATCHECK_MODE"] = os.environ["MODE"]
    app.config["COATCHECK_ACCESS_TTL"] = int(os.environ["ACCESS_TTL"]) / 1000
    app.config["COATCHECK_CHECK_EPOCH"] = True
    if "TOKEN_KEYS" in os.environ:
        app.config["COATCHECK_TOKEN_KEYS"] = [jwt.Key.from_jwk(jwk) for jwk in json.loads(os.environ["TOKEN_KEYS"])]
app.json.sort_keys = False
Coatcheck(app)
tokens = RefreshTokens(encrypt=encrypt)  # store and secret are the environment's


@app.after_request
def name_the_node(response: Response) -> Response:
    if "NODE_NAME" in os.environ:
        response.headers["X-Node"] = os.environ["NODE_NAME"]
    return response


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


@app.post("/count")
def count() -> Any:
    def add(data: dict[str, Any]) -> None:
        data["n"] += 1

    for _ in range(request.get_json()["times"]):
        session.transact(add)  # type: ignore[attr-defined]  # Flask's proxy is typed as its own class
    return dict(session)


@app.delete("/session")
def destroy() -> dict[str, Any]:
    session.clear()
    return {}


@app.post("/login")
def login() -> dict[str, Any]:
    session.regenerate()
    return data()


@app.post("/tokens")
def issue() -> dict[str, Any]:
    issued = tokens.issue(request.get_json()["owner"])
    return {"token": issued.token, "family": issued.family.id}


@app.post("/tokens/refresh")
def refresh() -> tuple[dict[str, Any], int]:
    try:
        issued = tokens.refresh(request.get_json()["token"])
    except TokenError as error:
        return {"error": error.code}, 401
    return {"token": issued.token, "repeated": issued.repeated, "family": issued.family.id}, 200


@app.post("/tokens/revoke")
def revoke() -> dict[str, Any]:
    return {"count": tokens.revoke_all(request.get_json()["owner"])[0]}


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]), threaded=True)
