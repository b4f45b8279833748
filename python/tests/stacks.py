"""One small site on each of the three integrations, so that one set of tests says what all of them do.

A test puts functions on paths; each is called with the session and returns something that JSON can hold.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import coatcheck.flask
import coatcheck.starlette
import coatcheck.wsgi
import flask
from coatcheck import _core
from conftest import SECRET
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from werkzeug.test import Client, EnvironBuilder

STACKS = ["flask", "starlette", "wsgi"]


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def set_cookie(self) -> str | None:
        found = [value for name, value in self.headers if name.lower() == "set-cookie"]
        assert len(found) < 2, "one session, one Set-Cookie"
        return found[0] if found else None

    @property
    def cookie(self) -> str:
        """What a browser would send back: name=value."""
        assert self.set_cookie is not None
        return self.set_cookie.split(";")[0]

    def header(self, wanted: str) -> str | None:
        found = [value for name, value in self.headers if name.lower() == wanted.lower()]
        return ", ".join(found) if found else None


class Site:
    """Subclasses speak one framework. Options are those of the Starlette middleware, times in seconds."""

    def __init__(
        self, store: str, secret: Any = SECRET, clock: _core.ManualClock | None = None, **options: Any
    ) -> None:
        self.pages: dict[str, Callable[[Any], Any]] = {
            "untouched": lambda session: None,
            "read": dict,
            "clear": lambda session: session.clear(),
        }
        self.store, self.secret, self.clock, self.options = store, secret, clock, options
        self.build()

    def build(self) -> None:
        raise NotImplementedError

    def get(self, page: str | Callable[[Any], Any], cookie: str | None = None, tls: bool = False) -> Answer:
        """One request, in a thread of its own: a page may so make further requests while it runs."""
        if not isinstance(page, str):
            self.pages["given"], page = page, "given"
        answers: list[Any] = []

        def run() -> None:
            try:
                answers.append(self.call("/" + page, cookie, tls))
            except BaseException as error:
                answers.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(30)
        assert answers, "the request did not end"
        if isinstance(answers[0], BaseException):
            raise answers[0]
        return answers[0]

    def call(self, path: str, cookie: str | None, tls: bool) -> Answer:
        raise NotImplementedError

    def login(self, **data: Any) -> str:
        """A session that holds `data`; the cookie."""
        return self.get(lambda session: session.update(data)).cookie


class FlaskSite(Site):
    def build(self) -> None:
        self.app = flask.Flask("site")
        self.app.testing = True
        o = self.options
        secrets = self.secret if isinstance(self.secret, list) else [self.secret]
        self.app.config.update(
            SECRET_KEY=secrets[0],
            SECRET_KEY_FALLBACKS=secrets[1:],
            COATCHECK_STORE=self.store,
            COATCHECK_ENCRYPT=o.get("encrypt"),
            COATCHECK_NEAR_CACHE=o.get("near_cache"),
            COATCHECK_PRUNE_INTERVAL=o.get("prune_interval"),
            COATCHECK_ON_SESSION=o.get("on_session"),
            COATCHECK_CLOCK=self.clock,
            COATCHECK_IDLE_TIMEOUT=o.get("idle_timeout"),
            COATCHECK_ABSOLUTE_TIMEOUT=o.get("absolute_timeout"),
            COATCHECK_TOUCH_SHARE=o.get("touch_share"),
            COATCHECK_ON_CONFLICT=o.get("on_conflict"),
            COATCHECK_MERGE=o.get("merge"),
            COATCHECK_TYPES=o.get("types"),
            COATCHECK_LONE_SURROGATES=o.get("lone_surrogates"),
            COATCHECK_REGENERATE_GRACE=o.get("regenerate_grace"),
            COATCHECK_ON_EVENT=o.get("on_event"),
            COATCHECK_MAX_MEMBERS=o.get("max_members"),
            COATCHECK_ID_BYTES=o.get("id_bytes"),
            COATCHECK_CONFLICT_RETRIES=o.get("conflict_retries"),
            COATCHECK_ON_UNKNOWN=o.get("on_unknown"),
            COATCHECK_MODE=o.get("mode"),
            COATCHECK_ACCESS_TTL=o.get("access_ttl"),
            COATCHECK_REFRESH_GRACE=o.get("refresh_grace"),
            COATCHECK_CHECK_EPOCH=o.get("check_epoch"),
            COATCHECK_TOKEN_KEYS=o.get("token_keys"),
            COATCHECK_OWNER=o.get("owner"),
            SESSION_COOKIE_NAME=o.get("session_cookie", "session"),
            SESSION_COOKIE_SAMESITE=o.get("same_site"),
            SESSION_COOKIE_SECURE=o.get("https_only", False),
            SESSION_COOKIE_DOMAIN=o.get("domain"),
        )
        if "max_age" in o:
            self.app.config["PERMANENT_SESSION_LIFETIME"] = o["max_age"]
        coatcheck.flask.Coatcheck(self.app)
        self.app.add_url_rule("/<page>", view_func=lambda page: flask.jsonify(self.pages[page](flask.session)))

    def call(self, path: str, cookie: str | None, tls: bool) -> Answer:
        return wsgi_call(self.app, path, cookie, tls)


class WsgiSite(Site):
    def build(self) -> None:
        o = dict(self.options)
        if "session_cookie" in o:
            o["cookie_name"] = o.pop("session_cookie")
        if o.pop("https_only", False):
            o["secure"] = "always"
        self.app = coatcheck.wsgi.SessionMiddleware(self.application, self.secret, self.store, clock=self.clock, **o)

    def application(self, environ: Any, start_response: Any) -> list[bytes]:
        answer = self.pages[environ["PATH_INFO"][1:]](environ["coatcheck.session"])
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    def call(self, path: str, cookie: str | None, tls: bool) -> Answer:
        return wsgi_call(self.app, path, cookie, tls)


class StarletteSite(Site):
    def build(self) -> None:
        async def view(request: Request) -> JSONResponse:
            page = self.pages[request.path_params["page"]]
            # A page that makes requests waits for them, so it runs beside the loop.
            return JSONResponse(await asyncio.to_thread(page, LazySession(request)))

        # Starlette's add_middleware makes its middleware at the first request; wrapped, this one is made here.
        self.app = coatcheck.starlette.SessionMiddleware(
            Starlette(routes=[Route("/{page}", view)]),
            self.secret,
            store=self.store,
            clock=self.clock,
            **{"max_age": None, **self.options},
        )

    def call(self, path: str, cookie: str | None, tls: bool) -> Answer:
        answer = asyncio.run(asgi_call(self.app, path, cookie, tls))
        return answer._replace(headers=[(name, _as_others(name, value)) for name, value in answer.headers])


_ATTRIBUTES = {
    one.lower(): one
    for one in ("HttpOnly", "Secure", "Partitioned", "SameSite=Lax", "SameSite=Strict", "SameSite=None")
}


def _as_others(name: str, value: str) -> str:
    """A Set-Cookie in Starlette's small letters as the other stacks print it: to a browser it is the same."""
    if name != "set-cookie":
        return value
    first, *rest = value.split("; ")
    return "; ".join([first, *(_ATTRIBUTES.get(one) or one[0].upper() + one[1:] for one in rest)])


class LazySession:
    """`request.session`, looked at when the page does something with it: so a page may leave it alone."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request.session, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_request":
            object.__setattr__(self, name, value)
        else:
            setattr(self._request.session, name, value)

    def __getitem__(self, key: str) -> Any:
        return self._request.session[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._request.session[key] = value

    def __delitem__(self, key: str) -> None:
        del self._request.session[key]

    def __iter__(self) -> Any:
        return iter(self._request.session)

    def __len__(self) -> int:
        return len(self._request.session)


def wsgi_call(app: Any, path: str, cookie: str | None, tls: bool) -> Answer:
    builder = EnvironBuilder(path=path, base_url="https://site.test" if tls else "http://site.test")
    environ = builder.get_environ()
    if cookie is not None:
        environ["HTTP_COOKIE"] = cookie
    response = Client(app, use_cookies=False).open(environ)
    answer = Answer(response.status_code, list(response.headers), response.get_data())
    response.close()
    return answer


async def asgi_call(app: Any, path: str, cookie: str | None = None, tls: bool = False) -> Answer:
    headers = [(b"host", b"site.test")]
    if cookie is not None:
        headers.append((b"cookie", cookie.encode("latin-1")))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https" if tls else "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("site.test", 80),
    }
    sent: list[Any] = []

    asked = False

    async def receive() -> Any:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()  # the client stays
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return Answer(
        sent[0]["status"],
        [(name.decode(), value.decode("latin-1")) for name, value in sent[0]["headers"]],
        b"".join(message.get("body", b"") for message in sent[1:]),
    )


def make_site(stack: str, store: Any, **options: Any) -> Site:
    return {"flask": FlaskSite, "starlette": StarletteSite, "wsgi": WsgiSite}[stack](store, **options)
