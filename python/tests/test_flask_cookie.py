"""COATCHECK_MODE = "flask": beside Flask's own session, header for header; each reads what the other wrote."""

from __future__ import annotations

import gc
import json
import time
import weakref
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar
from uuid import UUID

import coatcheck.flask
import flask
import pytest
import time_machine
from flask.json.tag import JSONTag
from itsdangerous import URLSafeTimedSerializer
from markupsafe import Markup

SECRET = "dev-secret-key"  # as people have them
LONG_SECRET = "a secret for the tests, 32 bytes or more"


class Registered:
    """A type of an application's own."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Registered) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]


class RegisteredTag(JSONTag):
    __slots__ = ()
    key = " reg"

    def check(self, value: Any) -> bool:
        return isinstance(value, Registered)

    def to_json(self, value: Registered) -> Any:
        return self.serializer.tag(value.value)

    def to_python(self, value: Any) -> Registered:
        return Registered(value)


def make_app(mode: str | None = "flask", **config: Any) -> flask.Flask:
    """An application on Flask's cookie; ``mode`` None: Flask's own code."""
    app = flask.Flask("app")
    app.testing = True
    app.config.update({"SECRET_KEY": SECRET, **config})
    if mode is not None:
        app.config.update(COATCHECK_MODE=mode)
        coatcheck.flask.Coatcheck(app)

    @app.route("/<path:name>")
    def run(name: str) -> Any:
        return PROGRAMS[name]() or ""

    return app


def put(**data: Any) -> Callable[[], None]:
    return lambda: flask.session.update(data)


def permanent() -> None:
    flask.session["user"] = 1
    flask.session.permanent = True


def touch_and_say() -> str:
    return str(flask.session.get("user"))


def show() -> str:
    flask.session.setdefault("n", 0)
    return str(sorted(flask.session.items(), key=repr))


TYPES = {
    "tuple": (1, ("a", [2])),
    "bytes": b"\x00\xff",
    "markup": Markup("<b>x</b>"),
    "uuid": UUID("12345678-1234-5678-1234-567812345678"),
    "date": datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    "escaped": {" t": "x"},
    "nested": {"a": [{"b": (1,)}]},
    "float": 1e-7,
    "large": 2**70,
    "text": 'é😀"\\',
    "none": None,
}
PROGRAMS: dict[str, Callable[[], Any]] = {
    "nothing": lambda: "",
    "look": touch_and_say,
    "small": put(user=42),
    "order": put(b=1, a={"z": 1, "y": [1, 2]}),
    "large": put(data="a" * 200),
    "types": put(**TYPES),
    "permanent": permanent,
    "not-permanent": lambda: setattr(flask.session, "permanent", False),
    "clear": lambda: flask.session.clear(),
    "pop": lambda: flask.session.pop("user", None) and None,
    "forced": lambda: setattr(flask.session, "modified", True),
    "flash": lambda: flask.flash(Markup("<b>saved</b>"), "good"),
    "flashes": lambda: repr(flask.get_flashed_messages(with_categories=True)),
    "show": show,
    "own-vary": lambda: (touch_and_say(), 200, {"Vary": "Accept"}),
    "error": lambda: flask.abort(404),
}
RUNS = [
    ["nothing", "look", "clear"],
    ["small", "nothing", "look", "show", "clear", "look"],
    ["order", "show"],
    ["large", "show", "large"],
    ["types", "show"],
    ["permanent", "nothing", "look", "not-permanent", "nothing"],
    ["permanent", "clear", "clear"],
    ["small", "pop", "look"],
    ["forced", "small", "forced"],
    ["flash", "flash", "nothing", "flashes", "flashes"],
    ["small", "own-vary", "error"],
]
SETTINGS: list[dict[str, Any]] = [
    {},
    {"SESSION_COOKIE_SAMESITE": "Strict", "SESSION_COOKIE_NAME": "own"},
    {"SESSION_COOKIE_SECURE": True, "SESSION_COOKIE_PARTITIONED": True, "SESSION_COOKIE_SAMESITE": "None"},
    {"SESSION_COOKIE_HTTPONLY": False, "SESSION_COOKIE_DOMAIN": "localhost", "SESSION_COOKIE_PATH": "/"},
    {"APPLICATION_ROOT": "/", "SESSION_REFRESH_EACH_REQUEST": False},
    {"PERMANENT_SESSION_LIFETIME": timedelta(minutes=5)},
]


@pytest.fixture(autouse=True)
def _one_second() -> Iterator[None]:
    with time_machine.travel(1_700_000_000, tick=False):
        yield


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("run", RUNS, ids=" ".join)
def test_answers_are_flasks_own(run: list[str], settings: dict[str, Any]) -> None:
    clients = [make_app(mode, **settings).test_client() for mode in ("flask", None)]
    for name in run:
        ours, flasks = (client.get(f"/{name}") for client in clients)
        assert (ours.status, ours.text, list(ours.headers)) == (flasks.status, flasks.text, list(flasks.headers))


@pytest.mark.parametrize(("writes", "reads"), [("flask", None), (None, "flask"), ("flask", "flask")])
def test_each_reads_what_the_other_wrote(writes: str | None, reads: str | None) -> None:
    cookie = make_app(writes).test_client().get("/types").headers["Set-Cookie"].split(";")[0]
    with make_app(reads).test_client(use_cookies=False) as client:
        client.get("/look", headers={"Cookie": f"other=1; {cookie}"})
        assert dict(flask.session) == TYPES
        assert [type(value) for value in flask.session.values()] == [type(TYPES[name]) for name in flask.session]


def test_a_change_inside_a_value_is_written() -> None:
    app = make_app()

    @app.get("/add")
    def add() -> str:
        flask.session.setdefault("cart", {"items": []})
        flask.session["cart"]["items"].append(1)
        return str(flask.session.modified)

    @app.get("/read")
    def read() -> str:
        return f"{len(flask.session['cart']['items'])} {flask.session.modified}"

    client = app.test_client()
    client.get("/add")
    assert client.get("/add").text == "True"
    assert client.get("/read").text == "2 False"


def test_keys_that_were_replaced_still_verify() -> None:
    old = make_app(SECRET_KEY_FALLBACKS=["older"]).test_client().get("/small").headers["Set-Cookie"].split(";")[0]
    for fallbacks, seen in [([SECRET], "42"), (["other", SECRET], "42"), ([], "None"), (["other"], "None")]:
        app = make_app(SECRET_KEY_FALLBACKS=fallbacks)
        app.secret_key = "newest"
        assert app.test_client(use_cookies=False).get("/look", headers={"Cookie": old}).text == seen
        flasks = make_app(None, SECRET_KEY_FALLBACKS=fallbacks)
        flasks.secret_key = "newest"
        assert flasks.test_client(use_cookies=False).get("/look", headers={"Cookie": old}).text == seen


def signed(payload: str, at: float = 1_700_000_000) -> str:
    """A cookie by Flask's own signer, whatever it holds."""

    class Raw:
        loads = staticmethod(lambda text: text)
        dumps = staticmethod(lambda text, **_: text)

    kwargs = {"key_derivation": "hmac"}
    with time_machine.travel(at, tick=False):
        made = URLSafeTimedSerializer(SECRET, salt="cookie-session", serializer=Raw, signer_kwargs=kwargs)
        return "session=" + made.dumps(payload).decode()


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "[1]",
        "1",
        "null",
        '"text"',
        "{",
        '{"a":1}x',
        '{"a":{" d":"no date"}}',
        '{"a":{" u":1}}',
        '{"a":{" b":"?"}}',
        '{"a":{" t":5}}',
        "[" * 100_000,
        '{"a":"' + "a" * 2_000_000 + '"}',
    ],
    ids=lambda text: text[:20],
)
def test_what_is_signed_and_no_session_is_an_empty_one(payload: str) -> None:
    client = make_app().test_client(use_cookies=False)
    answer = client.get("/look", headers={"Cookie": signed(payload)})
    assert (answer.status_code, answer.text) == (200, "None")


def test_a_clock_that_is_behind_logs_nobody_out_and_age_does() -> None:
    client = make_app(PERMANENT_SESSION_LIFETIME=60).test_client(use_cookies=False)

    def seen(at: float) -> str:
        return client.get("/look", headers={"Cookie": signed('{"user":1}', 1_700_000_000 + at)}).text

    assert [seen(at) for at in (0, -60, 5, 60)] == ["1"] * 4
    assert [seen(at) for at in (-61, 61)] == ["None"] * 2


@pytest.mark.parametrize("mode", ["flask", "store", "jwt", "jwe"])
def test_types_that_an_application_registered(mode: str, memory: str) -> None:
    app = make_app(mode, COATCHECK_STORE=memory, SECRET_KEY=LONG_SECRET)
    interface: Any = app.session_interface
    interface.serializer = type(interface.serializer)()  # Flask has one for all applications
    interface.serializer.register(RegisteredTag, index=0)
    kept = {"own": Registered([1, (2,)]), "tuple": (1,), "inside": [{"x": Registered(Markup("<i>"))}]}

    @app.get("/put")
    def put_it() -> str:
        flask.session.update(kept)
        return ""

    @app.get("/same")
    def same() -> str:
        return str(dict(flask.session) == kept and type(flask.session["tuple"]) is tuple)

    client = app.test_client()
    client.get("/put")
    assert client.get("/same").text == "True"


def test_a_cookie_that_browsers_drop_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    app = make_app()

    @app.get("/much")
    def much() -> str:
        flask.session["text"] = "".join(str(hash(str(at))) for at in range(1000))
        return ""

    with pytest.warns(UserWarning, match="too large"):
        app.test_client().get("/much")
    assert "browsers drop" in caplog.text


@pytest.mark.parametrize("mode", ["flask", "store", "jwt"])
def test_an_application_can_be_freed(mode: str, memory: str) -> None:
    app = make_app(mode, COATCHECK_STORE=memory, SECRET_KEY=LONG_SECRET)
    app.test_client().get("/permanent")
    gone = weakref.ref(app)
    gc.collect()
    gc.disable()
    try:
        del app
        assert gone() is None
    finally:
        gc.enable()


def test_an_interface_of_ones_own_takes_the_place_of_flasks() -> None:
    """Not by the extension: as people replace flask.sessions.SecureCookieSessionInterface."""

    class Own(coatcheck.flask.SecureCookieSessionInterface):
        salt = "own"

        def get_cookie_name(self, app: flask.Flask) -> str:
            return f"for-{flask.request.host}" if flask.has_request_context() else "session"

    class Flasks(flask.sessions.SecureCookieSessionInterface):
        salt = "own"
        get_cookie_name = Own.get_cookie_name

    answers = []
    for interface in (Own(), Flasks()):
        app = make_app(None)
        app.session_interface = interface
        answers.append(list(app.test_client().get("/small", base_url="http://a.example/").headers))
    assert answers[0] == answers[1]
    assert any(value.startswith("for-a.example=") for _, value in answers[0])


@pytest.mark.parametrize("inherited", [False, True])
def test_an_interface_that_signs_otherwise_goes_flasks_way(inherited: bool) -> None:
    import hashlib

    class Sha256(coatcheck.flask.SecureCookieSessionInterface):
        digest_method = staticmethod(hashlib.sha256)

    class Inherits(Sha256):
        """Says nothing of the digest itself."""

    app = make_app(None)
    app.session_interface = Inherits() if inherited else Sha256()
    client = app.test_client()
    signature = client.get("/small").headers["Set-Cookie"].split(";")[0].rsplit(".", 1)[1]
    assert len(signature) == 43
    assert client.get("/look").text == "42"


def test_without_a_secret_there_is_no_session() -> None:
    app = make_app()
    app.secret_key = None
    assert app.test_client().get("/look").text == "None"
    with pytest.raises(RuntimeError, match="secret"):
        app.test_client().get("/small")


def test_session_transaction() -> None:
    client = make_app().test_client()
    with client.session_transaction() as session:
        session["user"] = 7
    assert client.get("/look").text == "7"
    with client.session_transaction() as session:
        assert session["user"] == 7


def test_a_provider_of_ones_own_prints_and_reads() -> None:
    from flask.json.provider import DefaultJSONProvider

    class Loud(DefaultJSONProvider):
        sort_keys = False
        used: ClassVar[list[str]] = []

        def dumps(self, obj: Any, **kwargs: Any) -> str:
            self.used.append("dumps")
            return super().dumps(obj, **kwargs)

        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            self.used.append("loads")
            return json.loads(s)

    answers = []
    for mode in ("flask", None):
        app = make_app(mode)
        app.json = Loud(app)
        client = app.test_client()
        answers.append([list(client.get("/order").headers), client.get("/show").text])
    assert answers[0] == answers[1]
    assert Loud.used[:2] == ["dumps", "loads"]


def test_a_hundred_at_once() -> None:
    """One cookie and one interface, many threads: each gets its own answer."""
    from concurrent.futures import ThreadPoolExecutor

    app = make_app()

    def one(at: int) -> bool:
        client = app.test_client()
        with client.session_transaction() as session:
            session["user"] = at
        return all(client.get("/look").text == str(at) for _ in range(3))

    begun = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(one, range(100)))
    assert time.monotonic() >= begun
