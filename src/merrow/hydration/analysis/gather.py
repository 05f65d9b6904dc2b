# SPDX-License-Identifier: MIT
"""Reading the samples of a run folder in order of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from merrow.engine.segments import GasFrames, Segment, gas_frames
from merrow.errors import IncompleteError
from merrow.hydration.sampling.tasks import Hamiltonian, Task, leg_plan
from merrow.potentials.interface import Array
from merrow.samples import WindowSamples, concatenate

if TYPE_CHECKING:
    from merrow.hydration.config import HydrationConfig
    from merrow.hydration.run_folder import RunFolder
    from merrow.hydration.sampling.context import RunContext


@dataclass(frozen=True)
class SolvatedFrames:
    """All repeats of one leg in water.

    Attributes:
        samples: All samples.
        frames: Positions of the solute in the coupled state [nm], shape (f, n, 3).
        rows: Row of `samples` of each frame, shape (f,).
        other: Energy of the other potential on each frame [kJ/mol], shape (f,), or None.
    """

    samples: WindowSamples
    frames: Array
    rows: np.ndarray
    other: Array | None

    @property
    def internal(self) -> Array:
        """Energy of the sampled potential on each frame [kJ/mol]."""
        return np.asarray(self.samples.internal[self.rows])

    @property
    def group(self) -> np.ndarray:
        """Repeat of each frame."""
        return np.asarray(self.samples.repeat[self.rows])

    @property
    def replica(self) -> np.ndarray:
        """Replica of each frame, within its repeat."""
        return np.asarray(self.samples.replica[self.rows])


def read_water(run: RunContext, kind: Literal["path", "end"], own: Hamiltonian) -> SolvatedFrames:
    """Return all complete segments of all repeats of a leg.

    Raises:
        IncompleteError: A repeat has no complete segment.
    """
    segments = read_segments(run.folder, run.config, kind, own)
    coupled = [part.samples.state[part.frame_rows] == 0 for part in segments]
    before = np.cumsum([0, *(len(part.samples) for part in segments)])
    pairs = list(zip(segments, coupled, strict=True))
    others = [part.other[here] for part, here in pairs if part.other is not None]
    return SolvatedFrames(
        concatenate([part.samples for part in segments]),
        np.concatenate([part.frames[here] for part, here in pairs]),
        np.concatenate([p.frame_rows[h] + n for (p, h), n in zip(pairs, before, strict=False)]),
        np.concatenate(others) if len(others) == len(segments) else None,
    )


def read_segments(
    folder: RunFolder, config: HydrationConfig, kind: Literal["path", "end"], own: Hamiltonian
) -> list[Segment]:
    """Return all complete segments of all repeats of a leg in water.

    Args:
        folder: The run folder.
        config: Configuration, with the refined schedule if there is one.
        kind: "path" for all states, "end" for the coupled one.
        own: Hamiltonian of the solute.

    Raises:
        IncompleteError: A repeat has no complete segment.
    """
    segments: list[Segment] = []
    for repeat in range(config.repeats):
        task = Task(kind, own, repeat)
        plan = leg_plan(config, task)
        found = folder.task(task).read_segments(plan.states, plan.ensemble.temperature)
        if not found:
            raise IncompleteError(f"{task.name} has no samples yet; run the same command again.")
        segments += found
    return segments


def read_gas_phase(run: RunContext, own: Hamiltonian) -> GasFrames:
    """Return all complete segments of the gas phase, ladder by ladder.

    Raises:
        IncompleteError: There is no complete segment.
    """
    segments = run.folder.task(Task("gas", own)).read_gas()
    if not segments:
        raise IncompleteError("the gas phase has no samples yet; run the same command again.")
    return gas_frames(segments)
