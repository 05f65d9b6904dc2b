# SPDX-License-Identifier: MIT
"""Damaged inputs at every door, as many as time allows, kept and counted.

    python tests/fuzz/campaign.py --folder FOLDER --minutes 60     # goes on where it stopped
    python tests/fuzz/campaign.py --folder FOLDER --write FILE     # the table, findings tried anew

Each block of cases runs in a process of its own, with a limit of memory, so that a crash, a hang
and a hoarder are findings like any other. A finding is mended when its input is taken or refused
now.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from doors import PATIENCE, REFUSED, TAKEN, Door, doors, input_of, tried

from merrow.files import save_json

BLOCK = 500
"""Cases of a process."""
HANG = 6 * PATIENCE
"""Seconds without a case done after which a process is ended from outside."""
MEMORY = 8 * 2**30
"""Bytes of addresses that a process may have: what torch has mapped at its start, and some GiB."""
GROWTH = 500
"""MiB by which a door may make a process grow in one block."""
FEWEST = 10_000
"""Cases that every door should have; every second block goes to the one that has the fewest."""
SEED = 20261128


def block(name: str, door: Door, folder: Path, cases: range, seed: int) -> dict[str, Any]:
    """Try some cases in another process, and tell how it went."""
    here, there = mp.Pipe(duplex=False)
    process = mp.get_context("fork").Process(
        target=_work, args=(door, folder, cases, seed, there), name=name
    )
    process.start()
    there.close()
    told: dict[str, Any] = {"taken": 0, "refused": 0, "grown_mib": 0, "findings": {}}
    at, ended = cases.start, False
    while not ended:
        if not here.poll(HANG):
            process.kill()
            told["findings"][at] = f"no answer within {HANG} s, nor to a signal"
            break
        try:
            at, what = here.recv()
        except EOFError:
            told["findings"][at + 1] = "the process died"
            break
        if what in (TAKEN, REFUSED):
            told[what] += 1
        elif what.startswith("MiB "):
            told["grown_mib"], ended = int(what[4:]), True
            if told["grown_mib"] > GROWTH:
                told["findings"][cases.start] = f"more than {GROWTH} MiB"
        else:
            told["findings"][at] = what
    process.join()
    told["cases"] = (at if ended else at + 1) - cases.start
    return told


def _work(door: Door, folder: Path, cases: Iterable[int], seed: int, out: Any) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what libraries say of damaged files
    before = _resident()
    case = 0
    for case in cases:
        out.send((case, tried(door, folder, input_of(door, case, seed))))
    out.send((case + 1, f"MiB {_resident() - before}"))
    out.close()
    os._exit(0)


def _resident() -> int:
    """Return the largest memory that this process has had [MiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def campaign(folder: Path, *, minutes: float, goal: int, only: list[str]) -> None:
    """Go on until time is up or all doors have the goal; but for `FEWEST`, they share the time."""
    state_file, until = folder / "state.json", time.monotonic() + 60 * minutes
    state = json.loads(state_file.read_text()) if state_file.is_file() else {}
    with tempfile.TemporaryDirectory() as scratch:
        all_doors = doors(Path(scratch))
        for name in all_doors:
            state.setdefault(name, dict.fromkeys(("cases", "taken", "refused", "grown_mib"), 0))
            state[name].setdefault("findings", {})
            state[name].setdefault("seconds", 0.0)
        turn = 0
        while time.monotonic() < until:
            left = [n for n in only or all_doors if state[n]["cases"] < goal]
            if not left:
                break
            few = [n for n in left if state[n]["cases"] < FEWEST] if turn % 2 else []
            name = min(few or left, key=lambda one: state[one]["cases" if few else "seconds"])
            turn += 1
            row, door = state[name], all_doors[name]
            began = time.monotonic()
            cases = range(row["cases"], row["cases"] + BLOCK)
            told = block(name, door, Path(scratch), cases, SEED)
            for key in ("cases", "taken", "refused"):
                row[key] += told[key]
            row["grown_mib"] = max(row["grown_mib"], told["grown_mib"])
            row["seconds"] = round(row["seconds"] + time.monotonic() - began, 2)
            for case, what in told["findings"].items():
                row["findings"].setdefault(what, []).append(case)
                keep = folder / "inputs" / f"{name}-{case}"
                keep.parent.mkdir(parents=True, exist_ok=True)
                keep.write_bytes(input_of(door, int(case), SEED))
                print(name, case, what, file=sys.stderr, flush=True)
            save_json(state_file, state)


def table(folder: Path) -> dict[str, Any]:
    """Return cases and findings of every door; kept inputs of findings are tried once more."""
    state = json.loads((folder / "state.json").read_text())
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        all_doors = doors(Path(scratch))
        for name, row in state.items():
            open_ones = {}
            for what, cases in row["findings"].items():
                again = [_again(name, all_doors[name], Path(scratch), case) for case in cases]
                if bad := [one for one in again if one not in (TAKEN, REFUSED)]:
                    open_ones[what] = bad[0]
            rows[name] = {key: row[key] for key in ("cases", "taken", "refused", "grown_mib")}
            rows[name] |= {
                "kinds_found": len(row["findings"]),
                "kinds_mended": len(row["findings"]) - len(open_ones),
                "found": sorted(row["findings"]),
                "open": open_ones,
            }
    return {"seed": SEED, "cases": sum(row["cases"] for row in rows.values()), "doors": rows}


def _again(name: str, door: Door, folder: Path, case: int) -> str:
    told = block(name, door, folder, range(case, case + 1), SEED)
    return next(iter(told["findings"].values()), TAKEN if told["taken"] else REFUSED)


def main() -> int:
    """Go on with a campaign, or write its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="state and inputs of findings")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--goal", type=int, default=100_000, help="cases of a door at most")
    parser.add_argument("--doors", nargs="+", default=[], help="their names; all without it")
    parser.add_argument("--write", type=Path, help="write the table into a file instead")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.write is None:
        campaign(asked.folder, minutes=asked.minutes, goal=asked.goal, only=asked.doors)
        return 0
    found = table(asked.folder)
    asked.write.write_text(json.dumps(found, indent=1) + "\n")
    return int(any(row["open"] for row in found["doors"].values()))


if __name__ == "__main__":
    sys.exit(main())
