"""python/django/*: what a session adds to a whole Django request, called in the process as a WSGI server would.

Peers: Django's own engines, signed_cookies and cache (in memory, and on Redis); coatcheck.django.signed_cookies beside
the first of them.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import django
from coatcheck.django import SessionStore
from django.conf import settings
from side_by_side import SECRET, SESSION, added, report, row, stores

settings.configure(SECRET_KEY=SECRET, ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, INSTALLED_APPS=[])
django.setup()

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402  # Django is configured first
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

SIGNED = "django.contrib.sessions.backends.signed_cookies"
CACHE = "django.contrib.sessions.backends.cache"


def untouched(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def read(request: HttpRequest) -> HttpResponse:
    assert request.session["user"]["id"] == 42
    return HttpResponse("ok")


def write(request: HttpRequest) -> HttpResponse:
    request.session["seen"] += 1
    return HttpResponse("ok")


urlpatterns = [path("untouched", untouched), path("read", read), path("write", write)]
bare_urls = [path(name, untouched) for name in ("untouched", "read", "write")]


def handler(engine: str | None) -> WSGIHandler:
    """An application on this engine; None: without sessions."""
    settings.SESSION_ENGINE = engine or CACHE
    settings.MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"] if engine else []
    return WSGIHandler()


def cookie_of(engine: str) -> str:
    session = import_module(engine).SessionStore()
    session.update(SESSION)
    session.save()
    return f"sessionid={session.session_key}"


def caller(app: WSGIHandler, page: str, cookie: str) -> Callable[[int], None]:
    pattern = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": f"/{page}",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_COOKIE": cookie,
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
    }
    answers: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        answers[:] = [status]

    def run(calls: int) -> None:
        for _ in range(calls):
            body = app({**pattern, "wsgi.input": io.BytesIO()}, start_response)
            for _chunk in body:
                pass
            body.close()

    run(1)
    assert answers == ["200 OK"], answers
    return run


def bare() -> WSGIHandler:
    app = handler(None)
    app.resolve_request = lambda request: (untouched, (), {})  # type: ignore[method-assign]
    return app


def main() -> None:
    rows = []
    with stores() as urls:
        compared = [
            ("memory", "coatcheck.django", urls["memory"], "cache in memory", CACHE),
            ("file", "coatcheck.django", urls["file"], "cache in memory", CACHE),
            ("memory-signed", "coatcheck.django", urls["memory"], "signed_cookies", SIGNED),
            ("cookie", "coatcheck.django.signed_cookies", None, "signed_cookies", SIGNED),
            ("redis", "coatcheck.django", urls["redis"], "cache on Redis", CACHE),
        ]
        for name, engine, url, peer_name, peer_engine in compared:
            settings.COATCHECK_STORE = url
            settings.CACHES = {
                "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": urls["redis"]}
                if name == "redis"
                else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
            }
            forget_settings()
            ours, peer, without = handler(engine), handler(peer_engine), bare()
            our_cookie, peer_cookie = cookie_of(engine), cookie_of(peer_engine)
            for page in ("untouched", "read", "write"):
                ours_ns, peer_ns = added(
                    {
                        "ours_bare": caller(without, page, our_cookie),
                        "ours": caller(ours, page, our_cookie),
                        "peer_bare": caller(without, page, peer_cookie),
                        "peer": caller(peer, page, peer_cookie),
                    }
                )
                rows.append(row(f"python/django/{page}@{name}", ours_ns, peer_name, peer_ns, 1))
    report(rows)


def forget_settings() -> None:
    """What a test that overrides settings says."""
    from django.core.cache import caches
    from django.core.signals import setting_changed

    setting_changed.send(SessionStore, setting="COATCHECK_STORE", value=None, enter=True)
    caches.settings = caches._settings = caches.configure_settings(None)
    if hasattr(caches._connections, "default"):
        del caches._connections.default


if __name__ == "__main__":
    main()
