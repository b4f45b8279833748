"""The FastAPI service of the interop tests; see conftest.py for what every service answers."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
from coatcheck import AsyncRefreshTokens, TokenError, jwt
from coatcheck.starlette import SessionMiddleware
from fastapi import FastAPI, Request, Response

in_cookie: dict[str, Any] = {}
if os.environ.get("MODE"):
    in_cookie = {"mode": os.environ["MODE"], "access_ttl": int(os.environ["ACCESS_TTL"]) / 1000, "check_epoch": True}
    if "TOKEN_KEYS" in os.environ:
        in_cookie["token_keys"] = [jwt.Key.from_jwk(jwk) for jwk in json.loads(os.environ["TOKEN_KEYS"])]

app = FastAPI()
app.add_middleware(
    SessionMiddleware,
    secret_key=os.environ["COATCHECK_SECRET"],
    store=os.environ["COATCHECK_STORE"],
    owner=lambda data: data.get("user"),
    affinity=os.environ.get("NODE_NAME"),
    encrypt=os.environ.get("ENCRYPT"),
    **in_cookie,
)


@app.middleware("http")
async def name_the_node(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    if "NODE_NAME" in os.environ:
        response.headers["X-Node"] = os.environ["NODE_NAME"]
    return response


tokens = AsyncRefreshTokens(encrypt=os.environ.get("ENCRYPT"))  # store and secret are the environment's


@app.get("/session")
async def read(request: Request) -> dict[str, Any]:
    return dict(request.session)


@app.put("/session")
async def write(request: Request) -> dict[str, Any]:
    body = await request.json()
    len(request.session)  # reads it
    if "hold" in body:
        Path(body["hold"] + ".open").touch()
        while not Path(body["hold"] + ".go").exists():
            await asyncio.sleep(0.002)
    request.session.update(body["set"])
    return dict(request.session)


@app.post("/count")
async def count(request: Request) -> Any:
    def add(data: dict[str, Any]) -> None:
        data["n"] += 1

    for _ in range((await request.json())["times"]):
        await request.session.transact(add)  # type: ignore[attr-defined]  # typed as a dict
    return dict(request.session)


@app.delete("/session")
async def destroy(request: Request) -> dict[str, Any]:
    request.session.clear()
    return {}


@app.post("/login")
async def login(request: Request) -> dict[str, Any]:
    request.session.regenerate()
    return dict(request.session)


@app.post("/tokens")
async def issue(request: Request) -> dict[str, Any]:
    issued = await tokens.issue((await request.json())["owner"])
    return {"token": issued.token, "family": issued.family.id}


@app.post("/tokens/refresh")
async def refresh(request: Request, response: Response) -> dict[str, Any]:
    try:
        issued = await tokens.refresh((await request.json())["token"])
    except TokenError as error:
        response.status_code = 401
        return {"error": error.code}
    return {"token": issued.token, "repeated": issued.repeated, "family": issued.family.id}


@app.post("/tokens/revoke")
async def revoke(request: Request) -> dict[str, Any]:
    return {"count": (await tokens.revoke_all((await request.json())["owner"]))[0]}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
