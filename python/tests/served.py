"""The applications that test_servers.py has real servers run: `flask_app` and `asgi_app`, on COATCHECK_STORE."""

from __future__ import annotations

import os
from typing import Any

import coatcheck.flask
import flask
from coatcheck.starlette import SessionMiddleware
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

flask_app = flask.Flask("served")
flask_app.secret_key = os.environ["COATCHECK_SECRET"]
coatcheck.flask.Coatcheck(flask_app)


@flask_app.get("/set/<name>")
def put(name: str) -> dict[str, Any]:
    flask.session[name] = 1
    return {"pid": os.getpid()}


@flask_app.get("/all")
def everything() -> dict[str, Any]:
    return {"data": dict(flask.session), "id": flask.session.sid, "pid": os.getpid()}  # type: ignore[attr-defined]


async def asgi_put(request: Request) -> JSONResponse:
    request.session[request.path_params["name"]] = 1
    return JSONResponse({"pid": os.getpid()})


async def asgi_everything(request: Request) -> JSONResponse:
    return JSONResponse({"data": dict(request.session), "id": request.session.id, "pid": os.getpid()})  # type: ignore[attr-defined]


asgi_app = SessionMiddleware(
    Starlette(routes=[Route("/set/{name}", asgi_put), Route("/all", asgi_everything)]),
    os.environ["COATCHECK_SECRET"],
)
