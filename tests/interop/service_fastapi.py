"""The FastAPI service of the interop tests; see conftest.py for what every service answers."""

import asyncio
import os
from pathlib import Path
from typing import Any

import uvicorn
from coatcheck.starlette import SessionMiddleware
from fastapi import FastAPI, Request

app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key=os.environ["COATCHECK_SECRET"], store=os.environ["COATCHECK_STORE"])


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


@app.delete("/session")
async def destroy(request: Request) -> dict[str, Any]:
    request.session.clear()
    return {}


@app.post("/login")
async def login(request: Request) -> dict[str, Any]:
    request.session.regenerate()
    return dict(request.session)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
