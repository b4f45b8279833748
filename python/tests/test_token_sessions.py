"""Sessions in their cookie, signed ("jwt") and sealed ("jwe"), on each integration."""

from __future__ import annotations

import base64
from typing import Any

import coatcheck
import pytest
from coatcheck import ConfigError, RefreshTokens, _core, jwt
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


def own_key(mode: str, kid: str) -> jwt.Key:
    return jwt.Key.generate("ES256" if mode == "jwt" else "dir", kid=kid)


def test_own_keys_rotate_under_living_sessions(stack: str, memory: str, mode: str, clock: _core.ManualClock) -> None:
    old, new = own_key(mode, "old"), own_key(mode, "new")

    def site(*keys: jwt.Key) -> Site:
        return make_site(stack, memory, mode=mode, clock=clock, access_ttl=60, token_keys=list(keys))

    cookie = site(old).login(user="ann")
    retired = old.public_key() if mode == "jwt" else old
    assert site(new, retired).get("read", cookie).json == {"user": "ann"}
    clock.advance(61_000)
    renewed = site(new, retired).get("read", cookie).cookie
    assert site(new).get("read", renewed).json == {"user": "ann"}
    assert site(new).get("read", cookie).json == {}
    derived = make_site(stack, memory, mode=mode, clock=clock, access_ttl=60)
    assert derived.get("read", renewed).json == {}


def test_a_signed_session_is_verified_with_the_public_key(stack: str, memory: str, clock: _core.ManualClock) -> None:
    key = own_key("jwt", "k")
    cookie = make_site(stack, memory, mode="jwt", clock=clock, token_keys=key, owner=owner).login(user="ann")
    verifier = jwt.Verifier(key.public_key(), types="cc-session+jwt", any_audience=True)
    claims, header = verifier.verify_complete(cookie.removeprefix("session="), clock.now())
    assert (claims["data"], claims["sub"], header["kid"]) == ({"user": "ann"}, "ann", "k")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"mode": "jwt", "token_keys": []}, "ERR_INVALID_OPTION"),
        ({"mode": "jwt", "token_keys": "a secret"}, "ERR_INVALID_OPTION"),
        ({"mode": "jwt", "token_keys": [jwt.Key.generate("ES256"), "x"]}, "ERR_INVALID_OPTION"),
        ({"mode": "jwt", "token_keys": jwt.Key.generate("ES256").public_key()}, "ERR_KEY_UNSUITABLE"),
        ({"mode": "jwt", "token_keys": jwt.Key.generate("dir")}, "ERR_KEY_UNSUITABLE"),
        ({"mode": "jwe", "token_keys": jwt.Key.generate("RSA-OAEP-256")}, "ERR_KEY_UNSUITABLE"),
        ({"mode": "store", "token_keys": jwt.Key.generate("ES256")}, "ERR_INVALID_OPTION"),
    ],
)
def test_keys_that_do_not_suit(stack: str, memory: str, options: Any, code: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make_site(stack, memory, **options)
    assert refused.value.code == code


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


@pytest.mark.parametrize("name", ["acces_ttl", "secrets", "cookie"])
@pytest.mark.parametrize("stack", ["starlette", "wsgi"])
def test_an_option_that_there_is_not_is_refused_by_name(stack: str, memory: str, name: str) -> None:
    with pytest.raises(TypeError, match=f"unknown option '{name}'; there are: idle_timeout, "):
        make_site(stack, memory, **{name: "x"})
