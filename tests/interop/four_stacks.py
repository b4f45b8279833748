"""The four stacks as the interop tests see them.

Every service answers the same requests:
  GET    /session  the session's data, as JSON
  PUT    /session  {"set": {...}, "maxAge": 120000?, "hold": path?}: adds to it; `maxAge` is set on its cookie;
                   with `hold` it creates PATH.open once it has read the session, and goes on when PATH.go is there
  POST   /count    {"times"}: adds 1 to its `n`, so many times, each in a transaction
  POST   /login    a new session id, the same data
  DELETE /session  ends it

and, of refresh tokens, with a refusal as {"error": code} and its status:
  POST   /tokens          {"owner"}: begins a family; answers {"token", "family"}
  POST   /tokens/refresh  {"token"}: answers {"token", "repeated", "family"}
  POST   /tokens/revoke   {"owner"}: ends every family of an owner; answers {"count"}

Settings come from the environment: COATCHECK_STORE, COATCHECK_SECRET, PORT, ENCRYPT (a word of the option `encrypt`),
and for sessions in their cookie MODE, ACCESS_TTL in ms and TOKEN_KEYS, a JSON array of JWKs. A session's owner is its
`user`, and its epoch is checked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from processes import free_port, running

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SERVICES = {
    "express": ["node", str(HERE / "service.js")],
    "flask": [sys.executable, str(HERE / "service_flask.py")],
    "fastapi": [sys.executable, str(HERE / "service_fastapi.py")],
    "cpp": [os.environ.get("INTEROP_CPP", str(ROOT / "build/release/tests/interop/interop_service"))],
}
PAIRS = [(writer, reader) for writer in SERVICES for reader in SERVICES]
# Every kind of value that JSON has, at the edges where languages print it differently.
PAYLOAD: dict[str, object] = {
    "user": "Ada Lovelace",
    "unicode": 'žluťoučký 猫 🐈 \u2028 \u00e9 e\u0301 "quoted" back\\slash \t\n\x7f </script>',
    "": "empty key",
    "ключ": "key beyond ASCII",
    "zero": 0,
    "negative": -1,
    "largest": 9007199254740991,
    "smallest": -9007199254740991,
    "half": 0.5,
    "third": 0.3333333333333333,
    "tiny": 5e-324,
    "huge": 1.7976931348623157e308,
    "yes": True,
    "no": False,
    "nothing": None,
    "list": [1, "two", [3, {"four": 5}], [], {}],
    "nested": {"a": {"b": {"c": {"d": [None, True, "é"]}}}},
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

    def __init__(self, name: str, port: int, settings: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.settings = settings or {}
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

    def count(self, cookie: str, times: int) -> Answer:
        return self.request("POST", "/count", cookie, {"times": times})

    def login(self, cookie: str) -> Answer:
        return self.request("POST", "/login", cookie, {})

    def destroy(self, cookie: str) -> Answer:
        return self.request("DELETE", "/session", cookie)

    def issue(self, owner: str) -> Answer:
        return self.request("POST", "/tokens", body={"owner": owner})

    def refresh(self, token: object) -> Answer:
        return self.request("POST", "/tokens/refresh", body={"token": token})

    def revoke_all(self, owner: str) -> Answer:
        return self.request("POST", "/tokens/revoke", body={"owner": owner})


@contextmanager
def all_running(folder: Path, settings: Mapping[str, Mapping[str, str]]) -> Iterator[dict[str, Service]]:
    """The four services while the block lasts; ``settings``: the environment of each."""
    made: dict[str, Service] = {}
    with ExitStack() as stack:
        for name, command in SERVICES.items():
            port = free_port()
            stack.enter_context(running(name, command, port, folder, {**settings[name], "PORT": str(port)}))
            made[name] = Service(name, port, settings[name])
            stack.callback(made[name].client.close)
        yield made
