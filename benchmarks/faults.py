# SPDX-License-Identifier: MIT
"""What becomes of real runs that are killed, starved, cut off from their disk, or lied to?

Small runs of `hydration`, `campaign`, `md` and `mmpbsa` are disturbed at random moments: signals to
the program and to its workers, no memory, a full disk, a folder that cannot be written or is gone,
two programs on one folder, files that are cut, emptied, exchanged or have a flipped bit, a worker
that returns garbage. Every one must stop with one sentence or end well; then no process is left,
and the same command comes to the undisturbed numbers, bit for bit, or says in one sentence which
file is damaged. It needs Linux, and the right to mount for the full disk (else a limit on the size
of files stands for it). Resumable: the same command goes on where it was.

    python benchmarks/faults.py --folder FOLDER --number 220
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

from common import parser, save
from fault_events import SIGNALS, Event
from fault_runs import RUNS, make_frames, marked, wait_for_silence

SEED = 1
LIVE = {
    "hydration": (*SIGNALS, "no memory", "full disk", "read-only", "folder gone", "two at once"),
    "hydration, 2 workers": (*SIGNALS, "worker killed", "worker returns garbage", "full disk"),
    "campaign": ("killed", "SIGTERM", "Ctrl-C", "worker killed", "full disk"),
    "md": (*SIGNALS, "no memory", "full disk", "read-only", "folder gone"),
    "mmpbsa": ("killed", "SIGTERM", "Ctrl-C", "no memory", "full disk"),
}
DAMAGES = ("cut", "emptied", "exchanged", "one bit")
FILES = {
    "hydration": ("half", "whole"),
    "campaign": ("half", "whole"),
    "md": ("half",),
    "mmpbsa": ("begun",),
}
WEIGHTS = {"hydration": 5, "hydration, 2 workers": 3, "campaign": 0.7, "md": 7, "mmpbsa": 3}
"""How often each is disturbed while it runs; the long ones less."""
FILE_WEIGHTS = {"hydration": 5, "campaign": 0.5, "md": 3, "mmpbsa": 3}


class Faults:
    """The folder of the campaign: undisturbed answers, folders to damage, events so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.state = folder / "state.json"
        self.events: list[dict[str, Any]] = []
        self.known: dict[str, Any] = {}
        self.found: list[dict[str, Any]] = []  # what went wrong before something was mended
        if self.state.exists():
            kept = json.loads(self.state.read_text())
            self.events, self.known = kept["events"], kept["known"]
            self.found = kept.get("found", [])

    def keep(self) -> None:
        """Write what is known."""
        scratch = self.state.with_suffix(".part")
        kept = {"events": self.events, "known": self.known, "found": self.found}
        scratch.write_text(json.dumps(kept))
        scratch.replace(self.state)

    def prepare(self) -> None:
        """Compute the undisturbed answers, and folders of runs that are half and wholly done."""
        make_frames(self.folder)
        for name, kind in RUNS.items():
            if name in self.known:
                continue
            run = kind(self.folder / "whole" / name.replace(", ", "-"), f"whole-{name[:4]}")
            shutil.rmtree(run.place, ignore_errors=True)
            if name == "mmpbsa":
                run.place.mkdir(parents=True)
                shutil.copy(self.folder / "frames.nc", run.place)
            began = time.monotonic()
            told = run.command().run()
            if told.code:
                raise SystemExit(f"{name} does not run undisturbed: {told.err}")
            self.known[name] = {"answer": run.answer(told), "seconds": time.monotonic() - began}
            self.keep()
        for name in ("hydration", "campaign", "md"):
            self._half(name)

    def _half(self, name: str) -> None:
        place = self.folder / "half" / name
        if (place / "ready").exists():
            return
        shutil.rmtree(place, ignore_errors=True)
        run = RUNS[name](place, f"half-{name}")
        process = run.command().start()
        files = {"md": "restrt"}.get(name, "**/segment-0000.npz")
        while not list(place.glob(files)) and process.poll() is None:
            time.sleep(0.02)
        process.kill()
        process.wait()
        wait_for_silence(run.mark, 30.0)
        (place / "ready").touch()

    def plan(self, number: int, seed: int) -> list[tuple[str, str, str]]:
        """Return so many events: run, what is done, to what."""
        chance = random.Random(seed)
        found = []
        for _ in range(number):
            if chance.random() < 0.62:
                name = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
                found.append((name, chance.choice(LIVE[name]), ""))
            else:
                name = chance.choices(list(FILE_WEIGHTS), list(FILE_WEIGHTS.values()))[0]
                found.append((name, chance.choice(DAMAGES), chance.choice(FILES[name])))
        return found

    def one(self, number: int, seed: int, name: str, what: str, state: str) -> dict[str, Any]:
        """Let one event happen and say what came of it."""
        chance = random.Random(f"{seed} {number}")
        mark = f"e{number}"
        place = self.folder / "now" / mark
        if place.is_mount():  # this script was killed there
            subprocess.run(["umount", "--lazy", str(place)], check=True)
        for old in (place, *place.parent.glob(f"{mark}-*")):
            shutil.rmtree(old, ignore_errors=True)
        place.parent.mkdir(exist_ok=True)
        if state in ("half", "whole"):
            shutil.copytree(self.folder / state / name, place)
            (place / "ready").unlink(missing_ok=True)
        elif name == "mmpbsa":
            place.mkdir()
            shutil.copy(self.folder / "frames.nc", place)
        run = RUNS[name](place, mark)
        began = time.monotonic()
        event = Event(run, chance, self.known[name]["answer"], self.known[name]["seconds"])
        try:
            detail, outcome, wrong = event.damage(what) if state else event.live(what)
        finally:
            for pid in marked(mark):
                os.kill(pid, signal.SIGKILL)
        seconds = round(time.monotonic() - began, 1)
        if not wrong:
            shutil.rmtree(place, ignore_errors=True)
        row = {"event": number, "run": name, "what": what, "of": state, "detail": detail}
        return row | {"outcome": outcome, "wrong": wrong, "seconds": seconds}


def report(faults: Faults, seed: int) -> None:
    """Write the table of events and outcomes."""
    table: dict[str, Counter[str]] = {}
    for row in faults.events:
        short = row["wrong"] or row["outcome"].partition(":")[0]
        table.setdefault(f"{row['run']}: {row['what']}", Counter())[short] += 1
    wrong = sum(bool(row["wrong"]) for row in faults.events)
    counts = {name: dict(counter) for name, counter in sorted(table.items())}
    place = str(faults.folder)
    rows, found = json.loads(json.dumps([faults.events, faults.found]).replace(place, "FOLDER"))
    content = {"seed": seed, "tried": len(rows), "wrong": wrong, "table": counts}
    save("faults", {**content, "found_before": found, "events": rows})


def main() -> None:
    """Go on until all events have happened or the time is up."""
    reader = parser(__doc__, "folder", number=220, minutes=60.0, seed=SEED)
    reader.add_argument("--again", action="store_true", help="try events again that went wrong")
    reader.add_argument("--only", type=int, help="one event by its number, without keeping it")
    options = reader.parse_args()
    end = time.monotonic() + 60.0 * options.minutes
    faults = Faults(options.folder.resolve())
    faults.prepare()
    plan = faults.plan(options.number, options.seed)
    if options.only is not None:
        print(faults.one(options.only, options.seed, *plan[options.only]))
        return
    if options.again:
        faults.found += [row for row in faults.events if row["wrong"]]
        faults.events = [row for row in faults.events if not row["wrong"]]
    done = {row["event"] for row in faults.events}
    for number, event in enumerate(plan):
        if number in done or time.monotonic() > end:
            continue
        row = faults.one(number, options.seed, *event)
        print(row, flush=True)
        faults.events.append(row)
        faults.keep()
    report(faults, options.seed)


if __name__ == "__main__":
    main()
