# SPDX-License-Identifier: MIT
"""Files that reach the disk whole or not at all.

Write beside, sync, rename. A file that has its final name is whole, whatever was killed when.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from merrow.errors import MerrowError

_guards: dict[str, Callable[[], None]] = {}
"""By folder: what is asked before a file of it is written."""


def guard(folder: Path, check: Callable[[], None]) -> None:
    """Ask a check before this process writes a file of a folder; it raises where it must not."""
    _guards[os.path.abspath(folder)] = check


@contextlib.contextmanager
def guarded(folder: Path, check: Callable[[], None]) -> Iterator[None]:
    """Do the same until the block is left."""
    guard(folder, check)
    try:
        yield
    finally:
        del _guards[os.path.abspath(folder)]


def atomic_write(path: Path, content: bytes | str) -> None:
    """Write a file so that it is either absent, as it was, or whole; folders are made.

    Args:
        path: The file.
        content: Bytes, or text that is written as UTF-8.

    Raises:
        MerrowError: The disk is full, the place cannot be written, or the folder is held by another
            process by now; nothing is left behind.
    """
    place = os.path.abspath(path)
    for folder, check in tuple(_guards.items()):
        if place.startswith(folder + os.sep):
            check()
    data = content.encode() if isinstance(content, str) else content
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep_beside(path)
        with scratch.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise cannot_write(path, error) from error


def _sweep_beside(path: Path) -> None:
    """Remove what killed processes of this machine were writing to a file."""
    for scratch in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        owner = scratch.name.removesuffix(".part").rpartition(".")[2]
        if owner.isdigit() and not _lives(int(owner)):
            with contextlib.suppress(OSError):
                scratch.unlink()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def sweep(folder: Path) -> None:
    """Remove what killed processes were writing in a folder and below; nobody else writes there."""
    for scratch in folder.rglob(".*.part"):
        if scratch.is_file():
            with contextlib.suppress(OSError):
                scratch.unlink()


def cannot_write(path: Path, error: OSError) -> MerrowError:
    """Return the error that says why a place cannot be written."""
    reason = "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror)
    return MerrowError(
        f"{path} cannot be written: {reason}. What was finished is kept; make room and run "
        "the same command again."
    )


def save_json(path: Path, value: object) -> None:
    """Write a value as JSON, as `atomic_write` does.

    Raises:
        MerrowError: The disk is full or the place cannot be written.
    """
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
    atomic_write(path, text)
