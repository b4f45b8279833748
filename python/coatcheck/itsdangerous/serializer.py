"""Values of JSON, or of another serializer, signed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from coatcheck.itsdangerous.encoding import want_bytes
from coatcheck.itsdangerous.exc import BadPayload, BadSignature
from coatcheck.itsdangerous.signer import Signer, list_of_keys

__all__ = ["Serializer"]


class Serializer:
    """``secret_key``: one, or several, the newest last. ``serializer``: whatever has ``loads`` and ``dumps``.
    ``fallback_signers``: signers, their arguments, or both in a tuple, for values of before."""

    default_serializer: Any = json
    default_signer: type[Signer] = Signer
    default_fallback_signers: list[Any] = []  # noqa: RUF012  # people extend it

    def __init__(
        self,
        secret_key: str | bytes | Iterable[str] | Iterable[bytes],
        salt: str | bytes | None = b"itsdangerous",
        serializer: Any = None,
        serializer_kwargs: dict[str, Any] | None = None,
        signer: type[Signer] | None = None,
        signer_kwargs: dict[str, Any] | None = None,
        fallback_signers: list[Any] | None = None,
    ) -> None:
        self.secret_keys: list[bytes] = list_of_keys(secret_key)
        self.salt = b"itsdangerous" if salt is None else want_bytes(salt)
        self.serializer: Any = self.default_serializer if serializer is None else serializer
        self.is_text_serializer: bool = isinstance(self.serializer.dumps({}), str)
        self.signer: type[Signer] = self.default_signer if signer is None else signer
        self.signer_kwargs: dict[str, Any] = signer_kwargs or {}
        self.fallback_signers: list[Any] = list(
            self.default_fallback_signers if fallback_signers is None else fallback_signers
        )
        self.serializer_kwargs: dict[str, Any] = serializer_kwargs or {}

    @property
    def secret_key(self) -> bytes:
        """The newest of them."""
        return self.secret_keys[-1]

    def load_payload(self, payload: bytes, serializer: Any = None) -> Any:
        """The value that the signed bytes stand for. Raises BadPayload."""
        given = self.serializer if serializer is None else serializer
        is_text = self.is_text_serializer if serializer is None else isinstance(given.dumps({}), str)
        try:
            return given.loads(payload.decode("utf-8") if is_text else payload)
        except Exception as error:
            raise BadPayload(
                "Could not load the payload because an exception occurred on unserializing the data.",
                original_error=error,
            ) from error

    def dump_payload(self, obj: Any) -> bytes:
        """The bytes to be signed."""
        return want_bytes(self.serializer.dumps(obj, **self.serializer_kwargs))

    def make_signer(self, salt: str | bytes | None = None) -> Signer:
        """A signer with this salt, or the serializer's own."""
        return self.signer(self.secret_keys, salt=self.salt if salt is None else salt, **self.signer_kwargs)

    def iter_unsigners(self, salt: str | bytes | None = None) -> Iterator[Signer]:
        """All signers that may have made a value, the usual one first."""
        salt = self.salt if salt is None else salt
        yield self.make_signer(salt)
        for one in self.fallback_signers:
            if isinstance(one, dict):
                made, kwargs = self.signer, one
            elif isinstance(one, tuple):
                made, kwargs = one
            else:
                made, kwargs = one, self.signer_kwargs
            for key in self.secret_keys:
                yield made(key, salt=salt, **kwargs)

    def dumps(self, obj: Any, salt: str | bytes | None = None) -> Any:
        """The value, signed: text where the serializer writes text, else bytes."""
        signed = self.make_signer(salt).sign(want_bytes(self.dump_payload(obj)))
        return signed.decode("utf-8") if self.is_text_serializer else signed

    def dump(self, obj: Any, f: Any, salt: str | bytes | None = None) -> None:
        """dumps, into a file."""
        f.write(self.dumps(obj, salt=salt))

    def loads(self, s: str | bytes, salt: str | bytes | None = None, **kwargs: Any) -> Any:
        """The value. Raises BadSignature, BadPayload."""
        s = want_bytes(s)
        failure: BadSignature | None = None
        for signer in self.iter_unsigners(salt):
            try:
                return self.load_payload(signer.unsign(s))
            except BadSignature as error:
                failure = error
        raise failure or BadSignature("there is no key")

    def load(self, f: Any, salt: str | bytes | None = None) -> Any:
        """loads, from a file."""
        return self.loads(f.read(), salt=salt)

    def loads_unsafe(self, s: str | bytes, salt: str | bytes | None = None) -> tuple[bool, Any]:
        """(whether it holds, the value whether or not): for looking at what went wrong, and nothing else."""
        return self._loads_unsafe_impl(s, salt)

    def _loads_unsafe_impl(
        self,
        s: str | bytes,
        salt: str | bytes | None,
        load_kwargs: dict[str, Any] | None = None,
        load_payload_kwargs: dict[str, Any] | None = None,
    ) -> tuple[bool, Any]:
        try:
            return True, self.loads(s, salt=salt, **(load_kwargs or {}))
        except BadSignature as error:
            if error.payload is None:
                return False, None
            try:
                return False, self.load_payload(error.payload, **(load_payload_kwargs or {}))
            except BadPayload:
                return False, None

    def load_unsafe(self, f: Any, salt: str | bytes | None = None) -> tuple[bool, Any]:
        """loads_unsafe, from a file."""
        return self.loads_unsafe(f.read(), salt=salt)
