"""The options of the middlewares: the same words in every language, found where they are looked for."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import coatcheck.flask
import pytest
from coatcheck._service import SessionOptions

ROOT = Path(__file__).resolve().parents[2]
# What is there for the framework's own sake: express-session's options, and Node's way of hearing of events.
NODE_ALONE = {
    "secret",
    "keys",
    "name",
    "key",
    "store",
    "genid",
    "proxy",
    "resave",
    "save_uninitialized",
    "unset",
    "cookie",
    "deadline",  # of stores that were written for express-session
    "on_store_error",  # on_unknown, and what Node has more
    "stale_for",
}
PYTHON_ALONE = {"on_event", "on_session", "clock"}  # Node: middleware.on(), and Date.now as it is
FLASK_ALONE = {"store", "rolling"}  # SESSION_REFRESH_EACH_REQUEST is Flask's word for it


def snake(word: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", word)


def test_node_and_python_have_the_same_options() -> None:
    program = "try { require('./node')({ x: 1 }) } catch (error) { console.log(error.message) }"
    message = subprocess.run(["node", "-e", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert message.startswith("unknown session option 'x'; there are: "), message
    node = {snake(word) for word in message.split(": ", 1)[1].strip().split(", ")}
    assert node - NODE_ALONE == set(SessionOptions.__annotations__) - PYTHON_ALONE
    assert node >= NODE_ALONE


def test_flask_has_them_too() -> None:
    flask = {name.removeprefix("COATCHECK_").lower() for name in coatcheck.flask._OWN_SETTINGS}
    assert flask ^ set(SessionOptions.__annotations__) == FLASK_ALONE


@pytest.mark.parametrize("option", sorted(set(SessionOptions.__annotations__) - PYTHON_ALONE))
def test_they_are_documented(option: str) -> None:
    camel = re.sub(r"_([a-z])", lambda found: found[1].upper(), option)
    types = (ROOT / "node" / "index.d.ts").read_text()
    assert re.search(rf"^    {camel}\?: ", types, re.MULTILINE), f"{camel} is not in index.d.ts"
    if option not in FLASK_ALONE:
        assert f"COATCHECK_{option.upper()}" in (coatcheck.flask.__doc__ or ""), (
            f"{option} is not in coatcheck.flask's text"
        )
