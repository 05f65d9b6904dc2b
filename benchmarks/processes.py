# SPDX-License-Identifier: MIT
"""Which processes are there, whose are they, and what do they do? Read from /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def below(pid: int) -> list[int]:
    """Return a process and its descendants."""
    found = [pid]
    for parent in found:  # grows
        try:
            found += map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
        except OSError:
            continue
    return found


def processes() -> list[int]:
    """Return the ids of all processes."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def zombies() -> list[int]:
    """Return dead children that nobody has waited for: ours, and those of a killed parent."""
    found = []
    for pid in processes():
        try:
            name, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
        except OSError:
            continue
        state, parent = rest.split()[:2]
        ours = os.getpid() in ancestors(pid) or parent == "1"
        if state == "Z" and ours and name.partition("(")[2] in ("sander", "orca", "merrow", "sh"):
            found.append(pid)
    return found


def link(pid: int, name: str) -> str:
    """Return where a link of a process points to: "cwd", "exe"."""
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return ""


def state(pid: int) -> str:
    """Return R for running, S for sleeping, and so on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def command(pid: int) -> str:
    """Return the name that a process was started by."""
    try:
        return Path(Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]).name
    except OSError:
        return ""


def ancestors(pid: int) -> list[int]:
    """Return a process and those above it."""
    found = [pid]
    while found[-1] > 1:
        try:
            stat = Path(f"/proc/{found[-1]}/stat").read_text()
        except OSError:
            break
        found.append(int(stat.rpartition(")")[2].split()[1]))
    return found


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
