"""Sessions in their cookie, and refresh tokens, across the four stacks: what one made, each of the others takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import jwt as pyjwt
import pytest
from coatcheck.jwt import Key
from conftest import SECRET
from four_stacks import PAIRS, PAYLOAD, SERVICES, Answer, Service, all_running

ACCESS_TTL = "1000"  # ms; the shortest that the core takes
Services = dict[str, Service]


@dataclass
class Setup:
    """How the four services keep their sessions."""

    mode: str
    store: str
    keys: list[Key] = field(default_factory=list)  # newest first; none: derived from the secret

    def environment(self, service: str) -> dict[str, str]:
        out = {"COATCHECK_SECRET": SECRET, "MODE": self.mode, "ACCESS_TTL": ACCESS_TTL}
        if self.keys:
            # Amid a rotation: Express still signs with the old key.
            keys = self.keys[::-1] if service == "express" else self.keys
            out["TOKEN_KEYS"] = json.dumps([key.to_jwk(private=True) for key in keys])
        return out


ES256 = [Key.generate("ES256", kid="new"), Key.generate("ES256", kid="old")]
A256GCM = [Key.generate("dir", kid="new"), Key.generate("dir", kid="old")]
SETUPS = {
    "signed-file": Setup("jwt", "file"),
    "sealed-redis": Setup("jwe", "redis"),
    "ES256-redis": Setup("jwt", "redis", ES256),
    "A256GCM-file": Setup("jwe", "file", A256GCM),
}


@pytest.fixture(scope="module", params=list(SETUPS.values()), ids=list(SETUPS))
def setup(request: pytest.FixtureRequest) -> Setup:
    found: Setup = request.param
    return found


@pytest.fixture(scope="module")
def services(
    setup: Setup, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("tokens")
    store = f"file:{folder}/sessions" if setup.store == "file" else request.getfixturevalue("redis_url")
    settings = {name: {**setup.environment(name), "COATCHECK_STORE": store} for name in SERVICES}
    with all_running(folder, settings) as made:
        yield made


@pytest.fixture(params=PAIRS, ids="->".join)
def pair(request: pytest.FixtureRequest, services: Services) -> tuple[Service, Service]:
    writer, reader = request.param
    return services[writer], services[reader]


def value_of(cookie: str) -> str:
    return cookie.partition("=")[2]


def verified_by_others(cookie: str) -> dict[str, object]:
    """The claims for a service that has no secret, no store and no coatcheck: PyJWT and the public keys."""
    token = value_of(cookie)
    kid = pyjwt.get_unverified_header(token)["kid"]
    public = next(key for key in ES256 if key.kid == kid).to_pem()
    claims: dict[str, object] = pyjwt.decode(token, public, algorithms=["ES256"], leeway=60)
    return {**claims, "kid": kid}


def until(ask: Callable[[], Answer], done: Callable[[Answer], bool]) -> Answer:
    """Asks again and again until an answer is as wanted, or half a minute has gone."""
    deadline = time.monotonic() + 30
    while not done(answer := ask()):
        assert time.monotonic() < deadline, "it never came to this"
        time.sleep(0.02)
    return answer


def test_reads_and_changes_what_the_other_wrote(setup: Setup, pair: tuple[Service, Service]) -> None:
    writer, reader = pair
    written = writer.write(set=PAYLOAD)
    assert (written.status, written.data) == (200, PAYLOAD)
    assert value_of(written.cookie).count(".") == (2 if setup.mode == "jwt" else 4)
    if setup.keys is ES256:
        claims = verified_by_others(written.cookie)
        assert (claims["data"], claims["sub"]) == (PAYLOAD, PAYLOAD["user"])
        assert claims["kid"] == ("old" if writer.name == "express" else "new")

    got = reader.read(written.cookie)
    assert (got.status, got.data) == (200, PAYLOAD)
    changed = reader.write(got.cookie, set={"more": [1.5, "π"]})
    assert changed.status == 200
    assert writer.read(changed.cookie).data == {**PAYLOAD, "more": [1.5, "π"]}


def test_what_was_tampered_with_is_no_session(pair: tuple[Service, Service]) -> None:
    writer, reader = pair
    name, _, value = writer.write(set={"n": 1}).cookie.partition("=")
    parts = value.split(".")
    for index, part in enumerate(parts):
        if part:
            other = ("B" if part[0] == "A" else "A") + part[1:]
            got = reader.read(f"{name}={'.'.join([*parts[:index], other, *parts[index + 1 :]])}")
            assert (got.status, got.data) == (200, {}), f"part {index}"


def test_an_expired_token_is_replaced_by_whoever_sees_it(services: Services) -> None:
    """After ACCESS_TTL the reader asks the store, and answers with the next cookie, which all take."""
    cookies = {pair: services[pair[0]].write(set={"pair": "->".join(pair)}).cookie for pair in PAIRS}
    for pair, cookie in cookies.items():
        reader = services[pair[1]]
        refreshed = until(lambda: reader.read(cookie), lambda got: got.set_cookie is not None)  # noqa: B023
        assert refreshed.data == {"pair": "->".join(pair)}
        assert refreshed.cookie != cookie
        # Requests that were under way with the cookie before: within the window, and while its successor was not used.
        for service in services.values():
            assert service.read(cookie).data == refreshed.data
        for service in services.values():
            assert service.read(refreshed.cookie).data == refreshed.data


def test_a_logout_ends_a_copy_at_its_refresh(services: Services) -> None:
    copies = {pair: services[pair[0]].write(set={"n": 1}).cookie for pair in PAIRS}
    for (_, reader), copy in copies.items():
        ended = services[reader].destroy(copy)
        assert (ended.status, value_of(ended.cookie)) == (200, "")
    for (writer, _), copy in copies.items():
        until(lambda: services[writer].read(copy), lambda got: got.data == {})  # noqa: B023


def test_revoking_all_ends_the_owners_sessions_at_once(pair: tuple[Service, Service]) -> None:
    writer, reader = pair
    owner = f"{writer.name} for {reader.name}"
    cookie = writer.write(set={"user": owner}).cookie
    token = writer.issue(owner).data["token"]
    assert reader.read(cookie).data == {"user": owner}
    assert reader.revoke_all(owner).data == {"count": 2}
    for service in pair:
        assert service.read(cookie).data == {}, "the epoch is checked at each request"
    refused = writer.refresh(token)
    assert (refused.status, refused.data) == (401, {"error": "ERR_TOKEN_REVOKED"})


def test_a_refresh_token_of_one_rotates_at_the_other(pair: tuple[Service, Service]) -> None:
    issuer, user = pair
    issued = issuer.issue("ann").data
    second = user.refresh(issued["token"]).data
    assert (second["family"], second["repeated"]) == (issued["family"], False)
    assert second["token"] != issued["token"]
    # The response was lost: a retry anywhere gets the same successor.
    for service in pair:
        assert service.refresh(issued["token"]).data == {**second, "repeated": True}
    third = issuer.refresh(second["token"]).data
    assert third["repeated"] is False

    # Once the successor was used, the first token can only be a thief's.
    reused = user.refresh(issued["token"])
    assert (reused.status, reused.data) == (401, {"error": "ERR_TOKEN_REUSED"})
    for service in pair:
        ended = service.refresh(third["token"])
        assert (ended.status, ended.data) == (401, {"error": "ERR_TOKEN_REVOKED"})
    garbage = user.refresh("garbage")
    assert (garbage.status, garbage.data) == (401, {"error": "ERR_TOKEN_MALFORMED"})
