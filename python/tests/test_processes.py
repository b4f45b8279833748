"""Forks, threads, several processes and the end of the interpreter."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pathlib
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from typing import Any

import pytest
from coatcheck import _core
from coatcheck.starlette import SessionMiddleware
from conftest import ROOT, SECRET, RedisServer
from stacks import STACKS, asgi_call, make_site
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def in_child(work: Callable[[], None]) -> None:
    """Runs `work` in a forked child and fails if it did."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.fixture(params=["file", "redis"])
def shared(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    """A store that processes share."""
    if request.param == "redis":
        return f"{request.getfixturevalue('redis').url}?timeout=10000"
    return f"file:{tmp_path / 'sessions'}"


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("stack", STACKS)
def test_engine_made_before_the_fork_works_on_both_sides(stack: str, shared: str) -> None:
    site = make_site(stack, shared)
    cookie = site.login(n=0)

    def add_one(session: Any) -> None:
        session["n"] += 1

    def child() -> None:
        site.get(add_one, cookie)
        assert site.login(own=3) != cookie

    for n in range(3):
        in_child(child)
        assert site.get("read", cookie).json == {"n": 2 * n + 1}
        site.get(add_one, cookie)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_ids_differ_between_parent_and_children(tmp_path: pathlib.Path) -> None:
    site = make_site("wsgi", f"file:{tmp_path / 'sessions'}")
    site.login(warm=1)  # the buffer of random bytes is filled before the fork
    found = tmp_path / "ids"

    def child() -> None:
        with found.open("a") as file:
            file.write(site.login(x=1) + "\n")

    for _ in range(8):
        in_child(child)
    ids = [*found.read_text().split(), site.login(x=1)]
    assert len(set(ids)) == 9


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_memory_store_is_copied_by_a_fork(memory: str) -> None:
    site = make_site("wsgi", memory)
    cookie = site.login(a=1)

    def child() -> None:
        assert site.get("read", cookie).json == {"a": 1}
        site.get("clear", cookie)

    in_child(child)
    assert site.get("read", cookie).json == {"a": 1}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_beside_a_running_loop_leaves_the_parents_connection_alone(redis: RedisServer) -> None:
    async def view(request: Request) -> JSONResponse:
        request.session["n"] = request.session.get("n", 0) + 1
        return JSONResponse(request.session)

    app = SessionMiddleware(Starlette(routes=[Route("/", view)]), SECRET, store=f"{redis.url}?timeout=10000")

    async def requests(cookie: str | None, count: int) -> str:
        for _ in range(count):
            answer = await asgi_call(app, "/", cookie)
            cookie = cookie or answer.cookie
        assert cookie is not None
        return cookie

    def child(cookie: str) -> None:
        asyncio.events._set_running_loop(None)  # as asyncio's own hook does in a child
        asyncio.run(requests(cookie, 20))
        app.service.close()

    async def main() -> None:
        cookie = await requests(None, 3)
        in_child(lambda: child(cookie))
        assert (await asgi_call(app, "/", await requests(cookie, 20))).json == {"n": 44}

    asyncio.run(main())


def worker(url: str, cookie: str, key: str, count: int) -> None:
    site = make_site("wsgi", url)
    for n in range(count):
        site.get(lambda session, n=n: session.update({key: n + 1}), cookie)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_write_different_keys_of_one_session(shared: str, method: Any) -> None:
    site = make_site("wsgi", shared)
    cookie = site.login(start=True)
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=worker, args=(shared, cookie, f"k{n}", 50)) for n in range(3)]
    for process in workers:
        process.start()
    for process in workers:
        process.join(60)
        assert process.exitcode == 0
    assert site.get("read", cookie).json == {"start": True, "k0": 50, "k1": 50, "k2": 50}


@pytest.mark.parametrize("stack", ["flask", "wsgi"])
def test_threads_share_one_application(stack: str, shared: str) -> None:
    site = make_site(stack, shared)
    cookies = [site.login(own=n) for n in range(8)]
    failures: list[Any] = []

    def run(n: int) -> None:
        for _ in range(50):
            answer = site.call("/read", cookies[n], False)
            if answer.json != {"own": n}:
                failures.append((n, answer))

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_threads_write_different_keys_of_one_session(store: str) -> None:
    site = make_site("wsgi", store)
    cookie = site.login(start=True)
    site.pages.update(
        {f"put{n}": lambda session, n=n: session.update({f"k{n}": session.get(f"k{n}", 0) + 1}) for n in range(4)}
    )

    def run(n: int) -> None:
        for _ in range(100):
            assert site.call(f"/put{n}", cookie, False).status == 200

    threads = [threading.Thread(target=run, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert site.get("read", cookie).json == {"start": True, "k0": 100, "k1": 100, "k2": 100, "k3": 100}


EXITS = {
    "engine alive at exit": "engine.open(None, False)",
    "engine in a cycle": "cycle = [engine]; cycle.append(cycle); del engine",
    "daemon thread in a call": """
        import threading
        def work():
            while True:
                engine.open(None, False)
        threading.Thread(target=work, daemon=True).start()
    """,
    "call in atexit": """
        import atexit
        atexit.register(lambda: engine.commit(engine.open(None, False), '{"a":1}', 0, None))
    """,
    "handle outlives its engine": """
        import builtins
        builtins.kept = engine.open(None, False)
        del engine
    """,
}


@pytest.mark.parametrize("case", list(EXITS))
@pytest.mark.parametrize("kind", ["memory", "file", "redis"])
def test_interpreter_exits_cleanly(
    case: str, kind: str, tmp_path: pathlib.Path, request: pytest.FixtureRequest
) -> None:
    url = {"memory": "memory:", "file": f"file:{tmp_path / 'sessions'}"}.get(kind)
    url = url or request.getfixturevalue("redis").url
    code = f"from coatcheck import _core\nengine = _core.Engine(secrets={SECRET!r}, store={url!r})\n"
    code += textwrap.dedent(EXITS[case])
    done = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_loop_that_ends_with_a_call_in_flight(redis: RedisServer) -> None:
    code = f"""
        import asyncio
        from coatcheck import _core
        async def main():
            loop = asyncio.get_running_loop()
            engine = _core.AsyncEngine(loop, secrets={SECRET!r}, store="{redis.url}?timeout=60000")
            await engine.open(None, False)
            engine.open("session=" + _core.KeyRing([{SECRET!r}]).sign("A" * 43), False)
            await asyncio.sleep(0)
        asyncio.run(main())
        asyncio.run(main())
    """
    redis.freeze()
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    redis.thaw()
    assert (done.returncode, done.stderr) == (0, "")


def test_many_loops_leave_no_connection_behind(redis: RedisServer) -> None:
    app = SessionMiddleware(
        Starlette(routes=[Route("/", lambda request: JSONResponse(dict(request.session)))]), SECRET, store=redis.url
    )
    cookie = f"session={_core.KeyRing([SECRET]).sign('A' * 43)}"
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        asyncio.run(asgi_call(app, "/", cookie))
    # One loop's connection may still be there: it goes when the next loop comes.
    assert len(os.listdir("/proc/self/fd")) <= before + 3


def test_prefork_server(tmp_path: pathlib.Path) -> None:
    """As gunicorn --preload does it: the application is made once, workers are forked, each serves."""
    code = f"""
        import os, socket, sys, threading, urllib.request
        from wsgiref.simple_server import WSGIRequestHandler, make_server
        sys.path[:0] = [{str(ROOT / "python" / "tests")!r}, {str(ROOT / "tests")!r}]
        from stacks import make_site
        site = make_site("flask", "file:{tmp_path / "sessions"}")
        site.pages["count"] = lambda session: session.update(n=session.get("n", 0) + 1) or [session["n"], os.getpid()]
        class Quiet(WSGIRequestHandler):
            def log_message(self, *args): pass
        server = make_server("127.0.0.1", 0, site.app, handler_class=Quiet)
        workers = []
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                server.serve_forever()
            workers.append(pid)
        import json
        cookie, seen, pids = None, [], set()
        for _ in range(60):
            request = urllib.request.Request(f"http://127.0.0.1:{{server.server_port}}/count")
            if cookie: request.add_header("Cookie", cookie)
            with urllib.request.urlopen(request) as answer:
                cookie = cookie or answer.headers["Set-Cookie"].split(";")[0]
                n, pid = json.load(answer)
                seen.append(n); pids.add(pid)
        import signal
        for pid in workers:
            os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
        assert seen == list(range(1, 61)), seen
        print(len(pids))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 1
