# SPDX-License-Identifier: MIT
"""The files of a task; an interruption loses at most one segment.

Files are written atomically (`files.py`). The start of the next segment is written before the
segment, and the start of the previous one is deleted last: after an interruption the missing
segment can always be recomputed, with the same result.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merrow.engine.segments import GasSegment, Segment
from merrow.errors import MerrowError
from merrow.files import atomic_write
from merrow.samples import ROW_FIELDS, LambdaState, WindowSamples

Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class TaskFolder:
    """The folder of a stream of segments, of a leg or the gas phase."""

    path: Path

    @property
    def coupled(self) -> Path:
        """Snapshot of the first state after equilibration; an ML/MM end state starts from it."""
        return self.path / "coupled.npz"

    def equilibrated(self, state: int) -> Path:
        """Return the file of the snapshot of a state, kept until all states are equilibrated."""
        return self.path / f"equilibrated-{state:02d}.npz"

    def snapshots(self, index: int) -> Path:
        """Return the file of the snapshots at the start of a segment."""
        return self.path / f"snapshots-{index:04d}.npz"

    def segment(self, index: int) -> Path:
        """Return the file of a segment."""
        return self.path / f"segment-{index:04d}.npz"

    def other(self, index: int) -> Path:
        """Return the file of another potential's energies on the frames of a segment."""
        return self.path / f"other-{index:04d}.npz"

    def last_coupled(self, index: int) -> Path:
        """Return the file of the last snapshot of the first state in a segment."""
        return self.path / f"coupled-{index:04d}.npz"

    def count_segments(self) -> int:
        """Return the number of complete segments.

        Raises:
            MerrowError: One is missing before the last.
        """
        names = {path.name for path in self.path.glob("segment-*.npz")}
        count = 0
        while self.segment(count).name in names or self.segment(count).exists():
            count += 1
        if count < len(names):
            raise MerrowError(
                f"{self.segment(count)} is missing, but later segments are there; restore it, or "
                f"delete the folder {self.path} and run again."
            )
        return count

    def read_segments(self, states: tuple[LambdaState, ...], temperature: float) -> list[Segment]:
        """Return the complete segments of a leg.

        Args:
            states: Its alchemical states.
            temperature: Its temperature [K].

        Raises:
            MerrowError: A file is damaged.
        """
        found = []
        for index in range(self.count_segments()):
            data = load_arrays(self.segment(index))
            rows = (data[name] for name in ROW_FIELDS)
            samples = WindowSamples(states, temperature, *rows)  # type: ignore[arg-type]
            found.append(
                Segment(
                    *(samples, data["frames"], data["frame_rows"], self._read_other(index)),
                    made_on=str(data.get("made_on", "")),
                )
            )
        return found

    def read_gas(self, count: int | None = None) -> list[GasSegment]:
        """Return the first segments of the gas phase, all of them by default.

        Raises:
            MerrowError: A file is missing or damaged.
        """
        found = []
        for index in range(self.count_segments() if count is None else count):
            data = load_arrays(self.segment(index))
            known = (data["positions"], data["energies"], self._read_other(index))
            found.append(GasSegment(*known, data.get("velocities")))
        return found

    def _read_other(self, index: int) -> NDArray[np.generic] | None:
        path = self.other(index)
        return load_arrays(path)["energies"] if path.exists() else None

    def save_piece(self, index: int, segment: Arrays, following: Arrays) -> None:
        """Save a segment and the start of the next one; delete the start before its own.

        A segment that is made again, on another device, has other frames: energies of the older
        ones go first.

        Raises:
            MerrowError: The disk is full or cannot be written.
        """
        self.other(index).unlink(missing_ok=True)
        save_arrays(self.snapshots(index + 1), following)
        save_arrays(self.segment(index), segment)
        if index > 0:
            self.snapshots(index - 1).unlink(missing_ok=True)


def made_on(path: Path) -> str:
    """Return platform and device of a segment of a leg, without reading the rest.

    Raises:
        MerrowError: The file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            return str(data["made_on"]) if "made_on" in data.files else ""
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from error


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
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> MerrowError:
    """Return the error on a damaged file, and what has to go for it to be made again.

    Energies can always be computed again, and a segment where its start is still there, that is,
    the last one. Other files of a task are made with the whole task.
    """
    start = path.with_name(path.name.replace("segment-", "snapshots-"))
    of_task = path.stem != "conformers" and not path.stem.startswith("other-")
    alone = not of_task or ("segment-" in path.name and start.exists())
    what = "it" if alone else f"the folder {path.parent}"
    return MerrowError(f"{path} cannot be read ({error}); delete {what} and run again.")
