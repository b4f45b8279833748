"""Signed values that fit into a URL: base64url, packed by zlib where that is shorter."""

from __future__ import annotations

import json
import zlib
from typing import Any

from coatcheck.itsdangerous.encoding import base64_decode, base64_encode
from coatcheck.itsdangerous.exc import BadPayload
from coatcheck.itsdangerous.serializer import Serializer
from coatcheck.itsdangerous.timed import TimedSerializer

__all__ = ["URLSafeSerializer", "URLSafeSerializerMixin", "URLSafeTimedSerializer"]

_MOST = 16 * 1024 * 1024  # bytes that a packed value may have; itsdangerous knows no bound


class _CompactJSON:
    @staticmethod
    def loads(payload: str | bytes) -> Any:
        return json.loads(payload)

    @staticmethod
    def dumps(obj: Any, **kwargs: Any) -> str:
        return json.dumps(obj, **{"ensure_ascii": False, "separators": (",", ":"), **kwargs})


class URLSafeSerializerMixin(Serializer):
    """What makes a Serializer's values fit."""

    default_serializer: Any = _CompactJSON

    def load_payload(self, payload: bytes, serializer: Any = None) -> Any:
        """As Serializer's. Raises BadPayload."""
        packed = payload.startswith(b".")
        try:
            raw = base64_decode(payload[1:] if packed else payload)
        except Exception as error:
            raise BadPayload(
                "Could not base64 decode the payload because of an exception", original_error=error
            ) from error
        if packed:
            try:
                stream = zlib.decompressobj()
                raw = stream.decompress(raw, _MOST)
                if not stream.eof:
                    raise ValueError("it is cut, or over 16 MiB")
            except Exception as error:
                raise BadPayload(
                    "Could not zlib decompress the payload before decoding the payload", original_error=error
                ) from error
        return super().load_payload(raw, serializer)

    def dump_payload(self, obj: Any) -> bytes:
        """As Serializer's."""
        raw = super().dump_payload(obj)
        packed = zlib.compress(raw)
        if len(packed) < len(raw) - 1:
            return b"." + base64_encode(packed)
        return base64_encode(raw)


class URLSafeSerializer(URLSafeSerializerMixin, Serializer):
    """A Serializer for URLs."""


class URLSafeTimedSerializer(URLSafeSerializerMixin, TimedSerializer):
    """A TimedSerializer for URLs: what Flask's cookie is."""
