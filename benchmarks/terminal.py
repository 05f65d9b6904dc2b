# SPDX-License-Identifier: MIT
"""A command in a terminal of its own, and Ctrl-C as the user types it: how long until it ends?"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fault_runs import MARK, marked

PATIENCE = 60.0
"""A command that has not ended so long after Ctrl-C hangs [s]."""
START = 300.0
"""One that has not shown its sign after so long is ended [s]."""
BURIAL = 2.0
"""What is killed may need so long to go [s]."""
CTRL_C = b"\x03"


@dataclass
class Stopped:
    """How a command took Ctrl-C.

    Attributes:
        seconds: From Ctrl-C to its end [s]; None where it had ended before.
        code: Its exit code; below zero: a signal.
        seen: What the terminal showed.
        left: Processes that are still there.
    """

    seconds: float | None
    code: int
    seen: str
    left: list[int] = field(default_factory=list)

    @property
    def last(self) -> str:
        """The last line of the terminal."""
        return (self.seen.strip().splitlines() or [""])[-1]


def stop_by_hand(
    words: Sequence[str],
    folder: Path,
    *,
    after: float = 0.0,
    sign: str = "",
    then: float = 0.0,
    mark: str = "stop",
) -> Stopped:
    """Run a command in a pseudo-terminal and type Ctrl-C.

    Args:
        words: The command.
        folder: Where it runs.
        after: Wait so long before Ctrl-C [s].
        sign: Wait until the terminal has shown this, or until the command has a file open whose
            path ends so, if it begins with a slash,
        then: and so long after it [s].
        mark: Name by which its processes are known.
    """
    master, slave = pty.openpty()
    environment = {**os.environ, MARK: mark, "COLUMNS": "80", "TERM": "xterm"}
    began = time.monotonic()
    with subprocess.Popen(
        list(words),
        cwd=folder,
        env=environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    ) as process:
        os.close(slave)
        seen, shown, typed = "", None, None
        while process.poll() is None:
            seen += _read(master)
            now = time.monotonic()
            if shown is None and now - began >= after and _is_there(sign, seen, process.pid):
                shown = now
            if typed is None and shown is not None and now - shown >= then:
                typed = now
                os.write(master, CTRL_C)
            if now - (typed or began) > (PATIENCE if typed else START):
                os.killpg(process.pid, signal.SIGKILL)
        ended = time.monotonic()
        seen += _read(master)
    os.close(master)
    while (left := marked(mark)) and time.monotonic() < ended + BURIAL:
        time.sleep(0.05)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return Stopped(None if typed is None else ended - typed, process.returncode, seen, left)


def _is_there(sign: str, seen: str, pid: int) -> bool:
    if not sign.startswith("/"):
        return sign in seen
    with suppress(OSError):  # it has ended, or closed a file
        return any(
            str(link.readlink()).endswith(sign) for link in Path(f"/proc/{pid}/fd").iterdir()
        )
    return False


def _read(master: int) -> str:
    """Return what the terminal shows now, after a moment at most."""
    found = b""
    while select.select([master], [], [], 0.0 if found else 0.02)[0]:
        try:
            found += (part := os.read(master, 65536))
        except OSError:  # the other end is closed
            break
        if not part:
            break
    return found.decode(errors="replace")


if __name__ == "__main__":
    print(stop_by_hand(sys.argv[2:], Path.cwd(), after=float(sys.argv[1])))
