"""Writes sealed_records.json: records as a store that encrypts keeps them (docs/formats.md, "Sealed record").

Computed by hashlib, hmac and the package cryptography, from the formats page: nothing of coatcheck is asked.
"""

import base64
import hashlib
import hmac
import json
import pathlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SECRET = "0123456789abcdef0123456789abcdef"
OTHER = "another secret of thirty-two bytes"
KEY = "Yk3Qz1cC0rS9uVd2wXe4yZf6aAg8bBh0cCi1dDj2eEk"
RECORD = 'cc1 1700000000000 1700086400000 3600000 Yk3Qz1cC0rS9uVd2 29 {"owner":"ann"}\n{"user":"ann","name":"Zoë"}'


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sub_key(secret: str, purpose: str, size: int) -> bytes:
    """HKDF-SHA-256 (RFC 5869) without a salt; one block is enough."""
    extracted = hmac.digest(bytes(32), secret.encode(), hashlib.sha256)
    return hmac.digest(extracted, b"coatcheck v1 " + purpose.encode() + b"\x01", hashlib.sha256)[:size]


def xaes_256_gcm(key: bytes, nonce: bytes, plaintext: bytes, data: bytes) -> bytes:
    """c2sp.org/XAES-256-GCM."""
    ecb = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    most = int.from_bytes(ecb.update(bytes(16)), "big")
    k1 = ((most << 1) ^ (0x87 if most >> 127 else 0)) & ((1 << 128) - 1)

    def block(number: int) -> bytes:
        message = int.from_bytes(bytes([0, number, ord("X"), 0]) + nonce[:12], "big")
        return ecb.update((message ^ k1).to_bytes(16, "big"))

    return AESGCM(block(1) + block(2)).encrypt(nonce[12:], plaintext, data)


def seal(secret: str, key_id: str, store_key: str, record: str, nonce: bytes) -> bytes:
    head = f"ccs1.{key_id}.".encode()
    text = xaes_256_gcm(sub_key(secret, "record", 32), nonce, record.encode(), head + store_key.encode())
    return head + nonce + text


def case(name: str, number: int, *, secret: str = SECRET, key_id: str = "", key: str = KEY, record: str = RECORD):
    key_id = key_id or base64url(sub_key(secret, "key-id", 6))
    nonce = bytes(range(24 * number, 24 * number + 24))
    owner = "ann@example.com"
    digest = hmac.digest(sub_key(secret, "hash-owners", 32), owner.encode(), hashlib.sha256)
    return {
        "name": name,
        "secret": secret,
        "key_id": key_id,
        "store_key": key,
        "record": record,
        "nonce": nonce.hex(),
        "sealed": seal(secret, key_id, key, record, nonce).hex(),
        "owner": owner,
        "owner_digest": base64url(digest),
        "opens": True,
    }


def refused(name: str, sealed: bytes, **changed: str):
    return {**case(name, 0), "sealed": sealed.hex(), "opens": False, **changed}


def main() -> None:
    plain = seal(SECRET, base64url(sub_key(SECRET, "key-id", 6)), KEY, RECORD, bytes(range(24)))
    head = plain.index(b".", 5) + 1
    cases = [
        case("a session", 0),
        case("another secret", 1, secret=OTHER),
        case("a key with a name", 2, key_id="2026-11_primary"),
        case("the longest name of a key", 3, key_id="k" * 64),
        case("a family of refresh tokens", 4, key="rf_AAAAAAAAAAAAAAAAAAAAAA", record='cf1 {"id":"AAAA"}\n{}'),
        case("nothing in it", 5, record=""),
        case("one byte, one key", 6, key="k", record="x"),
        refused("moved to another key", plain, store_key="f-" + KEY),
        refused("of another secret, under this one's name", plain, secret=OTHER),
        refused("under a key that is not there", plain, key_id="other"),
        refused("cut by one byte", plain[:-1]),
        refused("cut to its head", plain[:head]),
        refused("cut inside the nonce", plain[: head + 23]),
        refused("cut inside the tag of nothing", plain[: head + 24 + 15]),
        refused("longer by one byte", plain + b"\0"),
        refused("of another version", b"ccs2" + plain[4:]),
        refused("without the second dot", plain.replace(b".", b"-")),
        refused("not sealed", RECORD.encode()),
        refused("empty", b""),
        refused("a sealed value of another purpose", b"cc1." + plain[5:]),
    ]
    out = {
        "source": "Records as a store that encrypts keeps them (docs/formats.md), by make_sealed_records.py; "
        "nonce and sealed in hexadecimal",
        "cases": cases,
    }
    path = pathlib.Path(__file__).with_name("sealed_records.json")
    path.write_text(json.dumps(out, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
