# SPDX-License-Identifier: MIT
"""Small real runs for `faults.py`: what is started, how it goes on, and what it must give."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import ROOT

SYSTEMS = ROOT / "tests" / "data" / "systems"
MERROW = str(Path(sys.executable).with_name("merrow"))
SCHEDULE = "schedule={lambda_electrostatics: [1.0, 0.0], lambda_sterics: [0.5, 0.0]}"
SETTINGS = (
    *("cutoff_angstrom=6", "n_waters=200"),
    *("equilibration_ps=0.02", "equilibration_per_state_ps=0.004"),
    *("record_interval_ps=0.004", "minimum_sampling_ps=0.032", "maximum_sampling_ps=0.048"),
    "minimum_per_repeat_ps=0",
    *("gas_ps=0.2", "target_stderr_kcal=null", SCHEDULE),
)
PROTOCOL = [word for setting in SETTINGS for word in ("--set", setting)]
MDIN = """methane in vacuum
 &cntrl
  imin=0, {start}, nstlim={steps}, dt=0.0005, ntb=0, cut=999.0, ig=11,
  ntt=3, gamma_ln=5.0, temp0=300.0, ntpr=50, ntwx=50, ntwr=50, ifmlp=1,
 /
 &mlp animask=':1', potential='mm' /
"""
MD_STEPS = 1500
PATIENCE = 400.0
"""No small run takes so long [s], however busy the machine is."""
MARK = "MERROW_FAULT"
"""Variable by which the processes of an event are known."""
CODES = {0, 1, 2, 3, 130, 143}


@dataclass
class Ended:
    """How a command ended: exit code (below zero: a signal), stdout, stderr."""

    code: int
    out: str
    err: str

    def wrong(self) -> str:
        """Return what no command may do at its end, or nothing."""
        if "Traceback" in self.err or "Exception ignored" in self.err:
            return "a traceback"
        if "unexpected" in self.err or "please report" in self.err:
            return "an unexpected error"
        last = (self.err.strip().splitlines() or [""])[-1]
        if self.code > 0 and not last.startswith("merrow: "):
            return "no sentence"
        if self.code > 0 and self.code not in CODES:
            return "an exit code that is not documented"
        return ""


@dataclass
class Command:
    """A command that runs in a session of its own, to be disturbed."""

    words: Sequence[str]
    folder: Path
    mark: str
    environment: dict[str, str] = field(default_factory=dict)
    before: Callable[[], None] | None = None

    def start(self) -> subprocess.Popen[str]:
        """Begin."""
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **self.environment, MARK: self.mark, "COLUMNS": "80"}
        self._out, self._err = (self.folder.parent / f"{self.mark}.{x}" for x in ("out", "err"))
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                list(self.words),
                cwd=self.folder,
                env=environment,
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
                preexec_fn=self.before,  # noqa: PLW1509
            )
        return self.process

    def end(self) -> Ended:
        """Wait for the end; a run that hangs is killed."""
        try:
            code = self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            code = 99
        told = Ended(code, self._out.read_text(), self._err.read_text(errors="replace"))
        self._out.unlink()
        self._err.unlink()
        return told

    def run(self) -> Ended:
        """Do it all."""
        self.start()
        return self.end()


def marked(mark: str) -> list[int]:
    """Return the living processes of an event."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            if (
                state not in "ZX"
                and f"{MARK}={mark}\0".encode() in (entry / "environ").read_bytes()
            ):
                found.append(int(entry.name))
        except (OSError, IndexError):
            continue
    return found


class Run:
    """One kind of run; `place` is the folder in which the command is given."""

    def __init__(self, place: Path, mark: str) -> None:
        self.place, self.mark = place, mark

    def command(self, **more: Any) -> Command:
        """Return the command that begins or goes on."""
        return Command([MERROW, *self.words()], self.place, self.mark, **more)

    def words(self) -> list[str]:
        """Return its words."""
        raise NotImplementedError

    def answer(self, _told: Ended) -> Any:
        """Return the numbers, without times and places."""
        raise NotImplementedError

    def half_files(self) -> list[str]:
        """Return what should not be left by a run that came to its end."""
        found = [*self.place.rglob("*.part"), *self.place.rglob(".now.*")]
        return [str(path.relative_to(self.place)) for path in found]


class Hydration(Run):
    """Methane in MM water."""

    processes = "1"
    folder = "run"

    def words(self) -> list[str]:
        files = [str(SYSTEMS / f"methane{end}") for end in (".prmtop", ".inpcrd")]
        words = ["hydration", *files, "--solvate", "tip3p", "--potential", "mm", *PROTOCOL]
        return [*words, "--processes", self.processes, "--out", self.folder]

    def answer(self, _told: Ended) -> Any:
        found = json.loads((self.place / self.folder / "result.json").read_text())
        found.pop("wall_s")
        return found


class Hydration2(Hydration):
    """The same by two workers."""

    processes = "2"


class Campaign(Run):
    """Methane and methanol."""

    folder = "set"

    def words(self) -> list[str]:
        table = self.place / "set.csv"
        if not table.exists():
            names = ("methane", "methanol")
            rows = [f"{n},{SYSTEMS / n}.prmtop,{SYSTEMS / n}.inpcrd,-1.0" for n in names]
            self.place.mkdir(parents=True, exist_ok=True)
            table.write_text("\n".join(["name,prmtop,inpcrd,expt_kcal", *rows]) + "\n")
        words = ["campaign", "run", "set.csv", "--potential", "mm", *PROTOCOL]
        return [*words, "--workers", "2", "--out", self.folder]

    def answer(self, _told: Ended) -> Any:
        found = {}
        for path in sorted(self.place.glob("set/runs/*/result.json")):
            found[path.parent.name] = json.loads(path.read_text())
            found[path.parent.name].pop("wall_s")
        return [(self.place / "set/results.csv").read_text(), found]


class Dynamics(Run):
    """Methane in vacuum; it goes on from its restart, as its message says."""

    folder = "."

    def words(self) -> list[str]:
        self.place.mkdir(parents=True, exist_ok=True)
        step, start = self._step(), "irest=0, ntx=1, tempi=300.0"
        begin = str(SYSTEMS / "methane.inpcrd")
        if step is not None and step < MD_STEPS:
            start, begin = "irest=1, ntx=5", "begin.rst"
            (self.place / "restrt").replace(self.place / begin)
        left = MD_STEPS if begin != "begin.rst" else MD_STEPS - (step or 0)
        (self.place / "mdin").write_text(MDIN.format(start=start, steps=left))
        return ["md", "-O", "-p", str(SYSTEMS / "methane.prmtop"), "-c", begin]

    def _step(self) -> int | None:
        from merrow.amber.trajectory import read_restart_metadata  # noqa: PLC0415

        for name in ("restrt", "begin.rst"):
            path = self.place / name
            if path.exists():
                if name == "begin.rst":
                    path = path.rename(self.place / "restrt")
                return read_restart_metadata(path).step
        return None

    def answer(self, _told: Ended) -> Any:
        return (self.place / "restrt").read_bytes().hex()


class Mmpbsa(Run):
    """An ester with an ether beside it, ten frames."""

    folder = "out"

    def words(self) -> list[str]:
        shutil.rmtree(self.place / "out", ignore_errors=True)
        frames = self.place / "frames.nc"
        if not frames.exists():
            self.place.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.place.parent / "frames.nc", frames)
        words = ["mmpbsa", "-p", str(SYSTEMS / "complex.prmtop"), "-y", "frames.nc"]
        return [*words, "--ligand-mask", ":GST", "--out", "out", "--json"]

    def answer(self, _told: Ended) -> Any:
        return re.sub(r'"[^"]*/[^"]*"', '"path"', _told.out)


RUNS: dict[str, type[Run]] = {
    "hydration": Hydration,
    "hydration, 2 workers": Hydration2,
    "campaign": Campaign,
    "md": Dynamics,
    "mmpbsa": Mmpbsa,
}


def make_frames(folder: Path) -> None:
    """Write the trajectory of `Mmpbsa`."""
    if not (folder / "frames.nc").exists():
        sys.path.insert(0, str(ROOT / "tests" / "cli"))
        from short_runs import short_run  # noqa: PLC0415

        base = SYSTEMS / "complex"
        short_run(
            base.with_suffix(".prmtop"),
            base.with_suffix(".inpcrd"),
            folder / "frames.nc",
            frames=10,
        )


def wait_for_silence(mark: str, seconds: float) -> list[int]:
    """Return the processes of an event that are still there after so long."""
    end = time.monotonic() + seconds
    while (left := marked(mark)) and time.monotonic() < end:
        time.sleep(0.1)
    return left
