"""Cookies that are not what this service sent, and the attributes of those it sends."""

from __future__ import annotations

import warnings
from typing import Any

import coatcheck
import pytest
from coatcheck import _core
from conftest import SECRET
from stacks import STACKS, Site, make_site

HOUR = 3_600_000


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def site(stack: str, memory: str, clock: _core.ManualClock) -> Site:
    return make_site(stack, memory, clock=clock)


def bad_cookies() -> dict[str, Any]:
    """What may be wrong with a cookie: from the good one to the bad one."""
    ring = _core.KeyRing([SECRET])

    def flip(value: str, at: int) -> str:
        return value[:at] + ("A" if value[at] != "A" else "B") + value[at + 1 :]

    return {
        "tampered id": lambda good: flip(good, len("session=s%3A") + 3),
        "tampered signature": lambda good: flip(good, len(good) - 6),
        "truncated": lambda good: good[:-1],
        "cut to the id": lambda good: good.split(".")[0],
        "no value": lambda good: "session=",
        "oversized": lambda good: "session=" + "A" * 5000,
        "unknown id": lambda good: "session=" + ring.sign("A" * 43),
        "another secret's": lambda good: (
            "session=" + _core.KeyRing(["another secret of 32 bytes or more!"]).sign("A" * 43)
        ),
        "sealed, not signed": lambda good: "session=" + ring.seal("session", "session", b"{}"),
        "another name": lambda good: "other=" + good.split("=", 1)[1],
        "not ASCII": lambda good: "session=é\u00ff",
        "a header of 20 KiB": lambda good: "x=" + "y" * 20_000 + "; " + good,
    }


@pytest.mark.parametrize("kind", list(bad_cookies()))
def test_bad_cookie_gives_a_fresh_session(site: Site, kind: str) -> None:
    good = site.login(user=1)
    bad = bad_cookies()[kind](good)
    assert site.get("read", bad).json == {}
    # What is then written is a session of its own, under an id of the engine's.
    answer = site.get(lambda session: session.update(x=1), bad)
    assert answer.cookie != good
    assert site.get("read", good).json == {"user": 1}
    assert site.get("read", answer.cookie).json == {"x": 1}


def test_bad_duplicate_does_not_lock_the_user_out(site: Site) -> None:
    good = site.login(user=1)
    assert site.get("read", f"session=s%3Anothing.AAAA; {good}").json == {"user": 1}
    assert site.get("read", f"{good}; session=garbage").json == {"user": 1}
    assert site.get("read", f"{good}; {good}").json == {"user": 1}


def test_two_live_sessions_in_one_request_are_both_refused(site: Site) -> None:
    assert site.get("read", f"{site.login(user=1)}; {site.login(user=2)}").json == {}


def test_idle_and_absolute_deadlines(stack: str, memory: str, clock: _core.ManualClock) -> None:
    site = make_site(stack, memory, clock=clock, idle_timeout=3600, absolute_timeout=3 * 3600)
    cookie = site.login(user=1)
    for _ in range(3):
        clock.advance(HOUR - 60_000)
        assert site.get("untouched", cookie).status == 200  # a request that does not look renews all the same
    assert site.get("read", cookie).json == {"user": 1}
    clock.advance(5 * 60_000)
    assert site.get("read", cookie).json == {}, "the absolute deadline has passed"

    cookie = site.login(user=1)
    clock.advance(HOUR)
    assert site.get("read", cookie).json == {}, "the idle deadline has passed"


def test_cookie_with_an_age_moves_with_the_session(memory: str, clock: _core.ManualClock) -> None:
    site = make_site("starlette", memory, clock=clock, max_age=1000)
    answer = site.get(lambda session: session.update(a=1))
    assert answer.set_cookie is not None
    assert "Max-Age=1000" in answer.set_cookie
    assert site.get("read", answer.cookie).set_cookie is None
    clock.advance(150_000)
    renewed = site.get("untouched", answer.cookie)
    assert renewed.set_cookie is not None
    assert renewed.cookie == answer.cookie
    assert "Max-Age=1000" in renewed.set_cookie
    assert renewed.header("Cache-Control") == "no-store"
    assert renewed.header("Vary") == "Cookie"


def test_name_and_secure_follow_tls(site: Site) -> None:
    plain = site.get(lambda session: session.update(a=1)).set_cookie
    over_tls = site.get(lambda session: session.update(a=1), tls=True).set_cookie
    assert plain is not None
    assert over_tls is not None
    assert plain.startswith("session=")
    assert "Secure" not in plain
    assert over_tls.startswith("__Host-session=")
    assert "; Secure" in over_tls
    assert "; Path=/;" in over_tls
    # What a network attacker may have planted over plain HTTP does not count over TLS.
    assert site.get("read", plain.split(";")[0], tls=True).json == {}


def test_https_only_counts_every_request_as_secure(stack: str, memory: str) -> None:
    site = make_site(stack, memory, https_only=True)
    answer = site.get(lambda session: session.update(a=1))
    assert answer.set_cookie is not None
    assert "; Secure" in answer.set_cookie
    assert site.get("read", answer.cookie).json == {"a": 1}


def test_given_name_is_used_as_it_is(stack: str, memory: str) -> None:
    site = make_site(stack, memory, session_cookie="sid")
    assert site.get(lambda session: session.update(a=1)).cookie.startswith("sid=")
    assert site.get(lambda session: session.update(a=1), tls=True).cookie.startswith("sid=")


def test_secret_rotation(stack: str, memory: str) -> None:
    old, new = "the older secret of thirty-two bytes", "the newer secret of thirty-two bytes"
    cookie = make_site(stack, memory, secret=[old]).login(user=1)
    both = make_site(stack, memory, secret=[new, old])
    assert both.get("read", cookie).json == {"user": 1}
    rotated = both.get(lambda session: session.regenerate(), cookie).cookie
    assert make_site(stack, memory, secret=[new]).get("read", rotated).json == {"user": 1}
    assert make_site(stack, memory, secret=["a third secret that is long enough!!"]).get("read", rotated).json == {}


def test_short_secret_is_warned_of_by_name_not_value(stack: str, memory: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make_site(stack, memory, secret="short-one")
    assert [warning.category for warning in caught] == [coatcheck.SecretWarning]
    text = str(caught[0].message)
    assert "SECRET_KEY" in text or "secret" in text
    assert "short-one" not in text


@pytest.mark.parametrize(
    "options",
    [
        {"store": "mongodb://localhost"},
        {"store": "memory:?nonsense=1"},
        {"idle_timeout": -1},
        {"idle_timeout": "soon"},
        {"touch_share": 2.0},
        {"on_conflict": "guess"},
        {"on_unknown": "guess"},
        {"same_site": "sometimes"},
        {"session_cookie": "bad name"},
        {"session_cookie": "__Host-x", "domain": "example.org"},
    ],
)
def test_bad_option_is_refused_at_start_up(stack: str, memory: str, options: dict[str, Any]) -> None:
    with pytest.raises(coatcheck.ConfigError):
        make_site(stack, **{"store": memory, **options})


@pytest.mark.parametrize("secret", ["", [""]])
def test_empty_secret_is_refused(memory: str, secret: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COATCHECK_SECRET", raising=False)
    for stack in ("wsgi", "starlette"):
        with pytest.raises(coatcheck.ConfigError, match="secret"):
            make_site(stack, memory, secret=secret)


def test_environment_gives_secret_and_store(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COATCHECK_SECRET", SECRET)
    monkeypatch.setenv("COATCHECK_STORE", f"file:{tmp_path / 'shared'}")
    sites = [make_site(stack, None, secret=None) for stack in STACKS]  # type: ignore[arg-type]
    cookie = sites[0].login(user=1)
    assert [site.get("read", cookie).json for site in sites] == [{"user": 1}] * 3
