"""RefreshTokens on each kind of store. For asyncio, and for a thousand at once: test_refresh_async.py."""

from __future__ import annotations

from typing import Any

import coatcheck
import pytest
from coatcheck import ConfigError, RefreshTokens, StoreError, TokenError, _core
from conftest import SECRET, RedisServer


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
        RefreshTokens("mysql://x", SECRET)
