# SPDX-License-Identifier: MIT
"""Records of the segments of a leg and of the gas phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merrow.samples import WindowSamples

Array = np.ndarray


@dataclass(frozen=True)
class Segment:
    """Records of a segment of a leg.

    Attributes:
        samples: One row per record.
        frames: Positions of the region in the end states [nm], shape (f, n, 3).
        frame_rows: Row of `samples` of each frame, shape (f,).
        other: Energy of another potential on each frame [kJ/mol], shape (f,), or None.
        made_on: Platform, and device of the networks; "" in older folders.
    """

    samples: WindowSamples
    frames: Array
    frame_rows: Array
    other: Array | None = None
    made_on: str = ""


@dataclass(frozen=True)
class GasSegment:
    """Records of the coldest walkers of all ladders, m records in order of time.

    Attributes:
        positions: Positions [nm], shape (m, ladders, n, 3).
        energies: Absolute energy of the sampled potential [kJ/mol], shape (m, ladders).
        other: Energy of another potential [kJ/mol], shape (m, ladders), or None.
        velocities: Velocities half a step before the positions [nm/ps], shape (m, ladders, n, 3);
            None in older folders.
    """

    positions: Array
    energies: Array
    other: Array | None = None
    velocities: Array | None = None


@dataclass(frozen=True)
class GasFrames:
    """The gas phase at the run's temperature, ladder by ladder, each in order of time.

    Attributes:
        positions: Positions [nm], shape (m, n, 3).
        internal: Absolute energy of the sampled potential [kJ/mol], shape (m,).
        group: Ladder of each frame, shape (m,).
        other: Energy of another potential [kJ/mol], shape (m,), or None.
    """

    positions: Array
    internal: Array
    group: Array
    other: Array | None = None


def gas_frames(segments: Sequence[GasSegment]) -> GasFrames:
    """Return the records of all segments, ladder by ladder."""
    energies = np.concatenate([part.energies for part in segments])
    positions = np.concatenate([part.positions for part in segments])
    others = [part.other for part in segments if part.other is not None]
    records, ladders = energies.shape
    return GasFrames(
        positions.swapaxes(0, 1).reshape(records * ladders, *positions.shape[2:]),
        energies.T.reshape(-1),
        np.repeat(np.arange(ladders), records),
        np.concatenate(others).T.reshape(-1) if len(others) == len(segments) else None,
    )
