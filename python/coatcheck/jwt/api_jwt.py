"""``PyJWT``: ``encode``, ``decode`` and ``decode_complete`` with PyJWT's arguments, exceptions and messages.

A good token costs one call of the core, which checks form, header, signature and claims, and gives the claims. What was
made of a key and a policy is remembered. Every token that fails, and every unusual call, takes the long way,
which checks one thing after the other in PyJWT's order and says what was wrong in its words. docs/tokens-python.md
lists what is refused here and not there.
"""

from __future__ import annotations

import json
import warnings
from calendar import timegm
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from coatcheck import _core
from coatcheck.errors import Error
from coatcheck.jwt._claims import seconds_of, validate
from coatcheck.jwt.api_jws import _UNSET, MAX_TOKEN, Bounded, PyJWS, _jws_global_obj, warn_unsupported
from coatcheck.jwt.exceptions import DecodeError, MissingRequiredClaimError
from coatcheck.jwt.keys import Key, call, set_of

__all__ = ["PyJWT", "decode", "decode_complete", "encode"]

_CHECKS = ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub", "verify_jti")
# The signature and the form of the claims: everything else is checked here.
_FORM_ALONE = {
    "ignore_expiration": True,
    "ignore_not_before": True,
    "ignore_issued_at": True,
    "loose_types": True,
}
_BY_VALUE = frozenset((str, bytes))  # keys of other types are remembered by identity
# The standard library's printer, called directly: json.dumps spends half its time on options that never change here.
_print = json.JSONEncoder(separators=(",", ":")).encode
if json.encoder.c_make_encoder is not None:  # type: ignore[attr-defined]
    _chunks: Any = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
        None, json.JSONEncoder().default, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, False
    )

    def _print(o: Any) -> str:
        return "".join(_chunks(o, 0))


def _frozen(value: Any) -> Any:
    """A list, set or dict as something that can be a key of a dict. Raises TypeError where it can't."""
    if isinstance(value, dict):
        return tuple((name, _frozen(one)) for name, one in value.items())
    return tuple(value) if isinstance(value, list | tuple) else value


def _texts(value: Any) -> list[str] | None:
    """One string or several; None where the core has no such form."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple | set | frozenset) and value and all(isinstance(one, str) for one in value):
        return list(value)
    return None


class PyJWT:
    def __init__(self, options: Mapping[str, Any] | None = None, *, _jws: PyJWS | None = None) -> None:
        self._options = self._get_default_options()
        if options is not None:
            self._options = self._merge_options(options)
        enforce = bool(self._options["enforce_minimum_key_length"])
        signed = {"verify_signature": self._options["verify_signature"], "enforce_minimum_key_length": enforce}
        self._jws = _jws or PyJWS(options=signed)
        self._signers = Bounded()
        self._verifiers = Bounded()
        self._jws._forget.append(self._forget)
        self._plain = type(self) is PyJWT  # nothing is overridden

    @staticmethod
    def _get_default_options() -> dict[str, Any]:
        checks = dict.fromkeys(("verify_signature", *_CHECKS), True)
        return {**checks, "require": [], "strict_aud": False, "enforce_minimum_key_length": False}

    @property
    def options(self) -> dict[str, Any]:
        """The options that calls start from. A copy: make another PyJWT for others, or assign."""
        return {**self._options, "require": list(self._options["require"])}

    @options.setter
    def options(self, value: Mapping[str, Any]) -> None:
        self._options = {**self._get_default_options(), **value}
        self._jws.options = {name: self._options[name] for name in PyJWS._get_default_options()}
        self._forget()

    def _forget(self) -> None:
        self._signers.clear()
        self._verifiers.clear()

    def _merge_options(self, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if options is None:
            return self._options
        merged = dict(options)
        if not merged.get("verify_signature", True):
            for check in _CHECKS:
                merged.setdefault(check, False)
        return {**self._options, **merged}

    def encode(
        self,
        payload: dict[str, Any],
        key: Any,
        algorithm: str | None = _UNSET,
        headers: dict[str, Any] | None = None,
        json_encoder: type[json.JSONEncoder] | None = None,
        sort_headers: bool = True,
    ) -> str:
        """The signed token. ``exp``, ``nbf`` and ``iat`` may be datetimes."""
        if headers is None and json_encoder is None and payload.__class__ is dict:
            kept = self._signers.get((key if key.__class__ in _BY_VALUE else id(key), algorithm))
            if kept is not None and payload.get("iss", "").__class__ is str:
                try:
                    return kept[0](_print(payload))  # type: ignore[no-any-return]
                except (TypeError, ValueError, RecursionError, Error):
                    pass  # a datetime, or something to be said about it below
        return self._encode(payload, key, algorithm, headers, json_encoder, sort_headers)

    def _encode(
        self,
        payload: dict[str, Any],
        key: Any,
        algorithm: Any,
        headers: dict[str, Any] | None,
        json_encoder: type[json.JSONEncoder] | None,
        sort_headers: bool,
    ) -> str:
        if not isinstance(payload, dict):
            raise TypeError("Expecting a dict object, as JWT only supports JSON objects as payloads.")
        payload = payload.copy()
        for claim in ("exp", "iat", "nbf"):
            if isinstance(payload.get(claim), datetime):
                payload[claim] = timegm(payload[claim].utctimetuple())
        if not isinstance(payload.get("iss", ""), str):
            raise TypeError("Issuer (iss) must be a string.")
        text = self._encode_payload(payload, headers=headers, json_encoder=json_encoder)
        alg = self._jws.choose_algorithm(key, algorithm, headers)
        if headers or not self._plain or not self._jws.is_native(alg):
            return self._jws.encode(text, key, algorithm, headers, json_encoder, sort_headers=sort_headers)
        self._jws.get_algorithm_by_name("EdDSA" if alg in ("Ed25519", "Ed448") else alg)
        typed = self._jws.typed_key(key, alg)
        sign = call(_core.jwt_signer, typed.native, '{"typ":"JWT"}', False, True).sign
        token = call(sign, text)
        self._signers.keep((key if isinstance(key, str | bytes) else id(key), algorithm), (sign, key))
        return token

    def _encode_payload(
        self,
        payload: dict[str, Any],
        headers: dict[str, Any] | None = None,
        json_encoder: type[json.JSONEncoder] | None = None,
    ) -> bytes:
        return json.dumps(payload, separators=(",", ":"), cls=json_encoder).encode()

    def decode(
        self,
        jwt: str | bytes,
        key: Any = "",
        algorithms: Sequence[str] | None = None,
        options: Mapping[str, Any] | None = None,
        verify: bool | None = None,
        detached_payload: bytes | None = None,
        audience: str | Iterable[str] | None = None,
        subject: str | None = None,
        issuer: Any = None,
        leeway: float | timedelta = 0,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The claims of a token whose signature, dates, audience and issuer were checked."""
        # The first of several algorithms will do: a token of another one takes the long way.
        who = key if key.__class__ in _BY_VALUE else id(key)
        try:
            kept = self._verifiers.get((who, algorithms and algorithms[0], audience, issuer, subject, leeway, options))
        except TypeError:  # lists, and options
            kept = self._kept(who, algorithms, audience, issuer, subject, leeway, options)
        if kept is not None:
            check, required, _ = kept
            try:
                payload: dict[str, Any] = check(jwt)
            except (TypeError, Error):
                pass  # the long way says what is wrong
            else:
                get = payload.get
                if (
                    get("sub", "").__class__ is str
                    and get("jti", "").__class__ is str
                    and (audience is not None or not get("aud"))
                    and (not required or all(get(claim) is not None for claim in required))
                    and verify is None
                    and detached_payload is None
                    and not kwargs
                ):
                    return payload
        if kwargs:
            warn_unsupported("decode", kwargs, 3)
        checks = (audience, issuer, subject, leeway)
        return self._complete(jwt, key, algorithms, options, verify, detached_payload, checks, 4)["payload"]  # type: ignore[no-any-return]

    def _kept(self, who: Any, algorithms: Any, *policy: Any) -> Any:
        """What was remembered of a call with lists in it; None: nothing, or not of a form that is remembered."""
        try:
            return self._verifiers.get((who, algorithms and algorithms[0], *map(_frozen, policy)))
        except TypeError:
            return None

    def decode_complete(
        self,
        jwt: str | bytes,
        key: Any = "",
        algorithms: Sequence[str] | None = None,
        options: Mapping[str, Any] | None = None,
        verify: bool | None = None,
        detached_payload: bytes | None = None,
        audience: str | Iterable[str] | None = None,
        issuer: Any = None,
        subject: str | None = None,
        leeway: float | timedelta = 0,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """``{"payload", "header", "signature"}`` of a token that was checked as ``decode`` does."""
        if kwargs:
            warn_unsupported("decode_complete", kwargs, 3)
        checks = (audience, issuer, subject, leeway)
        return self._complete(jwt, key, algorithms, options, verify, detached_payload, checks, 4)

    def _complete(
        self,
        jwt: str | bytes,
        key: Any,
        algorithms: Sequence[str] | None,
        options: Mapping[str, Any] | None,
        verify: bool | None,
        detached: bytes | None,
        checks: tuple[Any, Any, Any, Any],
        stacklevel: int,
    ) -> dict[str, Any]:
        """The long way."""
        merged = self._merge_options(options)
        if verify is not None and verify != merged["verify_signature"]:
            warnings.warn(
                "The `verify` argument to `decode` does nothing in PyJWT 2.0 and newer. The equivalent is setting "
                "`verify_signature` to False in the `options` dictionary. This invocation has a mismatch between the "
                "kwarg and the option entry.",
                DeprecationWarning,
                stacklevel=stacklevel - 1,
            )
        audience, issuer, subject, leeway = checks
        decoded, typed = self._open(jwt, key, algorithms, merged, detached)
        if audience is not None and not isinstance(audience, str | Iterable):
            raise TypeError("audience must be a string, iterable or None")
        seconds = seconds_of(leeway)
        self._validate_claims(decoded["payload"], merged, audience, issuer, subject, seconds)
        if typed is not None:
            self._remember(key, algorithms, options, checks, merged, typed, seconds)
        return decoded

    def _validate_claims(
        self,
        payload: dict[str, Any],
        options: Mapping[str, Any],
        audience: Any = None,
        issuer: Any = None,
        subject: str | None = None,
        leeway: float | timedelta = 0,
    ) -> None:
        validate(payload, options, audience, issuer, subject, seconds_of(leeway))
        if subject is not None and options["verify_sub"] and "sub" not in payload:
            raise MissingRequiredClaimError("sub")

    def _open(
        self, jwt: str | bytes, key: Any, algorithms: Sequence[str] | None, options: dict[str, Any], detached: Any
    ) -> tuple[dict[str, Any], Key | None]:
        """The verified parts of the token; and the key, where the core could check such tokens by itself."""
        jws = self._jws
        signed = {"verify_signature": options["verify_signature"]}
        if not self._plain or not signed["verify_signature"] or detached is not None:
            decoded = jws.decode_complete(jwt, key, algorithms, signed, detached)
            decoded["payload"] = self._decode_payload(decoded)
            return decoded, None
        if not algorithms and not isinstance(key, Key) and not hasattr(key, "typed_key"):
            return jws.decode_complete(jwt, key, algorithms, signed), None  # says that it needs algorithms
        _, _, header, signature = jws._load(jwt)
        jws._validate_headers(header)
        if header.get("b64", True) is False:
            return jws.decode_complete(jwt, key, algorithms, signed), None  # refuses it (RFC 7797, 7)
        alg = jws.check_algorithm(header, key, algorithms)
        if not jws.is_native(alg):
            decoded = jws.decode_complete(jwt, key, algorithms, signed)
            decoded["payload"] = self._decode_payload(decoded)
            return decoded, None
        typed = jws.typed_key(key, alg)
        verifier = call(_core.jwt_verifier, set_of(typed), _FORM_ALONE, MAX_TOKEN)
        payload = call(verifier.verify, jwt)
        return {"payload": payload, "header": header, "signature": signature}, typed

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        try:
            payload = json.loads(decoded["payload"])
        except (ValueError, RecursionError) as why:
            raise DecodeError(f"Invalid payload string: {why}", "ERR_TOKEN_PAYLOAD") from None
        if not isinstance(payload, dict):
            raise DecodeError("Invalid payload string: must be a json object", "ERR_TOKEN_PAYLOAD")
        return payload

    def _remember(
        self,
        key: Any,
        algorithms: Any,
        options: Mapping[str, Any] | None,
        checks: tuple[Any, Any, Any, Any],
        merged: dict[str, Any],
        typed: Key,
        seconds: float,
    ) -> None:
        """A verifier of the core for calls like this one; none where the core has no such policy."""
        audience, issuer, subject, leeway = checks
        audiences = _texts(audience) if audience is not None else []
        issuers = _texts(issuer) if issuer is not None else []
        listed = algorithms is None or (isinstance(algorithms, list | tuple) and len(algorithms) == 1)
        if (
            audiences is None
            or issuers is None
            or not listed
            or not 0 <= seconds <= 86400
            or merged["strict_aud"]
            or not (merged["verify_aud"] and merged["verify_iss"] and merged["verify_sub"] and merged["verify_jti"])
        ):
            return
        policy = {
            "audiences": audiences,
            "issuers": issuers,
            "subject": subject,
            "leeway": round(seconds * 1000),
            "ignore_expiration": not merged["verify_exp"],
            "ignore_not_before": not merged["verify_nbf"],
            "ignore_issued_at": not merged["verify_iat"],
            "loose_types": True,
        }
        try:
            policy_of = (audience, issuer, subject, leeway, options)
            who = key if isinstance(key, str | bytes) else id(key)
            name = (who, algorithms and algorithms[0], *map(_frozen, policy_of))
            hash(name)
        except TypeError:
            return
        verifier = call(_core.jwt_verifier, set_of(typed), policy, MAX_TOKEN)
        # Holds the key too, so that no other gets its id.
        self._verifiers.keep(name, (verifier.verify, tuple(merged["require"]), key))


_jwt_global_obj = PyJWT(_jws=_jws_global_obj)
encode = _jwt_global_obj.encode
decode = _jwt_global_obj.decode
decode_complete = _jwt_global_obj.decode_complete
