# SPDX-License-Identifier: MIT
"""Files that reach the disk whole or not at all.

Write beside, sync, rename. A file that has its final name is whole, whatever was killed when.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from pathlib import Path

from merrow.errors import MerrowError


def atomic_write(path: Path, content: bytes | str) -> None:
    """Write a file so that it is either absent, as it was, or whole; folders are made.

    Args:
        path: The file.
        content: Bytes, or text that is written as UTF-8.

    Raises:
        MerrowError: The disk is full or the place cannot be written; nothing is left behind.
    """
    data = content.encode() if isinstance(content, str) else content
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink()
        reason = "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror)
        raise MerrowError(
            f"{path} cannot be written: {reason}. What was finished is kept; make room and run "
            "the same command again."
        ) from error


def save_json(path: Path, value: object) -> None:
    """Write a value as JSON, as `atomic_write` does.

    Raises:
        MerrowError: The disk is full or the place cannot be written.
    """
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
    atomic_write(path, text)
