# SPDX-License-Identifier: MIT
"""One disturbance of one run, for `faults.py`."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fault_runs import Command, Ended, Run, marked, wait_for_silence

SILENCE = 5.0
"""Workers notice within a second that nobody is left to work for [s]."""
SIGNALS = {
    "killed": signal.SIGKILL,
    "SIGTERM": signal.SIGTERM,
    "Ctrl-C": signal.SIGINT,
    "stopped and continued": signal.SIGSTOP,
}
UNPROTECTED = ("restrt", "begin.rst", "frames.nc", "result.json", "results.json", "run.yaml")
"""Formats without a sum that would tell a flipped bit, which the user gives or may edit."""
GARBAGE = """
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "merrow.hydration.sampling.worker":
            return None
        sys.meta_path.remove(self)
        import importlib.util
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            module.advance_in_worker = garbage
        spec.loader.exec_module = exec_module
        return spec
def garbage(run, task):
    return {garbage}
garbage.__module__, garbage.__qualname__ = "merrow.hydration.sampling.worker", "advance_in_worker"
sys.meta_path.insert(0, Finder())
"""
NONSENSE = (
    '"nonsense"',
    "None",
    "-7",
    "10**9",
    "float('nan')",
    "[1, 2]",
    "sys.exit(3)",
    "{}",
)


class Event:
    """One disturbance of one run."""

    def __init__(self, run: Run, chance: random.Random, answer: Any, seconds: float) -> None:
        self.run, self.chance, self.answer, self.seconds = run, chance, answer, seconds

    def live(self, what: str) -> tuple[str, str, str]:
        """Disturb it while it runs; return detail, outcome and what is wrong."""
        actions: dict[str, Callable[[], tuple[str, Ended]]] = {
            "no memory": self._no_memory,
            "full disk": self._full_disk,
            "read-only": self._read_only,
            "folder gone": self._gone,
            "two at once": self._two,
            "worker killed": self._worker,
            "worker returns garbage": self._garbage,
        }
        detail, told = actions[what]() if what in actions else self._signal(what)
        if wrong := told.wrong():
            return detail, f"{wrong}: {told.err[-600:]}", wrong
        if left := wait_for_silence(self.run.mark, SILENCE):
            names = [Path(f"/proc/{pid}/cmdline").read_bytes()[-80:] for pid in left]
            return detail, f"left running: {names}", "an orphan"
        return self._goes_on(detail, told)

    def _goes_on(self, detail: str, told: Ended) -> tuple[str, str, str]:
        first = "ended well" if told.code == 0 else f"exit code {told.code}"
        if told.code != 0:
            told = self.run.command().run()
            if told.code:
                return detail, f"{first}, then: {told.err[-600:]}", "it does not go on"
            first += ", then went on to the same numbers"
        if self.run.answer(told) != self.answer:
            return detail, f"{first}: other numbers", "other numbers"
        if half := self.run.half_files():
            return detail, f"{first}; left: {half}", "half a file"
        return detail, first, ""

    def _moment(self) -> float:
        moment = self.chance.uniform(0.0, 1.1 * self.seconds)
        time.sleep(moment)
        return moment

    def _signal(self, what: str) -> tuple[str, Ended]:
        command = self.run.command()
        process, moment = command.start(), self._moment()
        try:
            if what == "Ctrl-C":  # a terminal sends it to the whole group
                os.killpg(process.pid, signal.SIGINT)
            else:
                process.send_signal(SIGNALS[what])
        except ProcessLookupError:
            pass
        if what.startswith("stopped"):
            time.sleep(self.chance.uniform(0.1, 2.0))
            process.send_signal(signal.SIGCONT)
        return f"after {moment:.1f} s", command.end()

    def _worker(self) -> tuple[str, Ended]:
        command = self.run.command()
        process, moment = command.start(), self._moment()
        victims = [pid for pid in marked(self.run.mark) if pid != process.pid]
        if victims:
            os.kill(self.chance.choice(victims), signal.SIGKILL)
        return f"after {moment:.1f} s, {len(victims)} there", command.end()

    def _garbage(self) -> tuple[str, Ended]:
        nonsense = self.chance.choice(NONSENSE)
        spoiled = self.run.place.parent / f"{self.run.mark}-spoiled"
        spoiled.mkdir(exist_ok=True)
        (spoiled / "sitecustomize.py").write_text(GARBAGE.replace("{garbage}", nonsense))
        path = f"{spoiled}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        told = self.run.command(environment={"PYTHONPATH": path}).run()
        shutil.rmtree(spoiled)
        return nonsense, told

    def _no_memory(self) -> tuple[str, Ended]:
        size = int(self.chance.uniform(1.0, 4.0) * 2**30)
        limit = (size, size)
        told = self.run.command(before=lambda: resource.setrlimit(resource.RLIMIT_AS, limit)).run()
        return f"{size / 2**30:.2f} GiB", told

    def _full_disk(self) -> tuple[str, Ended]:
        size = int(10 ** self.chance.uniform(3.5, 6.2))
        self.run.place.mkdir(parents=True, exist_ok=True)
        kept = self.run.place.with_name(f"{self.run.mark}-kept")
        shutil.copytree(self.run.place, kept)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(self.run.place)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            limit = (size, size)
            command = self.run.command(
                before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
            )
            shutil.rmtree(kept)
            return f"files of {size} bytes", command.run()
        try:
            try:
                shutil.copytree(kept, self.run.place, dirs_exist_ok=True)
                command = self.run.command()
            except OSError:
                return f"{size} bytes: no room to begin", Ended(2, "", "merrow: not begun")
            told = command.run()
            subprocess.run(["mount", "-o", "remount,size=64m", str(self.run.place)], check=True)
            shutil.rmtree(kept)
            shutil.copytree(self.run.place, kept)
        finally:
            subprocess.run(["umount", "--lazy", str(self.run.place)], check=True)
            shutil.rmtree(self.run.place, ignore_errors=True)
            kept.rename(self.run.place)
        return f"{size} bytes", told

    def _read_only(self) -> tuple[str, Ended]:
        command = self.run.command()
        place = self.run.place
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o555)
        if os.geteuid() == 0 and shutil.which("setpriv"):
            rights = ["--bounding-set", "-dac_override", "--inh-caps", "-dac_override"]
            command = Command(["setpriv", *rights, *command.words], place, self.run.mark)
        try:
            told = command.run()
        finally:
            place.chmod(0o755)
        return "", told

    def _gone(self) -> tuple[str, Ended]:
        command = self.run.command()
        process, moment = command.start(), self._moment()
        place = self.run.place / self.run.folder if self.run.folder != "." else self.run.place
        away = place.with_name(f"{place.name}-away")
        if place.exists() and process.poll() is None:
            place.rename(away)
        told = command.end()
        if away.exists():
            if place.exists():  # what it made meanwhile
                shutil.rmtree(place)
            away.rename(place)
        return f"after {moment:.1f} s", told

    def _two(self) -> tuple[str, Ended]:
        first, second = self.run.command(), self.run.command()
        second.mark = f"{self.run.mark}b"
        first.start()
        time.sleep(self.chance.choice((0.0, self.chance.uniform(0.0, self.seconds))))
        second.start()
        one, two = first.end(), second.end()
        codes = sorted((one.code, two.code))
        for told in (one, two):
            if told.wrong():
                return f"codes {codes}", told
        if codes not in ([0, 2], [0, 0]):
            return f"codes {codes}", Ended(98, "", "merrow: neither or both were refused")
        return f"codes {codes}", one if one.code == 0 else two

    def damage(self, how: str) -> tuple[str, str, str]:
        """Damage a file of what is there, then give the command again."""
        files = sorted(
            path
            for path in self.run.place.rglob("*")
            if path.is_file()
            and path.stat().st_size
            and not path.name.startswith(".lock")
            and path.name not in ("mdin", "set.csv", "ready", "worker.log")
        )
        path = self.chance.choice(files)
        name = str(path.relative_to(self.run.place))
        self._spoil(path, how, files)
        try:
            command = self.run.command()
        except Exception as error:  # md: the restart cannot be read, so the user would not use it
            return name, f"not used: {type(error).__name__}", ""
        told = command.run()
        if wrong := told.wrong():
            return name, f"{wrong}: {told.err[-600:]}", wrong
        if told.code:
            return name, f"exit code {told.code}: {told.err.strip().splitlines()[-1]}", ""
        if self.run.answer(told) == self.answer:
            return name, "the same numbers", ""
        if how == "one bit" and path.name in UNPROTECTED:
            return name, "other numbers: the format has no sum", ""
        return name, "other numbers", "other numbers"

    def _spoil(self, path: Path, how: str, files: list[Path]) -> None:
        content = bytearray(path.read_bytes())
        if how == "cut":
            path.write_bytes(content[: self.chance.randrange(len(content))])
        elif how == "emptied":
            path.write_bytes(b"")
        elif how == "exchanged":
            other = self.chance.choice([*files, Path(__file__)])
            path.write_bytes(other.read_bytes())
        else:
            where = self.chance.randrange(len(content))
            content[where] ^= 1 << self.chance.randrange(8)
            path.write_bytes(content)
