# SPDX-License-Identifier: MIT
"""A lock that holds a folder for one process, on shared file systems too (decision 16).

The lock is a file `.lock.N` that only one process can create. The largest N is valid and never
deleted, so the process that creates N + 1 has taken over from N. It names its owner; its time of
modification is the owner's heartbeat, and 1970 marks a released lock. Others take over when the
owner is gone: judged by its process on the owner's machine, elsewhere by the heartbeat.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from merrow.errors import InputError, MerrowError
from merrow.files import cannot_write, guard, guarded, this_machine

HEARTBEAT = 10.0
"""Time between two heartbeats of an owner [s]."""
PATIENCE = 120.0
"""Time without a heartbeat after which an owner on another machine counts as gone [s]; file
systems show a change up to a minute late."""
PREFIX = ".lock."


class TakenOverError(MerrowError):
    """Another process has taken over a folder that this one held."""


@dataclass(frozen=True)
class Owner:
    """The process that holds a folder.

    Attributes:
        node: Name of its machine, for messages.
        machine: Identifier of the machine, its boot and its container.
        pid: Process id.
        started: Start time of the process as the system reports it, since ids are reused.
    """

    node: str
    machine: str
    pid: int
    started: str

    def is_gone(self) -> bool:
        """Tell whether it, a process of this machine, has ended."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # another user's
        began = _started(self.pid)
        return began is not None and began != self.started


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the folder for this process; it writes files there only while it holds the lock.

    Raises:
        InputError: Another process is working in the folder, or it cannot be made.
        MerrowError: The disk is full.
        TakenOverError: Raised at a write after another process took over.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock, text = _take(folder)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise cannot_write(folder, error) from error
        raise InputError(
            f"the folder {folder} cannot be made ({error.strerror}); choose another --out."
        ) from error
    done = threading.Event()
    heart = threading.Thread(target=_beat, args=(lock, done), daemon=True)
    heart.start()
    try:
        with guarded(folder, partial(_check, lock, text)):
            yield
    finally:
        done.set()
        heart.join()
        with contextlib.suppress(OSError, TakenOverError):
            _check(lock, text)
            os.utime(lock, (0, 0))


def is_held(folder: Path) -> bool:
    """Tell whether a process is working in a folder now."""
    newest = _newest(folder)
    return newest is not None and not _is_free(newest)


def follow_lock(folder: Path) -> None:
    """Let this worker write into a folder only while its current owner holds it."""
    lock = _newest(folder)
    if lock is not None:
        guard(folder, partial(_check, lock, lock.read_text()))


def _take(folder: Path) -> tuple[Path, str]:
    """Create the next lock of a folder, unless it is held; return the lock and its content."""
    text = json.dumps(asdict(_this_process()))
    while True:
        newest = _newest(folder)
        if newest is not None and not _is_free(newest):
            _refuse(folder, newest)
        lock = folder / f"{PREFIX}{_number(newest) + 1}"
        try:
            stream = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:  # another was faster
            time.sleep(0.05)
            continue
        try:
            if os.write(stream, text.encode()) < len(text.encode()):
                raise OSError(errno.ENOSPC, "no room for the lock")
        except OSError:
            lock.unlink()
            raise
        finally:
            os.close(stream)
        if _newest(folder) == lock:
            break
        lock.unlink()  # the previous lock was deleted: others were faster by two
    for old in folder.glob(f"{PREFIX}*"):
        if _number(old) < _number(lock):
            with contextlib.suppress(OSError):  # another user's may stay; it is no longer valid
                old.unlink()
    return lock, text


def _newest(folder: Path) -> Path | None:
    found = [path for path in folder.glob(f"{PREFIX}*") if _number(path)]
    return max(found, key=_number, default=None)


def _number(lock: Path | None) -> int:
    found = None if lock is None else re.fullmatch(re.escape(PREFIX) + r"(\d+)", lock.name)
    return 0 if found is None else int(found[1])


def _is_free(lock: Path) -> bool:
    """Tell whether a lock was released, or its owner is gone."""
    try:
        owner, beat = _read(lock)
    except FileNotFoundError:  # deleted by the new owner
        return True
    if beat == 0.0:
        return True
    if owner is not None and owner.machine == this_machine():
        return owner.is_gone()
    return _time_of(lock.parent) - beat > PATIENCE


def _time_of(folder: Path) -> float:
    """Return the time by the clock of a folder's disk, or by ours where only reading is allowed."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".now.") as now:
            return os.fstat(now.fileno()).st_mtime
    except OSError:
        return time.time()


def _read(lock: Path) -> tuple[Owner | None, float]:
    """Return the owner, None while its name is being written, and the time of its heartbeat."""
    with lock.open(encoding="utf-8") as stream:
        text, beat = stream.read(), os.fstat(stream.fileno()).st_mtime
    try:
        return Owner(**json.loads(text)), beat
    except (ValueError, TypeError):
        return None, beat


def _refuse(folder: Path, lock: Path) -> None:
    owner = None
    with contextlib.suppress(FileNotFoundError):
        owner, _ = _read(lock)
    who = "" if owner is None else f" ({owner.pid} on {owner.node})"
    raise InputError(
        f"another merrow process is working in {folder}{who}; wait for it, or choose another --out."
    )


def _check(lock: Path, text: str) -> None:
    """Raise if a lock is no longer the newest.

    Raises:
        TakenOverError: It is not.
    """
    with contextlib.suppress(FileNotFoundError):
        if lock.read_text(encoding="utf-8") == text and _newest(lock.parent) == lock:
            return
    raise TakenOverError(
        f"another merrow process took over {lock.parent} while this one gave no sign of life; this "
        "one stops, and the other continues."
    )


def _beat(lock: Path, done: threading.Event) -> None:
    """Renew the heartbeat until the lock is released."""
    while not done.wait(HEARTBEAT):
        with contextlib.suppress(OSError):
            os.utime(lock)


def _this_process() -> Owner:
    pid = os.getpid()
    return Owner(os.uname().nodename, this_machine(), pid, _started(pid) or "")


def _started(pid: int) -> str | None:
    """Return when a process of this machine started; "" if it has ended, None if unknown."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except OSError:  # not Linux, or others' processes are hidden
        asked = ["ps", "-o", "lstart=", "-p", str(pid)]
        told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        return told or None
