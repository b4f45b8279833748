"""Writes the seed corpora of the JOSE fuzz targets: each token, key and payload of tests/vectors as one file.

Usage: make_seeds.py DIRECTORY. A file is named by its content, so running it again adds nothing.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
MAX_SEED = 4096  # bytes: longer inputs make every mutation of them slow


def decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return b""


def text_of(value: object) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def token_of(case: dict) -> bytes:
    if "token" in case:
        return text_of(case["token"])
    parts = case.get("token_parts", [])
    return text_of("".join(text * min(times, MAX_SEED) for text, times in parts)[: MAX_SEED + 1])


def seeds() -> dict[str, set[bytes]]:
    out: dict[str, set[bytes]] = {"fuzz_jws": set(), "fuzz_jwe": set(), "fuzz_jwks": set(), "fuzz_claims": set()}
    for name in ("rfc", "hostile", "edges_keys", "edges_jws", "edges_jwe"):
        vectors = json.loads((VECTORS / f"jose_{name}.json").read_text(encoding="utf-8"))
        for group in vectors.values():
            for case in group if isinstance(group, list) else []:
                token = token_of(case)
                parts = token.decode("utf-8", "replace").split(".")
                encrypted = case.get("op") == "jwe" or len(parts) == 5
                out["fuzz_jwe" if encrypted else "fuzz_jws"].add(token)
                # The headers too: the JWE target puts them before a body of the right shape.
                out["fuzz_jwe"].add(decoded(parts[0]))
                out["fuzz_claims"].update(decoded(part) for part in parts[:2])
                for field in ("key", "set", "key_text", "set_text"):
                    if field in case:
                        out["fuzz_jwks"].add(text_of(case[field]))
                if "secret" in case:
                    out["fuzz_jwks"].add(decoded(case["secret"]))
    return out


def main() -> None:
    for target, inputs in seeds().items():
        directory = Path(sys.argv[1]) / target
        directory.mkdir(parents=True, exist_ok=True)
        for data in inputs:
            if 0 < len(data) <= MAX_SEED:
                (directory / hashlib.sha256(data).hexdigest()[:20]).write_bytes(data)


if __name__ == "__main__":
    main()
