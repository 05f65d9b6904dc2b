# SPDX-License-Identifier: MIT
"""Do two versions of the program give the same numbers at equal seeds?

Each side runs the same short calculations through the command line alone, so that nothing of its
inside is needed: hydration by both routes, a campaign, dynamics, single points, preparation of a
complex, its simulation, MM-PBSA and analysis, conservation of energy, sander. Every array that is
left in the folders must then be the same, bit for bit, every number within 1e-10.

    python benchmarks/same_numbers.py run --program OLD/.venv/bin/mlmm --out A
    python benchmarks/same_numbers.py run --program NEW/.venv/bin/merrow --out B
    python benchmarks/same_numbers.py compare A B

A side takes about 8 minutes on one core. Weights are looked for in MLMM_MODELS, MERROW_MODELS and
the cache of each, parameters of molecules in the cache, too. Standard errors and what follows from
them are listed by themselves: they may change where another estimator takes the place of one.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from same_cases import CASES, RENAMED, SEED, Side
from scipy.io import netcdf_file

TOLERANCE = 1e-10
"""Largest difference of a number that is no array [its own unit, kcal/mol for energies]."""
FILES = {".npz", ".npy", ".nc", ".rst", ".parquet", ".prmtop", ".inpcrd", ".json", ".csv", ".out"}
LEFT_OUT = re.compile(
    r"wall_s|versions|timing|seconds|minutes|ns_per_day|date|digest|schema_version|stopwatch"
)
"""Keys of clocks and of names of versions."""
ERROR_BARS = re.compile(
    r":.*(stderr|inefficien|independent|eigenvalue|budget|\binterval|_ci\b|_z\b)"
)
"""Keys of standard errors, and of what is judged with them."""


def run(program: Path, out: Path, only: list[str] | None) -> None:
    """Run all cases, or some, of one side."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENMM_CPU_THREADS"), "1")
    os.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    side = Side(program, out.resolve())
    if (out / "side.json").exists():
        side.steps = json.loads((out / "side.json").read_text())
    for name, case in CASES.items():
        if only is None or name in only:
            (side.out / name).mkdir(parents=True)
            side.steps = [step for step in side.steps if step["case"] != name]
            case(side)
            (side.out / "side.json").write_text(json.dumps(side.steps, indent=1))


def named(text: str) -> str:
    """Return a key or a path in today's words."""
    words = re.compile(r"(\w+?)(?:_dg|_value)?((?:_stderr)?_kcal)?(?!\w)")

    def today(found: re.Match[str]) -> str:
        return RENAMED.get(found[0]) or RENAMED.get(found[1], found[1]) + (found[2] or "")

    return words.sub(today, text)


def contents(out: Path) -> Iterator[tuple[str, Any]]:
    """Yield name and content of everything of a side: arrays, and numbers by themselves."""
    for path in sorted(out.rglob("*")):
        if path.suffix not in FILES or path.name in ("timing.json", "jobs.json", "side.json"):
            continue
        name = named(str(path.relative_to(out)))
        for key, value in _inside(path):
            yield f"{name}:{named(key)}", value


def _inside(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the keys of one file and their values."""
    if path.suffix == ".npz":
        with np.load(path) as data:
            yield from data.items()
    elif path.suffix == ".npy":
        yield "array", np.load(path)
    elif path.suffix in (".nc", ".rst") and path.read_bytes()[:3] == b"CDF":
        with netcdf_file(path, mmap=False) as data:
            yield from ((key, np.array(v.data)) for key, v in data.variables.items())
    elif path.suffix == ".parquet":
        yield from _table(path)
    elif path.suffix == ".json":
        yield from _flat(json.loads(path.read_text() or "null"))
    elif path.suffix == ".csv":
        yield from _columns(list(csv.reader(path.read_text().splitlines())))
    elif path.suffix == ".out":
        yield from _blocks(path.read_text())
    elif path.suffix in (".prmtop", ".inpcrd"):  # the first line has a date
        yield "text", np.frombuffer(path.read_bytes().partition(b"\n")[2], dtype=np.uint8)


def _table(path: Path) -> Iterator[tuple[str, Any]]:
    import pandas  # noqa: PLC0415  (for the samples alone)

    table = pandas.read_parquet(path).reset_index()
    yield from ((str(key), table[key].to_numpy()) for key in table.columns)


def _flat(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the numbers of a JSON value with their keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{at}.{key}" if at else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            name = inner.get("name", index) if isinstance(inner, dict) else index
            yield from _flat(inner, f"{at}[{name}]")
    elif isinstance(value, int | float):
        yield at, float(value)


def _columns(rows: list[list[str]]) -> Iterator[tuple[str, Any]]:
    """Yield the numbers of a CSV file, by column where it is one table."""
    if rows and len({len(row) for row in rows}) == 1:
        for index, key in enumerate(rows[0]):
            yield key, _numbers([row[index] for row in rows[1:]])
    else:
        yield "cells", _numbers([cell for row in rows for cell in row])


def _numbers(texts: list[str]) -> Any:
    found = [
        text
        for text in texts
        if re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*", text, re.I)
    ]
    return np.array([float(text) for text in found])


def _blocks(text: str) -> Iterator[tuple[str, Any]]:
    """Yield every quantity of the blocks of an mdout."""
    found: dict[str, list[float]] = {}
    body = text.partition("4.  RESULTS")[2].partition("5.  TIMINGS")[0]
    lines = [line for line in body.splitlines() if not line.startswith("|")]
    for key, value in re.findall(r"([A-Za-z1][\w()/ -]*?) *= *(-?\d[\d.E+-]*)", "\n".join(lines)):
        found.setdefault(key.strip(), []).append(float(value))
    yield from ((key, np.array(values)) for key, values in found.items())


def difference(a: Any, b: Any) -> float | str | None:
    """Return by how much two values differ, in words where that is no number; None if not."""
    if isinstance(a, float) and isinstance(b, float):
        same = a == b or math.isclose(a, b, rel_tol=1e-14, abs_tol=TOLERANCE)
        return None if same or (math.isnan(a) and math.isnan(b)) else abs(a - b)
    a, b = np.asarray(a), np.asarray(b)
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return f"{a.dtype}{list(a.shape)} / {b.dtype}{list(b.shape)}"
    if a.tobytes() == b.tobytes() or (a.dtype == object and (a == b).all()):
        return None
    numeric = np.issubdtype(a.dtype, np.number)
    return float(np.nanmax(np.abs(a.astype(float) - b.astype(float)))) if numeric else "text"


def compare(one: Path, two: Path, names: list[str], save_as: str | None) -> int:
    """Print every difference of two sides; return how many there are beside those of error bars."""
    sides = [dict(contents(path)) for path in (one, two)]
    sides = [{k: v for k, v in side.items() if not LEFT_OUT.search(k)} for side in sides]
    both = [key for key in sides[0] if key in sides[1]]
    found = {key: difference(sides[0][key], sides[1][key]) for key in both}
    changed = {key: value for key, value in found.items() if value is not None}
    errors = {key: value for key, value in changed.items() if ERROR_BARS.search(key)}
    numbers = {key: value for key, value in changed.items() if key not in errors}
    alone = [sorted({re.sub(r"\[\d+\]", "[]", k) for k in set(side) - set(both)}) for side in sides]
    steps = [json.loads((path / "side.json").read_text()) for path in (one, two)]
    exits = [[(s["case"], s["exit"]) for s in side] for side in steps]
    count = sum(isinstance(sides[0][key], np.ndarray) for key in both)
    summary = {
        "sides": names,
        "seed": SEED,
        "tolerance": TOLERANCE,
        "arrays": count,
        "elements": int(sum(np.size(sides[0][key]) for key in both)),
        "numbers": len(both) - count,
        "equal_exit_codes": exits[0] == exits[1],
        "cpu_s": [round(sum(s["cpu_s"] for s in side)) for side in steps],
        "different": numbers,
        "error_bars": {k: [_shown(sides[i][k]) for i in (0, 1)] for k in errors},
        "only_in_first": alone[0],
        "only_in_second": alone[1],
    }
    print(json.dumps(summary, indent=1))
    if save_as:
        from common import save  # noqa: PLC0415  (needs the newer side's package)

        print(save(save_as, summary))
    return len(numbers) + (exits[0] != exits[1])


def _shown(value: Any) -> Any:
    return value if isinstance(value, float) else np.asarray(value).ravel()[:5].tolist()


def main() -> None:
    """Run a side, or compare two."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    runs = verbs.add_parser("run")
    runs.add_argument("--program", type=Path, required=True, help="its command, in its environment")
    runs.add_argument("--out", type=Path, required=True, help="new folder")
    runs.add_argument("--only", choices=CASES, action="append")
    compares = verbs.add_parser("compare")
    compares.add_argument("sides", type=Path, nargs=2)
    compares.add_argument("--names", nargs=2, default=["older", "newer"], help="what they are")
    compares.add_argument("--save", metavar="NAME", help="write results/NAME.json too")
    asked = parser.parse_args()
    if asked.verb == "run":
        run(asked.program, asked.out, asked.only)
    else:
        sys.exit(bool(compare(*asked.sides, asked.names, asked.save)))


if __name__ == "__main__":
    main()
