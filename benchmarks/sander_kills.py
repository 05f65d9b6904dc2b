# SPDX-License-Identifier: MIT
"""Does `mlmm sander` survive the death of each of its parts, at random moments, many times?

Two runs share one server. Client, server, sander, or `mlmm sander` itself is killed, frozen or
interrupted; whoever depends on it must end within ten seconds and say why, the others must go on,
restarts must be readable, and no process, no scratch folder and no socket may stay behind.

    python benchmarks/sander_kills.py --events 100 --prmtop gas.prmtop --inpcrd gas.inpcrd
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlmm.amber.coordinates import read_coordinates
from mlmm.server.model_server import ModelServer, Reply, Request, listens
from mlmm.workflows.model_server import Models

KINDS = ("client", "server", "freeze", "sander", "owner", "interrupt")
LIMIT = 10.0
"""Seconds in which everything that has to end must have ended."""
TIMEOUT = 3
"""Seconds after which a client gives a silent server up; 10 where nobody sets it."""
SLOWNESS = 0.02
"""Seconds that the model takes, so that clients live long enough to be killed."""
MDIN = """killed
 &cntrl imin=0, nstlim=100000000, dt=0.0005, ntpr=1000, ntwr=1, cut=999.0, ntb=0, ifmlp=1 /
 &mlp animask=':1', potential='mm' /
"""


@dataclass
class Household:
    """A server and two runs, with the files that they live on."""

    base: Path
    prmtop: Path
    inpcrd: Path
    server: subprocess.Popen[str] | None = None
    runs: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    @property
    def socket(self) -> Path:
        return self.base / "private" / "socket"

    @property
    def scratch(self) -> Path:
        return self.base / "tmp"

    def revive(self) -> None:
        """Start what is not alive, and wait until both runs have made a step."""
        self.scratch.mkdir(exist_ok=True)
        if self.server is None or self.server.poll() is not None:
            words = [sys.executable, __file__, "--serve", str(self.socket)]
            self.server = subprocess.Popen(words, text=True)
            _wait(lambda: listens(self.socket), 120.0)
        for name in ("a", "b"):
            if name not in self.runs or self.runs[name].poll() is not None:
                self._start(name)
        for name, run in self.runs.items():
            _wait(lambda name=name, run=run: self._has_begun(name, run), 120.0)

    def _start(self, name: str) -> None:
        folder = self.base / name
        folder.mkdir(exist_ok=True)
        (folder / "mdin").write_text(MDIN)
        (folder / "restrt").unlink(missing_ok=True)
        mlmm = Path(sys.executable).with_name("mlmm")
        files = ["-p", self.prmtop, "-c", self.inpcrd, "--server", self.socket]
        self.runs[name] = subprocess.Popen(
            [mlmm, "sander", "-O", *map(str, files)],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(self.scratch), "MLMM_TIMEOUT": str(TIMEOUT)},
            stderr=subprocess.PIPE,
            text=True,
        )

    def _has_begun(self, name: str, run: subprocess.Popen[str]) -> bool:
        if run.poll() is not None:
            raise RuntimeError(f"a run did not start: {run.communicate()[1]}")
        return (self.base / name / "restrt").exists()

    def disturb(self, kind: str, name: str) -> dict[str, Any]:
        """Do one thing to one part; return what came of it."""
        run = self.runs[name]
        start = time.monotonic()
        if kind in ("client", "sander"):
            _kill_below(run.pid, "orca" if kind == "client" else "sander")
        elif kind in ("owner", "interrupt"):
            run.send_signal(signal.SIGKILL if kind == "owner" else signal.SIGINT)
        elif self.server is not None:
            self.server.send_signal(signal.SIGKILL if kind == "server" else signal.SIGSTOP)
        ending = list(self.runs) if kind in ("server", "freeze") else [name]
        try:
            told = {one: self.runs[one].communicate(timeout=LIMIT)[1] for one in ending}
        except subprocess.TimeoutExpired as error:
            alive = [f"{pid} {_command(pid)}" for pid in _processes() if run.pid in _ancestors(pid)]
            raise TimeoutError(f"{kind}: {name} goes on after {LIMIT} s: {alive}") from error
        _wait(lambda: not self.strays(), LIMIT)
        seconds = time.monotonic() - start
        if kind in ("server", "freeze") and self.server is not None:
            self.server.kill()
            self.server.wait()
        codes = {one: self.runs[one].returncode for one in ending}
        living = [one for one in self.runs if self.runs[one].poll() is None]
        for one in self.runs:
            read_coordinates(self.base / one / "restrt")  # raises if it is torn
        return {"kind": kind, "seconds": seconds, "codes": codes, "told": told, "living": living}

    def strays(self) -> list[int]:
        """Return processes in scratch folders that belong to no living run."""
        owners = {run.pid for run in self.runs.values() if run.poll() is None}
        found = []
        for pid in _processes():
            place = _link(pid, "cwd")
            if place.startswith(str(self.scratch)) and not owners & set(_ancestors(pid)):
                found.append(pid)
        return found

    def close(self) -> list[str]:
        """End everything in order; return what stayed behind."""
        self.revive()
        for run in self.runs.values():
            if run.poll() is None:
                run.send_signal(signal.SIGINT)
                run.communicate(timeout=LIMIT)
        self._start("a")  # a new run removes what killed ones left
        _wait(lambda: self._has_begun("a", self.runs["a"]), 120.0)
        self.runs["a"].send_signal(signal.SIGINT)
        self.runs["a"].communicate(timeout=LIMIT)
        if self.server is not None:
            self.server.terminate()
            self.server.wait(timeout=LIMIT)
        left = [*self.scratch.iterdir(), *self.socket.parent.iterdir()]
        return [path.name for path in left] + [f"process {pid}" for pid in self.strays()]


def campaign(base: Path, prmtop: Path, inpcrd: Path, events: int, seed: int) -> dict[str, Any]:
    """Disturb a household so many times; every kind comes up equally often, in random order."""
    rng = np.random.default_rng(seed)
    kinds = [KINDS[i % len(KINDS)] for i in rng.permutation(events)]
    house = Household(base, prmtop, inpcrd)
    done = []
    try:
        for kind in kinds:
            house.revive()
            time.sleep(rng.uniform(0.0, 0.5))
            done.append(house.disturb(kind, ("a", "b")[rng.integers(2)]))
        left = house.close()
    finally:
        for process in [*house.runs.values(), *([house.server] if house.server else [])]:
            if process.poll() is None:
                process.kill()
                process.wait()
    return {"events": done, "left": left, "longest": max(event["seconds"] for event in done)}


def serve(path: Path) -> None:
    """Be the server: the real one, with a model that takes its time."""
    models = Models()

    def answer(request: Request) -> Reply:
        time.sleep(SLOWNESS)
        return models.answer(request)

    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with ModelServer(path, answer):
            threading.Event().wait()
    except KeyboardInterrupt:
        pass


def _kill_below(pid: int, name: str) -> None:
    """Kill the first process of a name among the descendants of a process."""
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        for other in _processes():
            if _command(other) == name and pid in _ancestors(other) and _kill_at_work(other, name):
                return
    raise TimeoutError(f"no process {name} came by")


def _kill_at_work(pid: int, name: str) -> bool:
    """Kill a process; False if it is a client that has ended or has delivered, which is no loss."""
    try:
        os.kill(pid, signal.SIGSTOP)
        folder = Path(_link(pid, "cwd"))
        stopped = "T" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:1]
        if name == "orca" and (not stopped or (folder / "orc_job.engrad").exists()):
            os.kill(pid, signal.SIGCONT)
            return False
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    return True


def _processes() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _link(pid: int, name: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return ""


def _command(pid: int) -> str:
    """Return the name that a process was started by."""
    try:
        return Path(Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]).name
    except OSError:
        return ""


def _ancestors(pid: int) -> list[int]:
    found = [pid]
    while found[-1] > 1:
        try:
            stat = Path(f"/proc/{found[-1]}/stat").read_text()
        except OSError:
            break
        found.append(int(stat.rpartition(")")[2].split()[1]))
    return found


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("what had to happen did not happen in time")
        time.sleep(0.02)


def main() -> None:
    """Run a campaign and write `results/sander_kills.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--prmtop", type=Path, help="gas-phase molecule")
    parser.add_argument("--inpcrd", type=Path)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve)
        return
    from machine import save  # noqa: PLC0415  (only where this runs as a script)

    base = Path(tempfile.mkdtemp(prefix="mlmm-kills-"))
    try:
        files = (asked.prmtop.absolute(), asked.inpcrd.absolute())
        result = campaign(base, *files, asked.events, asked.seed)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    kinds = {kind: [e for e in result["events"] if e["kind"] == kind] for kind in KINDS}
    summary = {
        kind: {"events": len(events), "longest_seconds": max(e["seconds"] for e in events)}
        for kind, events in kinds.items()
        if events
    }
    result = {"seed": asked.seed, "by_kind": summary, "left": result["left"]}
    print(save("sander_kills", result), summary, f"left behind: {result['left']}")


if __name__ == "__main__":
    main()
