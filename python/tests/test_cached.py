"""A cache before a durable store, by URL, in each stack: with a real Redis on either side, and with it killed."""

from __future__ import annotations

import pathlib
import uuid

import coatcheck
import pytest
from coatcheck import _core
from conftest import RedisServer
from stacks import STACKS, make_site


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


def test_redis_before_a_file_is_shared_and_may_go(stack: str, redis: RedisServer, tmp_path: pathlib.Path) -> None:
    url = f"cached(timeout=2000):{redis.url}?timeout=2000|file:{tmp_path / 'sessions'}"
    one, two = make_site(stack, url), make_site(stack, url)
    cookie = one.login(user=1)
    assert two.get("read", cookie).json == {"user": 1}
    assert redis.command("--scan", "--pattern", "cc:s:{ct-*").count("\n") == 0, "one copy"
    assert redis.command("DBSIZE") == "1"
    redis.kill()
    assert two.get("read", cookie).json == {"user": 1}
    assert one.get("read", one.login(user=2)).json == {"user": 2}


def test_memory_before_redis_serves_what_it_read(stack: str, redis: RedisServer) -> None:
    site = make_site(stack, f"cached(ttl=600000):memory:{uuid.uuid4().hex}|{redis.url}?timeout=2000")
    cookie = site.login(user=1)
    assert site.get("read", cookie).json == {"user": 1}
    redis.kill()
    assert site.get("read", cookie).json == {"user": 1}


def test_a_url_that_is_not_understood_is_refused() -> None:
    assert _core.needs_driver("cached:memory:|redis://127.0.0.1")
    assert not _core.needs_driver("cached:memory:|file:./x")
    for url in ("cached:memory:", "cached(ttl=x):memory:|memory:secret", "cached:memory:|file:a|file:secret"):
        with pytest.raises(Exception, match="store URL") as refused:
            _core.needs_driver(url)
        assert "secret" not in str(refused.value)


def test_as_an_object_it_is_its_url(stack: str, tmp_path: pathlib.Path) -> None:
    assert coatcheck.cached("memory:a", "file:b") == "cached:memory:a|file:b"
    assert (
        coatcheck.cached("redis://u:a|b@h", "cached:memory:c|file:d", ttl=30_000, absent_ttl=0, removal="origin")
        == "cached(ttl=30000,absent_ttl=0,removal=origin):redis://u:a%7Cb@h|cached:memory:c|file:d"
    )
    url = coatcheck.cached(f"memory:{uuid.uuid4().hex}", f"file:{tmp_path / 'sessions'}", stale=1000)
    site = make_site(stack, url)
    assert site.get("read", site.login(user=1)).json == {"user": 1}


def test_an_object_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError):
        coatcheck.cached("memory:a", "")
    with pytest.raises(TypeError):
        coatcheck.cached("memory:a", "memory:b", ttl=1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        coatcheck.cached("memory:a", "memory:b", removal="no):")  # type: ignore[arg-type]
    with pytest.raises(coatcheck.ConfigError, match="ttl"):
        coatcheck.Store(coatcheck.cached("memory:a", "memory:b", ttl=0))
