"""docs/scale.md: its tables are those that the model prints, and the model says what follows from its costs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path.append(str(ROOT / "bench/scale"))

import model  # noqa: E402


@pytest.fixture(name="costs")
def _costs() -> dict[str, object]:
    """Round ones, so that what follows from them can be worked out by hand."""
    one = {"read": {"ours": 10.0, "server": 10.0}, "write": {"ours": 30.0, "server": 30.0}}
    store = {"bytes": {"small": 500, "large": 2500}, "written": 1000, "log": 1 << 10, "requests": one}
    return {"payload": {"small": 300, "large": 1300}, **dict.fromkeys(("memory", "file", "redis", "postgres"), store)}


def test_the_page_has_the_tables_that_the_model_prints() -> None:
    page = model.PAGE.read_text()
    assert model.updated(page) == page, "python3 bench/scale/model.py --update"


def test_the_commands_are_those_of_the_page() -> None:
    assert json.loads(model.COSTS.read_text())["redis"]["commands"] == {
        "read": "GET",
        "write": "GET EVALSHA",
        "login": "EVALSHA",
        "logout": "GET EVALSHA",
    }


def test_bytes_grow_with_the_payload(costs: dict[str, object]) -> None:
    assert model.Model(costs, model.Load(payload=300)).bytes_of("redis") == 500
    assert model.Model(costs, model.Load(payload=800)).bytes_of("redis") == 1500
    assert model.Model(costs, model.Load(payload=800)).bytes_of("postgres") == 3000  # rows that were written again


def test_servers_are_counted_by_what_runs_out_first(costs: dict[str, object]) -> None:
    load = model.Load(payload=300, live=0.1, every=10, writes=0.5, busy=0.5, redis_gib=1)
    sized = model.Model(costs, load)
    # 10^6 sessions: 10,000 requests/s of 20 us each is 0.2 of a core, 0.4 of one at half load; 0.47 GiB.
    assert sized.redis_servers(1e6) == 1
    assert sized.redis_servers(1e7) == 5  # 4.7 GiB, 4 servers for the work
    assert model.Model(costs, replace(load, busy=0.1)).redis_servers(1e7) == 20
    assert sized.postgres_cores(1e6) == pytest.approx((0.4, 0.2))


def test_what_fits(costs: dict[str, object]) -> None:
    load = model.Load(payload=300, live=0.1, every=10, writes=0.5, redis_gib=1, file_gib=1, postgres_cores=2)
    sized = model.Model(costs, load)
    assert sized.fits(1e5) == "file, one Redis, one PostgreSQL"
    assert sized.fits(1e7) == "Redis Cluster of 5, one PostgreSQL, reads elsewhere"
    assert sized.fits(1e8) == "Redis Cluster of 47"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.00437, "0.0044"), (7.61, "7.6"), (74.2, "74"), (1_234_567, "1,200,000")]
)
def test_numbers_have_two_digits(value: float, text: str) -> None:
    assert model.number(value) == text
