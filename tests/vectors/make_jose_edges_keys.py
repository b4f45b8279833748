"""Writes jose_edges_keys.json: every kind of key with every algorithm, and sets at the edge of what is valid.

Needs `joserfc`: nothing here comes from coatcheck. Run by hand when a case is added.
"""

import re

from jose_tools import SET, UNSUITABLE, Cases, b64
from joserfc.jwk import ECKey, OKPKey, RSAKey

cases = Cases()
add = cases.add

FITTING = {
    "oct": "HS256 HS384 HS512 dir A128KW A192KW A256KW A128GCMKW A192GCMKW A256GCMKW PBES2-HS256+A128KW "
    "PBES2-HS384+A192KW PBES2-HS512+A256KW",
    "RSA": "RS256 RS384 RS512 PS256 PS384 PS512 RSA-OAEP RSA-OAEP-256",
    "P-256": "ES256 ECDH-ES ECDH-ES+A128KW ECDH-ES+A192KW ECDH-ES+A256KW",
    "P-384": "ES384 ECDH-ES ECDH-ES+A128KW ECDH-ES+A192KW ECDH-ES+A256KW",
    "P-521": "ES512 ECDH-ES ECDH-ES+A128KW ECDH-ES+A192KW ECDH-ES+A256KW",
    "secp256k1": "ES256K",
    "Ed25519": "EdDSA Ed25519",
    "Ed448": "EdDSA Ed448",
    "X25519": "ECDH-ES ECDH-ES+A128KW ECDH-ES+A192KW ECDH-ES+A256KW",
}


def kinds():
    """Every kind of key with every algorithm: named by the key, and by the caller."""
    members = {"oct": {"kty": "oct", "k": b64(bytes(range(64)))}}
    members["RSA"] = RSAKey.generate_key(2048).as_dict(private=False)
    members["RSA"] = {m: members["RSA"][m] for m in ("kty", "n", "e")}
    for crv in ("P-256", "P-384", "P-521", "secp256k1"):
        made = ECKey.generate_key(crv).as_dict(private=False)
        members[crv] = {m: made[m] for m in ("kty", "crv", "x", "y")}
    for crv in ("Ed25519", "Ed448", "X25519"):
        made = OKPKey.generate_key(crv).as_dict(private=False)
        members[crv] = {m: made[m] for m in ("kty", "crv", "x")}
    for kind, jwk in members.items():
        for alg in sorted({alg for algs in FITTING.values() for alg in algs.split()}):
            fits = alg in FITTING[kind].split()
            sized = kind == "oct" and re.fullmatch("A[0-9]+(GCM)?KW", alg)  # 64 bytes are too many for these
            expect = "OK" if fits and not sized else UNSUITABLE
            name = f"a key of {kind} for {alg}"
            add(f"{'control ' if expect == 'OK' else ''}{name}", "import", expect, key={**jwk, "alg": alg})
            add(f"{'control ' if expect == 'OK' else ''}{name}, by the caller", "import", expect, key=jwk, alg=alg)


def set_edges():
    made = [ECKey.generate_key("P-256").as_dict(private=False) for _ in range(2)]
    keys = [{m: one[m] for m in ("kty", "crv", "x", "y")} | {"alg": "ES256"} for one in made]
    for name, value, count, skipped in (
        ("empty", {"keys": []}, 0, 0),
        ("the same key twice under one kid", {"keys": [{**keys[0], "kid": "a"}] * 2}, 2, 0),
        ("two keys without a kid", {"keys": keys}, 2, 0),
        ("members beside keys", {"keys": keys, "x": 1}, 2, 0),
        ("100 keys", {"keys": [keys[0]] * 100}, 100, 0),
        ("a key of unknown use", {"keys": [{**keys[0], "use": "tls"}, keys[1]]}, 1, 1),
        ("two keys of one kid", {"keys": [{**keys[0], "kid": "a"}, {**keys[1], "kid": "a"}]}, 2, 0),
        ("a null among the keys", {"keys": [None]}, 0, 1),
        ("a set in the set", {"keys": [{"keys": keys}]}, 0, 1),
    ):
        add(f"set: control {name}", "set", "OK", set=value, options={}, keys=count, skipped=skipped)
    add("set: keys as null", "set", SET, set={"keys": None}, options={})
    nested = '{"keys":' + "[" * 40 + "]" * 40 + "}"
    add("set text: 40 levels", "set", SET, set_text=nested, options={})


kinds()
set_edges()
cases.write(
    "jose_edges_keys.json",
    "Keys and sets at the edge of what is valid: cases as in jose_hostile.json, some to be accepted (OK). "
    "Made by make_jose_edges_keys.py.",
)
