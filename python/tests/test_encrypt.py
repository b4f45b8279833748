"""Encryption at rest: what the store's place holds, and what becomes of a record that does not open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import coatcheck
import pytest
from conftest import SECRET, RedisServer
from stacks import STACKS, make_site

MARKER = "a text that nobody is to find"
OLD = "an older secret of thirty-two bytes"


def owner(session: Any) -> str | None:
    return session.get("user")


@pytest.mark.parametrize("stack", STACKS)
def test_a_file_holds_no_text_of_a_session_and_no_owner(stack: str, tmp_path: Path) -> None:
    for encrypt in (False, True):
        path = tmp_path / f"sessions-{encrypt}"
        site = make_site(stack, f"file:{path}", encrypt=encrypt, owner=owner)
        cookie = site.login(text=MARKER, user="ann@example.com")
        assert site.get("read", cookie).json["text"] == MARKER
        tokens = coatcheck.RefreshTokens(f"file:{path}", SECRET, encrypt=encrypt)
        tokens.refresh(tokens.issue("ann@example.com", device="a device of hers").token)
        assert len(tokens.list("ann@example.com")) == 1
        held = path.read_bytes()
        for text in (MARKER, "ann@example.com", "a device of hers"):
            assert (text.encode() in held) is not encrypt
        assert (b"ccs1." in held) is encrypt


@pytest.mark.parametrize("stack", STACKS)
def test_on_redis_too(stack: str, redis: RedisServer) -> None:
    redis.command("FLUSHALL")
    site = make_site(stack, redis.url, encrypt=True)
    cookie = site.login(text=MARKER)
    assert site.get("read", cookie).json["text"] == MARKER
    (key,) = redis.command("KEYS", "cc:s:*").split()
    assert redis.command("GETRANGE", key, "31", "35") == "ccs1."
    # Nobody but this key's session is what the record says: moved to another one it does not open.
    other = site.login(text="another")
    (moved,) = set(redis.command("KEYS", "cc:s:*").split()) - {key}
    assert redis.command("COPY", key, moved, "REPLACE") == "1"
    told: list[str] = []
    watched = make_site(stack, redis.url, encrypt=True, on_event=lambda event, error: told.append(error.code))
    assert watched.get("read", other).status == 503
    assert told == ["ERR_RECORD_DAMAGED"]


@pytest.mark.parametrize("stack", STACKS)
def test_what_was_stored_before_is_read_under_migrate_alone(stack: str, tmp_path: Path) -> None:
    url = f"file:{tmp_path}/sessions"
    cookie = make_site(stack, url).login(text=MARKER)
    assert make_site(stack, url, encrypt=True).get("read", cookie).status == 503
    assert make_site(stack, url, encrypt="prepare").get("read", cookie).json["text"] == MARKER
    moving = make_site(stack, url, encrypt="migrate")
    moving.get(lambda session: session.update(more=1), cookie)
    assert make_site(stack, url, encrypt=True).get("read", cookie).json == {"text": MARKER, "more": 1}


@pytest.mark.parametrize("stack", STACKS)
def test_a_newer_secret_seals_and_the_older_one_opens(stack: str, tmp_path: Path) -> None:
    url = f"file:{tmp_path}/sessions"
    cookie = make_site(stack, url, secret=OLD, encrypt=True).login(text=MARKER)
    assert make_site(stack, url, secret=[SECRET, OLD], encrypt=True).get("read", cookie).json["text"] == MARKER


def test_the_option_is_refused_by_name(tmp_path: Path) -> None:
    url = f"file:{tmp_path}/sessions"
    with pytest.raises(coatcheck.ConfigError, match="encrypt must be one of"):
        make_site("wsgi", url, encrypt="yes")
    with pytest.raises(TypeError, match="encrypt must be a bool or a word"):
        make_site("wsgi", url, encrypt=1)
    with pytest.raises(coatcheck.ConfigError, match="two kinds"):
        make_site("wsgi", f"encrypted:{url}", encrypt="migrate")


def test_what_needs_no_keys_takes_the_same_url(tmp_path: Path) -> None:
    url = f"encrypted:file:{tmp_path}/sessions"
    make_site("wsgi", url).login(text=MARKER)
    store = coatcheck.Store(url)
    assert store.prune() == 0
    assert store.clear() == 1
