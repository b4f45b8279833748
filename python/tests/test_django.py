"""SESSION_ENGINE = "coatcheck.django" under Django itself: its middleware, login, messages, admin and commands."""

from __future__ import annotations

import asyncio
import pathlib
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from importlib import import_module
from typing import Any

import coatcheck
import django
import pytest
import time_machine
from coatcheck import _core
from conftest import RedisServer
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

SECRET = "a secret for the tests, 32 bytes or more"
DB = "django.contrib.sessions.backends.db"
SIGNED = "django.contrib.sessions.backends.signed_cookies"
OURS = "coatcheck.django"

if not settings.configured:
    settings.configure(
        SECRET_KEY=SECRET,
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{tempfile.mkdtemp()}/db.sqlite3"}},
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        SESSION_ENGINE=OURS,
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    )
    django.setup()

from django.contrib import admin, auth, messages
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.signed_cookies import SessionStore as DjangosSigned
from django.core import signing
from django.core.management import call_command
from django.test import AsyncClient, Client, override_settings
from django.urls import path

PAGES: dict[str, Any] = {}


def page(request: HttpRequest, name: str) -> HttpResponse:
    return JsonResponse({"answer": PAGES[name](request)})


async def async_page(request: HttpRequest, name: str) -> HttpResponse:
    return JsonResponse({"answer": await PAGES[name](request)})


urlpatterns = [
    path("admin/", admin.site.urls),
    path("async/<name>", async_page),
    path("<name>", page),
]


@pytest.fixture(scope="module", autouse=True)
def _database() -> None:
    call_command("migrate", verbosity=0)
    User.objects.create_superuser("ann", password="secret")


@pytest.fixture
def _on(url: str) -> Iterator[None]:
    with override_settings(COATCHECK_STORE=url):
        yield


@pytest.fixture
def _in_memory() -> Iterator[None]:
    with override_settings(COATCHECK_STORE=f"memory:{uuid.uuid4().hex}"):
        yield


def store_of(engine: str = OURS) -> Any:
    return import_module(engine).SessionStore


def answer(client: Client, name: str, **headers: str) -> Any:
    return client.get(f"/{name}", headers=headers).json()["answer"]


@pytest.mark.usefixtures("_on")
def test_login_messages_admin_and_logout() -> None:
    client = Client()
    PAGES["count"] = lambda request: request.session.setdefault("n", 1)
    answer(client, "count")
    before = client.cookies["sessionid"].value
    login = client.post("/admin/login/?next=/admin/", {"username": "ann", "password": "secret"})
    assert login.status_code == 302
    after = client.cookies["sessionid"].value
    assert before != after, "a login has a new key"
    assert not store_of()().exists(before)
    assert b"Log out" in client.get("/admin/").content
    assert client.session["n"] == 1, "what the visitor had is kept"

    PAGES["say"] = lambda request: messages.success(request, "saved <b>it</b>")
    PAGES["said"] = lambda request: [str(one) for one in messages.get_messages(request)]
    answer(client, "say")
    assert answer(client, "said") == ["saved <b>it</b>"]
    assert answer(client, "said") == []

    add = {"username": "bob", "usable_password": "true", "password1": "a long one 42", "password2": "a long one 42"}
    assert client.post("/admin/auth/user/add/", add).status_code == 302
    assert "was added successfully" in client.get("/admin/auth/user/").content.decode()
    User.objects.filter(username="bob").delete()

    client.post("/admin/logout/")
    assert not store_of()().exists(after)
    stolen = Client()
    stolen.cookies["sessionid"] = after
    assert stolen.get("/admin/").status_code == 302


@pytest.mark.usefixtures("_on")
def test_what_was_set_is_read_back_and_untouched_is_not_written() -> None:
    PAGES["set"] = lambda request: request.session.update({"a": {"b": [1, None, "é😀", 1.5]}})
    PAGES["get"] = lambda request: dict(request.session)
    PAGES["nothing"] = lambda request: None
    client = Client()
    assert "sessionid" not in client.get("/nothing").cookies
    answer(client, "set")
    assert answer(client, "get") == {"a": {"b": [1, None, "é😀", 1.5]}}
    assert "sessionid" not in client.get("/nothing").cookies
    assert "sessionid" not in client.get("/get").cookies


@pytest.mark.usefixtures("_on")
def test_changes_of_requests_at_once_are_merged() -> None:
    store = store_of()
    first = store()
    first["seen"] = [0]
    first.save()
    both = [store(first.session_key), store(first.session_key)]
    for at, one in enumerate(both):
        one[f"key{at}"] = at
    for one in both:
        one.save()
    assert dict(store(first.session_key).items()) == {"seen": [0], "key0": 0, "key1": 1}
    assert dict(both[1].items()) == {"seen": [0], "key0": 0, "key1": 1}, "the second knows of the first"


@pytest.mark.usefixtures("_on")
def test_a_logout_is_not_undone() -> None:
    client = Client()
    PAGES["log-in"] = lambda request: request.session.update({"user": 1})
    answer(client, "log-in")
    key = client.cookies["sessionid"].value

    def slow(request: HttpRequest) -> None:
        request.session["late"] = request.session.get("user")
        store_of()(key).delete()  # by another request, meanwhile

    PAGES["slow"] = slow
    assert client.get("/slow").status_code == 400, "SessionInterrupted"
    assert not store_of()().exists(key)
    one = store_of()(key)
    one._session_key = key
    one._session_cache = {"user": 1}
    with pytest.raises(UpdateError):
        one.save()


@pytest.mark.usefixtures("_on")
def test_a_session_that_was_ended_gets_no_new_key() -> None:
    one = store_of()()
    one["a"] = 1
    one.save()
    other = store_of()(one.session_key)
    assert other["a"] == 1
    one.delete()
    from django.contrib.sessions.exceptions import SessionInterrupted

    with pytest.raises(SessionInterrupted):
        other.cycle_key()


@pytest.mark.usefixtures("_on")
@pytest.mark.parametrize("key", ["a" * 32, "x", "", "'; drop", "é" * 40, "a" * 5000, "s:a.b", "\x00" * 32])
def test_a_key_that_a_client_made_up_is_not_taken(key: str) -> None:
    one = store_of()(key)
    one["a"] = 1
    one.save()
    assert one.session_key != key
    assert len(one.session_key) == 32


@pytest.mark.usefixtures("_on")
def test_async_views() -> None:
    async def login(request: HttpRequest) -> Any:
        await auth.alogin(request, await User.objects.aget(username="ann"))
        await request.session.aset("n", 1)

    async def who(request: HttpRequest) -> Any:
        return (await request.auser()).username, await request.session.aget("n")

    async def logout(request: HttpRequest) -> Any:
        await auth.alogout(request)

    PAGES.update(login=login, who=who, logout=logout)

    async def run() -> None:
        client = AsyncClient()
        await client.get("/async/login")
        assert (await client.get("/async/who")).json()["answer"] == ["ann", 1]
        key = client.cookies["sessionid"].value
        await client.get("/async/logout")
        assert (await client.get("/async/who")).json()["answer"] == ["", None]
        assert not await store_of()().aexists(key)

    asyncio.run(run())


@pytest.mark.usefixtures("_on")
def test_a_hundred_at_once() -> None:
    shared = store_of()()
    shared.create()

    async def one(at: int) -> None:
        own = store_of()()
        await own.aset("n", at)
        await own.asave()
        assert await store_of()(own.session_key).aget("n") == at
        session = store_of()(shared.session_key)
        await session.aset(f"n{at}", at)
        await session.asave()

    async def run() -> None:
        await asyncio.gather(*(one(at) for at in range(100)))

    asyncio.run(run())
    assert dict(store_of()(shared.session_key).items()) == {f"n{at}": at for at in range(100)}

    def in_thread(at: int) -> None:
        session = store_of()(shared.session_key)
        session[f"t{at}"] = at
        session.save()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(in_thread, range(100)))
    assert len(store_of()(shared.session_key).keys()) == 200


@pytest.mark.usefixtures("_in_memory")
def test_how_long_a_session_lasts() -> None:
    store = store_of()
    clock = _core.ManualClock(1_700_000_000_000)
    with override_settings(COATCHECK_CLOCK=clock, SESSION_COOKIE_AGE=60):

        def lives(seconds: int, expiry: Any = None) -> bool:
            one = store()
            one["a"] = 1
            if expiry is not None:
                one.set_expiry(expiry)
            one.save()
            clock.advance(seconds * 1000)
            return bool(store().exists(one.session_key))

        assert [lives(59), lives(61)] == [True, False]
        assert [lives(599, 600), lives(601, 600)] == [True, False]
        assert [lives(59, 0), lives(61, 0)] == [True, False], "0: the browser's own session"
        assert not lives(0, -1)
        with time_machine.travel(clock.now() / 1000, tick=False):
            assert lives(1, timedelta(seconds=5))
        with time_machine.travel(clock.now() / 1000, tick=False):
            assert not lives(6, datetime.now(timezone.utc) + timedelta(seconds=5))
        one = store()
        one.set_expiry(600)
        one.save()
        one.set_expiry(None)
        one.save()
        clock.advance(61_000)
        assert not store().exists(one.session_key), "back to the policy of all"


@pytest.mark.usefixtures("_in_memory")
def test_a_key_of_settings_that_was_replaced() -> None:
    one = store_of()()
    one["a"] = 1
    one.save()
    with override_settings(SECRET_KEY="another secret of 32 bytes or more, it is", SECRET_KEY_FALLBACKS=[SECRET]):
        assert store_of()(one.session_key)["a"] == 1
    with override_settings(SECRET_KEY="another secret of 32 bytes or more, it is"):
        assert not store_of()().exists(one.session_key)


@pytest.mark.parametrize("before", [DB, SIGNED, "django.contrib.sessions.backends.cache"])
@pytest.mark.usefixtures("_on")
def test_sessions_of_the_engine_before_are_taken_over(before: str) -> None:
    client = Client()
    PAGES["say"] = lambda request: messages.success(request, "hello")
    with override_settings(SESSION_ENGINE=before):
        client.login(username="ann", password="secret")
        answer(client, "say")
        old = client.cookies["sessionid"].value
    client = Client()  # a client keeps the engine that it began with
    client.cookies["sessionid"] = old
    with override_settings(COATCHECK_MIGRATE_FROM=[before]):
        other_browser = Client()
        other_browser.cookies["sessionid"] = old[:-1] + ("a" if old[-1] != "a" else "b")
        PAGES["who"] = lambda request: request.user.username
        assert answer(other_browser, "who") == ""
        assert answer(client, "who") == "ann"
        new = client.cookies["sessionid"].value
        assert new != old
        assert len(new) == 32
        assert answer(client, "who") == "ann"
        client.logout()
        assert not store_of()().exists(new)
    if before != SIGNED:
        assert not import_module(before).SessionStore().exists(old), "nobody finds it there any more"

    async def over_async() -> None:
        with override_settings(SESSION_ENGINE=before):
            session = import_module(before).SessionStore()
            await session.aset("n", 7)
            await session.asave()
        with override_settings(COATCHECK_MIGRATE_FROM=[before]):
            moved = store_of()(session.session_key)
            assert await moved.aget("n") == 7
            await moved.asave()
            assert moved.session_key != session.session_key
            assert await store_of()(moved.session_key).aget("n") == 7

    asyncio.run(over_async())


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_clearsessions_leaves_those_that_live(kind: str, tmp_path: pathlib.Path) -> None:
    url = f"memory:{uuid.uuid4().hex}" if kind == "memory" else f"file:{tmp_path}/sessions"
    with override_settings(COATCHECK_STORE=url):
        for at in range(5):
            one = store_of()()
            one["n"] = at
            one.save()
            if at < 3:
                one.set_expiry(-1)
                one.save()
        call_command("clearsessions")
    assert coatcheck.Store(url).clear() == 2


def test_a_store_that_does_not_answer_is_not_an_absent_session(redis: RedisServer) -> None:
    with override_settings(COATCHECK_STORE=f"{redis.url}?timeout=1000"):
        one = store_of()()
        one["user"] = 1
        one.save()
        redis.freeze()
        with pytest.raises(coatcheck.StoreError):
            store_of()(one.session_key).get("user")
        with pytest.raises(coatcheck.StoreError):
            store_of()().exists(one.session_key)
        with pytest.raises(coatcheck.StoreError):
            asyncio.run(store_of()(one.session_key).aget("user"))
        redis.thaw()
        assert store_of()(one.session_key)["user"] == 1


@pytest.mark.usefixtures("_in_memory")
@pytest.mark.parametrize(
    "value", [{1, 2}, object(), float("nan"), {1: "a"}, b"x"], ids=lambda value: type(value).__name__
)
def test_what_json_cannot_hold_is_refused_with_its_place(value: Any) -> None:
    one = store_of()()
    one["a"] = {"b": [value]}
    with pytest.raises(coatcheck.PayloadError, match=r"a\.b|\"a\""):
        one.save()


@pytest.mark.usefixtures("_in_memory")
def test_types_and_serializers() -> None:
    with override_settings(COATCHECK_TYPES="tagged"):
        one = store_of()()
        one["a"] = {"d": datetime(2024, 1, 2, tzinfo=timezone.utc), "s": {1, 2}, "t": (1,)}
        one.save()
        assert store_of()(one.session_key)["a"] == one["a"]
    with (
        override_settings(SESSION_SERIALIZER="django.core.signing.JSONSerializer"),
        pytest.raises(coatcheck.ConfigError, match="COATCHECK_TYPES"),
    ):
        store_of()().create()


@pytest.mark.usefixtures("_in_memory")
def test_owner_is_asked_for_the_data() -> None:
    asked: list[Any] = []

    def owner(data: Any) -> str | None:
        asked.append(dict(data))
        return data.get("_auth_user_id")

    with override_settings(COATCHECK_OWNER=owner):
        client = Client()
        client.login(username="ann", password="secret")
        assert client.get("/admin/").status_code == 200
    assert any("_auth_user_id" in data for data in asked)


# coatcheck.django.signed_cookies


DATA = {"user": 42, "n": "é😀", "list": [1, {"a": None}], "long": "a" * 300}


BOTH = (SIGNED, "coatcheck.django.signed_cookies")


@pytest.mark.parametrize(("writes", "reads"), [BOTH, BOTH[::-1]])
def test_each_reads_what_the_other_signed(writes: str, reads: str) -> None:
    session = import_module(writes).SessionStore()
    session.update(DATA)
    session.save()
    assert dict(import_module(reads).SessionStore(session.session_key).items()) == DATA


def test_signed_cookies_are_djangos_byte_for_byte() -> None:
    with time_machine.travel(1_700_000_000, tick=False):
        keys = set()
        for engine in BOTH:
            session = import_module(engine).SessionStore()
            session.update(DATA)
            session.save()
            keys.add(session.session_key)
    assert len(keys) == 1


@pytest.mark.parametrize(
    "key",
    ["", "a", "a:b:c", "a" * 32, signing.dumps([1], salt=SIGNED), signing.dumps({"a": 1}, salt="other"), "é:é:é"],
    ids=["empty", "short", "parts", "long", "another type", "another salt", "not ASCII"],
)
def test_what_is_no_signed_session_is_an_empty_one(key: str) -> None:
    session = store_of("coatcheck.django.signed_cookies")(key)
    assert dict(session.items()) == {}


def test_signed_cookies_end_with_their_age_and_rotate() -> None:
    ours = store_of("coatcheck.django.signed_cookies")
    with time_machine.travel(1_700_000_000, tick=False):
        session = ours()
        session["a"] = 1
        session.save()
    for after, seen in ((60, 1), (61, None), (-5, 1)):
        with time_machine.travel(1_700_000_000 + after, tick=False), override_settings(SESSION_COOKIE_AGE=60):
            assert ours(session.session_key).get("a") == seen
    with (
        time_machine.travel(1_700_000_000, tick=False),
        override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["other", SECRET]),
    ):
        assert ours(session.session_key)["a"] == 1
        assert DjangosSigned(session.session_key)["a"] == 1


def test_signed_cookies_carry_a_login() -> None:
    with override_settings(SESSION_ENGINE="coatcheck.django.signed_cookies"):
        client = Client()
        client.login(username="ann", password="secret")
        assert client.get("/admin/").status_code == 200
    with override_settings(SESSION_ENGINE=SIGNED):
        other = Client()
        other.cookies["sessionid"] = client.cookies["sessionid"].value
        assert other.get("/admin/").status_code == 200
