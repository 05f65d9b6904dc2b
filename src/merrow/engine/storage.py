# SPDX-License-Identifier: MIT
"""How do results reach the disk so that a kill at any moment loses at most one segment?"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merrow.errors import MerrowError
from merrow.files import atomic_write

Arrays = dict[str, NDArray[np.generic]]


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write named arrays as an npz without pickle.

    Raises:
        MerrowError: The disk is full or cannot be written.
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    atomic_write(path, buffer.getvalue())


def load_arrays(path: Path) -> Arrays:
    """Read what `save_arrays` wrote.

    Raises:
        MerrowError: The file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise MerrowError(f"{path} cannot be read ({error}); delete it and run again.") from error


def save_json(path: Path, value: object) -> None:
    """Write JSON, atomically.

    Raises:
        MerrowError: The disk is full or cannot be written.
    """
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
    atomic_write(path, text)
