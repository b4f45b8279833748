"""The four stacks as the interop tests see them.

Every service answers the same four requests:
  GET    /session  the session's data, as JSON
  PUT    /session  {"set": {...}, "maxAge": 120000?, "hold": path?}: adds to it; `maxAge` is set on its cookie;
                   with `hold` it creates PATH.open once it has read the session, and goes on when PATH.go is there
  POST   /login    a new session id, the same data
  DELETE /session  ends it
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SERVICES = {
    "express": ["node", str(HERE / "service.js")],
    "flask": [sys.executable, str(HERE / "service_flask.py")],
    "fastapi": [sys.executable, str(HERE / "service_fastapi.py")],
    "cpp": [os.environ.get("INTEROP_CPP", str(ROOT / "build/release/tests/interop/interop_service"))],
}


@dataclass
class Answer:
    """One response: the session's data, and the Cookie header for the next request."""

    status: int
    data: dict[str, object]
    set_cookie: str | None
    cookie: str


class Service:
    """One stack. Keeps no cookies: a test says which one it sends."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)

    def request(self, method: str, path: str, cookie: str = "", body: object = None) -> Answer:
        headers = {"Cookie": cookie} if cookie else {}
        response = self.client.request(method, path, headers=headers, json=body)
        self.client.cookies.clear()
        set_cookie = response.headers.get("set-cookie")
        next_cookie = set_cookie.split(";", 1)[0] if set_cookie else cookie
        is_json = response.headers.get("content-type", "").startswith("application/json")
        return Answer(response.status_code, response.json() if is_json else {}, set_cookie, next_cookie)

    def read(self, cookie: str = "") -> Answer:
        return self.request("GET", "/session", cookie)

    def write(self, cookie: str = "", **body: object) -> Answer:
        return self.request("PUT", "/session", cookie, body)

    def login(self, cookie: str) -> Answer:
        return self.request("POST", "/login", cookie, {})

    def destroy(self, cookie: str) -> Answer:
        return self.request("DELETE", "/session", cookie)
