"""Expiry in an application's own tests: what moves Python's clock moves the sessions' clock, and one can be given."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta, timezone
from unittest import mock

import coatcheck
import coatcheck.jwt
import freezegun
import pytest
import time_machine
from coatcheck import _core
from conftest import SECRET
from stacks import STACKS, make_site

Travel = Callable[[datetime], AbstractContextManager[object]]


@contextmanager
def mocked(to: datetime) -> Iterator[None]:
    with mock.patch("time.time", return_value=to.timestamp()):
        yield


TRAVELS: dict[str, Travel] = {
    "freezegun": lambda to: freezegun.freeze_time(to),
    "time_machine": lambda to: time_machine.travel(to, tick=False),
    "mock": mocked,
}


@pytest.fixture(params=TRAVELS)
def travel(request: pytest.FixtureRequest) -> Travel:
    return TRAVELS[request.param]


@pytest.mark.parametrize("stack", STACKS)
def test_a_session_ages_with_pythons_clock(stack: str, url: str, travel: Travel) -> None:
    """40 days later everybody was still logged in."""
    site = make_site(stack, url, idle_timeout=3600)
    site.pages["login"] = lambda session: session.update(user=1)
    cookie = site.call("/login", None, False).cookie
    with travel(datetime.now(timezone.utc) + timedelta(minutes=50)):
        assert site.call("/read", cookie, False).json == {"user": 1}
    with travel(datetime.now(timezone.utc) + timedelta(days=40)):
        assert site.call("/read", cookie, False).json == {}
    assert site.call("/read", cookie, False).json in ({}, {"user": 1})  # and the machine's time counts again


def test_the_cookies_dates_are_of_that_time(memory: str, travel: Travel) -> None:
    with travel(datetime(2031, 5, 1, 12, tzinfo=timezone.utc)):
        site = make_site("wsgi", memory, max_age=timedelta(days=1))
        answer = site.get(lambda session: session.update(user=1))
    assert answer.set_cookie is not None
    assert "Expires=Fri, 02 May 2031 12:00:00 GMT" in answer.set_cookie


@pytest.mark.parametrize("name", ["freezegun", "time_machine"])  # PyJWT asks datetime, which the mock does not replace
def test_tokens_age_with_pythons_clock(memory: str, name: str) -> None:
    travel = TRAVELS[name]
    tokens = coatcheck.RefreshTokens(memory, SECRET, idle_timeout=timedelta(days=1))
    used = tokens.issue("ann").token
    token = coatcheck.jwt.encode({"exp": int(time.time()) + 3600}, SECRET, algorithm="HS256")
    with travel(datetime.now(timezone.utc) + timedelta(days=2)):
        with pytest.raises(coatcheck.TokenError):
            tokens.refresh(used)
        with pytest.raises(coatcheck.jwt.ExpiredSignatureError):
            coatcheck.jwt.decode(token, SECRET, algorithms=["HS256"])
    assert coatcheck.jwt.decode(token, SECRET, algorithms=["HS256"])


def test_a_clock_of_its_own_counts_before_pythons(memory: str) -> None:
    clock = _core.ManualClock(1_700_000_000_000)
    site = make_site("wsgi", memory, clock=clock, idle_timeout=3600)
    cookie = site.login(user=1)
    with time_machine.travel(datetime(2031, 5, 1, tzinfo=timezone.utc)):
        assert site.get("read", cookie).json == {"user": 1}
    clock.advance(3600_000)
    assert site.get("read", cookie).json == {}


def test_a_clock_that_raises_is_not_asked_any_further(memory: str) -> None:
    site = make_site("wsgi", memory)
    cookie = site.login(user=1)
    broken = mock.Mock(side_effect=ZeroDivisionError)
    with mock.patch("time.time", broken), mock.patch("sys.unraisablehook") as told:
        assert site.call("/read", cookie, False).json == {"user": 1}
    assert told.called
