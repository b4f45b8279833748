"""Sessions in their cookie, signed ("jwt") and sealed ("jwe"), on each integration; and RefreshTokens."""

from __future__ import annotations

import base64
import threading
from typing import Any

import coatcheck
import pytest
from coatcheck import ConfigError, RefreshTokens, StoreError, TokenError, _core
from conftest import SECRET, RedisServer
from stacks import STACKS, Site, make_site


@pytest.fixture(params=["jwt", "jwe"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(stack: str, store: str, mode: str, clock: _core.ManualClock) -> Site:
    return make_site(stack, store, mode=mode, clock=clock, access_ttl=60)


def owner(session: Any) -> str | None:
    return session.get("user")


def test_session_is_in_the_cookie(site: Site, mode: str) -> None:
    cookie = site.login(user="ann")
    parts = cookie.removeprefix("session=").split(".")
    assert len(parts) == (3 if mode == "jwt" else 5)
    readable = len(parts) == 3 and b"ann" in base64.urlsafe_b64decode(parts[1] + "==")
    assert readable == (mode == "jwt")
    read = site.get("read", cookie)
    assert read.json == {"user": "ann"}
    assert read.set_cookie is None
    changed = site.get(lambda session: session.update(n=1), cookie).cookie
    assert site.get("read", changed).json == {"user": "ann", "n": 1}


def test_reading_and_changing_need_no_store(stack: str, mode: str, redis: RedisServer) -> None:
    site = make_site(stack, redis.url, mode=mode)
    cookie = site.login(user="ann")
    redis.kill()
    changed = site.get(lambda session: session.update(n=1), cookie).cookie
    assert site.get("read", changed).json == {"user": "ann", "n": 1}
    assert site.get(lambda session: session.update(user="bob")).status == 503


def test_refresh_when_access_ttl_is_over(site: Site, clock: _core.ManualClock) -> None:
    cookie = site.login(user="ann")
    assert site.get("untouched", cookie).set_cookie is None
    clock.advance(61_000)
    refreshed = site.get("untouched", cookie)
    assert refreshed.set_cookie is not None
    assert refreshed.cookie != cookie
    assert site.get("read", refreshed.cookie).json == {"user": "ann"}
    # A request that was under way with the cookie before.
    assert site.get("read", cookie).json == {"user": "ann"}


def test_logout_ends_a_copy_at_its_refresh(site: Site, clock: _core.ManualClock) -> None:
    cookie = site.login(user="ann")
    cleared = site.get("clear", cookie).set_cookie
    assert cleared is not None
    assert "Max-Age=0" in cleared or "Expires=Thu, 01 Jan 1970" in cleared
    assert site.get("read", cookie).json == {"user": "ann"}  # the price: a copy is good until then
    clock.advance(61_000)
    assert site.get("read", cookie).json == {}


def test_old_cookie_is_theft(stack: str, memory: str, mode: str, clock: _core.ManualClock) -> None:
    site = make_site(stack, memory, mode=mode, clock=clock, access_ttl=60, refresh_grace=0)
    stolen = site.login(user="ann")
    clock.advance(61_000)
    mine = site.get("read", stolen).cookie
    assert site.get("read", stolen).json == {}
    clock.advance(61_000)
    assert site.get("read", mine).json == {}


def test_larger_than_a_cookie_is_refused(stack: str, memory: str, mode: str) -> None:
    site = make_site(stack, memory, mode=mode)
    with pytest.raises(coatcheck.Error) as refused:
        site.get(lambda session: session.update(much="x" * 5000))
    assert refused.value.code == "ERR_PAYLOAD_TOO_LARGE"


def test_new_id_at_login_keeps_the_data(site: Site, clock: _core.ManualClock) -> None:
    before = site.login(cart=[1])

    def login(session: Any) -> None:
        session["user"] = "ann"
        session.regenerate()

    after = site.get(login, before).cookie
    assert site.get("read", after).json == {"cart": [1], "user": "ann"}
    clock.advance(61_000)
    assert site.get("read", before).json == {}


def test_revoke_all_of_an_owner(stack: str, memory: str, mode: str, clock: _core.ManualClock) -> None:
    site = make_site(stack, memory, mode=mode, clock=clock, owner=owner, check_epoch=True)
    tokens = RefreshTokens(memory, SECRET, clock=clock)
    spared, ended = site.login(user="ann"), site.login(user="ann")
    spare = site.get(lambda session: session.id, spared).json
    assert [one.kind for one in tokens.list("ann")] == ["session", "session"]
    clock.advance(1)
    assert tokens.revoke_all("ann", spare=spare)[0] == 1
    assert site.get("read", ended).json == {}
    assert site.get("read", spared).json == {"user": "ann"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "token"}, 'mode must be one of "store", "jwt", "jwe"'),
        ({"access_ttl": 60}, 'access_ttl needs mode "jwt" or "jwe"'),
        ({"check_epoch": True}, "check_epoch needs mode"),
        ({"mode": "jwt", "access_ttl": 0.5}, "access_ttl must be between 1000 ms"),
        ({"mode": "jwe", "refresh_grace": 601}, "refresh_grace must be between 0"),
        ({"owner": "ann"}, "owner must be a function"),
    ],
)
def test_options(stack: str, memory: str, options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_site(stack, memory, **options)


# RefreshTokens


@pytest.fixture(params=["memory", "file", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    if request.param == "redis":
        return str(request.getfixturevalue("redis").url)
    return str(request.getfixturevalue("memory")) if request.param == "memory" else f"file:{tmp_path / 'tokens'}"


def test_rotation(url: str) -> None:
    tokens = RefreshTokens(url, SECRET)
    claims = {"scope": ["a", "ü"], "n": 1}
    issued = tokens.issue("ann", device="Telefon ☎", claims=claims)
    following = tokens.refresh(issued.token)
    assert following.token != issued.token
    assert not following.repeated
    family = following.family
    assert (family.id, family.owner, family.device, family.claims) == (issued.family.id, "ann", "Telefon ☎", claims)
    again = tokens.refresh(issued.token)
    assert (again.token, again.repeated) == (following.token, True)
    assert issued.token not in repr(issued)
    tokens.close()


def test_theft_ends_the_family(url: str) -> None:
    tokens = RefreshTokens(url, SECRET, grace=0)
    issued = tokens.issue("ann")
    following = tokens.refresh(issued.token)
    with pytest.raises(TokenError) as reused:
        tokens.refresh(issued.token)
    assert reused.value.code == "ERR_TOKEN_REUSED"
    assert (reused.value.family.id, reused.value.family.owner) == (issued.family.id, "ann")
    with pytest.raises(TokenError) as revoked:
        tokens.refresh(following.token)
    assert (revoked.value.code, revoked.value.family) == ("ERR_TOKEN_REVOKED", None)


def test_list_and_revoke(url: str) -> None:
    tokens = RefreshTokens(url, SECRET)
    one, two, three = tokens.issue("ann"), tokens.issue("ann"), tokens.issue("ann")
    assert {family.id for family in tokens.list("ann")} == {one.family.id, two.family.id, three.family.id}
    assert tokens.revoke(one.family.id)
    assert not tokens.revoke(one.family.id)
    assert tokens.revoke_token(two.token)
    assert not tokens.revoke_token("nonsense")
    assert tokens.check("ann", three.family.epoch)
    count, epoch = tokens.revoke_all("ann")
    assert count == 1
    assert tokens.list("ann") == []
    assert not tokens.check("ann", epoch - 1)
    assert tokens.check("ann", epoch)


def test_threads_that_use_one_token_get_one_successor(url: str) -> None:
    tokens = RefreshTokens(url, SECRET)
    issued = tokens.issue("ann")
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(tokens.refresh(issued.token))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 20
    assert len({one.token for one in answers}) == 1
    assert sum(not one.repeated for one in answers) == 1


def test_expiry(memory: str, clock: _core.ManualClock) -> None:
    tokens = RefreshTokens(memory, SECRET, idle_timeout=100, absolute_timeout=150, clock=clock)
    issued = tokens.issue("ann")
    clock.advance(90_000)
    following = tokens.refresh(issued.token)
    clock.advance(61_000)
    with pytest.raises(TokenError) as late:
        tokens.refresh(following.token)
    assert late.value.code in {"ERR_TOKEN_EXPIRED", "ERR_TOKEN_REVOKED"}  # the store may have dropped it
    assert tokens.list("ann") == []


def test_outage_is_not_a_refusal(redis: RedisServer) -> None:
    tokens = RefreshTokens(redis.url, SECRET)
    issued = tokens.issue("ann")
    redis.kill()
    with pytest.raises(StoreError):
        tokens.refresh(issued.token)


def test_refused(memory: str) -> None:
    tokens = RefreshTokens(memory, SECRET)
    with pytest.raises(TokenError) as malformed:
        tokens.refresh("nonsense")
    assert malformed.value.code == "ERR_TOKEN_MALFORMED"
    foreign = RefreshTokens(f"{memory}-other", "another secret of the tests, 32 bytes").issue("ann")
    with pytest.raises(TokenError) as unknown:
        tokens.refresh(foreign.token)
    assert unknown.value.code == "ERR_TOKEN_REVOKED"
    with pytest.raises(ConfigError):
        tokens.issue("")
    with pytest.raises(coatcheck.PayloadError):
        tokens.issue("ann", claims={"n": float("nan")})
    with pytest.raises(ConfigError):
        RefreshTokens(memory, SECRET, grace=601)
    with pytest.raises(ConfigError):
        RefreshTokens("postgres://x", SECRET)
