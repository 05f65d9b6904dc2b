# SPDX-License-Identifier: MIT
"""How do results reach the disk so that a kill at any moment loses at most one segment?

Write beside, sync, rename. A file that has its final name is whole.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from mlmm.errors import MlmmError

Arrays = dict[str, NDArray[np.generic]]


def write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file so that it is either absent, as it was, or whole.

    Raises:
        MlmmError: The disk is full or cannot be written; nothing is left half-written.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink()
        reason = "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror)
        raise MlmmError(
            f"{path} cannot be written: {reason}. What was finished is kept; make room and run "
            "the same command again."
        ) from error


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write named arrays as an npz without pickle.

    Raises:
        MlmmError: The disk is full or cannot be written.
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_atomically(path, lambda stream: _put(stream, buffer.getvalue()))


def load_arrays(path: Path) -> Arrays:
    """Read what `save_arrays` wrote.

    Raises:
        MlmmError: The file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise MlmmError(f"{path} cannot be read ({error}); delete it and run again.") from error


def save_json(path: Path, value: object) -> None:
    """Write JSON, atomically.

    Raises:
        MlmmError: The disk is full or cannot be written.
    """
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
    write_atomically(path, lambda stream: _put(stream, text.encode()))


def _put(stream: BinaryIO, content: bytes) -> None:
    stream.write(content)
