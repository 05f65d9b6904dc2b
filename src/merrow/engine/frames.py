# SPDX-License-Identifier: MIT
"""What would another potential say of the frames that were kept?

The energy difference between two potentials depends on the region alone, so both ends of a switch
MM → ML/MM need only batched single points of stored frames.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from merrow.engine.leg import count_segments, segment_path
from merrow.engine.storage import load_arrays, save_arrays
from merrow.potentials.interface import Potential
from merrow.units import ANGSTROM_PER_NM, KJ_PER_KCAL

Array = np.ndarray

BATCH = 64


def batched_energies(potential: Potential, positions: Array) -> Array:
    """Return energies [kJ/mol] of many conformers [nm], shape (m, n, 3) → (m,)."""
    centred = (positions - positions[:, :1]) * ANGSTROM_PER_NM
    parts = [
        potential.evaluate(centred[k : k + BATCH]).energies for k in range(0, len(centred), BATCH)
    ]
    return np.concatenate([np.zeros(0), *parts]) * KJ_PER_KCAL


def complete_frames(folder: Path, other: Potential | None, *, gas: bool) -> None:
    """Give every complete segment a file `other-NNNN.npz` with the other potential's energies.

    Args:
        folder: Folder of a task.
        other: The potential to ask; None does nothing.
        gas: Whether the segments hold gas-phase walkers, (records, ladders, n, 3).
    """
    if other is None:
        return
    for index in range(count_segments(folder)):
        path = other_path(folder, index)
        if path.exists():
            continue
        arrays = load_arrays(segment_path(folder, index))
        frames = arrays["positions"] if gas else arrays["frames"]
        flat = frames.reshape(-1, *frames.shape[-2:])
        energies = batched_energies(other, flat).reshape(frames.shape[:-2])
        save_arrays(path, {"energies": energies})


def other_path(folder: Path, index: int) -> Path:
    """Return where the other potential's energies of a segment are kept."""
    return folder / f"other-{index:04d}.npz"


def read_other(folder: Path) -> list[Array]:
    """Return the other potential's energies of all complete segments [kJ/mol], segment by segment.

    Raises:
        MerrowError: A file is missing or damaged.
    """
    return [
        load_arrays(other_path(folder, index))["energies"]
        for index in range(count_segments(folder))
    ]
