# SPDX-License-Identifier: MIT
"""Atomic writing of files.

A temporary file is written, synced and renamed, so a file under its final name is always complete.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import glob
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from merrow.errors import InputError, MerrowError

_guards: dict[str, Callable[[], None]] = {}
"""By folder: the check that is made before a file in it is written."""


def guard(folder: Path, check: Callable[[], None]) -> None:
    """Run a check before each write of this process into a folder; it raises to forbid it."""
    _guards[os.path.abspath(folder)] = check


@contextlib.contextmanager
def guarded(folder: Path, check: Callable[[], None]) -> Iterator[None]:
    """Do the same for the duration of the block."""
    guard(folder, check)
    try:
        yield
    finally:
        del _guards[os.path.abspath(folder)]


def atomic_write(path: Path, content: bytes | str) -> None:
    """Write a file atomically: it is either unchanged or complete; missing folders are made.

    Args:
        path: The file.
        content: Bytes, or text that is written as UTF-8.

    Raises:
        MerrowError: The disk is full, the path is not writable, or another process has taken over
            the folder; no temporary file is left.
    """
    place = os.path.abspath(path)
    for folder, check in tuple(_guards.items()):
        if place.startswith(folder + os.sep):
            check()
    data = content.encode() if isinstance(content, str) else content
    scratch = path.with_name(f".{path.name}.{_here()}.{os.getpid()}.part")
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
    """Remove temporary files of a path left by killed processes of this machine."""
    for scratch in path.parent.glob(f".{glob.escape(path.name)}.{_here()}.*.part"):
        owner = scratch.name.removesuffix(".part").rpartition(".")[2]
        if owner.isdigit() and not _lives(int(owner)):
            with contextlib.suppress(OSError):
                scratch.unlink()


@functools.cache
def this_machine() -> str:
    """Return an identifier of this machine, its boot and its container."""
    parts = [os.uname().nodename]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


@functools.cache
def _here() -> str:
    """Return the identifier in the names of temporary files: a process number alone says little."""
    return hashlib.sha256(this_machine().encode()).hexdigest()[:8]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def sweep(folder: Path) -> None:
    """Remove temporary files left by killed processes in a folder that nobody else writes to."""
    for scratch in folder.rglob(".*.part"):
        if scratch.is_file():
            with contextlib.suppress(OSError):
                scratch.unlink()


def cannot_write(path: Path, error: OSError) -> MerrowError:
    """Return the error that says why a path cannot be written."""
    reason = "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror)
    return MerrowError(
        f"{path} cannot be written: {reason}. What was finished is kept; make room and run "
        "the same command again."
    )


def is_file(path: Path) -> bool:
    """Tell whether there is a file; a path that cannot be one, as a long SMILES, names none."""
    return os.path.isfile(path)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error


def user_cache() -> Path:
    """Return the user's folder of caches, which need not exist.

    Raises:
        InputError: The user has no home folder, as in some containers and jobs.
    """
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(given) if given else Path.home() / ".cache"
    except RuntimeError as error:
        raise InputError(
            "there is no home folder in which to keep weights and parameters: set XDG_CACHE_HOME "
            "to a folder that you may write."
        ) from error


def save_json(path: Path, value: object) -> None:
    """Write a value as JSON, as `atomic_write` does.

    Raises:
        MerrowError: The disk is full or the path is not writable.
    """
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
    atomic_write(path, text)
