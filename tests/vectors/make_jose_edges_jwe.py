"""Writes jose_edges_jwe.json: encrypted tokens at the edge of what is valid, on both sides of it.

What is rare and right must pass (an empty plaintext, every way with every content encryption), what nearly is must not. Needs
`cryptography` and `joserfc`: nothing here comes from coatcheck. Run by hand when a case is added.
"""

import json
import random

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from jose_curves import domain, lift
from jose_tools import ALGORITHM, DECRYPTION, HEADER, INVALID, KEY, LARGE, MALFORMED, Cases, b64, dump, ub
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

cases = Cases()
add = cases.add
pick = random.Random(20261122)
PRIVATE = ("d", "p", "q", "dp", "dq", "qi")


def sealed(header, cek, plaintext=b"edge", iv=bytes(range(12)), encrypted=b""):
    """A JWE by hand, A*GCM."""
    text = b64(dump(header))
    out = AESGCM(cek).encrypt(iv, plaintext, text.encode())
    return ".".join([text, b64(encrypted), b64(iv), b64(out[:-16]), b64(out[-16:])])


KEYS = ["dir", "A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW"]
CONTENT = {"A128GCM": 16, "A192GCM": 24, "A256GCM": 32, "A128CBC-HS256": 32, "A192CBC-HS384": 48, "A256CBC-HS512": 64}
REGISTRY = jwe.JWERegistry(algorithms=[*KEYS, *CONTENT, "RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW"])


def oct_key(size, alg):
    return {"kty": "oct", "k": b64(pick.randbytes(size)), "alg": alg}


def encrypted(header, jwk, plaintext=b"edge"):
    cls = {"oct": OctKey, "RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}[jwk["kty"]]
    bare = {m: v for m, v in jwk.items() if m not in ("alg", "use", "key_ops")}
    return jwe.encrypt_compact(dict(header), plaintext, cls.import_key(bare), registry=REGISTRY)


def jwe_case(name, token, expect, key, **options):
    add(f"jwe: {name}", "jwe", expect, key=key, token=token, options=options)


def content_edges():
    for enc, size in CONTENT.items():
        key = oct_key(size, enc)
        token = encrypted({"alg": "dir", "enc": enc}, key)
        parts = token.split(".")
        iv, tag = ub(parts[2]), ub(parts[4])
        jwe_case(f"control {enc}", token, "OK", key)
        jwe_case(f"control {enc}, empty plaintext", encrypted({"alg": "dir", "enc": enc}, key, b""), "OK", key)
        for name, index, value in (
            ("tag a byte short", 4, tag[:-1]),
            ("tag a byte long", 4, tag + b"\0"),
            ("tag cut to 8 bytes", 4, tag[:8]),
            ("tag all zero", 4, bytes(len(tag))),
            ("tag twice", 4, tag + tag),
            ("iv a byte short", 2, iv[:-1]),
            ("iv a byte long", 2, iv + b"\0"),
            ("iv of 8 bytes", 2, iv[:8]),
            ("iv all zero", 2, bytes(len(iv))),
            ("ciphertext a byte long", 3, ub(parts[3]) + b"\0"),
            ("tag at the end of the ciphertext", 3, ub(parts[3]) + tag),
            ("an encrypted key of zeros", 1, bytes(size)),
        ):
            changed = list(parts)
            changed[index] = b64(value)
            jwe_case(f"{enc}: {name}", ".".join(changed), DECRYPTION, key)
        for name, other in (("exchanged in the header", "A128GCM" if enc != "A128GCM" else "A256GCM"),):
            changed = [b64(dump({"alg": "dir", "enc": other})), *parts[1:]]
            jwe_case(f"{enc}: enc {name}", ".".join(changed), ALGORITHM, key)


def wrapping_edges():
    made = {}
    for alg in KEYS[1:]:
        key = oct_key(int(alg[1:4]) // 8, alg)
        for enc in CONTENT:
            token = encrypted({"alg": alg, "enc": enc}, key)
            jwe_case(f"control {alg} with {enc}", token, "OK", key)
            made[alg, enc] = key, token
    for (alg, enc), (key, token) in made.items():
        if enc not in ("A128GCM", "A256CBC-HS512"):
            continue
        parts = token.split(".")
        for other in KEYS:
            if other == alg:
                continue
            swapped = {**key, "alg": "A128GCM" if other == "dir" else other}
            fits = other == "dir" or int(other[1:4]) == int(alg[1:4])
            if fits and not (other == "dir" and len(ub(key["k"])) != 16):
                jwe_case(f"{alg} with {enc}, the key is for {other}", token, ALGORITHM, swapped)
        header = json.loads(ub(parts[0]))
        for other in ("A128GCM", "A256GCM", "A256CBC-HS512"):
            if CONTENT[other] != CONTENT[enc]:
                changed = b64(dump({**header, "enc": other}))
                jwe_case(f"{alg} with {enc}: enc changed to {other}", ".".join([changed, *parts[1:]]), DECRYPTION, key)
        wrapped = ub(parts[1])
        for name, value in (
            ("cut by 8 bytes", wrapped[:-8]),
            ("with 8 bytes more", wrapped + bytes(8)),
            ("cut by a byte", wrapped[:-1]),
            ("all zero", bytes(len(wrapped))),
            ("of 8 bytes", wrapped[:8]),
        ):
            jwe_case(
                f"{alg} with {enc}: encrypted key {name}", ".".join([parts[0], b64(value), *parts[2:]]), DECRYPTION, key
            )
    for alg, size in (("A128KW", 16), ("A256KW", 32)):
        key = oct_key(size, alg)
        for length in (16, 24, 32, 40):
            cek = pick.randbytes(length)
            head = {"alg": alg, "enc": "A128GCM"}
            token = sealed(head, cek[:16], encrypted=aes_key_wrap(ub(key["k"]), cek))
            name = f"{alg}: a wrapped key of {length} bytes, whose first 16 decrypt"
            jwe_case(("control " if length == 16 else "") + name, token, "OK" if length == 16 else DECRYPTION, key)


def asymmetric_encryption_edges():
    private = RSAKey.import_key(rsa.generate_private_key(65537, 2048)).as_dict(private=True)
    private = {m: private[m] for m in ("kty", "n", "e", *PRIVATE)}
    for alg in ("RSA-OAEP", "RSA-OAEP-256"):
        other = "RSA-OAEP" if alg == "RSA-OAEP-256" else "RSA-OAEP-256"
        key = {**private, "alg": alg}
        parts = encrypted({"alg": alg, "enc": "A128GCM"}, key).split(".")
        token = ".".join(parts)
        jwe_case(f"control {alg}", token, "OK", key)
        jwe_case(
            f"control {alg}, use enc and key_ops",
            token,
            "OK",
            {**key, "use": "enc", "key_ops": ["unwrapKey", "decrypt"]},
        )
        jwe_case(
            f"{alg}: the header says {other}",
            ".".join([b64(dump({"alg": other, "enc": "A128GCM"})), *parts[1:]]),
            ALGORITHM,
            key,
        )
        jwe_case(
            f"{alg}: header and key say {other}",
            ".".join([b64(dump({"alg": other, "enc": "A128GCM"})), *parts[1:]]),
            DECRYPTION,
            {**key, "alg": other},
        )
        jwe_case(f"{alg}: a key that signs", token, ALGORITHM, {**private, "alg": "RS256"})
        jwe_case(f"{alg}: use sig", token, KEY, {**key, "use": "sig"})
        jwe_case(f"{alg}: key_ops verify", token, KEY, {**key, "key_ops": ["verify"]})
        jwe_case(f"{alg}: key_ops wrapKey alone", token, KEY, {**key, "key_ops": ["wrapKey"]})
        jwe_case(f"{alg}: the public key", token, KEY, {m: key[m] for m in ("kty", "n", "e", "alg")})
        for name, value in (
            ("zero", bytes(256)),
            ("one", (1).to_bytes(256, "big")),
            ("of 257 bytes", bytes(1) + ub(parts[1])),
        ):
            jwe_case(f"{alg}: encrypted key {name}", ".".join([parts[0], b64(value), *parts[2:]]), DECRYPTION, key)
        hashed = hashes.SHA1() if alg == "RSA-OAEP" else hashes.SHA256()
        rsa_public = RSAKey.import_key(private).public_key
        for length in (0, 15, 17, 32):
            cek = pick.randbytes(length)
            wrapped = rsa_public.encrypt(cek, padding.OAEP(padding.MGF1(hashed), hashed, None))
            token = sealed({"alg": alg, "enc": "A128GCM"}, (cek + bytes(16))[:16], encrypted=wrapped)
            jwe_case(f"{alg}: a content key of {length} bytes", token, DECRYPTION, key)
        wrapped = rsa_public.encrypt(bytes(16), padding.OAEP(padding.MGF1(hashed), hashed, b"label"))
        jwe_case(
            f"{alg}: with a label",
            sealed({"alg": alg, "enc": "A128GCM"}, bytes(16), encrypted=wrapped),
            DECRYPTION,
            key,
        )


def agreement_edges():
    ways = [(crv, ECKey.generate_key(crv).as_dict(private=True)) for crv in ("P-256", "P-384", "P-521")]
    ways.append(("X25519", OKPKey.generate_key("X25519").as_dict(private=True)))
    kept = ("kty", "crv", "x", "y", "d")
    for crv, made in ways:
        base = {m: made[m] for m in kept if m in made}
        for alg in ("ECDH-ES", "ECDH-ES+A128KW"):
            key = {**base, "alg": alg}
            head = {"alg": alg, "enc": "A128GCM", "apu": b64("Alice"), "apv": b64("Bob")}
            parts = encrypted(head, key).split(".")
            token = ".".join(parts)
            header = json.loads(ub(parts[0]))
            jwe_case(f"control {alg} on {crv} with apu and apv", token, "OK", key)
            for name, change, expect in (
                ("apu and apv exchanged", {"apu": b64("Bob"), "apv": b64("Alice")}, DECRYPTION),
                ("apu left out", {"apu": ...}, DECRYPTION),
                ("apv a number", {"apv": 1}, HEADER),
                ("apv with padding", {"apv": b64("Bob") + "="}, HEADER),
                ("epk an array", {"epk": [header["epk"]]}, HEADER),
                ("epk without x", {"epk": {m: v for m, v in header["epk"].items() if m != "x"}}, HEADER),
                ("epk with x a byte short", {"epk": {**header["epk"], "x": b64(ub(header["epk"]["x"])[1:])}}, HEADER),
                ("epk with padding in x", {"epk": {**header["epk"], "x": header["epk"]["x"] + "="}}, HEADER),
                ("epk of kty RSA", {"epk": {**header["epk"], "kty": "RSA"}}, HEADER),
                ("alg of the other way", {"alg": "ECDH-ES+A128KW" if alg == "ECDH-ES" else "ECDH-ES"}, ALGORITHM),
            ):
                changed = {m: v for m, v in {**header, **change}.items() if v is not ...}
                jwe_case(f"{alg} on {crv}: {name}", ".".join([b64(dump(changed)), *parts[1:]]), expect, key)
            if alg != "ECDH-ES":
                jwe_case(f"{alg} on {crv}: encrypted key empty", ".".join([parts[0], "", *parts[2:]]), DECRYPTION, key)
            jwe_case(f"{alg} on {crv}: use sig", token, KEY, {**key, "use": "sig"})
            jwe_case(
                f"control {alg} on {crv}: key_ops deriveBits",
                token,
                "OK",
                {**key, "key_ops": ["deriveBits"], "use": "enc"},
            )
    p, a, b, _, _ = domain("ES256")
    key = {**{m: ways[0][1][m] for m in kept}, "alg": "ECDH-ES"}
    twist = next(x for x in range(1, 100) if lift(p, a, b, x) is None)
    off = {"kty": "EC", "crv": "P-256", "x": b64(twist.to_bytes(32, "big")), "y": b64((1).to_bytes(32, "big"))}
    jwe_case(
        "ECDH-ES: epk on the twist", sealed({"alg": "ECDH-ES", "enc": "A128GCM", "epk": off}, bytes(16)), HEADER, key
    )
    x_key = {m: ways[3][1][m] for m in kept if m in ways[3][1]} | {"alg": "ECDH-ES"}
    prime = 2**255 - 19
    for name, u in (
        ("0", 0),
        ("1", 1),
        ("p - 1", prime - 1),
        ("p", prime),
        ("p + 1", prime + 1),
        ("2p", 2 * prime),
        ("2p + 1", 2 * prime + 1),
    ):
        epk = {"kty": "OKP", "crv": "X25519", "x": b64(u.to_bytes(32, "little"))}
        jwe_case(
            f"X25519: epk of small order, u = {name}",
            sealed({"alg": "ECDH-ES", "enc": "A128GCM", "epk": epk}, bytes(16)),
            DECRYPTION,
            x_key,
        )
    for name, change in (
        ("x of 31 bytes", {"x": b64(bytes(31))}),
        ("d of 33 bytes", {"d": b64(bytes(33))}),
        ("x of another key", {"x": b64(x25519.X25519PrivateKey.generate().public_key().public_bytes_raw())}),
    ):
        add(f"X25519 key: {name}", "import", INVALID, key={**x_key, **change})


def sizes():
    direct = {"kty": "oct", "k": b64(bytes(range(32))), "alg": "A256GCM"}
    protected = b64(dump({"alg": "dir", "enc": "A256GCM"}))
    form = {"recipients": None, "protected": protected, "iv": "AA", "ciphertext": "AA", "tag": "AA"}
    jwe_case("the JSON form, recipients null", dump(form), MALFORMED, direct)
    add("jwe: a million dots", "jwe", LARGE, key=direct, token_parts=[[".", 1_000_000]], options={})
    add("jwe: header of 15 KiB", "jwe", LARGE, key=direct, token_parts=[["A", 15_000], ["....", 1]], options={})


for part in (content_edges, wrapping_edges, asymmetric_encryption_edges, agreement_edges, sizes):
    part()
cases.write(
    "jose_edges_jwe.json",
    "Encrypted tokens at the edge of what is valid: cases as in jose_hostile.json, some to be accepted (OK). Made by make_jose_edges_jwe.py.",
)
