# SPDX-License-Identifier: MIT
"""Synchronisation and data exchange between processes of one machine, through a folder.

At each synchronisation point every process writes a file and waits for the others' files. There is
no leader: all read the same data and continue in the same way.
"""

from __future__ import annotations

import contextlib
import io
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merrow.errors import MerrowError

Array = NDArray[np.float64]

SHORTEST, LONGEST = 2e-4, 5e-3
"""Polling interval [s]; it grows while nothing happens."""
LEFT = "left"


class LeftError(MerrowError):
    """Another process has left, so there is no point in waiting for it."""


@dataclass(frozen=True)
class Meeting:
    """One of several processes that synchronise repeatedly.

    Attributes:
        folder: Their private folder; it exists, and is empty at the start.
        size: Number of processes.
        place: Rank of this process, from 0.
    """

    folder: Path
    size: int
    place: int

    def meet(self, point: int, shown: Array | None = None) -> list[Array]:
        """Wait until all reach a point; return the array of each, in order of rank.

        Args:
            point: Number of the point, counted from 0.
            shown: Array that this process contributes.

        Raises:
            LeftError: Another process has left.
        """
        buffer = io.BytesIO()
        np.save(buffer, np.zeros(0) if shown is None else shown, allow_pickle=False)
        scratch = self.folder / f".{point}-{self.place}"
        scratch.write_bytes(buffer.getvalue())
        os.replace(scratch, self._file(point, self.place))
        found = [self._read(point, place) for place in range(self.size)]
        with contextlib.suppress(OSError):  # all have read the previous point
            self._file(point - 1, self.place).unlink()
        return found

    def leave(self) -> None:
        """Tell the others that this process has left."""
        with contextlib.suppress(OSError):
            (self.folder / LEFT).touch()

    def _file(self, point: int, place: int) -> Path:
        return self.folder / f"{point}-{place}.npy"

    def _read(self, point: int, place: int) -> Array:
        path, pause = self._file(point, place), SHORTEST
        while not path.exists():
            if (self.folder / LEFT).exists():
                raise LeftError("another process that shares this work has left.")
            time.sleep(pause)
            pause = min(LONGEST, 1.2 * pause)
        return np.asarray(np.load(path, allow_pickle=False))
