"""Each ordered pair of the four stacks, on the file: store, on Redis and on an encrypted store: what one wrote, the
other reads."""

from __future__ import annotations

import email.utils
import re
import threading
import time
from pathlib import Path

import pytest
from four_stacks import PAIRS, PAYLOAD, Answer, Service


@pytest.fixture(params=PAIRS, ids="->".join)
def pair(request: pytest.FixtureRequest, services: dict[str, Service]) -> tuple[Service, Service]:
    writer, reader = request.param
    return services[writer], services[reader]


def test_reads_what_the_other_wrote(pair: tuple[Service, Service]) -> None:
    writer, reader = pair
    written = writer.write(set=PAYLOAD)
    assert (written.status, written.data) == (200, PAYLOAD)
    assert written.set_cookie is not None

    got = reader.read(written.cookie)
    assert (got.status, got.data) == (200, PAYLOAD)
    assert got.set_cookie is None, "a session that was only read needs no new cookie"


def test_adds_to_what_the_other_wrote(pair: tuple[Service, Service]) -> None:
    writer, reader = pair
    cookie = writer.write(set=PAYLOAD).cookie
    assert reader.write(cookie, set={"more": [1.5, "π"]}).status == 200
    assert writer.read(cookie).data == {**PAYLOAD, "more": [1.5, "π"]}


# Starlette's session has no settings of one session's cookie, so FastAPI only answers with the others'.
@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair[0] != "fastapi"], ids="->".join, indirect=True)
def test_cookie_settings_travel(pair: tuple[Service, Service]) -> None:
    """maxAge that one language set on the cookie is answered by the other."""
    writer, reader = pair
    written = writer.write(set={"n": 1}, maxAge=120_000)
    assert written.set_cookie
    assert lifetime(written.set_cookie) == pytest.approx(120, abs=3)

    changed = reader.write(written.cookie, set={"n": 2})
    assert changed.status == 200
    assert changed.set_cookie
    assert lifetime(changed.set_cookie) == pytest.approx(120, abs=3)
    assert changed.cookie == written.cookie


def test_express_session_shares_with_all(express_session: Service, services: dict[str, Service]) -> None:
    """A program that stays with express-session: its sessions are the other languages', on our Store."""
    cookie = express_session.write(set=PAYLOAD).cookie
    expected = dict(PAYLOAD)
    for name, service in services.items():
        assert service.read(cookie).data == expected
        expected[f"by {name}"] = [name]
        assert service.write(cookie, set={f"by {name}": [name]}).status == 200
        assert express_session.read(cookie).data == expected
    for name, service in services.items():
        theirs = service.write(set={"n": 1}).cookie
        assert express_session.write(theirs, set={"m": 2}).data == {"n": 1, "m": 2}
        assert service.read(theirs).data == {"n": 1, "m": 2}, name
        assert express_session.destroy(theirs).status == 200
        assert service.read(theirs).data == {}, name


def test_destroyed_stays_destroyed(pair: tuple[Service, Service]) -> None:
    writer, reader = pair
    cookie = writer.write(set={"user": "ada"}).cookie
    assert reader.destroy(cookie).status == 200
    for service in pair:
        assert service.read(cookie).data == {}
    # Somebody who still holds the cookie starts anew, under another id.
    again = writer.write(cookie, set={"user": "eve"})
    assert again.cookie != cookie
    assert reader.read(cookie).data == {}


def test_login_gives_a_new_id(pair: tuple[Service, Service]) -> None:
    writer, reader = pair
    cookie = writer.write(set={"cart": ["tea"]}).cookie
    logged_in = reader.login(cookie)
    assert logged_in.cookie != cookie
    assert writer.read(logged_in.cookie).data == {"cart": ["tea"]}
    assert writer.read(cookie).data == {}


def test_writes_at_the_same_time_are_merged(pair: tuple[Service, Service], tmp_path: Path) -> None:
    slow, quick = pair
    cookie = slow.write(set={"start": 1}).cookie
    with Held(slow, cookie, tmp_path / "hold", {"slow": "s"}) as held:
        assert quick.write(cookie, set={"quick": "q"}).status == 200
    assert held.answer.status == 200
    for service in pair:
        assert service.read(cookie).data == {"start": 1, "slow": "s", "quick": "q"}


def test_a_write_in_flight_does_not_resurrect(pair: tuple[Service, Service], tmp_path: Path) -> None:
    slow, quick = pair
    cookie = slow.write(set={"user": "ada"}).cookie
    with Held(slow, cookie, tmp_path / "hold", {"slow": "s"}) as held:
        assert quick.destroy(cookie).status == 200
    assert held.answer.set_cookie is None, "a session that is gone gets no cookie"
    for service in pair:
        assert service.read(cookie).data == {}


class Held:
    """A write that has read its session and goes on when the block ends."""

    def __init__(self, service: Service, cookie: str, path: Path, data: dict[str, object]) -> None:
        self.path = path
        self.answer: Answer
        # A client of its own: the service's is used inside the block.
        own = Service(service.name, int(service.client.base_url.port or 0))
        self.thread = threading.Thread(target=self._run, args=(own, cookie, data))

    def _run(self, service: Service, cookie: str, data: dict[str, object]) -> None:
        with service.client:
            self.answer = service.write(cookie, set=data, hold=str(self.path))

    def __enter__(self) -> Held:
        self.thread.start()
        deadline = time.monotonic() + 10
        while not self.path.with_suffix(".open").exists():
            assert time.monotonic() < deadline, "the service never read the session"
            time.sleep(0.002)
        return self

    def __exit__(self, *_: object) -> None:
        self.path.with_suffix(".go").touch()
        self.thread.join()


def lifetime(set_cookie: str) -> float:
    """Seconds that a Set-Cookie header gives its cookie, from Max-Age or else from Expires."""
    age = re.search(r"Max-Age=(\d+)", set_cookie, re.I)
    if age:
        return float(age[1])
    expires = re.search(r"Expires=([^;]+)", set_cookie, re.I)
    assert expires, f"no lifetime in {set_cookie.partition('=')[0]}'s cookie"
    return email.utils.parsedate_to_datetime(expires[1]).timestamp() - time.time()


def test_ten_thousand_transactions_of_four_stacks_all_count(services: dict[str, Service]) -> None:
    """Each of them from two requests at once, in transactions that run again until they fit."""
    cookie = services["express"].write(set={"n": 0}).cookie
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda s=service: answers.append(s.count(cookie, 1250)))
        for service in services.values()
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [200] * 8
    assert services["cpp"].read(cookie).data == {"n": 10_000}
