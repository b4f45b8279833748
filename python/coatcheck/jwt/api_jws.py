"""``PyJWS``: signed bytes, by PyJWT's interface. The core signs and verifies; here are PyJWT's options and words."""

from __future__ import annotations

import binascii
import json
import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

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
from coatcheck.jwt.types import SigOptions
from coatcheck.jwt.utils import base64url_encode, canonical_decode
from coatcheck.jwt.warnings import InsecureKeyLengthWarning, RemovedInPyjwt3Warning

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
_ALGORITHM_UNSET: Any = object()


class Bounded(dict[Any, Any]):
    """A dict that drops its oldest entry when it is full."""

    def keep(self, name: Any, value: Any) -> None:
        while len(self) >= MAX_KEPT:
            self.pop(next(iter(self)), None)
        self[name] = value


class PyJWS:
    header_typ = "JWT"
    _supported_crit: ClassVar[set[str]] = {"b64"}

    def __init__(self, algorithms: Sequence[str] | None = None, options: SigOptions | None = None) -> None:
        known = get_default_algorithms()
        self._algorithms = {name: known[name] for name in known if algorithms is None or name in algorithms}
        self._valid_algs = set(known if algorithms is None else algorithms)
        self._own: set[str] = set()  # names whose algorithm is the application's
        self.options: SigOptions = {**self._get_default_options(), **(options or {})}
        self._keys = Bounded()
        self._forget: list[Callable[[], None]] = []  # what else depends on the algorithms

    @staticmethod
    def _get_default_options() -> SigOptions:
        return {"verify_signature": True, "enforce_minimum_key_length": False}

    def _merged(self, options: SigOptions | None) -> SigOptions:
        return self.options if options is None else {**self.options, **options}

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

    def typed_key(self, key: Any, alg: str, enforce: bool) -> Key:
        """The key for this algorithm. Warns of a short secret each time; refuses it if told to."""
        made = self.imported(key, alg)
        if made.type == "oct":
            warn_of(made, enforce)
        return made

    def imported(self, key: Any, alg: str) -> Key:
        """The key for this algorithm, imported once."""
        if isinstance(key, PyJWK):
            key = key.typed_key
        by_value = isinstance(key, str | bytes | Key)
        name = (key, alg) if by_value else (id(key), type(key), alg)
        kept = self._keys.get(name)
        if kept is None or not (by_value or kept[1] is key):
            kept = (import_key(key, alg), key)
            self._keys.keep(name, kept)  # holds the object too, so that no other gets its id
        made: Key = kept[0]
        return made

    def choose_algorithm(self, key: Any, algorithm: Any, headers: dict[str, Any] | None) -> str:
        """The algorithm to sign with: the header's, else the argument's, else the key's, else HS256."""
        if headers and headers.get("alg"):
            return str(headers["alg"])
        if algorithm is _ALGORITHM_UNSET or algorithm is None:
            if isinstance(key, PyJWK):
                return key.algorithm_name
            if isinstance(key, Key):
                return key.alg
            return "HS256" if algorithm is _ALGORITHM_UNSET else "none"
        return str(algorithm)

    def encode(
        self,
        payload: bytes,
        key: Any,
        algorithm: str | None = _ALGORITHM_UNSET,
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
        if is_payload_detached or header.pop("b64", True) is False:
            is_payload_detached = True
            self._name_unencoded(header)
        text = json.dumps(header, separators=(",", ":"), cls=json_encoder, sort_keys=sort_headers)
        head = base64url_encode(text.encode())
        body = payload if is_payload_detached else base64url_encode(payload)
        signing_input = b".".join((head, body))
        signature = self._signature(signing_input, key, alg)
        return b".".join((head, b"" if is_payload_detached else body, base64url_encode(signature))).decode()

    @staticmethod
    def _name_unencoded(header: dict[str, Any]) -> None:
        """Who does not know an unencoded payload must not read the token (RFC 7797, 6)."""
        critical = header.get("crit", [])
        if not isinstance(critical, list):
            raise InvalidTokenError("Invalid 'crit' header: must be a list", code="ERR_TOKEN_CRITICAL")
        header["b64"] = False
        if "b64" not in critical:
            header["crit"] = [*critical, "b64"]

    def _signature(self, signing_input: bytes, key: Any, alg: str) -> bytes:
        method = self.get_algorithm_by_name("EdDSA" if alg in ("Ed25519", "Ed448") else alg)
        enforce = bool(self.options.get("enforce_minimum_key_length"))
        if self.is_native(alg):
            return call(_core.sign_bytes, self.typed_key(key, alg, enforce).native, signing_input)
        prepared = method.prepare_key(key.key if isinstance(key, PyJWK) else key)
        _check_length(method, prepared, enforce)
        return method.sign(signing_input, prepared)

    def decode_complete(
        self,
        jwt: str | bytes,
        key: Any = "",
        algorithms: Sequence[str] | None = None,
        options: SigOptions | None = None,
        detached_payload: bytes | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        if kwargs:
            warn_unsupported("decode_complete", kwargs, 3)
        return self.complete(jwt, key, algorithms, self._merged(options), detached_payload)

    def complete(
        self, jwt: str | bytes, key: Any, algorithms: Sequence[str] | None, options: SigOptions, detached: Any
    ) -> dict[str, Any]:
        payload, signing_input, header, signature = self.examine(jwt, key, algorithms, options, detached)
        if options["verify_signature"]:
            alg = self.check_algorithm(header, key, algorithms)
            self._verify(jwt, alg, header, key, detached, signing_input, signature, options)
        return {"payload": payload, "header": header, "signature": signature}

    def examine(
        self, jwt: str | bytes, key: Any, algorithms: Sequence[str] | None, options: SigOptions, detached: Any
    ) -> tuple[bytes, bytes, dict[str, Any], bytes]:
        """The parts of a token whose form is right: payload, what is signed, header, signature. None is verified."""
        if options["verify_signature"] and not algorithms and not isinstance(key, PyJWK | Key):
            raise DecodeError(
                'It is required that you pass in a value for the "algorithms" argument when calling decode().',
                code="ERR_INVALID_OPTION",
            )
        payload, signing_input, header, signature = self._load(jwt)
        self._validate_headers(header)
        if header.get("b64", True) is False:
            payload = self._detached(header, detached)
            signing_input = b".".join((signing_input.rsplit(b".", 1)[0], payload))
        elif detached is not None:
            raise DecodeError(
                'It is only valid to pass "detached_payload" when the protected header has "b64" set to false.',
                code="ERR_INVALID_OPTION",
            )
        return payload, signing_input, header, signature

    @staticmethod
    def _detached(header: dict[str, Any], detached: Any) -> bytes:
        critical = header.get("crit")
        if not isinstance(critical, list) or "b64" not in critical:
            raise InvalidTokenError(
                "The 'b64' header parameter requires 'b64' to be listed in 'crit'.", code="ERR_TOKEN_CRITICAL"
            )
        if detached is None:
            raise DecodeError(
                'It is required that you pass in a value for the "detached_payload" argument to decode a message '
                "having the b64 header set to false."
            )
        if not isinstance(detached, bytes):
            raise TypeError("detached_payload must be bytes")
        return detached

    def check_algorithm(self, header: dict[str, Any], key: Any, algorithms: Sequence[str] | None) -> str:
        """The token's algorithm, which must be one that the caller and the key name."""
        own = key.algorithm_name if isinstance(key, PyJWK) else key.alg if isinstance(key, Key) else None
        if algorithms is None and own is not None:
            algorithms = [own]
        elif isinstance(algorithms, str):
            algorithms = [algorithms]
        if "alg" not in header:
            raise InvalidAlgorithmError("Algorithm not specified", code="ERR_TOKEN_HEADER_INVALID")
        alg = header["alg"]
        if not isinstance(alg, str) or not alg or (algorithms is not None and alg not in algorithms):
            raise InvalidAlgorithmError("The specified alg value is not allowed")
        if isinstance(key, PyJWK) and alg != own:
            raise InvalidAlgorithmError(f"Token algorithm {alg!r} does not match the key's algorithm {own!r}")
        if alg not in self._algorithms and not (self.is_native(alg) and own is not None):
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
        options: SigOptions,
    ) -> None:
        enforce = bool(options.get("enforce_minimum_key_length"))
        if self.is_native(alg):
            unencoded = header.get("b64", True) is False
            text = jwt if isinstance(jwt, str) else jwt.decode("ascii", "replace")
            keys = set_of(self.typed_key(key, alg, enforce))
            call(_core.jws_verify, text, keys, detached if unencoded else None, unencoded, MAX_TOKEN)
            return
        method = self.get_algorithm_by_name(alg)
        if isinstance(key, PyJWK | Key):
            raise InvalidKeyError(f"the key is not for {alg}", code="ERR_KEY_UNSUITABLE")
        prepared = method.prepare_key(key)
        _check_length(method, prepared, enforce)
        if not method.verify(signing_input, prepared, signature):
            raise InvalidSignatureError("Signature verification failed")

    def decode(
        self,
        jwt: str | bytes,
        key: Any = "",
        algorithms: Sequence[str] | None = None,
        options: SigOptions | None = None,
        detached_payload: bytes | None = None,
        **kwargs: Any,
    ) -> Any:
        if kwargs:
            warn_unsupported("decode", kwargs, 3)
        return self.complete(jwt, key, algorithms, self._merged(options), detached_payload)["payload"]

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
            raise DecodeError(f"the token has more than {MAX_TOKEN} bytes", code="ERR_TOKEN_TOO_LARGE")
        if token.count(b".") < 2:
            raise DecodeError("Not enough segments")
        signing_input, last = token.rsplit(b".", 1)
        first, middle = signing_input.split(b".", 1)
        try:
            header = json.loads(self._decode_base64url_segment(first, "header"))
        except DecodeError:
            raise
        except (ValueError, RecursionError) as why:
            raise DecodeError(f"Invalid header string: {why}", code="ERR_TOKEN_HEADER_INVALID") from None
        if not isinstance(header, dict):
            raise DecodeError("Invalid header string: must be a json object", code="ERR_TOKEN_HEADER_INVALID")
        if header.get("b64", True) is not False:
            payload = self._decode_base64url_segment(middle, "payload")
        elif middle:
            raise DecodeError("Payload segment must be empty when 'b64' is false.")
        else:
            payload = b""
        return payload, signing_input, header, self._decode_base64url_segment(last, "crypto")

    @staticmethod
    def _decode_base64url_segment(segment: bytes, name: str) -> bytes:
        try:
            return canonical_decode(segment)
        except binascii.Error:
            raise DecodeError(f"Invalid {name} padding") from None

    def _validate_headers(self, headers: dict[str, Any], *, encoding: bool = False) -> None:
        if "kid" in headers:
            self._validate_kid(headers["kid"])
        if not encoding and "crit" in headers:
            self._validate_crit(headers)

    def _validate_kid(self, kid: Any) -> None:
        if not isinstance(kid, str):
            raise InvalidTokenError("Key ID header parameter must be a string", code="ERR_TOKEN_HEADER_INVALID")

    def _validate_crit(self, headers: dict[str, Any]) -> None:
        def refuse(message: str) -> InvalidTokenError:
            return InvalidTokenError(message, code="ERR_TOKEN_CRITICAL")

        critical = headers["crit"]
        if not isinstance(critical, list) or not critical:
            raise refuse("Invalid 'crit' header: must be a non-empty list")
        for name in critical:
            if not isinstance(name, str):
                raise refuse("Invalid 'crit' header: values must be strings")
            if name not in self._supported_crit:
                raise refuse(f"Unsupported critical extension: {name}")
            if name not in headers:
                raise refuse(f"Critical extension '{name}' is missing from headers")


def _check_length(method: Algorithm, key: Any, enforce: bool) -> None:
    """The same for an application's own algorithm as ``warn_of`` is for the core's."""
    text = method.check_key_length(key)
    if text and enforce:
        raise InvalidKeyError(text, code="ERR_KEY_WEAK")
    if text:
        warnings.warn(text, InsecureKeyLengthWarning, stacklevel=4)


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
