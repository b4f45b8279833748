"""What every integration does on every store: the life of a session, from new to destroyed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import coatcheck
import pytest
from stacks import STACKS, FlaskSite, Site, make_site

MakeSite = Callable[..., Site]


@pytest.fixture(params=STACKS)
def site(request: pytest.FixtureRequest, url: str) -> Site:
    return make_site(request.param, url)


def test_untouched_request_leaves_no_trace(site: Site) -> None:
    answer = site.get("untouched")
    assert answer.set_cookie is None
    assert answer.header("Vary") is None
    assert answer.header("Cache-Control") is None


def test_reading_an_empty_session_sets_no_cookie_but_varies(site: Site) -> None:
    answer = site.get("read")
    assert answer.json == {}
    assert answer.set_cookie is None
    assert answer.header("Vary") == "Cookie"


def test_what_was_written_is_read_back(site: Site) -> None:
    answer = site.get(lambda session: session.update(user=42, name="Zoë 😀", cart=[{"n": 1.5}], none=None, yes=True))
    assert answer.set_cookie is not None
    assert "HttpOnly" in answer.set_cookie
    assert "SameSite=Lax" in answer.set_cookie
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Vary") == "Cookie"
    read = site.get("read", answer.cookie)
    assert read.json == {"user": 42, "name": "Zoë 😀", "cart": [{"n": 1.5}], "none": None, "yes": True}
    assert read.set_cookie is None


@pytest.mark.parametrize("stack", STACKS)
def test_how_long_an_id_is(stack: str, url: str) -> None:
    answer = make_site(stack, url, id_bytes=16).get(lambda session: session.update(n=1))
    assert answer.cookie is not None
    assert len(answer.cookie.split("=", 1)[1].removeprefix("s%3A").split(".")[0]) == 22
    with pytest.raises(coatcheck.ConfigError, match="id_bytes must be between 16 and 64"):
        make_site(stack, url, id_bytes=8).get("read")


def test_nested_change_is_stored(site: Site) -> None:
    cookie = site.login(cart={"items": [1]})
    site.get(lambda session: session["cart"]["items"].append(2), cookie)
    assert site.get("read", cookie).json == {"cart": {"items": [1, 2]}}


@pytest.mark.parametrize(("before", "after"), [(1, True), (0, False), ("1", 1), ([], {}), (None, 0)])
def test_change_of_type_alone_is_stored(site: Site, before: Any, after: Any) -> None:
    cookie = site.login(value=before)
    site.get(lambda session: session.update(value=after), cookie)
    read = site.get("read", cookie).json["value"]
    assert read == after
    assert type(read) is type(after)


def test_every_dict_method_works_as_the_first_look(site: Site) -> None:
    cookie = site.login(a=1, b=2)
    looks: list[tuple[Callable[[Any], Any], Any]] = [
        (lambda s: s["a"], 1),
        (lambda s: s.get("b"), 2),
        (lambda s: "a" in s, True),
        (len, 2),
        (lambda s: sorted(s), ["a", "b"]),
        (lambda s: sorted(s.keys()), ["a", "b"]),
        (lambda s: sorted(s.values()), [1, 2]),
        (lambda s: sorted(s.items()), [["a", 1], ["b", 2]]),
        (lambda s: s.copy(), {"a": 1, "b": 2}),
        (lambda s: dict(s), {"a": 1, "b": 2}),
        (lambda s: {**s}, {"a": 1, "b": 2}),
        (lambda s: s.setdefault("a", 9), 1),
        (lambda s: s.new, False),
        (lambda s: s.modified, False),
    ]
    for look, expected in looks:
        assert site.get(look, cookie).json == expected


def test_removing_keys_is_stored(site: Site) -> None:
    cookie = site.login(a=1, b=2, c=3)
    site.get(lambda session: session.pop("a"), cookie)
    site.get(lambda session: session.__delitem__("b"), cookie)
    assert site.get("read", cookie).json == {"c": 3}


@pytest.mark.parametrize("way", [lambda s: s.clear(), lambda s: [s.pop(key) for key in list(s)]])
def test_cleared_session_is_destroyed(site: Site, way: Callable[[Any], Any]) -> None:
    cookie = site.login(user=1)
    answer = site.get(lambda session: (way(session), None)[1], cookie)
    assert answer.set_cookie is not None
    assert "Expires=Thu, 01 Jan 1970 00:00:00 GMT" in answer.set_cookie
    assert site.get("read", cookie).json == {}


def test_clearing_nothing_does_nothing(site: Site) -> None:
    assert site.get("clear").set_cookie is None


def test_clear_then_write_keeps_the_session(site: Site) -> None:
    cookie = site.login(user=1)

    def page(session: Any) -> None:
        session.clear()
        session["fresh"] = True

    site.get(page, cookie)
    assert site.get("read", cookie).json == {"fresh": True}


def test_regenerate_keeps_the_data_under_a_new_id(site: Site) -> None:
    cookie = site.login(cart=[1])

    def page(session: Any) -> str:
        before = session.id
        session.regenerate()
        session["user"] = 7
        return before

    answer = site.get(page, cookie)
    assert answer.cookie != cookie
    assert site.get("read", answer.cookie).json == {"cart": [1], "user": 7}
    assert site.get("read", cookie).json == {}
    assert site.get(lambda session: session.id, answer.cookie).json != answer.json


def test_id_and_new(site: Site) -> None:
    assert site.get(lambda session: [session.id, session.new]).json == [None, True]
    session_id, new = site.get(lambda session: [session.id, session.new], site.login(a=1)).json
    assert not new
    assert len(session_id) >= 43
    assert session_id == site.get(lambda session: session.sid, site.login(a=1)).json or len(session_id) == 43


def test_slow_request_does_not_undo_a_logout(site: Site) -> None:
    cookie = site.login(user=1)

    def slow(session: Any) -> None:
        session["step"] = 1
        site.get("clear", cookie)  # another tab logs out while this request runs
        session["step"] = 2

    answer = site.get(slow, cookie)
    assert answer.set_cookie is None
    assert site.get("read", cookie).json == {}


def test_slow_regenerate_does_not_undo_a_logout(site: Site) -> None:
    cookie = site.login(user=1)

    def slow(session: Any) -> None:
        session.regenerate()
        site.get("clear", cookie)

    answer = site.get(slow, cookie)
    assert answer.set_cookie is None
    assert site.get("read", cookie).json == {}


def test_overlapping_writes_to_different_keys_are_both_kept(site: Site) -> None:
    cookie = site.login(a=0, b=0)

    def slow(session: Any) -> None:
        session["a"] = 1
        site.get(lambda other: other.update(b=2), cookie)

    site.get(slow, cookie)
    assert site.get("read", cookie).json == {"a": 1, "b": 2}


@pytest.mark.parametrize("stack", STACKS)
def test_a_cart_that_is_a_list_keeps_what_requests_add_at_once(stack: str, url: str) -> None:
    site = make_site(stack, url, merge={"visits": "sum"})
    cookie = site.login(items=[0], cart={}, visits=0)

    def push(item: int) -> Callable[[Any], None]:
        def page(session: Any) -> None:
            items, cart = session["items"], session["cart"]
            if item < 5:
                site.get(push(item + 1), cookie)  # from read to write here, four others read and write
            items.append(item)
            cart[f"i{item}"] = 1
            session["visits"] += 1

        return page

    site.get(push(1), cookie)
    after = site.get("read", cookie).json
    assert after["items"][0] == 0
    assert sorted(after["items"]) == [0, 1, 2, 3, 4, 5]
    assert after["cart"] == {f"i{item}": 1 for item in range(1, 6)}
    assert after["visits"] == 5


def test_a_rule_that_means_nothing_is_refused_by_name(url: str) -> None:
    for stack in STACKS:
        with pytest.raises(coatcheck.ConfigError, match=r"'visits'.*\"sum\""):
            make_site(stack, url, merge={"visits": "add"}).get("read")


def test_overlapping_writes_to_one_key_the_later_wins(site: Site) -> None:
    cookie = site.login(a=0)

    def slow(session: Any) -> None:
        session["a"] = "slow"
        site.get(lambda other: other.update(a="quick"), cookie)

    site.get(slow, cookie)
    assert site.get("read", cookie).json == {"a": "slow"}


def test_read_only_request_does_not_undo_a_write(site: Site) -> None:
    cookie = site.login(a=0)

    def slow(session: Any) -> Any:
        seen = dict(session)
        site.get(lambda other: other.update(a=1), cookie)
        return seen

    assert site.get(slow, cookie).json == {"a": 0}
    assert site.get("read", cookie).json == {"a": 1}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (float("nan"), "NaN"),
        (float("inf"), "NaN or an infinity"),
        (b"bytes", "bytes"),
        ({1, 2}, "set"),
        (object(), "object"),
        ({1: "x"}, "int"),
        (2**53 + 1, "2^53"),
        (10**400, "2^53"),
        ({"__proto__": 1}, "__proto__"),
    ],
)
def test_what_cannot_be_stored_is_an_error_that_names_the_key(site: Site, value: Any, named: str) -> None:
    if isinstance(site, FlaskSite) and type(value) is bytes:
        pytest.skip("Flask keeps bytes (test_tagged.py)")
    cookie = site.login(kept=1)

    def page(session: Any) -> None:
        session["outer"] = [{"inner": value}]

    with pytest.raises(coatcheck.PayloadError) as caught:
        site.get(page, cookie)
    assert "outer[0].inner" in str(caught.value)
    assert named in str(caught.value)
    assert caught.value.code == "ERR_NOT_SERIALISABLE"
    assert site.get("read", cookie).json == {"kept": 1}


def test_a_message_holds_no_data_and_has_a_bound(site: Site) -> None:
    def page(session: Any) -> None:
        session["carts"] = {"alice@example.com 4111111111111111": float("nan")}

    with pytest.raises(coatcheck.PayloadError) as caught:
        site.get(page)
    assert "carts.{0}" in str(caught.value)
    assert "alice" not in str(caught.value)

    def deep(session: Any) -> None:
        value: Any = float("nan")
        for _ in range(40):
            value = {"n" * 30_000: value}
        session["deep"] = value

    with pytest.raises(coatcheck.PayloadError) as caught:
        site.get(deep)
    assert len(str(caught.value)) < 300


def test_cycle_is_an_error(site: Site) -> None:
    def page(session: Any) -> None:
        loop: list[Any] = []
        loop.append(loop)
        session["loop"] = loop

    with pytest.raises(coatcheck.PayloadError, match="itself"):
        site.get(page)


def test_conflict_policy_reject(url: str, request: pytest.FixtureRequest) -> None:
    for stack in STACKS:
        site = make_site(stack, url, on_conflict="reject")
        cookie = site.login(a=0)

        def slow(session: Any, site: Site = site, cookie: str = cookie) -> None:
            session["a"] = "slow"
            site.get(lambda other: other.update(a="quick"), cookie)

        with pytest.raises(coatcheck.SessionConflict) as caught:
            site.get(slow, cookie)
        assert caught.value.code == "ERR_SESSION_CONFLICT"
        assert site.get("read", cookie).json == {"a": "quick"}


@pytest.mark.parametrize("first", STACKS)
@pytest.mark.parametrize("second", STACKS)
def test_stacks_share_one_session(url: str, first: str, second: str) -> None:
    one, other = make_site(first, url), make_site(second, url)
    cookie = one.login(user=1, text="é")
    assert other.get("read", cookie).json == {"user": 1, "text": "é"}
    other.get("clear", cookie)
    assert one.get("read", cookie).json == {}


@pytest.mark.parametrize("stack", STACKS)
def test_halves_of_surrogate_pairs_are_replaced(stack: str, url: str, vectors: Callable[[str], Any]) -> None:
    """A name that was cut inside an emoji was a 500."""
    site = make_site(stack, url)
    for case in vectors("lone_surrogates")["cases"]:
        data = json.loads(case["text"])
        if case.get("twice"):
            with pytest.raises(coatcheck.PayloadError, match="two members of one name"):
                site.get(lambda session, data=data: session.update(data))
            continue
        cookie = site.get(lambda session, data=data: session.update(data)).cookie
        assert site.get("read", cookie).json == json.loads(case["well_formed"]), case["name"]


def test_halves_that_surrogatepass_made(site: Site) -> None:
    text = b"caf\xc3\xa9 \xed\xa0\xbd\xed\xb8\x80 \xed\xa0\xbd".decode("utf-8", "surrogatepass")
    cookie = site.get(lambda session: session.update(text=text)).cookie
    assert site.get("read", cookie).json == {"text": "café \U0001f600 \ufffd"}


@pytest.mark.parametrize("stack", STACKS)
def test_halves_are_refused_on_request_with_the_path(stack: str, memory: str) -> None:
    site = make_site(stack, memory, lone_surrogates="refuse")
    with pytest.raises(coatcheck.PayloadError, match=r"half of a surrogate pair.* in session\.outer\.0\.inner"):
        site.get(lambda session: session.update(outer=[{"inner": "x\ud83d"}]))
    cookie = site.get(lambda session: session.update(whole="\ud83d\ude00")).cookie
    assert site.get("read", cookie).json == {"whole": "\U0001f600"}
