"""Signatures that know when they were made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from coatcheck.itsdangerous.encoding import base64_decode, base64_encode, bytes_to_int, int_to_bytes, want_bytes
from coatcheck.itsdangerous.exc import BadSignature, BadTimeSignature, SignatureExpired
from coatcheck.itsdangerous.serializer import Serializer
from coatcheck.itsdangerous.signer import Signer

__all__ = ["TimedSerializer", "TimestampSigner"]


class TimestampSigner(Signer):
    """``value SEP seconds SEP signature``."""

    def get_timestamp(self) -> int:
        """Now, in seconds."""
        return int(time.time())

    def timestamp_to_datetime(self, ts: int) -> datetime:
        """In UTC. Raises ValueError, OSError, OverflowError for what is no date."""
        return datetime.fromtimestamp(ts, tz=timezone.utc)

    def sign(self, value: str | bytes) -> bytes:
        """With the time as it is."""
        stamped = want_bytes(value) + self.sep + base64_encode(int_to_bytes(self.get_timestamp()))
        return stamped + self.sep + self.get_signature(stamped)

    def unsign(self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False) -> Any:
        """What was signed, with ``return_timestamp`` and when. Raises BadTimeSignature; SignatureExpired for one that
        is older than ``max_age`` seconds."""
        failure: BadSignature | None = None
        try:
            stamped = super().unsign(signed_value)
        except BadSignature as error:
            failure, stamped = error, error.payload or b""
        if self.sep not in stamped:
            raise failure or BadTimeSignature("timestamp missing", payload=stamped)
        value, text = stamped.rsplit(self.sep, 1)
        seconds: int | None = None
        signed: datetime | None = None
        try:
            seconds = bytes_to_int(base64_decode(text))
            signed = self.timestamp_to_datetime(seconds)
        except Exception:  # whatever is wrong with it, it is no timestamp
            malformed = True
        else:
            malformed = False
        if failure is not None:
            if malformed and seconds is not None:
                raise BadTimeSignature("Malformed timestamp", payload=value) from failure
            raise BadTimeSignature(str(failure), payload=value, date_signed=signed)
        if malformed or seconds is None:
            raise BadTimeSignature("Malformed timestamp", payload=value)
        if max_age is not None:
            age = self.get_timestamp() - seconds
            if age > max_age:
                why = f"Signature age {age} > {max_age} seconds"
                raise SignatureExpired(why, payload=value, date_signed=signed)
            if age < 0:
                raise SignatureExpired(f"Signature age {age} < 0 seconds", payload=value, date_signed=signed)
        return (value, signed) if return_timestamp else value

    def validate(self, signed_value: str | bytes, max_age: int | None = None) -> bool:
        """Whether it holds."""
        try:
            self.unsign(signed_value, max_age=max_age)
        except BadSignature:
            return False
        return True


class TimedSerializer(Serializer):
    """A Serializer whose values know when they were signed."""

    default_signer: type[Signer] = TimestampSigner

    def iter_unsigners(self, salt: str | bytes | None = None) -> Iterator[TimestampSigner]:
        """All signers that may have made a value, the newest first."""
        return super().iter_unsigners(salt)  # type: ignore[return-value]

    def loads(  # type: ignore[override]
        self,
        s: str | bytes,
        max_age: int | None = None,
        return_timestamp: bool = False,
        salt: str | bytes | None = None,
    ) -> Any:
        """The value. Raises BadSignature, SignatureExpired, BadPayload."""
        s = want_bytes(s)
        failure: BadSignature | None = None
        for signer in self.iter_unsigners(salt):
            try:
                text, signed = signer.unsign(s, max_age=max_age, return_timestamp=True)
                value = self.load_payload(text)
            except SignatureExpired:
                raise  # another key would say the same
            except BadSignature as error:
                failure = error
            else:
                return (value, signed) if return_timestamp else value
        raise failure or BadSignature("there is no key")

    def loads_unsafe(  # type: ignore[override]
        self, s: str | bytes, max_age: int | None = None, salt: str | bytes | None = None
    ) -> tuple[bool, Any]:
        """As Serializer's."""
        return self._loads_unsafe_impl(s, salt, load_kwargs={"max_age": max_age})
