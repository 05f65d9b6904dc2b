# SPDX-License-Identifier: MIT
"""How long does every verb take to end after Ctrl-C? Ten times each, at moments drawn by chance.

Each command runs in a pseudo-terminal, as the user's does. Writes `results/ctrl_c.json`, shown in
`docs/explanation/robustness.md`. `--minutes` stops it; the same command continues.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

from common import RESULTS, parser, save
from long_runs import PLUGINS, SIGNS, commands, make_inputs
from terminal import Stopped, stop_by_hand

TIMES = 10
LONGEST = 3.0
"""Within so long every verb must have ended [s]."""
SPREAD = 8.0
"""Every other time Ctrl-C comes within so long of the start, where torch and OpenMM load [s]."""
WORKING = 4.0
"""The other times it comes within so long of the first sign of work [s]."""


def main() -> None:
    """Type Ctrl-C and measure."""
    asked = parser(__doc__, "folder", "minutes", times=TIMES, seed=1).parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [path for path in (os.environ.get("PYTHONPATH"),) if path] + [PLUGINS]
    )
    folder = asked.folder.resolve()
    if not (folder / "set.csv").exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_inputs(folder)
    path = RESULTS / "ctrl_c.json"
    found = json.loads(path.read_text())["verbs"] if path.exists() else {}
    end = None if asked.minutes is None else time.monotonic() + 60 * asked.minutes
    for k in range(asked.times):
        for verb in commands("out"):
            rows = found.setdefault(verb, [])
            if len(rows) > k:
                continue
            if end is not None and time.monotonic() > end:
                return
            chance = random.Random(f"{asked.seed} {verb} {k}").random()
            rows.append(_row(_stopped(verb, folder, chance, working=k % 2 == 0), k))
            print(verb, rows[-1], flush=True)
            save("ctrl_c", {"verbs": found, "summary": summary(found)})


def _stopped(verb: str, folder: Path, chance: float, *, working: bool) -> Stopped:
    """Stop a verb in a fresh folder; earlier where it was done by then.

    Args:
        verb: The verb.
        folder: The folder of its inputs.
        chance: Number between 0 and 1 that the moment follows from.
        working: Whether it is stopped at its work, or somewhere after its start.
    """
    while True:
        shutil.rmtree(folder / "out", ignore_errors=True)
        when = {"after": 0.5 + chance * (SPREAD - 0.5)}
        if working and SIGNS[verb]:
            when = {"then": chance * WORKING}
        sign = SIGNS[verb] if working else ""
        told = stop_by_hand(commands("out")[verb], folder, sign=sign, **when)
        if told.seconds is not None:
            return told
        if told.code != 0:
            raise SystemExit(f"{verb} failed by itself: {told.seen[-2000:]}")
        chance /= 2.0


def _row(told: Stopped, k: int) -> dict[str, Any]:
    return {
        "when": "start" if k % 2 else "work",
        "seconds": round(told.seconds or 0.0, 2),
        "code": told.code,
        "told": told.last[-200:],
        "traceback": "Traceback" in told.seen,
        "left": len(told.left),
    }


def _is_wrong(row: dict[str, Any]) -> bool:
    """Tell what may not be: a traceback, a process that stays, or another exit code.

    -2: the signal itself ends a program that still loads.
    """
    return bool(row["traceback"] or row["left"]) or row["code"] not in (130, -2)


def summary(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return median and longest time of each verb [s], and what was not as it should be."""
    return {
        verb: {
            "times": len(rows),
            "median_s": round(statistics.median(row["seconds"] for row in rows), 2),
            "longest_s": max(row["seconds"] for row in rows),
            "late": sum(row["seconds"] > LONGEST for row in rows),
            "wrong": sum(map(_is_wrong, rows)),
        }
        for verb, rows in found.items()
        if rows
    }


if __name__ == "__main__":
    main()
