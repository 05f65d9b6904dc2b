# SPDX-License-Identifier: MIT
"""Two runs of `merrow sander` with one server, whose parts die at random moments.

Client, server, sander, or `merrow sander` itself is killed, frozen or interrupted; whoever depends
on it must end within ten seconds and say why, the others must go on, and no process, zombie,
scratch folder or socket may stay behind. What ended starts again from its own last restart, which
must be readable.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from process_table import DEAD, above, all_processes, below, look, place
from scipy.io import netcdf_file

from merrow.amber.coordinates import read_coordinates
from merrow.sander.models import Models
from merrow.sander.server import ModelServer, Reply, Request, listens

KINDS = {
    "client": (1, "the client that asks the model died"),
    "server": (1, "the model server"),
    "freeze": (1, "no sign of life"),
    "sander": (1, "killed by signal 9"),
    "owner": (-signal.SIGKILL, ""),
    "interrupt": (128 + signal.SIGINT, "stopped; run the same command again"),
}
"""What is done, the exit code that `merrow sander` must have then, and what it must say."""
LIMIT = 10.0
"""Seconds in which everything that has to end must have ended."""
TIMEOUT = 5
"""Seconds after which a client gives a silent server up; 10 where nobody sets it."""
SLOWNESS = 0.1
"""Seconds that the model takes, so that clients live long enough to be killed."""
MDIN = """killed
 &cntrl imin=0, {start}, nstlim=100000000, dt=0.0005, ntpr=1000, ntwr=1, cut=999.0, ntb=0, ifmlp=1 /
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
            words = [sys.executable, __file__, str(self.socket)]
            self.server = subprocess.Popen(words, text=True)
            wait(lambda: listens(self.socket), 120.0)
        for name in ("a", "b"):
            if name not in self.runs or self.runs[name].poll() is not None:
                self._start(name)
        for name, run in self.runs.items():
            wait(partial(self._has_begun, name, run), 120.0)

    def _start(self, name: str) -> None:
        folder = self.base / name
        folder.mkdir(exist_ok=True)
        last, begin = folder / "restrt", folder / "begin"
        if last.exists():
            last.replace(begin)
        goes_on = begin.exists()
        start = "irest=1, ntx=5" if goes_on else "irest=0, ntx=1, tempi=300.0"
        (folder / "mdin").write_text(MDIN.format(start=start))
        merrow = Path(sys.executable).with_name("merrow")
        files = ["-p", self.prmtop, "-c", begin if goes_on else self.inpcrd]
        files += ["--server", self.socket]
        self.runs[name] = subprocess.Popen(
            [merrow, "sander", "-O", *map(str, files)],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(self.scratch), "MERROW_TIMEOUT": str(TIMEOUT)},
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
            alive = [look(pid) for pid in below(run.pid)]
            raise TimeoutError(f"{kind}: {name} goes on after {LIMIT} s: {alive}") from error
        seconds = time.monotonic() - start
        if kind in ("server", "freeze") and self.server is not None:
            self.server.kill()
            self.server.wait()
        wait(lambda: not self.strays() and not zombies(), LIMIT - seconds)
        seconds = max(seconds, time.monotonic() - start)
        codes = {one: self.runs[one].returncode for one in ending}
        living = [one for one in self.runs if self.runs[one].poll() is None]
        for one in self.runs:
            read_coordinates(self.base / one / "restrt")  # raises if it is torn
        return {"kind": kind, "seconds": seconds, "codes": codes, "told": told, "living": living}

    def times(self) -> dict[str, float]:
        """Return the time of each run's last restart [ps]."""
        found = {}
        for one in self.runs:
            with netcdf_file(self.base / one / "restrt", mmap=False) as file:
                found[one] = float(file.variables["time"].getValue())
        return found

    def strays(self) -> list[int]:
        """Return processes in scratch folders that belong to no living run."""
        owners = {run.pid for run in self.runs.values() if run.poll() is None}
        return [
            process.pid
            for process in all_processes()
            if place(process.pid).startswith(str(self.scratch))
            and not owners & set(above(process.pid))
        ]

    def close(self) -> list[str]:
        """End everything in order; return what stayed behind."""
        self.revive()
        for run in self.runs.values():
            if run.poll() is None:
                run.send_signal(signal.SIGINT)
                run.communicate(timeout=LIMIT)
        self._start("a")  # a new run removes what killed ones left
        wait(lambda: self._has_begun("a", self.runs["a"]), 120.0)
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
    kinds = [list(KINDS)[i % len(KINDS)] for i in rng.permutation(events)]
    house = Household(base, prmtop, inpcrd)
    done: list[dict[str, Any]] = []
    times: dict[str, float] = {}
    try:
        for kind in kinds:
            house.revive()
            time.sleep(rng.uniform(0.0, 0.5))
            event = house.disturb(kind, ("a", "b")[rng.integers(2)])
            if wrong := unexpected(event):
                raise RuntimeError(f"{wrong}: {event}")
            before, times = times, house.times()
            if any(times[one] < before[one] for one in before):
                raise RuntimeError(f"a run began again from the start: {before}, {times}")
            done.append(event)
            print(len(done), kind, f"{event['seconds']:.2f} s", flush=True)
        left = house.close()
    finally:
        for process in [*house.runs.values(), *([house.server] if house.server else [])]:
            if process.poll() is None:
                process.kill()
                process.wait()
    return {"events": done, "times": times, "left": left}


def unexpected(event: dict[str, Any]) -> str:
    """Return what is wrong with the outcome of an event, or nothing."""
    code, words = KINDS[event["kind"]]
    if event["seconds"] > LIMIT:
        return "it took too long"
    if set(event["codes"].values()) != {code}:
        return "another exit code"
    if not all(words in text for text in event["told"].values()):
        return "the user is not told what happened"
    if len(event["living"]) + len(event["codes"]) != 2:
        return "a run ended that does not depend on what died"
    return ""


def serve(path: Path) -> None:
    """Be the server: the real one, with a model that takes its time."""
    logging.basicConfig(level=logging.INFO, format="server: %(message)s")
    models = Models()

    def answer(request: Request) -> Reply:
        time.sleep(SLOWNESS)
        return models.answer(request)

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):  # a shell may have set them to be ignored
        signal.signal(number, end)
    try:
        with ModelServer(path, answer):
            threading.Event().wait()
    except KeyboardInterrupt:
        pass


def _kill_below(pid: int, name: str) -> None:
    """Kill the first process of a name among the descendants of a process."""
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        for other in below(pid):
            if command(other) == name and _kill_at_work(other, name):
                return
        time.sleep(0.002)
    raise TimeoutError(f"no process {name} came by")


def _kill_at_work(pid: int, name: str) -> bool:
    """Kill a process; False if it is a client that has ended or has delivered, which is no loss."""
    try:
        os.kill(pid, signal.SIGSTOP)
        folder, process = Path(place(pid)), look(pid)
        stopped = process is not None and process.state == "T"
        if name == "orca" and (not stopped or (folder / "orc_job.engrad").exists()):
            os.kill(pid, signal.SIGCONT)
            return False
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    return True


def wait(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: It is not so in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("what had to happen did not happen in time")
        time.sleep(0.02)


def command(pid: int) -> str:
    """Return the name that a process was started by."""
    process = look(pid)
    return "" if process is None else Path(process.words[0]).name


def zombies() -> list[int]:
    """Return dead children that nobody has waited for: ours, and those of a killed parent."""
    return [
        process.pid
        for process in all_processes()
        if process.state == DEAD
        and process.name in ("sander", "orca", "merrow", "sh")
        and (process.parent == 1 or os.getpid() in above(process.pid))
    ]


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
