# SPDX-License-Identifier: MIT
"""Output folders: checks for new, occupied and resumable ones, and staging."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from merrow.errors import InputError


def occupied(folder: Path, by: str, what: str) -> bool:
    """Tell whether a folder already holds a job.

    Args:
        folder: The folder.
        by: Name of the file that describes the job.
        what: Kind of job, for messages.

    Raises:
        InputError: The folder is a file, or holds something else.
    """
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; --out needs a folder.")
    if (folder / by).exists():
        return True
    # hidden files are a lock, and temporary files of a killed process
    if any(not path.name.startswith(".") for path in folder.iterdir()):
        raise InputError(f"{folder} is not empty and contains no {what}; choose another --out.")
    return False


def text_of(path: Path) -> str:
    """Return a text file.

    Raises:
        InputError: The file is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file in UTF-8.") from error


def resumes(
    folder: Path,
    by: str,
    what: str,
    *,
    asked: Mapping[str, object],
    read: Callable[[Path], Mapping[str, object]],
) -> bool:
    """Tell whether a folder holds the requested job; refuse one that holds something else.

    Args:
        folder: The folder.
        by: Name of the file that describes the job.
        what: Kind of job, such as "run".
        asked: The settings that must be the same.
        read: Returns the same settings from that file.

    Raises:
        InputError: The folder is a file, or holds something else.
    """
    if not occupied(folder, by, f"merrow {what}"):
        return False
    if differing := _first_difference(read(folder / by), asked):
        raise InputError(f"{folder} contains another {what}: {differing}; choose another --out.")
    return True


def _first_difference(there: Mapping[str, object], here: Mapping[str, object], at: str = "") -> str:
    """Describe the first key whose values differ; empty if none does."""
    for key, value in here.items():
        other = there.get(key)
        if isinstance(value, dict) and isinstance(other, dict):
            if found := _first_difference(other, value, f"{at}{key}."):
                return found
        elif value != other:
            return f"{at}{key} is {other!r} there and {value!r} here"
    return ""


def check_place(out: Path) -> None:
    """Refuse a folder that cannot be made or written to, before anything is computed.

    Raises:
        InputError: It, or a folder above it, is a file or not writable.
    """
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"--out {out}: {there} is a file; name a folder, which is made.")
    if not os.access(there, os.W_OK):
        raise InputError(f"--out {out}: {there} is not writable; name another folder.")


def check_new(out: Path) -> None:
    """Refuse a folder that is not empty.

    Raises:
        InputError: The folder is a file, or it is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not an empty folder; choose another --out.")


@contextmanager
def staging_folder(out: Path) -> Iterator[Path]:
    """Yield a hidden folder beside `out`, which is renamed to `out` at the end.

    After a failure it is kept for the logs of programs; after bad input it is removed. Either way
    the same command starts afresh.
    """
    scratch = out.with_name(f".{out.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
    except InputError:
        shutil.rmtree(scratch)
        raise
    if out.exists():
        out.rmdir()
    scratch.rename(out)
