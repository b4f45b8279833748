"""Sessions that an Express app, a Flask app, a FastAPI app and a C++ service share.

``coatcheck.flask``, ``coatcheck.starlette`` (also FastAPI, and any ASGI application) and ``coatcheck.wsgi`` hold
the middleware; this module holds what they have in common. The engine is written in C++ (``coatcheck._core``).
"""

from __future__ import annotations

from coatcheck._core import ManualClock
from coatcheck._place import StorePlace, StoreTls
from coatcheck.errors import (
    ConfigError,
    Error,
    InternalError,
    PayloadError,
    SecretWarning,
    SessionConflict,
    SessionError,
    SessionGone,
    StoreError,
    StoreTimeout,
    TokenError,
    UsageError,
)
from coatcheck.refresh import AsyncRefreshTokens, Refreshed, RefreshTokens, TokenFamily
from coatcheck.session import Session
from coatcheck.store import Store, cached, create_schema, schema_sql

__all__ = [
    "AsyncRefreshTokens",
    "ConfigError",
    "Error",
    "InternalError",
    "ManualClock",
    "PayloadError",
    "RefreshTokens",
    "Refreshed",
    "SecretWarning",
    "Session",
    "SessionConflict",
    "SessionError",
    "SessionGone",
    "Store",
    "StoreError",
    "StorePlace",
    "StoreTimeout",
    "StoreTls",
    "TokenError",
    "TokenFamily",
    "UsageError",
    "cached",
    "create_schema",
    "schema_sql",
]

__version__ = "0.1.0"
