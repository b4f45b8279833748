"""Writes jose_edges_jws.json: signed tokens and keys at the edge of what is valid, on both sides of it.

What is rare and right must pass (an r of one byte, a modulus of 2,049 bits, an empty payload), what nearly is must not. Needs
`cryptography` and `joserfc`: nothing here comes from coatcheck. Run by hand when a case is added.
"""

import hashlib
import hmac
import json
import random

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jose_curves import CURVES, domain, forge, lift
from jose_tools import (
    ALGORITHM,
    INVALID,
    KEY,
    LARGE,
    PAYLOAD,
    SIGNATURE,
    UNSUITABLE,
    WEAK,
    Cases,
    b64,
    big,
    dump,
    ub,
)
from joserfc.jwk import RSAKey

cases = Cases()
add = cases.add
pick = random.Random(20261121)
NOW = 1_700_000_000_000
PRIVATE = ("d", "p", "q", "dp", "dq", "qi")


def plain(alg, **more):
    return {"alg": alg, **more}


def input_of(header, payload=b"edge"):
    return b64(dump(header)) + "." + b64(payload)


def jws(name, token, expect, key, **fields):
    add(name, "jws", expect, key=key, token=token, **fields)


def ecdsa_edges(alg):
    p, a, b, n, _ = domain(alg)
    group, crv, size, digest, _, _, _ = CURVES[alg]
    text = input_of(plain(alg))

    def case(name, r, s, expect, key, width=size):
        jws(f"{alg}: {name}", f"{text}.{b64(r.to_bytes(width, 'big') + s.to_bytes(width, 'big'))}", expect, key)

    private = ec.generate_private_key(group)
    numbers = private.public_key().public_numbers()
    coordinates = [b64(v.to_bytes(size, "big")) for v in (numbers.x, numbers.y)]
    key = {"kty": "EC", "crv": crv, "x": coordinates[0], "y": coordinates[1], "alg": alg}
    for which in ("r", "s"):
        while True:  # until its first byte, for P-521 its first two, is zero
            r, s = utils.decode_dss_signature(private.sign(text.encode(), ec.ECDSA(digest)))
            if (r if which == "r" else s).bit_length() <= size * 8 - 8 - (8 if alg == "ES512" else 0):
                break
        case(f"control {which} with a leading zero", r, s, "OK", key)
        case(f"{which} with its leading zero cut off, the other padded", r, s, SIGNATURE, key, size + 1)
    case("control the twin with n - s", r, n - s, "OK", key)
    for name, bad_r, bad_s in (
        ("r = s = 0", 0, 0),
        ("r = n", n, s),
        ("s = n", r, n),
        ("s + n", r, s + n),
        ("r = n, s = 0", n, 0),
        ("r = 0, s = n", 0, n),
        ("r = s = 1", 1, 1),
        ("r and s all ones", 2 ** (8 * size) - 1, 2 ** (8 * size) - 1),
    ):
        if max(bad_r, bad_s) < 2 ** (8 * size):
            case(name, bad_r, bad_s, SIGNATURE, key)
    der = utils.encode_dss_signature(r, s)
    jws(f"{alg}: DER", f"{text}.{b64(der)}", SIGNATURE, key)
    jws(f"{alg}: DER padded to the right length", f"{text}.{b64((der + bytes(2 * size))[: 2 * size])}", SIGNATURE, key)
    x = 1
    while lift(p, a, b, x) is None:
        x += 1
    for name, s in (("1", 1), ("n - 1", n - 1), ("127", 127), ("128", 128)):
        case(f"control r = {x}, s = {name}", x, s, "OK", forge(alg, x, x, s, text))
    x = n
    while x < p and (x == n or lift(p, a, b, x) is None):
        x += 1
    if x < p:  # r is reduced modulo n
        case(f"control r = {x - n}, of a point whose x is above n", x - n, 5, "OK", forge(alg, x, x - n, 5, text))
    for name, change in (
        ("x cut off by a byte", {"x": b64(ub(key["x"])[1:])}),
        ("a zero in front of x", {"x": b64(b"\0" + ub(key["x"]))}),
        ("x and y exchanged", {"x": key["y"], "y": key["x"]}),
        ("x as p + x", {"x": b64((numbers.x + p).to_bytes(size + 1, "big"))}),
        ("y of the other sign, less one", {"y": b64((p - numbers.y - 1).to_bytes(size, "big"))}),
        ("padding in x", {"x": key["x"] + "="}),
        ("d = n", {"d": b64(n.to_bytes(size, "big"))}),
        ("d = 0", {"d": b64(bytes(size))}),
        ("d of another key", {"d": b64((12345).to_bytes(size, "big"))}),
        ("d without its zeros", {"d": "AQ"}),
    ):
        add(f"{alg} key: {name}", "import", INVALID, key={**key, **change})
    small = ec.derive_private_key(2, group).public_key().public_numbers()
    two = {"x": b64(small.x.to_bytes(size, "big")), "y": b64(small.y.to_bytes(size, "big"))}
    add(f"{alg} key: control d = 2", "import", "OK", key={**key, **two, "d": b64((2).to_bytes(size, "big"))})


def rsa_jwk(private, **more):
    made = RSAKey.import_key(private).as_dict(private=True)
    return {m: made[m] for m in ("kty", "n", "e", *PRIVATE)} | more


def public_of(jwk):
    return {m: v for m, v in jwk.items() if m not in PRIVATE}


def rsa_edges():
    keys = {bits: rsa.generate_private_key(65537, bits) for bits in (2048, 2049, 2055, 3072)}
    keys["2048, e = 3"] = rsa.generate_private_key(3, 2048)
    for name, private in keys.items():
        for alg, hashed in (("RS256", hashes.SHA256()), ("PS256", hashes.SHA256()), ("PS512", hashes.SHA512())):
            text = input_of(plain(alg))
            pad = padding.PKCS1v15() if alg[0] == "R" else padding.PSS(padding.MGF1(hashed), hashed.digest_size)
            jwk = public_of(rsa_jwk(private, alg=alg))
            made = private.sign(text.encode(), pad, hashed)
            jws(f"control {alg} of {name} bits", f"{text}.{b64(made)}", "OK", jwk)
            jws(f"{alg} of {name} bits: a zero in front", f"{text}.{b64(bytes(1) + made)}", SIGNATURE, jwk)
            jws(f"{alg} of {name} bits: last byte cut off", f"{text}.{b64(made[:-1])}", SIGNATURE, jwk)
    private = keys[2048]
    for alg in ("RS256", "PS256"):
        pad = padding.PKCS1v15() if alg == "RS256" else padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        for i in range(100_000):
            text = input_of(plain(alg), str(i).encode())
            made = private.sign(text.encode(), pad, hashes.SHA256())
            if made[0] == 0:
                break
        jwk = public_of(rsa_jwk(private, alg=alg))
        jws(f"control {alg} with a leading zero", f"{text}.{b64(made)}", "OK", jwk)
        jws(f"{alg} with its leading zero cut off", f"{text}.{b64(made[1:])}", SIGNATURE, jwk)
    n, e = private.public_key().public_numbers().n, 65537
    d = private.private_numbers().d
    text = input_of(plain("RS256"))
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(text.encode()).digest()
    bare = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + info[-32:]  # NULL left out
    for name, block in (
        ("padding of 7 bytes, the rest behind the hash", b"\0\1" + b"\xff" * 7 + b"\0" + info),
        ("block type 2", b"\0\2" + b"\xff" * (253 - len(info)) + b"\0" + info),
        (
            "padding with a byte that is not FF",
            b"\0\1" + b"\xff" * 100 + b"\xfe" + b"\xff" * (152 - len(info)) + b"\0" + info,
        ),
        ("DigestInfo without NULL", b"\0\1" + b"\xff" * (253 - len(bare)) + b"\0" + bare),
        ("no DigestInfo", b"\0\1" + b"\xff" * 221 + b"\0" + info[-32:]),
        ("a byte behind the hash", b"\0\1" + b"\xff" * (252 - len(info)) + b"\0" + info + b"\0"),
    ):
        made = pow(int.from_bytes(block.ljust(256, b"\0"), "big"), d, n)
        jws(
            f"RS256 made with the private key: {name}",
            f"{text}.{b64(made.to_bytes(256, 'big'))}",
            SIGNATURE,
            public_of(rsa_jwk(private, alg="RS256")),
        )
    good = rsa_jwk(private, alg="RS256")
    numbers = private.private_numbers()
    p, q = numbers.p, numbers.q
    exchanged = {"p": big(q), "q": big(p), "dp": good["dq"], "dq": good["dp"], "qi": big(pow(p, -1, q))}
    for name, expect, change in (
        ("control n, e and d alone", "OK", dict.fromkeys(PRIVATE[1:], ...)),
        ("control p and q exchanged, with dp, dq and qi", "OK", exchanged),
        ("p and q exchanged alone", INVALID, {"p": good["q"], "q": good["p"]}),
        ("p = n, q = 1", INVALID, {"p": good["n"], "q": "AQ", "dp": good["d"], "dq": "AA", "qi": "AQ"}),
        ("d = 1", INVALID, {"d": "AQ"}),
        ("d of another exponent", INVALID, {"d": big(d + 2), **dict.fromkeys(PRIVATE[1:], ...)}),
        ("e with a leading zero", INVALID, {"e": "AAEAAQ"}),
        ("e of 64 bits and even", WEAK, {"e": big(2**64 - 2)}),
        ("n of 2,047 bits", WEAK, {"n": big(n >> 1 | 1), **dict.fromkeys(PRIVATE, ...)}),
        ("n of 16,384 bits", UNSUITABLE, {"n": big(2**16383 + 1), **dict.fromkeys(PRIVATE, ...)}),
        ("n in the other alphabet", INVALID, {"n": "+/" + good["n"][2:], **dict.fromkeys(PRIVATE, ...)}),
        ("n with a space", INVALID, {"n": good["n"] + " ", **dict.fromkeys(PRIVATE, ...)}),
        ("kty EC", INVALID, {"kty": "EC"}),
        ("kty oct", INVALID, {"kty": "oct"}),
    ):
        add(f"RSA key: {name}", "import", expect, key={m: v for m, v in {**good, **change}.items() if v is not ...})
    for e in (3, 17, 257, 2**32 + 15):
        add(f"RSA key: control e = {e}", "import", "OK", key={**public_of(good), "e": big(e)})


def eddsa_edges():
    order = 2**446 - 13818066809895115352007386748515426880336692474882178609894547503885
    for crv, private in (
        ("Ed25519", ed25519.Ed25519PrivateKey.generate()),
        ("Ed448", ed448.Ed448PrivateKey.generate()),
    ):
        point = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        key = {"kty": "OKP", "crv": crv, "x": b64(point), "alg": "EdDSA"}
        for alg in ("EdDSA", crv):
            text = input_of(plain(alg))
            made = private.sign(text.encode())
            for named in ("EdDSA", crv):  # the two names mean the same for one curve (RFC 9864)
                jws(
                    f"control {alg} with a key of {crv} named {named}",
                    f"{text}.{b64(made)}",
                    "OK",
                    {**key, "alg": named},
                )
        half = len(made) // 2
        for name, changed in (
            ("R changed", bytes([made[0] ^ 1]) + made[1:]),
            ("S changed", made[:-2] + bytes([made[-2] ^ 1]) + made[-1:]),
            ("sign bit of R", made[: half - 1] + bytes([made[half - 1] ^ 0x80]) + made[half:]),
            ("S = 0", made[:half] + bytes(half)),
            ("a byte more", made + b"\0"),
            ("a byte less", made[:-1]),
            ("twice", made + made),
            ("empty", b""),
        ):
            jws(f"{crv}: {name}", f"{text}.{b64(changed)}", SIGNATURE, key)
        if crv == "Ed448":
            more = (int.from_bytes(made[half:], "little") + order).to_bytes(half, "little")
            jws("Ed448: S + L", f"{text}.{b64(made[:half] + more)}", SIGNATURE, key)
        for name, change in (
            ("x a byte short", {"x": b64(point[:-1])}),
            ("x a byte long", {"x": b64(point + b"\0")}),
            ("x empty", {"x": ""}),
            ("padding in x", {"x": key["x"] + "="}),
            ("d a byte short", {"d": b64(bytes(len(point) - 1))}),
            ("d of another key", {"d": b64(bytes(len(point)))}),
            ("d a number", {"d": 1}),
        ):
            add(f"{crv} key: {name}", "import", INVALID, key={**key, **change})
        other = "Ed448" if crv == "Ed25519" else "Ed25519"
        add(f"{crv} key: named {other}", "import", UNSUITABLE, key={**key, "alg": other})
        add(f"{crv} key: for ECDH-ES", "import", UNSUITABLE, key={**key, "alg": "ECDH-ES"})
    for x in ("0", "1", "minus one"):
        y = {"0": 0, "1": 1, "minus one": 2**448 - 2**224 - 2}[x]
        bad = b64(y.to_bytes(57, "little"))
        add(
            f"Ed448 key: small order, y {x}",
            "import",
            WEAK,
            key={"kty": "OKP", "crv": "Ed448", "x": bad, "alg": "EdDSA"},
        )


def hmac_edges():
    for alg, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
        size = hashlib.new(digest).digest_size
        for length in (size, 64, 65, 128, 129, 255):
            if length < size:
                continue
            secret = pick.randbytes(length)
            key = {"kty": "oct", "k": b64(secret), "alg": alg}
            text = input_of(plain(alg))
            made = hmac.digest(secret, text.encode(), digest)
            name = f"{alg} with a secret of {length} bytes"
            if f"control {name}" not in cases.names:
                jws(f"control {name}", f"{text}.{b64(made)}", "OK", key)
                jws(f"{name}: MAC cut to half", f"{text}.{b64(made[: size // 2])}", SIGNATURE, key)
                jws(f"{name}: MAC twice", f"{text}.{b64(made * 2)}", SIGNATURE, key)
    good = {"kty": "oct", "k": b64(bytes(range(32))), "alg": "HS256"}
    secret, k = bytes(range(32)), good["k"]

    def case(name, header, payload, expect="OK", key=good, **more):
        text = input_of(header, payload)
        jws(name, f"{text}.{b64(hmac.digest(secret, text.encode(), 'sha256'))}", expect, key, **more)

    for name, payload in (
        ("empty", b""),
        ("one byte", b"\0"),
        ("not text", bytes(range(256))),
        ("not JSON", b"hello"),
        ("a JSON string", b'"x"'),
        ("white space", b" \n"),
        ("a PEM", b"-----BEGIN PUBLIC KEY-----"),
        ("JSON with a member twice", b'{"a":1,"a":2}'),
    ):
        case(f"control payload: {name}", plain("HS256"), payload)
        if name not in ("a JSON string",):
            text = input_of(plain("HS256"), payload)
            token = f"{text}.{b64(hmac.digest(secret, text.encode(), 'sha256'))}"
            add(f"payload for claims: {name}", "verify", PAYLOAD, key=good, token=token, now=NOW, options={})
    for name, more in (
        ("typ JWT", {"typ": "JWT"}),
        ("typ jwt", {"typ": "jwt"}),
        ("typ JOSE", {"typ": "JOSE"}),
        ("typ empty", {"typ": ""}),
        ("typ application/at+jwt", {"typ": "application/at+jwt"}),
        ("cty", {"cty": "text/plain"}),
        ("kid that the key has not", {"kid": "any"}),
        ("kid empty", {"kid": ""}),
        ("kid of 256 bytes", {"kid": "k" * 256}),
        ("kid beyond ASCII", {"kid": "schlüssel-✓"}),
        ("unknown members", {"x": {"y": [1, 2, {"z": None}]}, "https://x.example/": True}),
        ("x5t", {"x5t": "AAAA", "x5t#S256": "AAAA"}),
        ("enc, which JWS has not", {"enc": "A256GCM"}),
        ("zip, which JWS has not", {"zip": "DEF"}),
        ("numbers of every form", {"a": -0.5e-3, "b": 1e300, "c": 2**53, "d": -1}),
        ("31 levels", {"x": json.loads("[" * 30 + "]" * 30)}),
    ):
        case(f"control header: {name}", plain("HS256", **more), b"edge")
    for name, header in (
        ("spaces and line ends", '{\r\n "alg" : "HS256"\t}\n'),
        ("escapes in the value", '{"alg":"\\u0048S256"}'),
        ("escapes in the name", '{"\\u0061lg":"HS256"}'),
        ("alg last", '{"typ":"JWT","alg":"HS256"}'),
    ):
        case(f"control header text: {name}", header, b"edge")
    for name, more in (
        ("alg named by the caller alone", {"alg": ...}),
        ("key_ops verify", {"key_ops": ["verify"]}),
        ("key_ops verify and sign", {"key_ops": ["verify", "sign"], "use": "sig"}),
        ("key_ops verify and one that is not known", {"key_ops": ["verify", "frobnicate"]}),
        ("ext", {"ext": True}),
        ("certificate members", {"x5t": "AAAA", "x5c": ["MIIB"], "x5u": "https://x.example/"}),
        ("unknown members", {"exp": 1, "iat": 0, "https://x.example/": {"a": 1}}),
        ("kid", {"kid": "one"}),
    ):
        key = {m: v for m, v in {**good, **more}.items() if v is not ...}
        case(f"control key: {name}", plain("HS256"), b"edge", key=key, **({} if "alg" in key else {"alg": "HS256"}))
    for name, key, expect, more in (
        ("for another alg than the caller's", good, UNSUITABLE, {"alg": "HS384"}),
        ("without alg, and none by the caller", {"kty": "oct", "k": k}, UNSUITABLE, {}),
        ("with a space", {**good, "k": k[:9] + " " + k[9:]}, INVALID, {}),
        ("with a line end", {**good, "k": k + "\n"}, INVALID, {}),
        ("with padding", {**good, "k": k + "="}, INVALID, {}),
        ("in the other alphabet", {**good, "k": "+/" + k[2:]}, INVALID, {}),
        ("with stray bits", {**good, "k": k[:-1] + chr(ord(k[-1]) + 1)}, INVALID, {}),
        ("as null", {**good, "k": None}, INVALID, {}),
        ("with key_ops as null", {**good, "key_ops": None}, INVALID, {}),
        ("with use as null", {**good, "use": None}, INVALID, {}),
        ("with use SIG", {**good, "use": "SIG"}, UNSUITABLE, {}),
        ("with alg as null", {**good, "alg": None}, INVALID, {}),
        ("with use enc and key_ops verify", {**good, "use": "enc", "key_ops": ["verify"]}, INVALID, {}),
    ):
        add(f"oct key: {name}", "import", expect, key=key, **more)


def use_edges():
    private = rsa_jwk(rsa.generate_private_key(65537, 2048))
    signing = {**private, "alg": "RS256"}
    text = input_of(plain("RS256"))
    made = RSAKey.import_key(private).private_key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    token = f"{text}.{b64(made)}"
    jws("control RS256, the private key", token, "OK", signing)
    jws("RS256: use enc", token, KEY, {**public_of(signing), "use": "enc"})
    jws("RS256: private key of use enc", token, KEY, {**signing, "use": "enc"})
    jws("RS256: key_ops encrypt", token, KEY, {**public_of(signing), "key_ops": ["encrypt"]})
    jws("RS256: key_ops sign alone", token, KEY, {**signing, "key_ops": ["sign"]})
    jws("RS256: a key for RSA-OAEP", token, ALGORITHM, {**public_of(private), "alg": "RSA-OAEP"})
    jws("RS256: a key for RS512", token, ALGORITHM, {**public_of(private), "alg": "RS512"})
    jws("RS256: a key for PS256", token, ALGORITHM, {**public_of(private), "alg": "PS256"})


def sizes():
    key = {"kty": "oct", "k": b64(bytes(range(32))), "alg": "HS256"}
    for name, text, count in (("200,000 open brackets", "[", 200_000), ("50,000 nested objects", '{"a":', 50_000)):
        parts = [[b64(dump(plain("HS256"))) + ".", 1], [b64(text * 3), count // 3], [".AA", 1]]
        add(f"payload: {name}", "verify", LARGE, key=key, token_parts=parts, now=NOW, options={})


for curve_alg in CURVES:
    ecdsa_edges(curve_alg)
for part in (rsa_edges, eddsa_edges, hmac_edges, use_edges, sizes):
    part()
cases.write(
    "jose_edges_jws.json",
    "Signed tokens and keys at the edge of what is valid: cases as in jose_hostile.json, some to be accepted (OK). Made by make_jose_edges_jws.py.",
)
