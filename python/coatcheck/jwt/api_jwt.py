"""``PyJWT``: ``encode``, ``decode`` and ``decode_complete`` with PyJWT's arguments, exceptions and messages.

A good token costs one call of the core, which checks form, header, signature and claims, and gives the claims. What was
made of a key and a policy is remembered. Every token that fails, and every unusual call, takes the long way,
which checks one thing after the other in PyJWT's order and says what was wrong in its words. docs/tokens-python.md
lists what is refused here and not there.
"""

from __future__ import annotations

import json
import time
import warnings
from calendar import timegm
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from coatcheck import _core
from coatcheck.errors import Error
from coatcheck.jwt._claims import ClaimChecks, seconds_of
from coatcheck.jwt._options import Watched
from coatcheck.jwt.api_jws import _ALGORITHM_UNSET, MAX_TOKEN, Bounded, PyJWS, _jws_global_obj, warn_unsupported
from coatcheck.jwt.exceptions import DecodeError, InvalidTokenError
from coatcheck.jwt.keys import Key, call, set_of, warning
from coatcheck.jwt.types import Options, SigOptions

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


class PyJWT(ClaimChecks):
    def __init__(self, options: Options | None = None, *, _jws: PyJWS | None = None) -> None:
        self._signers = Bounded()
        self._verifiers = Bounded()
        self.options = self._get_default_options()
        if options is not None:
            self.options = self._merge_options(options)
        self._jws = _jws or PyJWS(options=self._get_sig_options())
        self._jws._forget.append(self._forget)
        self._plain = type(self) is PyJWT  # nothing is overridden

    @staticmethod
    def _get_default_options() -> dict[str, Any]:
        checks = dict.fromkeys(("verify_signature", *_CHECKS), True)
        return {**checks, "require": [], "strict_aud": False, "enforce_minimum_key_length": False}

    def _get_sig_options(self) -> SigOptions:
        return {
            "verify_signature": self.options["verify_signature"],
            "enforce_minimum_key_length": self.options["enforce_minimum_key_length"],
        }

    @property
    def options(self) -> dict[str, Any]:
        """The options that calls start from. What was remembered of another policy is forgotten when they change."""
        return self._options

    @options.setter
    def options(self, value: Mapping[str, Any]) -> None:
        self._options = Watched({**self._get_default_options(), **value}, self._forget)
        self._forget()

    def _forget(self) -> None:
        self._signers.clear()
        self._verifiers.clear()

    def _merge_options(self, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if options is None:
            return self._options
        merged: dict[str, Any] = dict(options)
        if not merged.get("verify_signature", True):
            for check in _CHECKS:
                merged.setdefault(check, False)
        return {**self._options, **merged}

    def encode(
        self,
        payload: dict[str, Any],
        key: Any,
        algorithm: str | None = _ALGORITHM_UNSET,
        headers: dict[str, Any] | None = None,
        json_encoder: type[json.JSONEncoder] | None = None,
        sort_headers: bool = True,
    ) -> str:
        """The signed token. ``exp``, ``nbf`` and ``iat`` may be datetimes."""
        if headers is None and json_encoder is None and sort_headers and payload.__class__ is dict:
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
        token = self._jws.encode(text, key, algorithm, headers, json_encoder, sort_headers=sort_headers)
        if not headers and sort_headers and self._plain and self._jws.is_native(alg):
            typed = self._jws.imported(key, alg)
            sign = warning(call(_core.jwt_signer, typed.native, '{"typ":"JWT"}', False, True).sign, typed)
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
        except (TypeError, KeyError):  # lists, and options
            kept = self._kept(who, algorithms, audience, issuer, subject, leeway, options)
        if kept is not None:
            check, required, _ = kept
            try:
                payload: dict[str, Any] = check(jwt, int(time.time() * 1000))  # a test may have set the clock
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
        except (TypeError, KeyError):
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
        # An object's own options do not switch the signature off: each call says so, or it is checked.
        verified = True if options is None else options.get("verify_signature", True)
        if verify is not None and verify != verified:
            warnings.warn(
                "The `verify` argument to `decode` does nothing in PyJWT 2.0 and newer. The equivalent is setting "
                "`verify_signature` to False in the `options` dictionary. This invocation has a mismatch between the "
                "kwarg and the option entry.",
                DeprecationWarning,
                stacklevel=stacklevel - 1,
            )
        merged = self._merge_options(options)
        signed: SigOptions = {
            "verify_signature": verified,
            "enforce_minimum_key_length": merged["enforce_minimum_key_length"],
        }
        audience, issuer, subject, leeway = checks

        def judge(payload: dict[str, Any]) -> None:
            self._validate_claims(payload, merged, audience, issuer, subject, leeway)

        if not self._plain or not verified or detached is not None:
            decoded = self._jws.decode_complete(jwt, key, algorithms, signed, detached)
            decoded["payload"] = self._decode_payload(decoded)
            typed = None
        else:
            decoded, typed = self._open(jwt, key, algorithms, signed, judge)
        judge(decoded["payload"])
        if typed is not None:
            self._remember(key, algorithms, options, checks, merged, typed, seconds_of(leeway))
        return decoded

    def _open(
        self,
        jwt: str | bytes,
        key: Any,
        algorithms: Sequence[str] | None,
        signed: SigOptions,
        judge: Callable[[dict[str, Any]], None],
    ) -> tuple[dict[str, Any], Key | None]:
        """The verified parts of the token; and the key, where the core could check such tokens by itself."""
        jws = self._jws
        payload, _, header, signature = jws.examine(jwt, key, algorithms, signed, None)
        alg = jws.check_algorithm(header, key, algorithms)
        if not jws.is_native(alg):
            decoded = jws.decode_complete(jwt, key, algorithms, signed)
            decoded["payload"] = self._decode_payload(decoded)
            return decoded, None
        typed = jws.typed_key(key, alg, signed["enforce_minimum_key_length"])
        verifier = call(_core.jwt_verifier, set_of(typed), _FORM_ALONE, MAX_TOKEN)
        try:
            claims = call(verifier.verify, jwt)
        except InvalidTokenError as why:
            if why.code not in ("ERR_TOKEN_PAYLOAD", "ERR_TOKEN_CLAIM"):
                raise
            raise self._in_their_words(why, payload, judge) from None
        return {"payload": claims, "header": header, "signature": signature}, typed

    def _in_their_words(
        self, why: InvalidTokenError, payload: bytes, judge: Callable[[dict[str, Any]], None]
    ) -> InvalidTokenError:
        """PyJWT's exception for a signed payload that the core refused; the core's where PyJWT has none."""
        try:
            judge(self._decode_payload({"payload": payload}))
        except InvalidTokenError as theirs:
            theirs.code = why.code
            return theirs
        return why

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        try:
            payload = json.loads(decoded["payload"])
        except (ValueError, RecursionError) as why:
            raise DecodeError(f"Invalid payload string: {why}", code="ERR_TOKEN_PAYLOAD") from None
        if not isinstance(payload, dict):
            raise DecodeError("Invalid payload string: must be a json object", code="ERR_TOKEN_PAYLOAD")
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
        self._verifiers.keep(name, (warning(verifier.verify, typed), tuple(merged["require"]), key))


_jwt_global_obj = PyJWT(_jws=_jws_global_obj)
encode = _jwt_global_obj.encode
decode = _jwt_global_obj.decode
decode_complete = _jwt_global_obj.decode_complete
