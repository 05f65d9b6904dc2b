# SPDX-License-Identifier: MIT
"""The samples of a run folder: what the tasks wrote, read back in the order of time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merrow.engine import gas, leg
from merrow.engine.frames import read_other
from merrow.errors import IncompleteError
from merrow.hydration.config import HydrationConfig
from merrow.hydration.sampling.tasks import GAS_RECORD_INTERVAL, Task, leg_plan
from merrow.potentials.interface import Array
from merrow.samples import WindowSamples, concatenate


@dataclass(frozen=True)
class SolvatedFrames:
    """All repeats of one leg in water.

    Attributes:
        samples: Every record.
        frames: Positions of the solute in the coupled state [nm], shape (f, n, 3).
        rows: Row of `samples` of each frame, shape (f,).
        other: Energy of the other potential on each frame [kJ/mol], shape (f,); None without one.
    """

    samples: WindowSamples
    frames: Array
    rows: np.ndarray
    other: Array | None

    @property
    def internal(self) -> Array:
        """Energy of the potential that drove each frame [kJ/mol]."""
        return np.asarray(self.samples.internal[self.rows])

    @property
    def group(self) -> np.ndarray:
        """Repeat of each frame."""
        return np.asarray(self.samples.repeat[self.rows])


@dataclass(frozen=True)
class GasFrames:
    """The gas phase at the run's temperature: energies [kJ/mol] and ladder (group), shape (m,)."""

    positions: Array
    internal: Array
    group: np.ndarray
    other: Array | None

    @property
    def time(self) -> Array:
        """Time of each frame [ps], one ladder after the other."""
        return np.asarray(GAS_RECORD_INTERVAL * np.arange(1, len(self.internal) + 1))


def read_water(run: Path, config: HydrationConfig, phase: str, hamiltonian: str) -> SolvatedFrames:
    """Return all complete segments of all repeats of a leg.

    Raises:
        IncompleteError: A repeat has no complete segment.
    """
    samples, frames, rows, others = [], [], [], []
    offset = 0
    for repeat in range(config.repeats):
        task = Task("end" if phase == "end" else "path", hamiltonian, repeat)
        folder, plan = task.folder(run), leg_plan(config, task)
        count = leg.count_segments(folder)
        if count == 0:
            raise IncompleteError(f"{task.name} has no samples yet; run the same command again.")
        extra = read_other(folder) if (folder / "other-0000.npz").exists() else []
        for index in range(count):
            segment = leg.read_segment(folder, index, plan)
            coupled = segment.samples.state[segment.frame_rows] == 0
            samples.append(segment.samples)
            frames.append(segment.frames[coupled])
            rows.append(segment.frame_rows[coupled] + offset)
            if extra:
                others.append(extra[index][coupled])
            offset += len(segment.samples)
    return SolvatedFrames(
        concatenate(samples),
        np.concatenate(frames),
        np.concatenate(rows),
        np.concatenate(others) if others else None,
    )


def read_gas_phase(run: Path, hamiltonian: str) -> GasFrames:
    """Return all complete segments of the gas phase, ladder by ladder.

    Raises:
        IncompleteError: There is no complete segment.
    """
    folder = Task("gas", hamiltonian).folder(run)
    if leg.count_segments(folder) == 0:
        raise IncompleteError("the gas phase has no samples yet; run the same command again.")
    conformers = gas.read_gas(folder)
    other = None
    if (folder / "other-0000.npz").exists():
        other = np.concatenate(read_other(folder)).T.reshape(-1)
    return GasFrames(conformers.positions, conformers.energies, conformers.ladder, other)
