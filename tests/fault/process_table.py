# SPDX-License-Identifier: MIT
"""Which processes are there?"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DEAD = "Z"
"""State of a process that waits to be buried."""


@dataclass(frozen=True)
class Process:
    """One line of the table: number, program, state, the process above, its command's words."""

    pid: int
    name: str
    state: str
    parent: int
    words: tuple[str, ...]


def look(pid):
    """Return a process, or None if there is none."""
    folder = Path(f"/proc/{pid}")
    try:
        name, _, rest = (folder / "stat").read_text().rpartition(")")
        state, parent = rest.split()[:2]
        words = (folder / "cmdline").read_text().split("\0")
    except OSError:
        return None
    return Process(int(pid), name.partition("(")[2], state, int(parent), tuple(words))


def all_processes():
    """Return all processes."""
    found = (look(path.name) for path in Path("/proc").glob("[0-9]*"))
    return [process for process in found if process is not None]


def is_alive(pid):
    """Tell whether a process still computes."""
    process = look(pid)
    return process is not None and process.state != DEAD


def below(pid):
    """Return the numbers of a process and its descendants."""
    found = [pid]
    for parent in found:  # grows
        try:
            found += map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
        except OSError:
            continue
    return found


def above(pid):
    """Return the numbers of a process and those above it."""
    found = [pid]
    while found[-1] > 1 and (process := look(found[-1])) is not None:
        found.append(process.parent)
    return found


def place(pid):
    """Return the folder in which a process works, or "" if there is none."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""
