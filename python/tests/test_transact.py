"""``session.transact``, commits that wait for each other, and what is told of those that stored nothing."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import Callable
from typing import Any

import coatcheck
import httpx
import pytest
from coatcheck.starlette import SessionMiddleware
from conftest import SECRET
from stacks import STACKS, Site, make_site
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SYNC = ["flask", "wsgi"]


def add(data: dict[str, Any]) -> int:
    data["n"] = data.get("n", 0) + 1
    return int(data["n"])


@pytest.mark.parametrize("stack", SYNC)
def test_a_transaction_sees_what_is_stored_now_and_keeps_what_the_request_changed(stack: str, url: str) -> None:
    site = make_site(stack, url)
    cookie = site.login(n=1, seen="before")

    def page(session: Any) -> Any:
        session["mine"] = 1
        session["seen"] = "mine"
        site.get(lambda other: other.update(n=10, other=2), cookie)
        answer = session.transact(add)
        return [answer, dict(session)]

    answer, now = site.get(page, cookie).json
    assert answer == 11
    assert now == {"n": 11, "seen": "mine", "other": 2, "mine": 1}
    assert site.get("read", cookie).json == now


@pytest.mark.parametrize("stack", SYNC)
def test_a_transaction_runs_again_when_another_request_wrote(stack: str, url: str) -> None:
    site = make_site(stack, url)
    cookie = site.login(n=0)
    runs: list[int] = []

    def change(data: dict[str, Any]) -> None:
        runs.append(data["n"])
        if len(runs) < 3:
            site.get(lambda other: other.update(n=10 * len(runs)), cookie)
        data["n"] += 1

    site.get(lambda session: session.transact(change), cookie)
    assert runs == [0, 10, 20]
    assert site.get("read", cookie).json == {"n": 21}


@pytest.mark.parametrize("stack", SYNC)
def test_a_transaction_on_a_new_session_and_one_that_fails(stack: str, url: str) -> None:
    site = make_site(stack, url)
    answer = site.get(lambda session: session.transact(add))
    assert answer.json == 1
    assert site.get("read", answer.cookie).json == {"n": 1}

    def fail(data: dict[str, Any]) -> None:
        data["n"] = 100
        raise LookupError("not today")

    def page(session: Any) -> Any:
        with pytest.raises(LookupError):
            session.transact(fail)
        return dict(session)

    assert site.get(page, answer.cookie).json == {"n": 1}
    assert site.get("read", answer.cookie).json == {"n": 1}


@pytest.mark.parametrize("stack", SYNC)
def test_a_transaction_on_a_session_that_was_ended_says_so(stack: str, url: str) -> None:
    site = make_site(stack, url)
    cookie = site.login(n=0)

    def page(session: Any) -> None:
        dict(session)
        site.get("clear", cookie)
        with pytest.raises(coatcheck.SessionGone):
            session.transact(add)

    site.get(page, cookie)
    assert site.get("read", cookie).json == {}


@pytest.mark.parametrize("stack", SYNC)
def test_transactions_of_many_threads_all_count(stack: str, url: str) -> None:
    site = make_site(stack, url)
    cookie = site.login(n=0)

    def work() -> None:
        for _ in range(50):
            site.get(lambda session: session.transact(add), cookie)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert site.get("read", cookie).json == {"n": 200}


def test_a_write_beside_a_login_is_kept_in_the_session_that_follows(url: str) -> None:
    for stack in STACKS:
        site = make_site(stack, url)
        old = site.login(cart=[0], role="guest")
        after: list[str] = []

        def slow(session: Any, site: Site = site, old: str = old, after: list[str] = after) -> None:
            session["cart"].append(1)
            session["role"] = "mine"

            def login(other: Any) -> None:
                other.regenerate()
                other["role"] = "user"

            after.append(site.get(login, old).cookie)

        answer = site.get(slow, old)
        assert answer.set_cookie is None
        # What the login has set stays; an old id gives nothing to a new request.
        assert site.get("read", after[0]).json == {"cart": [0, 1], "role": "user"}
        assert site.get("read", old).json == {}
        stolen = site.get(lambda session: session.update(evil=1), old)
        assert site.get("read", after[0]).json == {"cart": [0, 1], "role": "user"}
        assert stolen.cookie not in (old, after[0])


def test_a_write_before_a_login_that_had_read_already_is_kept(url: str) -> None:
    for stack in STACKS:
        site = make_site(stack, url)
        old = site.login(cart=[0])

        def login(session: Any, site: Site = site, old: str = old) -> None:
            session["user"] = "ann"
            site.get(lambda other: other["cart"].append(1), old)
            session.regenerate()

        cookie = site.get(login, old).cookie
        assert site.get("read", cookie).json == {"cart": [0, 1], "user": "ann"}


def test_without_grace_and_after_a_logout_a_late_write_is_gone(url: str) -> None:
    for stack in STACKS:
        for options, ends in (({"regenerate_grace": 0}, False), ({}, True)):
            told: list[str] = []
            site = make_site(stack, url, on_event=lambda event, _, told=told: told.append(event), **options)
            old = site.login(a=0)

            def slow(session: Any, site: Site = site, old: str = old, ends: bool = ends) -> None:
                session["a"] = 1
                cookie = site.get(lambda other: other.regenerate(), old).cookie
                if ends:
                    site.get("clear", cookie)

            assert site.get(slow, old).set_cookie is None
            assert told == ["gone"]


def _starlette(url: str, pages: dict[str, Callable[[Any], Any]], **options: Any) -> Starlette:
    def route(page: Callable[[Any], Any]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            return JSONResponse(await page(request.session))

        return endpoint

    app = Starlette(routes=[Route(f"/{name}", route(page)) for name, page in pages.items()])
    app.add_middleware(SessionMiddleware, secret_key=SECRET, store=url, **options)
    return app


async def _begin(client: httpx.AsyncClient) -> dict[str, str]:
    answer = await client.get("/begin")
    name, _, value = answer.headers["set-cookie"].split(";")[0].partition("=")
    client.cookies.clear()
    return {"cookie": f"{name}={value}"}


def test_three_hundred_requests_of_one_session_at_once_all_count(url: str) -> None:
    async def begin(session: Any) -> None:
        session.update(n=0, items=[])

    async def count(session: Any) -> Any:
        return await session.transact(add)

    async def push(session: Any) -> None:
        items = session["items"]
        await asyncio.sleep(0)
        items.append(uuid.uuid4().hex)

    async def read(session: Any) -> Any:
        return dict(session)

    async def slow(session: Any) -> Any:
        async def change(data: dict[str, Any]) -> int:
            await asyncio.sleep(0)
            return add(data)

        return await session.transact(change)

    app = _starlette(url, {"begin": begin, "count": count, "push": push, "read": read, "slow": slow})

    async def main() -> None:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            headers = await _begin(client)
            pushed = await asyncio.gather(*(client.get("/push", headers=headers) for _ in range(300)))
            assert {answer.status_code for answer in pushed} == {200}
            counted = await asyncio.gather(*(client.get("/count", headers=headers) for _ in range(300)))
            assert {answer.status_code for answer in counted} == {200}
            assert (await client.get("/slow", headers=headers)).json() == 301
            stored = (await client.get("/read", headers=headers)).json()
            assert stored["n"] == 301
            assert len(stored["items"]) == 300

    asyncio.run(main())


@pytest.mark.parametrize("stack", STACKS)
def test_a_commit_that_stored_nothing_is_told(stack: str, url: str, caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[str, str]] = []
    options: dict[str, Any] = {"on_event": lambda event, error: told.append((event, error.code))}
    site: Site = make_site(stack, url, on_conflict="reject", **options)
    cookie = site.login(a=0, secret="hunter2")

    def ended(session: Any) -> None:
        session["a"] = 1
        site.get("clear", cookie)

    with caplog.at_level(logging.WARNING, "coatcheck"):
        assert site.get(ended, cookie).set_cookie is None
    assert told == [("gone", "ERR_SESSION_GONE")]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "hunter2" not in caplog.text

    told.clear()
    other = site.login(a=0)

    def collides(session: Any) -> None:
        session["a"] = 1
        site.get(lambda session: session.update(a=2), other)

    with pytest.raises(coatcheck.SessionConflict):
        site.get(collides, other)
    assert told == [("conflict", "ERR_SESSION_CONFLICT")]
