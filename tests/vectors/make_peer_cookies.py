"""Writes peer_cookies.json: cookies made by Flask, Starlette's signer and Django themselves, at one fixed second.

Run it where those are installed: python tests/vectors/make_peer_cookies.py
"""

import json
from base64 import b64encode
from datetime import datetime, timezone
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

import django
import flask
import itsdangerous
from django.conf import settings
from django.core import signing
from flask.sessions import SecureCookieSessionInterface
from markupsafe import Markup

SECRET = "dev-secret-key"
SECONDS = 1_700_000_000
settings.configure(SECRET_KEY=SECRET)
app = flask.Flask("vectors")
app.secret_key = SECRET
app.config["SECRET_KEY_FALLBACKS"] = ["an older key"]

PLAIN = [
    {"user_id": 42},
    {},
    {"_permanent": True, "a": {"y": [1, 2], "z": 1}, "b": 1},
    {"data": "a" * 200},
    {"n": "é😀"},
]
TAGGED = {
    "b": b"\x00\xff",
    "d": datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    "di": {" t": "x"},
    "m": Markup("<b>x</b>"),
    "t": (1, 2),
    "u": UUID("12345678-1234-5678-1234-567812345678"),
}


def flask_cookie(data: dict) -> tuple[str, str]:
    interface = SecureCookieSessionInterface()
    with app.app_context():
        serializer = interface.get_signing_serializer(app)
        return interface.serializer.dumps(data), serializer.dumps(data)


def starlette_cookie(data: dict) -> tuple[str, str]:
    text = json.dumps(data)
    return text, itsdangerous.TimestampSigner(SECRET).sign(b64encode(text.encode())).decode()


def django_cookie(data: dict) -> tuple[str, str]:
    text = signing.JSONSerializer().dumps(data).decode("latin-1")
    salt = "django.contrib.sessions.backends.signed_cookies"
    return text, signing.dumps(data, salt=salt, compress=True)


def main() -> None:
    cases = []
    with patch("time.time", return_value=SECONDS):
        for name, make, every in [
            ("flask", flask_cookie, [*PLAIN, TAGGED]),
            ("starlette", starlette_cookie, PLAIN),
            ("django", django_cookie, PLAIN),
        ]:
            for data in every:
                payload, cookie = make(data)
                cases.append({"format": name, "payload": payload, "cookie": cookie})
    document = {
        "source": f"made by Flask {flask.__version__}, itsdangerous 2.2.0 (as Starlette's SessionMiddleware calls it) "
        f"and Django {django.__version__}: make_peer_cookies.py",
        "secret": SECRET,
        "seconds": SECONDS,
        "cases": cases,
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    Path(__file__).with_name("peer_cookies.json").write_text(text)


main()
