"""What the makers of the JOSE vectors share: base64url, and the list of cases with its file."""

import base64
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
MALFORMED, LARGE, HEADER = "ERR_TOKEN_MALFORMED", "ERR_TOKEN_TOO_LARGE", "ERR_TOKEN_HEADER_INVALID"
CRITICAL, ALGORITHM, KEY = "ERR_TOKEN_CRITICAL", "ERR_TOKEN_ALGORITHM", "ERR_TOKEN_KEY"
SIGNATURE, DECRYPTION, PAYLOAD = "ERR_TOKEN_SIGNATURE", "ERR_TOKEN_DECRYPTION", "ERR_TOKEN_PAYLOAD"
CLAIM, EXPIRED, INACTIVE, TYPE = "ERR_TOKEN_CLAIM", "ERR_TOKEN_EXPIRED", "ERR_TOKEN_NOT_ACTIVE", "ERR_TOKEN_TYPE"
INVALID, UNSUITABLE, WEAK, SET = "ERR_KEY_INVALID", "ERR_KEY_UNSUITABLE", "ERR_KEY_WEAK", "ERR_KEY_SET_INVALID"


def b64(data):
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def ub(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(text):
    return int.from_bytes(ub(text), "big")


def big(value):
    """A number as JWK members have it: base64url of its bytes, without leading zeros."""
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def dump(value):
    return value if isinstance(value, (str, bytes)) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Cases:
    """Cases with names of their own, written one a line so that a change shows as one."""

    def __init__(self):
        self.all = []
        self.names = set()

    def add(self, name, op, expect, **fields):
        assert name not in self.names, name
        self.names.add(name)
        self.all.append({"name": name, "op": op, **fields, "expect": expect})

    def write(self, file, about):
        lines = ",\n".join(json.dumps(c, ensure_ascii=True, separators=(",", ":")) for c in self.all)
        text = '{"about":' + json.dumps(about) + ',\n"cases":[\n' + lines + "\n]}\n"
        (HERE / file).write_text(text, encoding="utf-8")
        print(len(self.all), "cases,", sum(c["expect"] != "OK" for c in self.all), "hostile")
