"""Two live sessions in one request: neither counts, and a login or logout ends both."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from stacks import STACKS, Answer, Site, make_site


def two(site: Site) -> list[str]:
    cookies = [site.get(lambda session, name=name: session.update(user=name)).cookie for name in ("ann", "bob")]
    assert site.get("read", "; ".join(cookies)).json == {}
    assert site.get("read", cookies[0]).json == {"user": "ann"}
    return cookies


def set_cookies(answer: Answer) -> list[str]:
    return [value for name, value in answer.headers if name.lower() == "set-cookie"]


def login(session: Any) -> None:
    session.regenerate()
    session["user"] = "cat"


@pytest.mark.parametrize("act", [login, lambda session: session.update(user="cat")])
@pytest.mark.parametrize("stack", STACKS)
def test_a_login_ends_both_and_counts(stack: str, url: str, act: Callable[[Any], None]) -> None:
    site = make_site(stack, url)
    cookies = two(site)
    answer = site.get(act, "; ".join(cookies))
    for cookie in cookies:
        assert site.get("read", cookie).json == {}
    assert site.get("read", f"{cookies[0]}; {answer.cookie}; {cookies[1]}").json == {"user": "cat"}


@pytest.mark.parametrize("stack", STACKS)
def test_clear_ends_both(stack: str, url: str) -> None:
    site = make_site(stack, url)
    cookies = two(site)
    (cleared,) = set_cookies(site.get(lambda session: session.clear(), "; ".join(cookies)))
    assert cleared.startswith("session=; Path=/; Expires=Thu, 01 Jan 1970")
    for cookie in cookies:
        assert site.get("read", cookie).json == {}


@pytest.mark.parametrize("stack", STACKS)
def test_each_form_of_the_cookie_is_cleared(stack: str) -> None:
    site = make_site(stack, f"memory:{uuid.uuid4().hex}", domain="shop.example")
    cookies = two(site)
    other, own = sorted(set_cookies(site.get(login, "; ".join(cookies))), key=lambda line: line.startswith("session=s"))
    assert other.startswith("session=; Path=/; Expires=Thu, 01 Jan 1970")
    assert own.startswith("session=s%3A")
    assert "; Domain=shop.example" in own
