# SPDX-License-Identifier: MIT
"""Speed of a potential on this machine, from a short measurement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from merrow.engine.timing import time_in_turn
from merrow.errors import MerrowError
from merrow.potentials.registry import load_potential
from merrow.potentials.testing import METHANOL, METHANOL_GEOMETRY

BATCH = 8
MOST_ROUNDS, PATIENCE = 10_000, 2.0
"""Number of calls of each kind, and time after which no further one starts [s]."""


@dataclass(frozen=True)
class Speed:
    """Time for energy and forces of methanol on this machine.

    Attributes:
        single_ms: One conformer [ms]; None if not measured.
        batch_ms: Per conformer in a batch of eight [ms].
        why_not: Reason why there is no number, or "".
    """

    single_ms: float | None
    batch_ms: float | None
    why_not: str = ""

    def __str__(self) -> str:
        if self.single_ms is None or self.batch_ms is None:
            return f"not measured: {self.why_not}"
        return (
            f"{self.single_ms:.3g} ms for energy and forces of methanol alone, "
            f"{self.batch_ms:.3g} ms each in a batch of {BATCH} (float32 where it has that)"
        )


def measure_speed(name: str, *, offline: bool = False) -> Speed:
    """Measure a potential on methanol for about two seconds.

    Args:
        name: Name of the potential.
        offline: Whether its weights are missing; then nothing is measured or downloaded.
    """
    if offline:
        return Speed(None, None, f"its weights are not here; merrow models get {name}")
    try:
        potential = load_potential(name, METHANOL)
        sizes = {size: np.repeat(METHANOL_GEOMETRY[None], size, axis=0) for size in (1, BATCH)}
        calls = {str(size): partial(potential.evaluate, x) for size, x in sizes.items()}
        times = time_in_turn(calls, rounds=MOST_ROUNDS, seconds=PATIENCE)
    except MerrowError as error:
        return Speed(None, None, str(error).rstrip("."))
    return Speed(times["1"].best, times[str(BATCH)].best / BATCH)
