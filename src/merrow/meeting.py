# SPDX-License-Identifier: MIT
"""Processes of one machine that wait for each other and show each other numbers, through a folder.

Each puts down a file at each point where they meet and waits for the others' files. Nobody leads:
all have read the same, and go on with it in the same way.
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
"""Time between two looks at the folder [s]; it grows while nothing happens."""
LEFT = "left"


class LeftError(MerrowError):
    """Another process has left, so that nobody need wait for it."""


@dataclass(frozen=True)
class Meeting:
    """One of several processes that meet again and again.

    Attributes:
        folder: Theirs alone; it is there, and empty when they begin.
        size: How many they are.
        place: Number of this one, from 0.
    """

    folder: Path
    size: int
    place: int

    def meet(self, point: int, shown: Array | None = None) -> list[Array]:
        """Wait until all are at a point; return what each shows, in the order of their places.

        Args:
            point: Number of the point, from 0, one after the other.
            shown: What this one shows.

        Raises:
            LeftError: Another one has left.
        """
        buffer = io.BytesIO()
        np.save(buffer, np.zeros(0) if shown is None else shown, allow_pickle=False)
        scratch = self.folder / f".{point}-{self.place}"
        scratch.write_bytes(buffer.getvalue())
        os.replace(scratch, self._file(point, self.place))
        found = [self._read(point, place) for place in range(self.size)]
        with contextlib.suppress(OSError):  # all have read what was shown at the point before
            self._file(point - 1, self.place).unlink()
        return found

    def leave(self) -> None:
        """Let the others know that this one comes no more."""
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
