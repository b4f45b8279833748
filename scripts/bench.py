"""Runs the benchmarks of bench/, joins what they measured in build/bench.json, and prints one table.

Words of the command line choose: a language (cpp node python), or one program of it by its name (node/redis,
python/flask, cpp/jwt). With none, all are run.

A row is {case, ours_ns, peer, peer_ns, ratio, limit_ns}: `ratio` is peer_ns / ours_ns, `limit_ns` the most that ours
may take to meet its aim. The C++ programs report in Google Benchmark's form: the peer of a benchmark `lmdb_get` is
`bare_lmdb_get` of the same program, that of `cpp/jwt/verify@…` is `openssl/verify@…`: the same work without us. Those
named rows_* write rows themselves, as the programs of Node and Python do.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
Row = dict[str, Any]


def run(command: list[str | Path], out: Path) -> Any:
    """Runs one program, which writes its JSON to `out`, and gives what it wrote."""
    print(f"== bench: {out.stem}", flush=True)
    out.unlink(missing_ok=True)
    done = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench: {command[0]} ended with {done.returncode}")
    return json.loads(out.read_text())


def chosen(programs: list[Path], only: list[str]) -> list[Path]:
    """Those named: `redis` is redis_operations.py, rows_redis and bench_redis."""
    if not only:
        return programs
    found = [one for one in programs if set(only) & {one.stem, *one.stem.split("_")}]
    if not found:
        names = ", ".join(one.stem for one in programs)
        raise SystemExit(f"bench: no program {', '.join(only)}; there are: {names}")
    return found


def cpp(only: list[str]) -> list[Row]:
    rows: list[Row] = []
    built = sorted((BUILD / "release/bench/cpp").glob("*_*"))
    programs = [one for one in built if one.name.startswith(("bench_", "rows_")) and one.is_file() and not one.suffix]
    for program in chosen(programs, only):
        out = BUILD / "bench" / f"{program.name}.json"
        if program.name.startswith("rows_"):
            rows.extend(run([program, out], out))
            continue
        found = run([program, "--benchmark_min_time=0.2", f"--benchmark_out={out}"], out)["benchmarks"]
        rows.extend(rows_of_google(found))
    return rows


def rows_of_google(found: list[Row]) -> list[Row]:
    scale = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
    times = {entry["name"]: entry["real_time"] * scale[entry["time_unit"]] for entry in found}
    rows = []
    for name, ours in times.items():
        if name.startswith(("bare_", "openssl/")):
            continue
        bare = name.replace("cpp/jwt/", "openssl/", 1) if name.startswith("cpp/jwt/") else f"bare_{name.split('/')[0]}"
        theirs = None if "/threads:" in name and not name.endswith("/threads:1") else times.get(bare)
        rows.append(
            {
                "case": name if name.startswith("cpp/") else f"cpp/{name}",
                "ours_ns": round(ours, 1),
                "peer": None if theirs is None else bare,
                "peer_ns": None if theirs is None else round(theirs, 1),
                "ratio": None if theirs is None else round(theirs / ours, 2),
                "limit_ns": None,
            }
        )
    return rows


def node(only: list[str]) -> list[Row]:
    """Node 24's rows are node/…, those of a later one carry its number: node26/…"""
    rows: list[Row] = []
    for major in os.environ.get("BENCH_NODE", "24 26").split():
        binary = ROOT / f"scripts/node-versions/node_modules/node{major}-{node_platform()}/bin/node"
        out = BUILD / f"bench/node{major}.json"
        prefix = "node" if major == "24" else f"node{major}"
        rows.extend(
            row | {"case": row["case"].replace("node", prefix, 1)}
            for row in run([binary, ROOT / "bench/node/run.js", out, *only], out)
        )
    return rows


def node_platform() -> str:
    return "linux-arm64" if platform.machine() in ("aarch64", "arm64") else "linux-x64"


def python(only: list[str]) -> list[Row]:
    rows: list[Row] = []
    programs = sorted((ROOT / "bench/python").glob("*.py"))
    for program in chosen([one for one in programs if one.name != "side_by_side.py"], only):
        out = BUILD / "bench" / f"{program.stem}.json"
        rows.extend(run([sys.executable, program, out], out))
    return rows


def table(rows: list[Row]) -> str:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"

    lines = [f"{'case':38} {'ours ns':>10}  {'peer':34} {'peer ns':>10} {'ratio':>7} {'limit ns':>10}"]
    for row in rows:
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        limit = row.get("limit_ns")
        over = "  over" if limit is not None and row["ours_ns"] > limit else ""
        lines.append(
            f"{row['case']:38} {number(row['ours_ns']):>10}  {row['peer'] or '':34} {number(row['peer_ns']):>10} "
            f"{ratio:>7} {number(limit):>10}{over}"
        )
    return "\n".join(lines)


def main() -> None:
    (BUILD / "bench").mkdir(parents=True, exist_ok=True)
    languages = {"cpp": cpp, "node": node, "python": python}
    programs: dict[str, list[str]] = {}
    for word in sys.argv[1:] or languages:
        language, _, program = word.partition("/")
        if language not in languages:
            raise SystemExit(f"bench: no language '{language}'; there are: {', '.join(languages)}")
        programs.setdefault(language, []).extend([program] if program else [])
    rows: list[Row] = []
    for language, only in programs.items():
        rows.extend(languages[language](only))
    (BUILD / "bench.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(f"\n{table(rows)}\n\n{len(rows)} cases, in build/bench.json")


if __name__ == "__main__":
    main()
