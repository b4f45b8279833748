"""Writes jose_hostile.json: tokens and keys that must be refused, each with its exact error code.

Needs `cryptography` and `joserfc` (signatures and encryptions come from there, never from coatcheck), and
jose_rfc.json beside it for the keys. Run by hand when a case is added; the suites read the JSON alone.
"""

import base64
import hmac
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from jose_tools import (
    ALGORITHM,
    CLAIM,
    CRITICAL,
    DECRYPTION,
    EXPIRED,
    HEADER,
    HERE,
    INACTIVE,
    INVALID,
    KEY,
    LARGE,
    MALFORMED,
    PAYLOAD,
    SET,
    SIGNATURE,
    TYPE,
    UNSUITABLE,
    WEAK,
    Cases,
    b64,
    big,
    dump,
    number,
    ub,
)
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

RFC = json.loads((HERE / "jose_rfc.json").read_text(encoding="utf-8"))
NOW = 1_700_000_000_000
cases = Cases()
add = cases.add


def rfc_key(name):
    return dict(next(v["key"] for v in RFC["signatures"] if v["name"] == name))


SECRET = bytes(range(1, 33))
HMAC = {"kty": "oct", "alg": "HS256", "k": b64(SECRET)}
RSA_PRIVATE = {**rfc_key("RFC 7520 4.1 RS256"), "alg": "RS256"}
RSA_PRIVATE.pop("use", None)
RSA_PUBLIC = {k: RSA_PRIVATE[k] for k in ("kty", "n", "e", "alg")}
EC_PRIVATE = {**rfc_key("RFC 7515 A.3 ES256"), "alg": "ES256"}
EC_PUBLIC = {k: EC_PRIVATE[k] for k in ("kty", "crv", "x", "y", "alg")}
ED_PRIVATE = {**rfc_key("RFC 8037 A.4 Ed25519"), "alg": "EdDSA"}
ED_PUBLIC = {k: ED_PRIVATE[k] for k in ("kty", "crv", "x", "alg")}
GOOD = {"sub": "alice", "exp": 1_800_000_000}

ec_key = ec.derive_private_key(number(EC_PRIVATE["d"]), ec.SECP256R1())
rsa_numbers = rsa.RSAPrivateNumbers(
    *(number(RSA_PRIVATE[k]) for k in ("p", "q", "d", "dp", "dq", "qi")),
    rsa.RSAPublicNumbers(number(RSA_PRIVATE["e"]), number(RSA_PRIVATE["n"])),
)
rsa_key = rsa_numbers.private_key()
ed_key = ed25519.Ed25519PrivateKey.from_private_bytes(ub(ED_PRIVATE["d"]))
P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def mac(signing_input, secret=SECRET, digest="sha256"):
    return hmac.new(secret, signing_input.encode(), digest).digest()


def hs(header, payload, secret=SECRET, digest="sha256"):
    text = b64(dump(header)) + "." + b64(dump(payload))
    return text + "." + b64(mac(text, secret, digest))


def rs(header, payload, algorithm=hashes.SHA256):
    text = b64(dump(header)) + "." + b64(dump(payload))
    return text + "." + b64(rsa_key.sign(text.encode(), padding.PKCS1v15(), algorithm()))


def es_raw(signing_input, key=ec_key):
    r, s = utils.decode_dss_signature(key.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256())))
    return r, s


def es(header, payload, key=ec_key):
    text = b64(dump(header)) + "." + b64(dump(payload))
    r, s = es_raw(text, key)
    return text + "." + b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def verify(name, token, expect, key=HMAC, **options):
    add(name, "verify", expect, key=key, token=token, now=NOW, options=options)


H = {"alg": "HS256"}
good = hs(H, GOOD)
head, body, sig = good.split(".")


def controls():
    verify("control HS256", good, "OK")
    verify("control RS256", rs({"alg": "RS256"}, GOOD), "OK", RSA_PUBLIC)
    verify("control ES256", es({"alg": "ES256"}, GOOD), "OK", EC_PUBLIC)
    verify("control NUL inside a string", hs(H, '{"sub":"a\\u0000b"}'), "OK")
    verify("control __proto__ claim", hs(H, '{"__proto__":{"admin":true}}'), "OK")
    verify("control fractional exp", hs(H, '{"exp":1800000000.5}'), "OK")
    verify("control empty object", hs(H, "{}"), "OK")
    verify("control ignored header members", hs({"alg": "HS256", "x": [1, {"y": None}]}, GOOD), "OK")


def algorithms():
    for name in ("none", "None", "NONE", "nOnE"):
        text = b64(dump({"alg": name})) + "." + body
        verify(f"alg {name} without signature", text + ".", ALGORITHM)
        verify(f"alg {name} with signature", text + "." + b64(mac(text)), ALGORITHM)
    for name in ("hs256", "HS256 ", " HS256", "HS256\0", "", "HS257", "dir", "A128KW", "RSA1_5"):
        verify(f"alg {name!r}", hs({"alg": name}, GOOD), ALGORITHM)
    for name, value in (
        ("array", ["HS256"]),
        ("null", None),
        ("number", 256),
        ("object", {"HS256": 1}),
        ("true", True),
    ):
        verify(f"alg is {name}", hs({"alg": value}, GOOD), HEADER)
    verify("alg missing", hs({"typ": "JWT"}, GOOD), HEADER)
    verify("HS384 with a key for HS256", hs({"alg": "HS384"}, GOOD, digest="sha384"), ALGORITHM)
    verify("HS512 with a key for HS256", hs({"alg": "HS512"}, GOOD, digest="sha512"), ALGORITHM)
    verify("RS256 with a key for HS256", rs({"alg": "RS256"}, GOOD), ALGORITHM)
    verify("RS384 with a key for RS256", rs({"alg": "RS384"}, GOOD, hashes.SHA384), ALGORITHM, RSA_PUBLIC)
    text = b64(dump({"alg": "PS256"})) + "." + body
    pss = rsa_key.sign(text.encode(), padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    verify("PS256 with a key for RS256", text + "." + b64(pss), ALGORITHM, RSA_PUBLIC)
    ps_key = {**RSA_PUBLIC, "alg": "PS256"}
    verify("control PS256", text + "." + b64(pss), "OK", ps_key)
    for salt in (0, 20, 31, 33):
        odd = rsa_key.sign(text.encode(), padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256())
        verify(f"PS256 with a salt of {salt} bytes", text + "." + b64(odd), SIGNATURE, ps_key)
    odd = rsa_key.sign(text.encode(), padding.PSS(padding.MGF1(hashes.SHA1()), 32), hashes.SHA256())
    verify("PS256 with MGF1 over SHA-1", text + "." + b64(odd), SIGNATURE, ps_key)


def public_key_forms():
    public = rsa_key.public_key()
    enc, form = serialization.Encoding, serialization.PublicFormat
    pem = public.public_bytes(enc.PEM, form.SubjectPublicKeyInfo).decode()
    der = public.public_bytes(enc.DER, form.SubjectPublicKeyInfo)
    pkcs1 = public.public_bytes(enc.PEM, form.PKCS1).decode()
    private = rsa_key.private_bytes(enc.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    ec_public = ec_key.public_key()
    yield "PEM", pem.encode()
    yield "PEM without its last newline", pem.strip().encode()
    yield "PEM after a newline", b"\n" + pem.encode()
    yield "PEM after a zero-width space", "\u200b".encode() + pem.encode()
    yield "PEM after a comment", b"# key\n" + pem.encode()
    yield "PEM after a PGP line", b"-----BEGIN PGP SIGNED MESSAGE-----\n\n" + pem.encode()
    yield "PEM on one line", pem.replace("\n", "").encode()
    yield "PKCS #1 PEM", pkcs1.encode()
    yield "private PEM", private.encode()
    yield "EC PEM", ec_public.public_bytes(enc.PEM, form.SubjectPublicKeyInfo)
    yield "DER", der
    yield "PKCS #1 DER", public.public_bytes(enc.DER, form.PKCS1)
    yield "EC DER", ec_public.public_bytes(enc.DER, form.SubjectPublicKeyInfo)
    yield "Ed25519 DER", ed_key.public_key().public_bytes(enc.DER, form.SubjectPublicKeyInfo)
    yield "base64 of DER", base64.b64encode(der)
    yield "base64url of DER", b64(der).encode()
    yield "base64 body of PEM with its newlines", "\n".join(pem.strip().split("\n")[1:-1]).encode()
    yield "OpenSSH RSA", public.public_bytes(enc.OpenSSH, form.OpenSSH)
    yield "OpenSSH EC", ec_public.public_bytes(enc.OpenSSH, form.OpenSSH)
    yield "OpenSSH Ed25519", ed_key.public_key().public_bytes(enc.OpenSSH, form.OpenSSH)
    yield "JWK as JSON", dump(RSA_PUBLIC).encode()
    yield "JWK as JSON with spaces", json.dumps(RSA_PUBLIC, indent=2).encode()
    yield "JWK Set as JSON", dump({"keys": [EC_PUBLIC]}).encode()
    yield "JWK as JSON with an escaped name", dump(RSA_PUBLIC).replace("kty", "\\u006bty").encode()
    yield "JWK as JSON in UTF-16", dump(RSA_PUBLIC).encode("utf-16")


def confusion():
    for name, form in public_key_forms():
        add(f"secret is {name}", "import", UNSUITABLE, secret=b64(form), alg="HS256")
        if name in ("PEM", "PKCS #1 PEM", "DER", "OpenSSH RSA", "JWK as JSON"):
            verify(f"HS256 by the {name} of the RSA key", hs(H, GOOD, form), ALGORITHM, RSA_PUBLIC)
    pem = next(form for name, form in public_key_forms() if name == "PEM")
    add("JWK oct whose k is a PEM", "import", UNSUITABLE, key={"kty": "oct", "alg": "HS256", "k": b64(pem)})
    attacker = ec.derive_private_key(7, ec.SECP256R1())
    numbers = attacker.public_key().public_numbers()
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": b64(numbers.x.to_bytes(32, "big")),
        "y": b64(numbers.y.to_bytes(32, "big")),
    }
    for name, extra in (
        ("jwk", {"jwk": jwk}),
        ("jku", {"jku": "https://attacker.example/jwks"}),
        ("x5u", {"x5u": "http://127.0.0.1:1/cert"}),
        ("x5c", {"x5c": ["MIIB"]}),
    ):
        verify(f"embedded {name} of an attacker", es({"alg": "ES256", **extra}, GOOD, attacker), SIGNATURE, EC_PUBLIC)


def critical():
    for name, crit, extra in (
        ("unknown extension", ["exp2"], {"exp2": 1}),
        ("empty list", [], {}),
        ("string", "b64", {"b64": True}),
        ("object", {"b64": 1}, {"b64": True}),
        ("null", None, {}),
        ("absent parameter", ["nope"], {}),
        ("registered alg", ["alg"], {}),
        ("registered kid", ["kid"], {"kid": "1"}),
        ("a number in the list", [1], {}),
        ("b64 false in a JWT", ["b64"], {"b64": False}),
        ("b64 true in a JWT", ["b64"], {"b64": True}),
    ):
        verify(f"crit: {name}", hs({"alg": "HS256", "crit": crit, **extra}, GOOD), CRITICAL)
    verify("b64 false without crit", hs({"alg": "HS256", "b64": False}, GOOD), CRITICAL)
    verify("b64 is a string", hs({"alg": "HS256", "b64": "false"}, GOOD), HEADER)
    huge = [[b64(dump({"alg": "HS256", "b64": False, "crit": ["b64"]})) + ".", 1], ["A", 52_428_800], [".AA", 1]]
    add("b64 false with 50 MiB in the middle", "verify", LARGE, key=HMAC, token_parts=huge, now=NOW, options={})


def form():
    for name, token in (
        ("empty", ""),
        ("one part", head),
        ("two parts", head + "." + body),
        ("trailing dot", good + "."),
        ("four parts", good + ".AA"),
        ("five parts", good + ".AA.AA"),
        ("leading space", " " + good),
        ("leading dot", "." + good),
        ("JSON serialisation", dump({"payload": body, "protected": head, "signature": sig})),
        ("header with padding", head + "=." + body + "." + sig),
        ("header not base64url", "{}." + body + "." + sig),
    ):
        verify(f"form: {name}", token, MALFORMED)
    verify("form: two dots", "..", HEADER)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = sig[:-1] + alphabet[alphabet.index(sig[-1]) ^ 1]
    assert ub(twin) == ub(sig)
    for name, changed in (
        ("non-canonical last character", twin),
        ("padding", sig + "="),
        ("newline at the end", sig + "\n"),
        ("newline inside", sig[:9] + "\n" + sig[9:]),
        ("space inside", sig[:9] + " " + sig[9:]),
        ("?", sig[:9] + "?" + sig[10:]),
        ("+ of the other alphabet", "+" + sig[1:]),
        ("/ of the other alphabet", "/" + sig[1:]),
        ("NUL", sig[:9] + "\0" + sig[10:]),
        ("non-ASCII", sig[:9] + "\u00e9" + sig[10:]),
        ("impossible length", sig + "AA"),
    ):
        verify(f"signature: {name}", f"{head}.{body}.{changed}", MALFORMED)
    verify("signature: empty", f"{head}.{body}.", SIGNATURE)
    verify("signature: truncated", f"{head}.{body}.{b64(ub(sig)[:16])}", SIGNATURE)
    verify("signature: one byte too long", f"{head}.{body}.{b64(ub(sig) + b'x')}", SIGNATURE)
    verify("signature: first bit flipped", f"{head}.{body}.{b64(bytes([ub(sig)[0] ^ 128]) + ub(sig)[1:])}", SIGNATURE)
    verify("signature: last bit flipped", f"{head}.{body}.{b64(ub(sig)[:-1] + bytes([ub(sig)[-1] ^ 1]))}", SIGNATURE)
    verify("payload changed", f"{head}.{b64(dump({**GOOD, 'sub': 'mallory'}))}.{sig}", SIGNATURE)
    for name, changed in (
        ("padding", b64('{"a":1}x'[:7]) + "=="),
        ("non-canonical", b64('{"a":1}')[:-1] + "R"),
        ("space", " " + body),
        ("standard alphabet", b64('{"a":"\u00bf\u00ff~~"}').replace("_", "/").replace("-", "+") + "+/"),
    ):
        text = head + "." + changed
        verify(f"signed payload: {name}", text + "." + b64(mac(text)), MALFORMED)
    for name, parts, code in (
        ("a million dots", [[".", 1_000_000]], LARGE),
        ("8,000 dots", [[".", 8000]], MALFORMED),
        ("64 KiB of A", [["A", 65_536]], LARGE),
        ("8,000 of A", [["A", 8000]], MALFORMED),
        ("64 KiB of NUL", [["\0", 65_536]], LARGE),
        ("2 MiB header", [["A", 2_097_152], ["." + body + "." + sig, 1]], LARGE),
        ("64 KiB signature", [[head + "." + body + ".", 1], ["A", 65_536]], LARGE),
        ("7 KiB signature", [[head + "." + body + ".", 1], ["A", 7_168]], SIGNATURE),
    ):
        add(f"size: {name}", "verify", code, key=HMAC, token_parts=parts, now=NOW, options={})
    add(
        "size: 7 KiB ES256 signature",
        "verify",
        SIGNATURE,
        key=EC_PUBLIC,
        now=NOW,
        options={},
        token_parts=[[b64(dump({"alg": "ES256"})) + "." + body + ".", 1], ["A", 7_168]],
    )


def headers():
    for name, text in (
        ("array", "[]"),
        ("string", '"HS256"'),
        ("empty", ""),
        ("not JSON", "hello"),
        ("trailing text", '{"alg":"HS256"}x'),
        ("two objects", '{"alg":"HS256"}{"alg":"HS256"}'),
        ("byte order mark", '\ufeff{"alg":"HS256"}'),
        ("UTF-16", '{"alg":"HS256"}'.encode("utf-16-le")),
        ("invalid UTF-8", b'{"alg":"HS256","x":"\xff"}'),
        ("overlong UTF-8", b'{"alg":"HS256","x":"\xc0\x80"}'),
        ("raw surrogate", b'{"alg":"HS256","x":"\xed\xa0\x80"}'),
        ("lone high surrogate", '{"alg":"HS256","x":"\\ud800"}'),
        ("lone low surrogate", '{"alg":"HS256","x":"\\udc00"}'),
        ("control character in a string", '{"alg":"HS256","x":"\n"}'),
        ("NUL at the end", '{"alg":"HS256"}\0'),
        ("NaN", '{"alg":"HS256","x":NaN}'),
        ("1e400", '{"alg":"HS256","x":1e400}'),
        ("single quotes", "{'alg':'HS256'}"),
        ("trailing comma", '{"alg":"HS256",}'),
        ("comment", '{"alg":"HS256"/*x*/}'),
        ("leading zero", '{"alg":"HS256","x":01}'),
        ("alg twice, none first", '{"alg":"none","alg":"HS256"}'),
        ("alg twice, the same", '{"alg":"HS256","alg":"HS256"}'),
        ("alg twice, once escaped", '{"alg":"HS256","\\u0061lg":"HS256"}'),
        ("kid twice", '{"alg":"HS256","kid":"a","kid":"b"}'),
        ("member twice further in", '{"alg":"HS256","x":{"y":1,"y":2}}'),
        ("kid is a number", '{"alg":"HS256","kid":1}'),
        ("kid is null", '{"alg":"HS256","kid":null}'),
        ("kid is an array", '{"alg":"HS256","kid":["a"]}'),
        ("typ is a number", '{"alg":"HS256","typ":1}'),
        ("cty is an object", '{"alg":"HS256","cty":{}}'),
        ("kid of 300 bytes", dump({"alg": "HS256", "kid": "k" * 300})),
        ("kid with a newline", '{"alg":"HS256","kid":"a\\nb"}'),
        ("kid with NUL", '{"alg":"HS256","kid":"a\\u0000"}'),
        ("40 levels deep", '{"alg":"HS256","x":' + "[" * 40 + "]" * 40 + "}"),
        ("not closed", '{"alg":"HS256"'),
        ("2,000 levels deep", '{"alg":"HS256","x":' + "[" * 2000),
    ):
        verify(f"header: {name}", hs(text, GOOD), HEADER)
    keys = {
        "keys": [{**HMAC, "kid": "one"}, {"kty": "oct", "alg": "HS256", "kid": "two", "k": b64(bytes(range(32, 64)))}]
    }
    for kid in ("three", "../../etc/passwd", "' OR '1'='1", "__proto__", "constructor", "One", "one ", "k" * 256):
        add(
            f"kid {kid[:20]!r}",
            "verify",
            KEY,
            set=keys,
            token=hs({"alg": "HS256", "kid": kid}, GOOD),
            now=NOW,
            options={},
        )
    add(
        "kid of the other key",
        "verify",
        SIGNATURE,
        set=keys,
        token=hs({"alg": "HS256", "kid": "two"}, GOOD),
        now=NOW,
        options={},
    )
    add("control kid", "verify", "OK", set=keys, token=hs({"alg": "HS256", "kid": "one"}, GOOD), now=NOW, options={})
    for typ, wanted, code in (
        ("JWT", "at+jwt", TYPE),
        (None, "at+jwt", TYPE),
        ("application/jwt", "at+jwt", TYPE),
        ("at+jwt ", "at+jwt", TYPE),
        ("text/at+jwt", "at+jwt", TYPE),
        ("AT+JWT", "at+jwt", "OK"),
        ("application/at+jwt", "at+jwt", "OK"),
    ):
        header = {"alg": "HS256", **({"typ": typ} if typ else {})}
        verify(f"typ {typ!r} where {wanted} is expected", hs(header, GOOD), code, types=[wanted])


def claims():
    for name, value in (
        ('"1"', '"1"'),
        ('"1800000000"', '"1800000000"'),
        ("null", "null"),
        ("true", "true"),
        ("an array", "[1800000000]"),
        ("an object", "{}"),
        ("-1", "-1"),
        ("2^53", "9007199254740992"),
        ("2^63", "9223372036854775808"),
        ("1e300", "1e300"),
    ):
        for claim in ("exp", "nbf", "iat"):
            verify(f"{claim} is {name}", hs(H, f'{{"{claim}":{value}}}'), CLAIM)
    for value in ("1e400", "-1e400", "NaN", "Infinity", "1.", "0x10", "+1", ".5"):
        verify(f"exp is {value}", hs(H, f'{{"exp":{value}}}'), PAYLOAD)
    verify("exp in the past", hs(H, {"exp": 1_699_999_999}), EXPIRED)
    verify("exp is now", hs(H, {"exp": 1_700_000_000}), EXPIRED)
    verify("exp in the past, fractional", hs(H, '{"exp":1699999999.9}'), EXPIRED)
    verify("exp is 0", hs(H, {"exp": 0}), EXPIRED)
    verify("exp in the past beyond the leeway", hs(H, {"exp": 1_699_999_990}), EXPIRED, leeway=10_000)
    verify("control exp within the leeway", hs(H, {"exp": 1_699_999_991}), "OK", leeway=10_000)
    verify("nbf in the future", hs(H, {"nbf": 1_700_000_001}), INACTIVE)
    verify("nbf in the future beyond the leeway", hs(H, {"nbf": 1_700_000_011}), INACTIVE, leeway=10_000)
    verify("iat in the future", hs(H, {"iat": 1_700_000_001}), INACTIVE)
    verify("older than max_age", hs(H, {"iat": 1_699_999_900}), EXPIRED, max_age=60_000)
    verify("max_age without iat", hs(H, GOOD), CLAIM, max_age=60_000)
    for name, text in (
        ("array", "[1]"),
        ("string", '"alice"'),
        ("null", "null"),
        ("number", "7"),
        ("true", "true"),
        ("empty", ""),
        ("white space", "  "),
        ("invalid UTF-8", b'{"sub":"\xff"}'),
        ("lone surrogate", '{"sub":"\\udfff"}'),
        ("lone surrogate in a name", '{"\\ud800":1}'),
        ("byte order mark", '\ufeff{"sub":"a"}'),
        ("UTF-16", '{"sub":"a"}'.encode("utf-16")),
        ("UTF-32", '{"sub":"a"}'.encode("utf-32-le")),
        ("trailing text", '{"sub":"a"}x'),
        ("two objects", '{"sub":"a"}{"sub":"b"}'),
        ("NUL at the end", '{"sub":"a"}\0'),
        ("not closed", '{"sub":"a"'),
        ("sub twice", '{"sub":"a","sub":"b"}'),
        ("exp twice", '{"exp":1,"exp":1800000000}'),
        ("exp twice, once escaped", '{"exp":1800000000,"e\\u0078p":1}'),
        ("member twice further in", '{"a":{"b":1,"b":1}}'),
        ("member twice among 40", "{" + ",".join(f'"m{i}":1' for i in range(40)) + ',"m7":2}'),
        ("33 levels", '{"a":' + "[" * 32 + "]" * 32 + "}"),
        ("3,000 levels", '{"a":' + "[" * 3000),
        ("single quotes", "{'a':1}"),
        ("comment", '{"a":1}//'),
    ):
        verify(f"payload: {name}", hs(H, text), PAYLOAD)
    verify("control 32 levels", hs(H, '{"a":' + "[" * 31 + "]" * 31 + "}"), "OK")
    for name, value in (
        ("array", ["https://a.example"]),
        ("prefix", "https://a.example.evil"),
        ("part", "https://a"),
        ("other case", "HTTPS://A.example"),
        ("number", 7),
        ("null", None),
        ("with a space", "https://a.example "),
    ):
        verify(f"iss: {name}", hs(H, {"iss": value}), CLAIM, issuers=["https://a.example"])
    verify("iss: missing", hs(H, GOOD), CLAIM, issuers=["https://a.example"])
    for name, value in (
        ("part", "ap"),
        ("longer", "api2"),
        ("empty list", []),
        ("list of null", [None]),
        ("object", {"api": 1}),
        ("number", 7),
        ("null", None),
        ("list of others", ["x", "y"]),
        ("ours and a number", ["api", 7]),
        ("a number and ours", [7, "api"]),
        ("list in a list", [["api"]]),
    ):
        verify(f"aud: {name}", hs(H, {"aud": value}), CLAIM, audiences=["api"])
    verify("aud: missing", hs(H, GOOD), CLAIM, audiences=["api"])
    verify("aud: there, and none expected", hs(H, {"aud": "api"}), CLAIM, audience="refuse_present")
    verify("control aud in a list", hs(H, {"aud": ["x", "api"]}), "OK", audiences=["api"])
    verify("sub: another", hs(H, GOOD), CLAIM, subject="bob")
    verify("sub: with NUL after it", hs(H, '{"sub":"alice\\u0000x"}'), CLAIM, subject="alice")
    verify("sub: number", hs(H, {"sub": 7}), CLAIM)
    verify("jti: another", hs(H, {"jti": "a"}), CLAIM, id="b")
    verify("jti: array", hs(H, {"jti": ["a"]}), CLAIM)
    verify("required claim missing", hs(H, GOOD), CLAIM, required=["tenant"])
    verify("required claim only further in", hs(H, {"a": {"tenant": 1}}), CLAIM, required=["tenant"])
    verify("claim that must be equal differs", hs(H, {"azp": "x"}), CLAIM, equal=[["azp", "y"]])


def asymmetric():
    text = b64(dump({"alg": "ES256"})) + "." + body
    r, s = es_raw(text)

    def raw(a, b, width=32):
        return text + "." + b64(a.to_bytes(width, "big") + b.to_bytes(width, "big"))

    for name, a, b in (
        ("r = s = 0", 0, 0),
        ("r = 0", 0, s),
        ("s = 0", r, 0),
        ("r = n", P256_N, s),
        ("s = n", r, P256_N),
        ("r = s = 1", 1, 1),
        ("r = n - 1, s = 1", P256_N - 1, 1),
        ("r = s = n", P256_N, P256_N),
        ("r and s exchanged", s, r),
        ("all ones", 2**256 - 1, 2**256 - 1),
    ):
        verify(f"ES256: {name}", raw(a, b), SIGNATURE, EC_PUBLIC)
    verify("ES256: r + n", raw(r + P256_N, s, 33), SIGNATURE, EC_PUBLIC)
    verify("ES256: DER", text + "." + b64(utils.encode_dss_signature(r, s)), SIGNATURE, EC_PUBLIC)
    fixed = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    for name, changed in (
        ("65 bytes", fixed + b"\0"),
        ("63 bytes", fixed[:-1]),
        ("zero in front", b"\0" + fixed),
        ("96 bytes", fixed + fixed[:32]),
        ("empty", b""),
    ):
        verify(f"ES256: {name}", text + "." + b64(changed), SIGNATURE, EC_PUBLIC)
    verify(
        "ES256: another key",
        es({"alg": "ES256"}, GOOD, ec.derive_private_key(99, ec.SECP256R1())),
        SIGNATURE,
        EC_PUBLIC,
    )
    verify(
        "ES384 with a key for ES256",
        text.replace(text.split(".")[0], b64(dump({"alg": "ES384"}))) + "." + b64(fixed),
        ALGORITHM,
        EC_PUBLIC,
    )
    rtext = b64(dump({"alg": "RS256"})) + "." + body
    rsig = rsa_key.sign(rtext.encode(), padding.PKCS1v15(), hashes.SHA256())
    wrong = rsa_key.sign(rtext.encode(), padding.PKCS1v15(), hashes.SHA384())
    n = number(RSA_PUBLIC["n"])
    for name, changed in (
        ("255 bytes", rsig[1:]),
        ("zero in front", b"\0" + rsig),
        ("all zero", bytes(256)),
        ("another hash", wrong),
        ("one", (1).to_bytes(256, "big")),
        ("n - 1", (n - 1).to_bytes(256, "big")),
        ("signature + n", (int.from_bytes(rsig, "big") + n).to_bytes(257, "big")),
    ):
        verify(f"RS256: {name}", rtext + "." + b64(changed), SIGNATURE, RSA_PUBLIC)
    etext = b64(dump({"alg": "EdDSA"})) + "." + body
    esig = ed_key.sign(etext.encode())
    order = 2**252 + 27742317777372353535851937790883648493
    malleable = esig[:32] + (int.from_bytes(esig[32:], "little") + order).to_bytes(32, "little")
    verify("control EdDSA", etext + "." + b64(esig), "OK", ED_PUBLIC)
    for name, changed in (
        ("S + L", malleable),
        ("63 bytes", esig[:-1]),
        ("65 bytes", esig + b"\0"),
        ("all zero", bytes(64)),
        ("halves exchanged", esig[32:] + esig[:32]),
    ):
        verify(f"EdDSA: {name}", etext + "." + b64(changed), SIGNATURE, ED_PUBLIC)
    text448 = b64(dump({"alg": "Ed448"})) + "." + body
    verify("Ed448 with a key on Ed25519", text448 + "." + b64(ed_key.sign(text448.encode())), ALGORITHM, ED_PUBLIC)


def imports():
    small = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    primorial, generator = 1, 65537
    for p in [p for p in range(2, 168) if all(p % q for q in range(2, p))]:
        primorial *= p
    roca = (1 << 2047) // primorial * primorial + primorial + pow(generator, 12345, primorial)
    roca += 0 if roca % 2 else primorial
    x, y = ub(EC_PUBLIC["x"]), ub(EC_PUBLIC["y"])
    other = ec.derive_private_key(5, ec.SECP256R1()).public_key().public_numbers()

    def k(name, expect, base, **change):
        jwk = {**base, **change}
        add(f"key: {name}", "import", expect, key={m: v for m, v in jwk.items() if v is not ...})

    k("RSA of 1,024 bits", WEAK, RSA_PUBLIC, n=big(small.n))
    k("RSA with e = 1", WEAK, RSA_PUBLIC, e="AQ")
    k("RSA with e = 0", INVALID, RSA_PUBLIC, e="AA")
    k("RSA with an even e", WEAK, RSA_PUBLIC, e=big(65538))
    k("RSA with e of 65 bits", WEAK, RSA_PUBLIC, e=big(2**64 + 1))
    k("RSA with an even n", INVALID, RSA_PUBLIC, n=big(number(RSA_PUBLIC["n"]) + 1))
    k("RSA with the ROCA fingerprint", WEAK, RSA_PUBLIC, n=big(roca))
    k("RSA with a zero in front of n", INVALID, RSA_PUBLIC, n=b64(b"\0" + ub(RSA_PUBLIC["n"])))
    k("RSA with padding", INVALID, RSA_PUBLIC, e="AQAB=")
    k("RSA without n", INVALID, RSA_PUBLIC, n=...)
    k("RSA without e", INVALID, RSA_PUBLIC, e=...)
    k("RSA with e as a number", INVALID, RSA_PUBLIC, e=65537)
    k("RSA without alg", UNSUITABLE, RSA_PUBLIC, alg=...)
    k("RSA with alg HS256", UNSUITABLE, RSA_PUBLIC, alg="HS256")
    k("RSA with alg ES256", UNSUITABLE, RSA_PUBLIC, alg="ES256")
    k("RSA with alg none", UNSUITABLE, RSA_PUBLIC, alg="none")
    k("RSA with alg RSA1_5", UNSUITABLE, RSA_PUBLIC, alg="RSA1_5")
    k("RSA with alg as a list", INVALID, RSA_PUBLIC, alg=["RS256"])
    k("RSA private, d of another", INVALID, RSA_PRIVATE, d=big(number(RSA_PRIVATE["d"]) + 2))
    k("RSA private, p of another", INVALID, RSA_PRIVATE, p=big(number(RSA_PRIVATE["p"]) + 2))
    k("RSA private, dp changed", INVALID, RSA_PRIVATE, dp=big(number(RSA_PRIVATE["dp"]) + 2))
    k("RSA private, qi changed", INVALID, RSA_PRIVATE, qi=big(number(RSA_PRIVATE["qi"]) - 1))
    k("RSA private without qi", INVALID, RSA_PRIVATE, qi=...)
    k("RSA private without d", INVALID, RSA_PRIVATE, d=...)
    k("RSA with more primes", UNSUITABLE, RSA_PRIVATE, oth=[{"r": "AQ", "d": "AQ", "t": "AQ"}])
    k("oct without k", INVALID, HMAC, k=...)
    k("oct with an empty k", WEAK, HMAC, k="")
    k("oct with 8 bytes", WEAK, HMAC, k=b64(b"12345678"))
    k("oct with 31 bytes", WEAK, HMAC, k=b64(SECRET[:31]))
    k("oct with 32 bytes for HS512", WEAK, HMAC, alg="HS512")
    k("oct with padding", INVALID, HMAC, k=HMAC["k"] + "=")
    k("oct with k as a number", INVALID, HMAC, k=7)
    k("oct with alg RS256", UNSUITABLE, HMAC, alg="RS256")
    k("oct of 32 bytes for A128KW", UNSUITABLE, HMAC, alg="A128KW")
    k("oct of 32 bytes for A128GCM", UNSUITABLE, HMAC, alg="A128GCM")
    k("EC off its curve", INVALID, EC_PUBLIC, y=b64(y[:-1] + bytes([y[-1] ^ 1])))
    k("EC at 0, 0", INVALID, EC_PUBLIC, x=b64(bytes(32)), y=b64(bytes(32)))
    k("EC with x of 31 bytes", INVALID, EC_PUBLIC, x=b64(x[1:]))
    k("EC with x of 33 bytes", INVALID, EC_PUBLIC, x=b64(b"\0" + x))
    k("EC with x above the prime", INVALID, EC_PUBLIC, x=b64(b"\xff" * 32))
    k("EC without y", INVALID, EC_PUBLIC, y=...)
    k("EC without crv", INVALID, EC_PUBLIC, crv=...)
    k("EC on P-224", UNSUITABLE, EC_PUBLIC, crv="P-224")
    k("EC with crv Ed25519", UNSUITABLE, EC_PUBLIC, crv="Ed25519")
    k("EC with crv secp256k1", INVALID, EC_PUBLIC, crv="secp256k1", alg="ES256K")
    k("EC on P-256 for ES384", UNSUITABLE, EC_PUBLIC, alg="ES384")
    k("EC on P-256 for ES256K", UNSUITABLE, EC_PUBLIC, alg="ES256K")
    k(
        "EC private of another point",
        INVALID,
        EC_PRIVATE,
        x=b64(other.x.to_bytes(32, "big")),
        y=b64(other.y.to_bytes(32, "big")),
    )
    k("EC private with d = 0", INVALID, EC_PRIVATE, d=b64(bytes(32)))
    k("EC private with d = n", INVALID, EC_PRIVATE, d=b64(P256_N.to_bytes(32, "big")))
    k("EC private with d of 31 bytes", INVALID, EC_PRIVATE, d=b64(b"\1" * 31))
    k("Ed25519 of 31 bytes", INVALID, ED_PUBLIC, x=b64(ub(ED_PUBLIC["x"])[:31]))
    k(
        "Ed25519 private of another",
        INVALID,
        ED_PRIVATE,
        x=b64(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()),
    )
    for name, point in (
        ("0", bytes(32)),
        ("1", b"\1" + bytes(31)),
        ("p - 1", b"\xec" + b"\xff" * 30 + b"\x7f"),
        ("1 with the sign bit", b"\1" + bytes(30) + b"\x80"),
        ("of order 8", bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")),
    ):
        k(f"Ed25519 small order, y {name}", WEAK, ED_PUBLIC, x=b64(point))
    k("OKP on an unknown curve", UNSUITABLE, ED_PUBLIC, crv="X448")
    k("OKP X25519 for EdDSA", UNSUITABLE, ED_PUBLIC, crv="X25519")
    k("no kty", INVALID, HMAC, kty=...)
    k("kty as a number", INVALID, HMAC, kty=1)
    k("kty unknown", UNSUITABLE, HMAC, kty="AKP")
    k("kty in lower case", UNSUITABLE, RSA_PUBLIC, kty="rsa")
    k("use unknown", UNSUITABLE, HMAC, use="both")
    k("use as a list", INVALID, HMAC, use=["sig"])
    k("key_ops as a string", INVALID, HMAC, key_ops="sign, verify")
    k("key_ops twice the same", INVALID, HMAC, key_ops=["verify", "verify"])
    k("key_ops with a number", INVALID, HMAC, key_ops=[1])
    k("key_ops that contradict use", INVALID, HMAC, use="sig", key_ops=["encrypt"])
    k("kid as a number", INVALID, HMAC, kid=1)
    k("kid of 257 bytes", INVALID, HMAC, kid="k" * 257)
    k("kid with a control character", INVALID, HMAC, kid="a\u0007")
    for name, text in (
        ("an array", "[]"),
        ("not JSON", "kty"),
        ("trailing text", dump(HMAC) + "x"),
        ("k twice", dump(HMAC)[:-1] + ',"k":"AA"}'),
        ("empty", ""),
    ):
        add(f"key text: {name}", "import", INVALID, key_text=text)
    add("secret: empty", "import", WEAK, secret="", alg="HS256")
    add("secret: 8 bytes", "import", WEAK, secret=b64("secret12"), alg="HS256")
    add(
        "secret: empty where short ones are allowed",
        "import",
        WEAK,
        secret="",
        alg="HS256",
        options={"allow_short": True},
    )
    add(
        "control short secret where allowed",
        "import",
        "OK",
        secret=b64("secret12"),
        alg="HS256",
        options={"allow_short": True},
    )
    add("secret for RS256", "import", UNSUITABLE, secret=b64(SECRET), alg="RS256")
    for name, change in (
        ("use enc", {"use": "enc"}),
        ("key_ops sign alone", {"key_ops": ["sign"]}),
        ("key_ops empty", {"key_ops": []}),
        ("key_ops encrypt", {"key_ops": ["encrypt"]}),
        ("key_ops unknown", {"key_ops": ["frobnicate"]}),
    ):
        add(f"jws with a key of {name}", "jws", KEY, key={**HMAC, **change}, token=good)
    add("jws control key_ops verify", "jws", "OK", key={**HMAC, "key_ops": ["verify"]}, token=good)


def sets():
    second = {"kty": "oct", "alg": "HS256", "k": b64(bytes(range(40, 72)))}
    for name, value, options in (
        ("symmetric and asymmetric", {"keys": [HMAC, EC_PUBLIC]}, {}),
        ("keys is an object", {"keys": {}}, {}),
        ("keys is missing", {}, {}),
        ("an array", [], {}),
        ("101 keys", {"keys": [EC_PUBLIC] * 101}, {}),
    ):
        add(f"set: {name}", "set", SET, set=value, options=options)
    # What is of no use in a set is passed over.
    for name, keys, options in (
        ("private key in a public set", [EC_PRIVATE], {"public_only": True}),
        ("secret in a public set", [HMAC], {"public_only": True}),
        ("private RSA member in a public set", [{**RSA_PUBLIC, "p": "AQ"}], {"public_only": True}),
        ("a key that is a string", ["x"], {}),
        ("a key without kty", [{"k": "AA"}], {}),
        ("a malformed key", [{**RSA_PUBLIC, "n": "?"}], {}),
        ("key_ops as a string", [{**EC_PUBLIC, "key_ops": "verify"}], {}),
    ):
        add(f"set: control {name}", "set", "OK", set={"keys": keys}, options=options, keys=0, skipped=1)
    pair = [{**HMAC, "kid": "a"}, {**second, "kid": "a"}]
    add("set: control one kid for two keys", "set", "OK", set={"keys": pair}, options={}, keys=2, skipped=0)
    add("set text: keys twice", "set", SET, set_text='{"keys":[],"keys":[]}', options={})
    add("set text: not JSON", "set", SET, set_text="<html>", options={})
    add(
        "set: control with keys that are passed over",
        "set",
        "OK",
        options={},
        keys=1,
        skipped=3,
        set={
            "keys": [
                {"kty": "AKP", "kid": "pq"},
                {**RSA_PUBLIC, "alg": "RSA1_5"},
                EC_PUBLIC,
                {**EC_PUBLIC, "crv": "P-224"},
            ]
        },
    )


def encryption():
    registry = jwe.JWERegistry(
        algorithms=[
            "dir",
            "A128KW",
            "A128GCMKW",
            "RSA-OAEP",
            "ECDH-ES",
            "ECDH-ES+A128KW",
            "PBES2-HS256+A128KW",
            "A128GCM",
            "A256GCM",
            "A128CBC-HS256",
        ]
    )
    plain = dump(GOOD).encode()

    def make(header, jwk):
        cls = {"oct": OctKey, "RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}[jwk["kty"]]
        bare = {m: v for m, v in jwk.items() if m not in ("alg", "use", "key_ops")}
        return jwe.encrypt_compact(header, plain, cls.import_key(bare), registry=registry)

    def case(name, token, expect, jwk, **options):
        add(f"jwe: {name}", "jwe", expect, key=jwk, token=token, options=options)

    direct = {"kty": "oct", "alg": "A256GCM", "k": b64(SECRET)}
    kw = {"kty": "oct", "alg": "A128KW", "k": b64(SECRET[:16])}
    gkw = {"kty": "oct", "alg": "A128GCMKW", "k": b64(SECRET[:16])}
    cbc = {"kty": "oct", "alg": "A128CBC-HS256", "k": b64(SECRET)}
    oaep = {**RSA_PRIVATE, "alg": "RSA-OAEP"}
    agree = {**EC_PRIVATE, "alg": "ECDH-ES"}
    words = {"kty": "oct", "alg": "PBES2-HS256+A128KW", "k": b64("correct horse battery staple")}
    token = make({"alg": "dir", "enc": "A256GCM"}, direct)
    case("control dir", token, "OK", direct)
    parts = token.split(".")

    def swap(index, value, of=None):
        changed = list(of or parts)
        changed[index] = value
        return ".".join(changed)

    def flip(text):
        raw = ub(text)
        return b64(raw[:-1] + bytes([raw[-1] ^ 1]))

    case("tag changed", swap(4, flip(parts[4])), DECRYPTION, direct)
    case("tag of 15 bytes", swap(4, b64(ub(parts[4])[:15])), DECRYPTION, direct)
    case("tag of 4 bytes", swap(4, b64(ub(parts[4])[:4])), DECRYPTION, direct)
    case("tag empty", swap(4, ""), DECRYPTION, direct)
    case("iv changed", swap(2, flip(parts[2])), DECRYPTION, direct)
    case("iv of 11 bytes", swap(2, b64(ub(parts[2])[:11])), DECRYPTION, direct)
    case("iv of 16 bytes", swap(2, b64(ub(parts[2]) + b"1234")), DECRYPTION, direct)
    case("iv empty", swap(2, ""), DECRYPTION, direct)
    case("ciphertext changed", swap(3, flip(parts[3])), DECRYPTION, direct)
    case("ciphertext empty", swap(3, ""), DECRYPTION, direct)
    case("an encrypted key with dir", swap(1, "AAAA"), DECRYPTION, direct)
    case("header changed", swap(0, b64('{"enc":"A256GCM","alg":"dir"}')), DECRYPTION, direct)
    case("padding", token + "==", MALFORMED, direct)
    case("four parts", ".".join(parts[:4]), MALFORMED, direct)
    case("six parts", token + ".AA", MALFORMED, direct)
    case("a JWS", good, MALFORMED, direct)
    case("another key", token, DECRYPTION, {**direct, "k": b64(SECRET[::-1])})
    case("key for another enc", token, ALGORITHM, cbc)
    case("key that signs", token, ALGORITHM, HMAC)
    case("public key", make({"alg": "RSA-OAEP", "enc": "A256GCM"}, oaep), KEY, {**RSA_PUBLIC, "alg": "RSA-OAEP"})
    case("key of use sig", token, KEY, {**direct, "use": "sig"})
    case("key_ops encrypt alone", token, KEY, {**direct, "key_ops": ["encrypt"]})
    for name, header, code in (
        ("zip", {"alg": "dir", "enc": "A256GCM", "zip": "DEF"}, ALGORITHM),
        ("no enc", {"alg": "dir"}, HEADER),
        ("enc unknown", {"alg": "dir", "enc": "A512GCM"}, ALGORITHM),
        ("enc in lower case", {"alg": "dir", "enc": "a256gcm"}, ALGORITHM),
        ("enc a number", {"alg": "dir", "enc": 256}, HEADER),
        ("alg RSA1_5", {"alg": "RSA1_5", "enc": "A256GCM"}, ALGORITHM),
        ("alg none", {"alg": "none", "enc": "A256GCM"}, ALGORITHM),
        ("alg HS256", {"alg": "HS256", "enc": "A256GCM"}, ALGORITHM),
        ("no alg", {"enc": "A256GCM"}, HEADER),
        ("crit", {"alg": "dir", "enc": "A256GCM", "crit": ["x"], "x": 1}, CRITICAL),
        ("enc twice", '{"alg":"dir","enc":"A256GCM","enc":"A256GCM"}', HEADER),
        ("alg A256KW", {"alg": "A256KW", "enc": "A256GCM"}, ALGORITHM),
    ):
        case(f"header with {name}", swap(0, b64(dump(header))), code, direct)
    wrapped = make({"alg": "A128KW", "enc": "A128GCM"}, kw).split(".")
    case("control A128KW", ".".join(wrapped), "OK", kw)
    case("A128KW key taken for A128GCMKW", ".".join(wrapped), ALGORITHM, gkw)
    case("A128KW encrypted key empty", swap(1, "", wrapped), DECRYPTION, kw)
    case("A128KW encrypted key changed", swap(1, flip(wrapped[1]), wrapped), DECRYPTION, kw)
    case("A128KW encrypted key of 7 bytes", swap(1, b64(b"1234567"), wrapped), DECRYPTION, kw)
    case("A128KW encrypted key of 4 KiB", swap(1, b64(b"x" * 4096), wrapped), DECRYPTION, kw)
    longer = make({"alg": "A128KW", "enc": "A128CBC-HS256"}, kw).split(".")
    case("A128KW content key of another size", swap(1, longer[1], wrapped), DECRYPTION, kw)
    gcm = make({"alg": "A128GCMKW", "enc": "A128GCM"}, gkw).split(".")
    ghead = json.loads(ub(gcm[0]))
    case("control A128GCMKW", ".".join(gcm), "OK", gkw)
    for name, change, code in (
        ("no iv", {"iv": ...}, HEADER),
        ("no tag", {"tag": ...}, HEADER),
        ("iv of 11 bytes", {"iv": b64(b"1" * 11)}, HEADER),
        ("tag of 12 bytes", {"tag": b64(b"1" * 12)}, HEADER),
        ("iv a number", {"iv": 1}, HEADER),
        ("another iv", {"iv": b64(b"1" * 12)}, DECRYPTION),
    ):
        changed = {m: v for m, v in {**ghead, **change}.items() if v is not ...}
        case(f"A128GCMKW {name}", swap(0, b64(dump(changed)), gcm), code, gkw)
    mac_parts = make({"alg": "dir", "enc": "A128CBC-HS256"}, cbc).split(".")
    case("control A128CBC-HS256", ".".join(mac_parts), "OK", cbc)
    case("CBC tag cut to 15 bytes", swap(4, b64(ub(mac_parts[4])[:15]), mac_parts), DECRYPTION, cbc)
    case("CBC iv changed", swap(2, flip(mac_parts[2]), mac_parts), DECRYPTION, cbc)
    case("CBC ciphertext cut to a block less", swap(3, b64(ub(mac_parts[3])[:-16]), mac_parts), DECRYPTION, cbc)
    case("CBC ciphertext not whole blocks", swap(3, b64(ub(mac_parts[3])[:-1]), mac_parts), DECRYPTION, cbc)
    rsa_parts = make({"alg": "RSA-OAEP", "enc": "A256GCM"}, oaep).split(".")
    case("control RSA-OAEP", ".".join(rsa_parts), "OK", oaep)
    case("RSA-OAEP encrypted key changed", swap(1, flip(rsa_parts[1]), rsa_parts), DECRYPTION, oaep)
    case("RSA-OAEP encrypted key empty", swap(1, "", rsa_parts), DECRYPTION, oaep)
    case("RSA-OAEP encrypted key of 255 bytes", swap(1, b64(ub(rsa_parts[1])[1:]), rsa_parts), DECRYPTION, oaep)
    case("RSA-OAEP encrypted key above n", swap(1, b64(b"\xff" * 256), rsa_parts), DECRYPTION, oaep)
    pkcs = b64(rsa_key.public_key().encrypt(b"k" * 32, padding.PKCS1v15()))
    case("RSA-OAEP encrypted key with the padding of RSA1_5", swap(1, pkcs, rsa_parts), DECRYPTION, oaep)
    case("RSA-OAEP token for a key of RSA-OAEP-256", ".".join(rsa_parts), ALGORITHM, {**oaep, "alg": "RSA-OAEP-256"})
    ec_parts = make({"alg": "ECDH-ES", "enc": "A128GCM"}, agree).split(".")
    ehead = json.loads(ub(ec_parts[0]))
    case("control ECDH-ES", ".".join(ec_parts), "OK", agree)
    y = ub(ehead["epk"]["y"])
    far = ec.derive_private_key(3, ec.SECP384R1()).public_key().public_numbers()
    p384 = {"kty": "EC", "crv": "P-384", "x": b64(far.x.to_bytes(48, "big")), "y": b64(far.y.to_bytes(48, "big"))}
    for name, epk, code in (
        ("off its curve", {**ehead["epk"], "y": b64(y[:-1] + bytes([y[-1] ^ 1]))}, HEADER),
        ("missing", ..., HEADER),
        ("a string", "x", HEADER),
        ("null", None, HEADER),
        ("on another curve", p384, HEADER),
        ("with d", {**ehead["epk"], "d": EC_PRIVATE["d"]}, HEADER),
        ("at 0, 0", {**ehead["epk"], "x": b64(bytes(32)), "y": b64(bytes(32))}, HEADER),
        ("of kty oct", {"kty": "oct", "k": b64(SECRET)}, HEADER),
        ("another point", {"kty": "EC", "crv": "P-256", "x": EC_PUBLIC["x"], "y": EC_PUBLIC["y"]}, DECRYPTION),
    ):
        changed = {m: v for m, v in {**ehead, "epk": epk}.items() if v is not ...}
        case(f"ECDH-ES epk {name}", swap(0, b64(dump(changed)), ec_parts), code, agree)
    case("ECDH-ES apu added", swap(0, b64(dump({**ehead, "apu": "QQ"})), ec_parts), DECRYPTION, agree)
    case("ECDH-ES apu not base64url", swap(0, b64(dump({**ehead, "apu": "?"})), ec_parts), HEADER, agree)
    case("ECDH-ES with an encrypted key", swap(1, "AAAA", ec_parts), DECRYPTION, agree)
    x_key = {**json.loads(json.dumps(OKPKey.generate_key("X25519").as_dict(private=True))), "alg": "ECDH-ES"}
    x_key = {m: v for m, v in x_key.items() if m in ("kty", "crv", "x", "d", "alg")}
    x_parts = make({"alg": "ECDH-ES", "enc": "A128GCM"}, x_key).split(".")
    xhead = json.loads(ub(x_parts[0]))
    case("control X25519", ".".join(x_parts), "OK", x_key)
    for name, point in (
        ("0", bytes(32)),
        ("1", b"\1" + bytes(31)),
        ("of order 8", bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")),
    ):
        case(
            f"X25519 epk of small order, u {name}",
            swap(0, b64(dump({**xhead, "epk": {"kty": "OKP", "crv": "X25519", "x": b64(point)}})), x_parts),
            DECRYPTION,
            x_key,
        )
    case(
        "X25519 epk of 31 bytes",
        swap(0, b64(dump({**xhead, "epk": {"kty": "OKP", "crv": "X25519", "x": b64(bytes(31))}})), x_parts),
        HEADER,
        x_key,
    )
    pb = make({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 1000}, words).split(".")
    phead = json.loads(ub(pb[0]))
    case("control PBES2", ".".join(pb), "OK", words, allow_password=True)
    case("PBES2 where it is not allowed", ".".join(pb), ALGORITHM, words)
    for name, change, code in (
        ("p2c of 2^31", {"p2c": 2**31}, HEADER),
        ("p2c of 1,200,001", {"p2c": 1_200_001}, HEADER),
        ("p2c of 999", {"p2c": 999}, HEADER),
        ("p2c of 0", {"p2c": 0}, HEADER),
        ("p2c of -1", {"p2c": -1}, HEADER),
        ("p2c of 1000.5", {"p2c": 1000.5}, HEADER),
        ("p2c a string", {"p2c": "1000"}, HEADER),
        ("p2c missing", {"p2c": ...}, HEADER),
        ("p2s of 7 bytes", {"p2s": b64(b"1234567")}, HEADER),
        ("p2s missing", {"p2s": ...}, HEADER),
        ("p2s of 1 KiB", {"p2s": b64(b"1" * 1024)}, HEADER),
        ("p2c changed", {"p2c": 1001}, DECRYPTION),
    ):
        changed = {m: v for m, v in {**phead, **change}.items() if v is not ...}
        case(f"PBES2 {name}", swap(0, b64(dump(changed)), pb), code, words, allow_password=True)
    add("verify: a JWE offered as a JWS", "verify", MALFORMED, key=HMAC, token=token, now=NOW, options={})
    add("jwe: 64 KiB of A", "jwe", LARGE, key=direct, token_parts=[["A", 65_536]], options={})
    add("jwe: 16,000 dots", "jwe", MALFORMED, key=direct, token_parts=[[".", 16_000]], options={})


def json_forms():
    def case(name, value, expect, key=HMAC):
        add(f"json: {name}", "jws_json", expect, key=key, token=dump(value))

    flat = {"payload": body, "protected": head, "signature": sig}
    case("control flattened", flat, "OK")
    case("control general", {"payload": body, "signatures": [{"protected": head, "signature": sig}]}, "OK")
    case("both forms at once", {**flat, "signatures": [{"protected": head, "signature": sig}]}, MALFORMED)
    case("neither form", {"payload": body}, MALFORMED)
    case("no payload", {"protected": head, "signature": sig}, MALFORMED)
    case("payload a number", {**flat, "payload": 1}, MALFORMED)
    case("no signatures", {"payload": body, "signatures": []}, MALFORMED)
    case("17 signatures", {"payload": body, "signatures": [{"protected": head, "signature": sig}] * 17}, MALFORMED)
    case("a signature that is a string", {"payload": body, "signatures": [sig]}, MALFORMED)
    case("payload twice", dump(flat)[:-1] + f',"payload":"{body}"}}', MALFORMED)
    case("alg unprotected", {"payload": body, "protected": b64("{}"), "header": H, "signature": sig}, HEADER)
    case("alg in both", {**flat, "header": H}, HEADER)
    case("crit unprotected", {**flat, "header": {"crit": ["b64"]}}, CRITICAL)
    case("b64 unprotected", {**flat, "header": {"b64": False}}, CRITICAL)
    case("header an array", {**flat, "header": []}, HEADER)
    case("kid unprotected, a number", {**flat, "header": {"kid": 1}}, HEADER)
    case(
        "one of two signatures wrong",
        {
            "payload": body,
            "signatures": [{"protected": head, "signature": sig}, {"protected": head, "signature": b64(bytes(32))}],
        },
        SIGNATURE,
    )
    case("compact", good, MALFORMED)


for part in (
    controls,
    algorithms,
    confusion,
    critical,
    form,
    headers,
    claims,
    asymmetric,
    imports,
    sets,
    encryption,
    json_forms,
):
    part()
about = (
    "Tokens and keys with the exact code that refuses them (OK: a control that must pass). op: import (key, key_text or secret as base64url "
    "with alg), set (set or set_text; keys and skipped: how many), verify (JWT by key or set, at now), jws, jws_json (all signatures), jwe. token_parts: texts to repeat and "
    "join. options of verify: types, issuers, audiences, audience, subject, id, leeway, max_age (ms), required, equal; without types any typ "
    "passes, without audiences and audience any aud. Made by make_jose_hostile.py."
)
cases.write("jose_hostile.json", about)
