"""A store while services run: what another process does to it."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
from coatcheck import ConfigError, RefreshTokens, Store
from coatcheck.starlette import SessionMiddleware
from conftest import SECRET, RedisServer
from stacks import STACKS, make_site
from starlette.applications import Starlette


def in_another_process(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("kind", ["file", "redis"])
@pytest.mark.parametrize("stack", STACKS)
def test_clear_logs_everybody_out(
    stack: str, kind: str, tmp_path: pathlib.Path, request: pytest.FixtureRequest
) -> None:
    url = f"file:{tmp_path / 'sessions'}"
    if kind == "redis":
        server: RedisServer = request.getfixturevalue("redis")
        url = f"{server.url}?timeout=10000"
    site = make_site(stack, url)
    cookies = [site.login(user="ann"), site.login(user="bob")]
    in_another_process(f"import coatcheck; assert coatcheck.Store({url!r}).clear() == 2")
    for cookie in cookies:
        assert site.get("read", cookie).json == {}
    assert site.get("read", site.login(user="eve")).json == {"user": "eve"}


@pytest.mark.parametrize("stack", STACKS)
def test_a_deleted_file_is_said_to_be_gone_once(stack: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "sessions"
    site = make_site(stack, f"file:{path}")
    site.login(user="ann")
    path.unlink()
    other = f"import coatcheck; coatcheck.Store('file:{path}').clear()"
    in_another_process(other)
    assert site.get(lambda session: session.update(user="eve")).status == 503
    cookie = site.login(user="eve")
    assert site.get("read", cookie).json == {"user": "eve"}
    in_another_process(other)
    assert site.get("read", cookie).json == {}


def test_a_wrong_url_shows_at_once() -> None:
    with pytest.raises(ConfigError):
        Store("fiel:sessions")


def test_a_named_memory_store_is_given_back_when_all_have_closed_it(memory: str) -> None:
    one, two = RefreshTokens(memory, SECRET), RefreshTokens(memory, SECRET)
    app = SessionMiddleware(Starlette(), SECRET, store=memory)
    one.issue("ann")
    one.close()
    two.close()
    three = RefreshTokens(memory, SECRET)
    assert len(three.list("ann")) == 1, "the middleware has it open"
    three.close()
    app.service.close()
    assert list(RefreshTokens(memory, SECRET).list("ann")) == []
