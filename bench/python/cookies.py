"""python/unsign and python/open-commit: cookies and sessions without a framework, against itsdangerous and Flask."""

from __future__ import annotations

import copy

import itsdangerous
from coatcheck import _core
from coatcheck._json import decode, encode
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from side_by_side import SECRET, SESSION, medians, report, row, stores


def unsign() -> dict[str, object]:
    value = "n3ZvJ5iU2ZWwEsu8bB6VCcwNOarcIbh_0nejJscxjm4"
    ring = _core.KeyRing([SECRET])
    ours = ring.sign(value)
    signer = itsdangerous.Signer(SECRET, salt="bench")
    theirs = signer.sign(value)

    def run_ours(calls: int) -> None:
        verify = ring.unsign
        for _ in range(calls):
            verify(ours)

    def run_peer(calls: int) -> None:
        verify = signer.unsign
        for _ in range(calls):
            verify(theirs)

    assert ring.unsign(ours) == value
    found = medians({"ours": run_ours, "peer": run_peer})
    return row("python/unsign", found["ours"], "itsdangerous", found["peer"], 10)


def open_commit(name: str, url: str) -> dict[str, object]:
    """One session read, changed and written back: the cookie's work and the store's."""
    engine = _core.Engine(secrets=SECRET, store=url)
    fresh = engine.open(None, False)
    set_cookie = engine.commit(fresh, encode(SESSION), 0, None)
    assert set_cookie is not None
    cookie = set_cookie.split(";")[0]

    def run_ours(calls: int) -> None:
        for n in range(calls):
            handle = engine.open(cookie, False)
            data = decode(handle.payload)
            data["seen"] = n
            engine.commit(handle, encode(data), 0, None)

    app = Flask("bench")
    app.secret_key = SECRET
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    value = serializer.dumps(copy.deepcopy(SESSION))

    def run_peer(calls: int) -> None:
        for n in range(calls):
            data = serializer.loads(value, max_age=2_678_400)
            data["seen"] = n
            serializer.dumps(data)

    found = medians({"ours": run_ours, "peer": run_peer})
    return row(f"python/open-commit@{name}", found["ours"], "Flask's cookie", found["peer"], 5)


def main() -> None:
    with stores() as urls:
        report([unsign(), *(open_commit(name, urls[name]) for name in ("memory", "file"))])


if __name__ == "__main__":
    main()
