# SPDX-License-Identifier: MIT
"""Which processes are there?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEAD = "Z"
"""State of a process that waits to be buried."""


@dataclass(frozen=True)
class Process:
    """One line of the table: number, state, the process above, and its command's words."""

    pid: int
    state: str
    parent: int
    words: tuple[str, ...]


def look(pid):
    """Return a process, or None if there is none."""
    folder = Path(f"/proc/{pid}")
    try:
        state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        words = (folder / "cmdline").read_text().split("\0")
    except OSError:
        return None
    return Process(int(pid), state, int(parent), tuple(words))


def all_processes():
    """Return all processes."""
    found = (look(path.name) for path in Path("/proc").glob("[0-9]*"))
    return [process for process in found if process is not None]


def is_alive(pid):
    """Tell whether a process still computes."""
    process = look(pid)
    return process is not None and process.state != DEAD
