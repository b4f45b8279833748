"""The cart in FastAPI.

Each item is a top-level key of the session ("item:tea": 2). Changes to different keys are merged, so
two columns that add at the same moment both succeed.
"""

import asyncio
import os
from typing import Any

import uvicorn
from coatcheck.starlette import SessionMiddleware
from fastapi import FastAPI, Request
from pydantic import BaseModel

app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key=os.environ["COATCHECK_SECRET"], store=os.environ["COATCHECK_STORE"])


class Item(BaseModel):
    item: str


class Login(BaseModel):
    user: str


def cart(request: Request) -> dict[str, Any]:
    items = {key[5:]: count for key, count in request.session.items() if key.startswith("item:")}
    return {"items": items, "user": request.session.get("user")}


@app.get("/cart")
async def show(request: Request) -> dict[str, Any]:
    return cart(request)


@app.post("/cart")
async def add(request: Request, body: Item) -> dict[str, Any]:
    key = f"item:{body.item}"
    request.session[key] = request.session.get(key, 0) + 1
    return cart(request)


@app.post("/login")
async def login(request: Request, body: Login) -> dict[str, Any]:
    request.session.regenerate()  # a new session id; the cart comes along
    request.session["user"] = body.user
    return cart(request)


@app.post("/logout")
async def logout(request: Request) -> dict[str, Any]:
    request.session.clear()  # a cleared session is destroyed
    return cart(request)


@app.get("/slow")
async def slow(request: Request, ms: int) -> dict[str, Any]:
    """Writes at its end. If somebody logged out meanwhile, nothing is written."""
    request.session["slow"] = "written by FastAPI"
    await asyncio.sleep(ms / 1000)
    return {"done": True}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
