"""``PyJWS``: signed bytes, by PyJWT's interface. The core signs and verifies; here are PyJWT's options and words."""

from __future__ import annotations

import binascii
import json
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from coatcheck import _core
from coatcheck.jwt.algorithms import Algorithm, get_default_algorithms
from coatcheck.jwt.api_jwk import PyJWK
from coatcheck.jwt.exceptions import (
    DecodeError,
    InvalidAlgorithmError,
    InvalidKeyError,
    InvalidSignatureError,
    InvalidTokenError,
)
from coatcheck.jwt.keys import ALGORITHMS, Key, call, import_key, set_of, warn_of
from coatcheck.jwt.utils import base64url_decode, base64url_encode
from coatcheck.jwt.warnings import RemovedInPyjwt3Warning

__all__ = [
    "MAX_TOKEN",
    "PyJWS",
    "decode",
    "decode_complete",
    "encode",
    "get_algorithm_by_name",
    "get_unverified_header",
    "register_algorithm",
    "unregister_algorithm",
]

MAX_TOKEN = 64 * 1024  # PyJWT sets no limit; a longer token is refused before any of it is decoded
MAX_KEPT = 256  # keys, and with them signers and verifiers, that one object remembers
_UNSET: Any = object()
_CRITICAL = {"b64"}


class Bounded(dict[Any, Any]):
    """A dict that drops its oldest entry when it is full."""

    def keep(self, name: Any, value: Any) -> None:
        while len(self) >= MAX_KEPT:
            self.pop(next(iter(self)), None)
        self[name] = value


class PyJWS:
    header_typ = "JWT"

    def __init__(self, algorithms: Sequence[str] | None = None, options: dict[str, Any] | None = None) -> None:
        known = get_default_algorithms()
        self._algorithms = {name: known[name] for name in known if algorithms is None or name in algorithms}
        self._valid_algs = set(known if algorithms is None else algorithms)
        self._own: set[str] = set()  # names whose algorithm is the application's
        self.options: dict[str, Any] = {**self._get_default_options(), **(options or {})}
        self._keys = Bounded()
        self._forget: list[Callable[[], None]] = []  # what else depends on the algorithms

    @staticmethod
    def _get_default_options() -> dict[str, Any]:
        return {"verify_signature": True, "enforce_minimum_key_length": False}

    def register_algorithm(self, alg_id: str, alg_obj: Algorithm) -> None:
        """Adds an algorithm of the application's own."""
        if alg_id in self._algorithms:
            raise ValueError("Algorithm already has a handler.")
        if not isinstance(alg_obj, Algorithm):
            raise TypeError("Object is not of type `Algorithm`")
        self._algorithms[alg_id] = alg_obj
        self._valid_algs.add(alg_id)
        self._own.add(alg_id)
        self._changed()

    def unregister_algorithm(self, alg_id: str) -> None:
        if alg_id not in self._algorithms:
            raise KeyError("The specified algorithm could not be removed because it is not registered.")
        del self._algorithms[alg_id]
        self._valid_algs.discard(alg_id)
        self._own.discard(alg_id)
        self._changed()

    def _changed(self) -> None:
        self._keys.clear()
        for forget in self._forget:
            forget()

    def get_algorithms(self) -> list[str]:
        return list(self._valid_algs)

    def get_algorithm_by_name(self, alg_name: str) -> Algorithm:
        try:
            return self._algorithms[alg_name]
        except (KeyError, TypeError):
            raise NotImplementedError("Algorithm not supported") from None

    def is_native(self, alg: str) -> bool:
        """Whether the core does it."""
        return alg in ALGORITHMS and alg not in self._own

    def typed_key(self, key: Any, alg: str) -> Key:
        """The key for this algorithm, imported once. Warns of a short secret when it is imported."""
        if isinstance(key, PyJWK):
            key = key.typed_key
        name = (key, alg) if isinstance(key, str | bytes | Key) else (id(key), type(key), alg)
        kept = self._keys.get(name)
        if kept is not None and (isinstance(key, str | bytes | Key) or kept[1] is key):
            made: Key = kept[0]
            return made
        made = import_key(key, alg)
        warn_of(made, bool(self.options.get("enforce_minimum_key_length")))
        self._keys.keep(name, (made, key))  # holds the object too, so that no other gets its id
        return made

    def choose_algorithm(self, key: Any, algorithm: Any, headers: dict[str, Any] | None) -> str:
        """The algorithm to sign with: the header's, else the argument's, else the key's, else HS256."""
        if headers and headers.get("alg"):
            return str(headers["alg"])
        if algorithm is _UNSET or algorithm is None:
            if isinstance(key, PyJWK):
                return key.algorithm_name
            if isinstance(key, Key):
                return key.alg
            return "HS256" if algorithm is _UNSET else "none"
        return str(algorithm)

    def encode(
        self,
        payload: bytes,
        key: Any,
        algorithm: str | None = _UNSET,
        headers: dict[str, Any] | None = None,
        json_encoder: type[json.JSONEncoder] | None = None,
        is_payload_detached: bool = False,
        sort_headers: bool = True,
    ) -> str:
        alg = self.choose_algorithm(key, algorithm, headers)
        header: dict[str, Any] = {"typ": self.header_typ, "alg": alg, **(headers or {})}
        self._validate_headers(header, encoding=True)
        if not header["typ"]:
            del header["typ"]
        detached = is_payload_detached or header.pop("b64", True) is False
        native = self.is_native(alg)
        if detached:
            # The core names b64 in `crit` as well: who does not know it must not read the token (RFC 7797, 6).
            header.pop("crit", None) if native else header.update(b64=False, crit=["b64"])
        text = json.dumps(header, separators=(",", ":"), cls=json_encoder, sort_keys=sort_headers)
        method = self.get_algorithm_by_name(alg)
        if native:
            typed = self.typed_key(key, alg)
            return call(_core.jws_sign, typed.native, payload, text, False, detached, detached)
        prepared = method.prepare_key(key.key if isinstance(key, PyJWK) else key)
        head = base64url_encode(text.encode())
        body = payload if detached else base64url_encode(payload)
        signature = base64url_encode(method.sign(b".".join((head, body)), prepared))
        return b".".join((head, b"" if detached else body, signature)).decode()

    def decode_complete(
        self,
        jwt: str | bytes,
        key: Any = "",
        algorithms: Sequence[str] | None = None,
        options: dict[str, Any] | None = None,
        detached_payload: bytes | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        if kwargs:
            warn_unsupported("decode_complete", kwargs, 3)
        return self.complete(jwt, key, algorithms, {**self.options, **(options or {})}, detached_payload)

    def complete(
        self, jwt: str | bytes, key: Any, algorithms: Sequence[str] | None, options: dict[str, Any], detached: Any
    ) -> dict[str, Any]:
        verified = options["verify_signature"]
        if verified and not algorithms and not isinstance(key, PyJWK | Key):
            raise DecodeError(
                'It is required that you pass in a value for the "algorithms" argument when calling decode().',
                "ERR_INVALID_OPTION",
            )
        payload, signing_input, header, signature = self._load(jwt)
        self._validate_headers(header)
        if header.get("b64", True) is False:
            if detached is None:
                raise DecodeError(
                    'It is required that you pass in a value for the "detached_payload" argument to decode a message '
                    "having the b64 header set to false."
                )
            payload = detached
            signing_input = b".".join((signing_input.rsplit(b".", 1)[0], detached))
        if verified:
            alg = self.check_algorithm(header, key, algorithms)
            self._verify(jwt, alg, header, key, detached, signing_input, signature)
        return {"payload": payload, "header": header, "signature": signature}

    def check_algorithm(self, header: dict[str, Any], key: Any, algorithms: Sequence[str] | None) -> str:
        """The token's algorithm, which must be one that the caller or the key names."""
        if algorithms is None and isinstance(key, PyJWK):
            algorithms = [key.algorithm_name]
        elif algorithms is None and isinstance(key, Key):
            algorithms = [key.alg]
        elif isinstance(algorithms, str):
            algorithms = [algorithms]
        if "alg" not in header:
            raise InvalidAlgorithmError("Algorithm not specified", "ERR_TOKEN_HEADER_INVALID")
        alg = header["alg"]
        if not isinstance(alg, str) or not alg or (algorithms is not None and alg not in algorithms):
            raise InvalidAlgorithmError("The specified alg value is not allowed")
        if alg not in self._algorithms and not (self.is_native(alg) and isinstance(key, Key)):
            raise InvalidAlgorithmError("Algorithm not supported")
        return alg

    def _verify(
        self,
        jwt: str | bytes,
        alg: str,
        header: dict[str, Any],
        key: Any,
        detached: bytes | None,
        signing_input: bytes,
        signature: bytes,
    ) -> None:
        if self.is_native(alg):
            unencoded = header.get("b64", True) is False
            text = jwt if isinstance(jwt, str) else jwt.decode("ascii", "replace")
            keys = set_of(self.typed_key(key, alg))
            call(_core.jws_verify, text, keys, detached if unencoded else None, unencoded, MAX_TOKEN)
            return
        method = self.get_algorithm_by_name(alg)
        if isinstance(key, PyJWK | Key):
            raise InvalidKeyError(f"the key is not for {alg}", "ERR_KEY_UNSUITABLE")
        if not method.verify(signing_input, method.prepare_key(key), signature):
            raise InvalidSignatureError("Signature verification failed")

    def decode(
        self,
        jwt: str | bytes,
        key: Any = "",
        algorithms: Sequence[str] | None = None,
        options: dict[str, Any] | None = None,
        detached_payload: bytes | None = None,
        **kwargs: Any,
    ) -> Any:
        if kwargs:
            warn_unsupported("decode", kwargs, 3)
        merged = {**self.options, **(options or {})}
        return self.complete(jwt, key, algorithms, merged, detached_payload)["payload"]

    def get_unverified_header(self, jwt: str | bytes) -> dict[str, Any]:
        """What the token says about itself, unverified. Trust none of it."""
        header = self._load(jwt)[2]
        self._validate_headers(header)
        return header

    def _load(self, jwt: str | bytes) -> tuple[bytes, bytes, dict[str, Any], bytes]:
        token = jwt.encode("utf-8", "surrogatepass") if isinstance(jwt, str) else jwt
        if not isinstance(token, bytes):
            raise DecodeError(f"Invalid token type. Token must be a {bytes}")
        if len(token) > MAX_TOKEN:
            raise DecodeError(f"the token has more than {MAX_TOKEN} bytes", "ERR_TOKEN_TOO_LARGE")
        if token.count(b".") < 2:
            raise DecodeError("Not enough segments")
        signing_input, last = token.rsplit(b".", 1)
        first, middle = signing_input.split(b".", 1)
        parts = []
        for name, part in (("header", first), ("payload", middle), ("crypto", last)):
            try:
                parts.append(base64url_decode(part))
            except (ValueError, binascii.Error):
                raise DecodeError(f"Invalid {name} padding") from None
        try:
            header = json.loads(parts[0])
        except (ValueError, RecursionError) as why:
            raise DecodeError(f"Invalid header string: {why}", "ERR_TOKEN_HEADER_INVALID") from None
        if not isinstance(header, dict):
            raise DecodeError("Invalid header string: must be a json object", "ERR_TOKEN_HEADER_INVALID")
        return parts[1], signing_input, header, parts[2]

    def _validate_headers(self, headers: dict[str, Any], *, encoding: bool = False) -> None:
        if "kid" in headers and not isinstance(headers["kid"], str):
            raise InvalidTokenError("Key ID header parameter must be a string", "ERR_TOKEN_HEADER_INVALID")
        if not encoding and "crit" in headers:
            self._validate_critical(headers)

    def _validate_critical(self, headers: dict[str, Any]) -> None:
        def refuse(message: str) -> InvalidTokenError:
            return InvalidTokenError(message, "ERR_TOKEN_CRITICAL")

        critical = headers["crit"]
        if not isinstance(critical, list) or not critical:
            raise refuse("Invalid 'crit' header: must be a non-empty list")
        for name in critical:
            if not isinstance(name, str):
                raise refuse("Invalid 'crit' header: values must be strings")
            if name not in _CRITICAL:
                raise refuse(f"Unsupported critical extension: {name}")
            if name not in headers:
                raise refuse(f"Critical extension '{name}' is missing from headers")


def warn_unsupported(function: str, kwargs: dict[str, Any], stacklevel: int) -> None:
    warnings.warn(
        f"passing additional kwargs to {function}() is deprecated and will be removed in pyjwt version 3. "
        f"Unsupported kwargs: {tuple(kwargs)}",
        RemovedInPyjwt3Warning,
        stacklevel=stacklevel,
    )


_jws_global_obj = PyJWS()
encode = _jws_global_obj.encode
decode = _jws_global_obj.decode
decode_complete = _jws_global_obj.decode_complete
register_algorithm = _jws_global_obj.register_algorithm
unregister_algorithm = _jws_global_obj.unregister_algorithm
get_algorithm_by_name = _jws_global_obj.get_algorithm_by_name
get_unverified_header = _jws_global_obj.get_unverified_header
