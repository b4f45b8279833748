"""python/refresh/rotate@{memory,file,redis}, and rotate-async@redis: one use of a refresh token, each the successor of
the one before. No peer: the session and JWT packages compared with here issue no refresh tokens.
"""

from __future__ import annotations

import asyncio
import json
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from coatcheck import AsyncRefreshTokens, RefreshTokens
from side_by_side import SECRET, medians, stores

CLAIMS = {"scope": ["read", "write"]}


def rotating(url: str) -> Callable[[int], None]:
    tokens = RefreshTokens(url, SECRET)
    newest = tokens.issue("ann", device="Firefox on Linux", claims=CLAIMS).token

    def run(calls: int) -> None:
        nonlocal newest
        for _ in range(calls):
            newest = tokens.refresh(newest).token

    return run


def rotating_on_a_loop(url: str, loop: asyncio.AbstractEventLoop) -> Callable[[int], None]:
    tokens = AsyncRefreshTokens(url, SECRET)
    newest = loop.run_until_complete(tokens.issue("ann", device="Firefox on Linux", claims=CLAIMS)).token

    async def rotate(calls: int) -> None:
        nonlocal newest
        for _ in range(calls):
            newest = (await tokens.refresh(newest)).token

    return lambda calls: loop.run_until_complete(rotate(calls))


def main() -> None:
    loop = asyncio.new_event_loop()
    rows: list[dict[str, Any]] = []
    with stores() as urls:
        cases = {f"rotate@{name}": rotating(url) for name, url in urls.items()}
        cases["rotate-async@redis"] = rotating_on_a_loop(urls["redis"], loop)
        for case, run in cases.items():
            ours = medians({"ours": run}, slice_ns=20e6, rounds=21)["ours"]
            none = {"peer": None, "peer_ns": None, "ratio": None, "limit_ns": None}
            rows.append({"case": f"python/refresh/{case}", "ours_ns": round(ours), **none})
            print(f"{rows[-1]['case']:34} {round(ours):>9,} ns")
    loop.close()
    if len(sys.argv) > 1:
        pathlib.Path(sys.argv[1]).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
