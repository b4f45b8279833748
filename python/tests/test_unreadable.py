"""A record that is in the store and can't be read: it is no data and is not overwritten, but its browser is not locked
out: a logout ends it, and a login gives a new session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import coatcheck
import flask
import pytest
from conftest import RedisServer
from stacks import STACKS, FlaskSite, Site, make_site

HEADER = 31  # characters of the envelope


def no_record(redis: RedisServer, key: str, value: str) -> None:
    redis.command("SET", key, value[:HEADER] + "x")


def cut(redis: RedisServer, key: str, value: str) -> None:
    redis.command("SET", key, value[:-1])


def no_json(redis: RedisServer, key: str, value: str) -> None:
    redis.command("SET", key, value.replace('{"n":1}', "{secre}"))


def no_envelope(redis: RedisServer, key: str, value: str) -> None:
    redis.command("SET", key, "x")


def another_type(redis: RedisServer, key: str, value: str) -> None:
    redis.command("DEL", key)
    redis.command("HSET", key, "a", "b")


DAMAGES = [no_record, cut, no_json, no_envelope, another_type]
Damage = Callable[[RedisServer, str, str], None]


def login_again(session: Any) -> str:
    session.regenerate()
    session["n"] = 100
    return "in"


def clear_and_fill(session: Any) -> str:
    session.clear()
    session["n"] = 100
    return "in"


def damaged_session(site: Site, redis: RedisServer, damage: Damage) -> tuple[str, str]:
    """The cookie of a session whose record was damaged, and the record's key."""
    redis.command("FLUSHALL")
    cookie = site.login(n=1)
    (key,) = redis.command("KEYS", "cc:s:*").split()
    damage(redis, key, redis.command("GET", key))
    return cookie, key


def there(redis: RedisServer, key: str) -> bool:
    return redis.command("EXISTS", key) == "1"


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_nobody_reads_or_overwrites_it_and_logout_and_login_end_it(
    stack: str, damage: Damage, redis: RedisServer
) -> None:
    told: list[tuple[str, str]] = []
    site = make_site(stack, redis.url, on_event=lambda event, error: told.append((event, error.code)))
    for way, after in [("clear", {}), (login_again, {"n": 100}), (clear_and_fill, {"n": 100})]:
        cookie, key = damaged_session(site, redis, damage)
        told.clear()
        for page in ["read", lambda session: session.update(n=2), lambda session: session.pop("n", None)]:
            answer = site.get(page, cookie)
            assert answer.status == 503
            assert answer.set_cookie is None
            assert b"secre" not in answer.body
        assert told == [("damaged", "ERR_RECORD_DAMAGED")] * 3
        assert site.get("untouched", cookie).status == 200
        assert there(redis, key)
        answer = site.get(way, cookie)
        assert answer.status == 200
        assert answer.set_cookie is not None
        assert not there(redis, key)
        assert site.get("read", answer.cookie).json == after
        assert site.get("read", cookie).json == {}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_policy_open_goes_on_with_an_empty_session_until_a_login(
    stack: str, damage: Damage, redis: RedisServer
) -> None:
    site = make_site(stack, redis.url, on_unknown="open")
    for way in [login_again, clear_and_fill]:
        cookie, key = damaged_session(site, redis, damage)
        answer = site.get(lambda session: [dict(session), session.update(n=2)], cookie)
        assert answer.json == [{}, None]
        assert answer.set_cookie is None
        assert there(redis, key)
        answer = site.get(lambda session, way=way: [dict(session), way(session)], cookie)  # looked at before
        assert answer.json == [{}, "in"]
        assert not there(redis, key)
        assert site.get("read", answer.cookie).json == {"n": 100}


def test_an_error_handler_may_log_out_whoever_looks_at_the_session_on_each_request(redis: RedisServer) -> None:
    site = FlaskSite(redis.url)

    @site.app.errorhandler(coatcheck.StoreError)
    def on_store_error(error: coatcheck.StoreError) -> Any:
        if error.code == "ERR_RECORD_DAMAGED":
            flask.session.clear()
            return {"log": "in again"}
        return "", 503

    cookie, key = damaged_session(site, redis, cut)
    answer = site.get("read", cookie)
    assert answer.json == {"log": "in again"}
    assert answer.set_cookie is not None
    assert not there(redis, key)


@pytest.mark.parametrize("stack", STACKS)
def test_a_logout_that_the_store_does_not_hear_of_is_no_logout(stack: str, redis: RedisServer) -> None:
    site = make_site(stack, redis.url)
    cookie, _ = damaged_session(site, redis, cut)

    def page(session: Any) -> str:
        session.clear()
        redis.freeze()
        return "out"

    answer = site.get(page, cookie)
    redis.thaw()
    assert answer.status == 503
    assert answer.set_cookie is None
