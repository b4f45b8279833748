"""``flask.session`` on coatcheck: ``coatcheck.flask.Coatcheck(app)``.

Configuration, read by ``init_app`` (or at the first request, if there is no secret yet):

``SECRET_KEY``, ``SECRET_KEY_FALLBACKS``
    as Flask has them; without SECRET_KEY the environment's COATCHECK_SECRET.
``COATCHECK_STORE``
    a store URL; else the environment's COATCHECK_STORE, else ``file:./sessions``.
``SESSION_COOKIE_NAME``
    Flask's default, ``session``, counts as not given: the cookie is called ``session``, and ``__Host-session`` on
    TLS (``__Secure-session`` with a domain or path).
``SESSION_COOKIE_DOMAIN``, ``_PATH``, ``_HTTPONLY``, ``_PARTITIONED``
    as Flask has them.
``SESSION_COOKIE_SECURE``
    False, the default: Secure on requests that came over TLS. True: every request counts as one.
``SESSION_COOKIE_SAMESITE``
    None, the default: Lax. False: no attribute.
``PERMANENT_SESSION_LIFETIME``
    how long a session with ``session.permanent = True`` lasts without a request, and its cookie in the browser.
``SESSION_REFRESH_EACH_REQUEST``
    True, the default: a permanent session's cookie is sent again whenever its deadline moves. False: only when the
    session is written.
``COATCHECK_IDLE_TIMEOUT``, ``COATCHECK_ABSOLUTE_TIMEOUT`` (seconds or timedelta), ``COATCHECK_TOUCH_SHARE``,
``COATCHECK_ON_CONFLICT``
    the core's policy.
``COATCHECK_REGENERATE_GRACE``
    how long after ``session.regenerate()`` a request that had read the session before writes into its successor;
    seconds or timedelta, 30 seconds.
``COATCHECK_ON_UNKNOWN``
    what a request that looks at its session gets while the store does not answer: ``"closed"`` a 503 (an error
    handler for 503, or for ``coatcheck.StoreError``, is respected), ``"open"`` an empty session that is never saved.
``COATCHECK_MODE``
    ``"store"``, the default; ``"jwt"`` keeps the session in its cookie, signed and readable, ``"jwe"`` sealed. The
    store is then asked when a refresh is due: after ``COATCHECK_ACCESS_TTL`` (seconds or timedelta, 5 minutes). A
    cookie that was replaced gets its successor for ``COATCHECK_REFRESH_GRACE`` (10 seconds).
    ``COATCHECK_CHECK_EPOCH``: True asks the store at each request of a session that has an owner.
    ``COATCHECK_TOKEN_KEYS``: keys of ``coatcheck.jwt`` to sign or seal with in place of the secret's, newest first.
``COATCHECK_MERGE``
    rules by path for what two requests both changed, e.g. ``{"visits": "sum"}``.
``COATCHECK_ON_EVENT``
    a function of an event and an error: ``"gone"`` or ``"conflict"``, what an automatic commit could not store.
``COATCHECK_OWNER``
    a function from the session to the name of its owner, or None: what ``RefreshTokens`` lists and revokes by.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask.sessions import SessionInterface, SessionMixin
from werkzeug.exceptions import ServiceUnavailable

from coatcheck._duration import milliseconds
from coatcheck._service import Service, add_vary, default_store, environment_secret, token_options
from coatcheck.errors import ConfigError, StoreError
from coatcheck.session import Session, pending_class, start
from coatcheck.wsgi import commit, commit_late

if TYPE_CHECKING:
    from flask import Flask, Request, Response

__all__ = ["Coatcheck", "CoatcheckInterface", "FlaskSession"]


class FlaskSession(Session, SessionMixin):  # type: ignore[override]  # SessionMixin has it writable
    """What ``flask.session`` stands for: Session's interface and Flask's ``permanent``."""

    def _cookie_settings(self) -> str | None:
        permanent = self.get("_permanent")
        was_permanent = bool(self._read and self._read.get("_permanent"))
        if not permanent and not was_permanent:
            return None  # also when another service gave this session's cookie an age
        kept = self._handle.cookie if self._handle is not None else None
        settings: dict[str, Any] = json.loads(kept) if kept else {}
        settings.pop("maxAge", None)
        if permanent:
            settings["maxAge"] = self._service.permanent_lifetime
        return json.dumps(settings)


FlaskSession._loaded_class = FlaskSession
_PendingFlaskSession = pending_class(FlaskSession)


class CoatcheckInterface(SessionInterface):
    """Flask's contract on the engine. The session is opened when it is first looked at."""

    def __init__(self) -> None:
        self.service: Service | None = None

    def configure(self, app: Flask) -> Service | None:
        """Makes the engine from the configuration; None while there is no secret."""
        secret = app.secret_key if app.secret_key is not None else environment_secret()
        if secret is None:
            return None
        config = app.config
        same_site = config["SESSION_COOKIE_SAMESITE"]
        if same_site is not None and same_site is not False and not isinstance(same_site, str):
            raise ConfigError('SESSION_COOKIE_SAMESITE must be "Lax", "Strict", "None", None or False', _INVALID)
        name = self.get_cookie_name(app)

        def time(option: str) -> int | None:
            return milliseconds(config.get(option), option)

        service = Service(
            {
                "secrets": [secret, *(config.get("SECRET_KEY_FALLBACKS") or ())],
                "secret_option": "SECRET_KEY" if app.secret_key is not None else "COATCHECK_SECRET",
                "store": default_store(config.get("COATCHECK_STORE")),
                "cookie_name": None if name == "session" else name,
                "domain": self.get_cookie_domain(app),
                "path": self.get_cookie_path(app),
                "http_only": self.get_cookie_httponly(app),
                "secure": "always" if self.get_cookie_secure(app) else "auto",
                "same_site": "unset" if same_site is False else (same_site or "lax").lower(),
                "partitioned": bool(config.get("SESSION_COOKIE_PARTITIONED")),
                "idle_timeout": time("COATCHECK_IDLE_TIMEOUT"),
                "absolute_timeout": time("COATCHECK_ABSOLUTE_TIMEOUT"),
                "regenerate_grace": time("COATCHECK_REGENERATE_GRACE"),
                "touch_share": config.get("COATCHECK_TOUCH_SHARE"),
                "on_conflict": config.get("COATCHECK_ON_CONFLICT"),
                "merge": config.get("COATCHECK_MERGE"),
                "max_payload": config.get("COATCHECK_MAX_PAYLOAD"),
                "max_members": config.get("COATCHECK_MAX_MEMBERS"),
                "clock": config.get("COATCHECK_CLOCK"),
                **token_options(
                    config.get("COATCHECK_MODE"),
                    time("COATCHECK_ACCESS_TTL"),
                    time("COATCHECK_REFRESH_GRACE"),
                    config.get("COATCHECK_CHECK_EPOCH"),
                    config.get("COATCHECK_TOKEN_KEYS"),
                ),
            },
            config.get("COATCHECK_ON_UNKNOWN") or "closed",
            config.get("COATCHECK_OWNER"),
            config.get("COATCHECK_ON_EVENT"),
        )
        service.permanent_lifetime = milliseconds(config["PERMANENT_SESSION_LIFETIME"], "PERMANENT_SESSION_LIFETIME")
        self._always_secure = self.get_cookie_secure(app)
        self.service = service
        return service

    def open_session(self, app: Flask, request: Request) -> FlaskSession | None:
        service = self.service or self.configure(app)
        if service is None:
            return None  # Flask's own session, which says on writing that there is no secret
        environ = request.environ
        secure = self._always_secure or environ["wsgi.url_scheme"] == "https"
        return start(service, environ.get("HTTP_COOKIE"), secure, None, _PendingFlaskSession)  # type: ignore[return-value]

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not isinstance(session, FlaskSession):
            return
        service = session._service
        try:
            set_cookie = commit(service, session)
        except StoreError as error:
            # Too late to raise: Flask would answer 500. This takes the place of what the view answered.
            _replace(response, _unavailable(app, service, error))
            return
        if response.is_streamed:
            # The view's generator is still to run, and may look at the session (stream_with_context).
            response.call_on_close(lambda: commit_late(service, session))
        if set_cookie is not None and not app.config["SESSION_REFRESH_EACH_REQUEST"]:
            handle = session._handle
            if handle is None or handle.outcome == "touched":
                set_cookie = None  # the deadline alone moved
        headers = response.headers
        if set_cookie is not None:
            headers.add("Set-Cookie", set_cookie)
            if "Cache-Control" not in headers:
                headers["Cache-Control"] = "no-store"
        elif not session._looked_at:
            return
        vary = add_vary(headers.get("Vary"))
        if vary is not None:
            headers["Vary"] = vary


class Coatcheck:
    """The extension: ``Coatcheck(app)``, or ``Coatcheck()`` and ``init_app(app)`` later."""

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        interface = CoatcheckInterface()
        interface.configure(app)
        app.session_interface = interface
        app.extensions["coatcheck"] = interface

        def on_store_error(error: StoreError) -> Response:
            return _unavailable(app, interface.service, error)

        app.register_error_handler(StoreError, on_store_error)


_INVALID = "ERR_INVALID_OPTION"


def _unavailable(app: Flask, service: Service | None, error: StoreError) -> Response:
    """A 503, by the application's own handler where it has one."""
    if service is not None:
        service.report(error)
    answer = ServiceUnavailable("The session store gave no answer.")
    answer.__cause__ = error
    response = app.make_response(app.handle_http_exception(answer))
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _replace(response: Response, by: Response) -> None:
    response.status = by.status
    response.headers.clear()
    response.headers.extend(by.headers)
    response.set_data(by.get_data())
