"""Signing off asyncio's loop: in the executor, without the GIL, so that the loop turns while a signature is made."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from statistics import median

import pytest
from coatcheck import jwt

SIGNATURES = 10
Sign = Callable[[], Awaitable[str]]


@pytest.fixture(scope="module")
def key() -> jwt.Key:
    return jwt.Key.generate("RS256", bits=4096)


@pytest.fixture
def no_switching() -> Iterator[None]:
    """A thread that computes keeps the GIL until it gives it up by itself."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(100)
    yield
    sys.setswitchinterval(before)


async def turns_per_signature(sign: Sign) -> list[int]:
    """How often the loop turned while each of the signatures, one after the other, was made."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    turns, seen = 0, [0]

    async def count() -> None:
        nonlocal turns
        while len(seen) <= SIGNATURES:
            await asyncio.sleep(0)
            turns += 1

    async def make() -> None:
        for _ in range(SIGNATURES):
            await sign()
            seen.append(turns)

    await asyncio.gather(count(), make())
    return [after - before for before, after in pairwise(seen)]


@pytest.mark.usefixtures("no_switching")
@pytest.mark.parametrize("way", ["Signer.sign_async", "jwt.sign_async"])
def test_the_loop_turns_while_a_signature_is_made(key: jwt.Key, way: str) -> None:
    signer = jwt.Signer(key)
    ways: dict[str, Sign] = {
        "Signer.sign_async": lambda: signer.sign_async({"sub": "ann"}),
        "jwt.sign_async": lambda: jwt.sign_async({"sub": "ann"}, key),
    }
    verified = jwt.Verifier(key.public_key()).verify(asyncio.run(_one(ways[way])))
    assert verified["sub"] == "ann"
    turns = asyncio.run(turns_per_signature(ways[way]))
    # With the GIL held the loop turns a few times for each: to hand it over, and to take the token.
    held = asyncio.run(turns_per_signature(holding_the_gil))
    assert median(turns) > 10 * median(held), (turns, held)


async def _one(sign: Sign) -> str:
    return await sign()


async def holding_the_gil() -> str:
    """As long in the executor as a signature takes, but with the GIL."""
    return str(await asyncio.get_running_loop().run_in_executor(None, pow, 3, 2**14 - 1, 2**2048 - 159))
