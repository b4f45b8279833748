"""Whatever is written can be read: sessions with lifetimes at every extreme that Python can name."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import coatcheck
import pytest
from coatcheck import ConfigError
from conftest import SECRET
from flask import Flask
from stacks import STACKS, make_site

FOREVER = [3600, 10**9, 10**10, 10**11, 2**53, 10**30, 1.7e308, timedelta.max]
NO_TIME = [math.nan, math.inf, -math.inf, -1]


def count(session: Any) -> int:
    session["n"] = session.get("n", 0) + 1
    return session["n"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("mode", ["store", "jwt", "jwe"])
def test_a_session_is_read_back_whatever_its_options(stack: str, mode: str, url: str) -> None:
    for span in FOREVER:
        for options in (
            {"idle_timeout": span},
            {"absolute_timeout": span},
            {"idle_timeout": span, "absolute_timeout": 0},
            {"idle_timeout": span, "absolute_timeout": span},
            {"max_age": span},
        ):
            site = make_site(stack, url, mode=mode, **options)
            answer = site.get(count)
            assert (answer.status, answer.json) == (200, 1), (options, answer.body)
            again = site.get(count, answer.cookie)
            assert (again.status, again.json) == (200, 2), (options, again.body)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("option", ["idle_timeout", "absolute_timeout", "regenerate_grace", "max_age"])
def test_what_is_no_time_is_refused_by_name(stack: str, option: str, memory: str) -> None:
    for span in NO_TIME:
        if (stack, option) == ("starlette", "max_age") and span == -1:
            continue  # Starlette's own way to say: over at once (test_starlette_dropin.py)
        with pytest.raises(ConfigError) as refused:
            make_site(stack, memory, **{option: span})
        named = "PERMANENT_SESSION_LIFETIME" if (stack, option) == ("flask", "max_age") else option
        assert named.lower() in str(refused.value).lower()


def test_flask_names_its_own_option(memory: str) -> None:
    for span in NO_TIME:
        app = Flask(__name__)
        app.config.update(SECRET_KEY=SECRET, COATCHECK_STORE=memory, PERMANENT_SESSION_LIFETIME=span)
        with pytest.raises(ConfigError, match="PERMANENT_SESSION_LIFETIME"):
            coatcheck.flask.Coatcheck(app)


def test_refresh_tokens_live_as_long_as_they_are_told(url: str) -> None:
    for span in FOREVER:
        tokens = coatcheck.RefreshTokens(url, SECRET, idle_timeout=span, absolute_timeout=span)
        assert tokens.refresh(tokens.issue("ann").token).token
    for span in NO_TIME:
        with pytest.raises(ConfigError, match="idle_timeout"):
            coatcheck.RefreshTokens(url, SECRET, idle_timeout=span)
