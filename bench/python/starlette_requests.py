"""python/starlette/*: what a session adds to a whole ASGI call, in the process, on asyncio.

Peers: Starlette's own middleware, and on Redis starsessions.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import redis.asyncio
import starsessions
import starsessions.stores.redis
from coatcheck.starlette import SessionMiddleware
from side_by_side import SECRET, SESSION, added, report, row, stores
from starlette.middleware.sessions import SessionMiddleware as StarletteSessions
from starlette.requests import Request
from starlette.responses import PlainTextResponse


async def bare(scope: Any, receive: Any, send: Any) -> None:
    Request(scope, receive)
    await PlainTextResponse("ok")(scope, receive, send)


async def application(scope: Any, receive: Any, send: Any) -> None:
    request = Request(scope, receive)
    page = scope["path"]
    if page == "/read":
        assert request.session["user"]["id"] == 42
    elif page == "/write":
        request.session["seen"] += 1
    elif page == "/login":
        request.session.update(SESSION)
    await PlainTextResponse("ok")(scope, receive, send)


def starsessions_app(url: str) -> Any:
    store = starsessions.stores.redis.RedisStore(connection=redis.asyncio.Redis.from_url(url))
    return starsessions.SessionMiddleware(
        starsessions.SessionAutoloadMiddleware(application), store=store, lifetime=3600, cookie_https_only=False
    )


async def receive() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


def scope_of(page: str, cookie: str | None) -> dict[str, Any]:
    headers = [(b"host", b"localhost")]
    if cookie is not None:
        headers.append((b"cookie", cookie.encode()))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": page,
        "raw_path": page.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }


async def cookie_of(app: Any) -> str:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope_of("/login", None), receive, send)
    return next(value for name, value in sent[0]["headers"] if name == b"set-cookie").decode().split(";")[0]


def caller(loop: asyncio.AbstractEventLoop, app: Any, page: str, cookie: str) -> Callable[[int], None]:
    pattern = scope_of("/" + page, cookie)
    statuses: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses[:] = [message["status"]]

    async def many(calls: int) -> None:
        for _ in range(calls):
            await app(dict(pattern), receive, send)

    def run(calls: int) -> None:
        loop.run_until_complete(many(calls))

    run(1)
    assert statuses == [200], statuses
    return run


def main() -> None:
    rows = []
    loop = asyncio.new_event_loop()
    with stores() as urls:
        near = {"near": f"{urls['redis']}?prefix=near:&near_cache={1 << 26}"}
        for name, url in {**urls, **near, "cookie": None}.items():
            own_cookie: dict[str, Any] = {"mode": "starlette"}
            ours = SessionMiddleware(application, SECRET, **(own_cookie if url is None else {"store": url}))
            remote = name in {"redis", "near"}
            peer_name = "starsessions" if remote else "Starlette's cookie"
            peer = starsessions_app(urls["redis"]) if remote else StarletteSessions(application, SECRET)
            our_cookie, peer_cookie = (loop.run_until_complete(cookie_of(app)) for app in (ours, peer))
            for page in ("untouched", "read", "write"):
                ours_ns, peer_ns = added(
                    {
                        "ours_bare": caller(loop, bare, page, our_cookie),
                        "ours": caller(loop, ours, page, our_cookie),
                        "peer_bare": caller(loop, bare, page, peer_cookie),
                        "peer": caller(loop, peer, page, peer_cookie),
                    }
                )
                rows.append(row(f"python/starlette/{page}@{name}", ours_ns, peer_name, peer_ns, 3))
    report(rows)


if __name__ == "__main__":
    sys.exit(main())
