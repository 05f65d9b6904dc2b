# SPDX-License-Identifier: MIT
"""Folders of results: new, occupied, begun by the same question, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from merrow.errors import InputError


def occupied(folder: Path, by: str, what: str) -> bool:
    """Tell whether a folder holds a file that says what is done in it.

    Args:
        folder: The folder.
        by: Name of that file.
        what: What the folder is for, in the user's words.

    Raises:
        InputError: The folder is a file, or holds something else.
    """
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; --out needs a folder.")
    if (folder / by).exists():
        return True
    # hidden files are a lock, and what a kill left of a write that was not finished
    if any(not path.name.startswith(".") for path in folder.iterdir()):
        raise InputError(f"{folder} is not empty and contains no {what}; choose another --out.")
    return False


def text_of(path: Path) -> str:
    """Return a text file.

    Raises:
        InputError: It is not UTF-8.
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
    """Tell whether a folder holds the work that is asked for; refuse one that holds something else.

    Args:
        folder: The folder.
        by: Name of the file that says what was asked there.
        what: What the folder is for, such as "run".
        asked: What is asked now, as far as it must be the same.
        read: Returns the same part of that file.

    Raises:
        InputError: The folder is a file, or holds something else.
    """
    if not occupied(folder, by, f"merrow {what}"):
        return False
    if differing := _first_difference(read(folder / by), asked):
        raise InputError(f"{folder} contains another {what}: {differing}; choose another --out.")
    return True


def _first_difference(there: Mapping[str, object], here: Mapping[str, object], at: str = "") -> str:
    """Return in words the first key whose value differs, or an empty text."""
    for key, value in here.items():
        other = there.get(key)
        if isinstance(value, dict) and isinstance(other, dict):
            if found := _first_difference(other, value, f"{at}{key}."):
                return found
        elif value != other:
            return f"{at}{key} is {other!r} there and {value!r} here"
    return ""


def check_new(out: Path) -> None:
    """Refuse a folder that holds something.

    Raises:
        InputError: It is a file, or it is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not an empty folder; choose another --out.")


@contextmanager
def staging_folder(out: Path) -> Iterator[Path]:
    """Give a hidden folder beside `out`, which takes its name at the end.

    After a failure it stays, since programs left their logs there; after bad input it goes. The
    same command begins anew in either case.
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
