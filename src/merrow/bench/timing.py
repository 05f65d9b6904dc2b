# SPDX-License-Identifier: MIT
"""Speed of a potential on this machine: a short measurement that a user waits for."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from merrow.errors import MerrowError
from merrow.potentials.interface import Array, Potential
from merrow.potentials.registry import load_potential
from merrow.potentials.testing import METHANOL, METHANOL_GEOMETRY

BATCH = 8
PATIENCE = 1.0
"""Time that one measurement may take [s]; a single slow call may take longer."""
MS_PER_S = 1000.0


@dataclass(frozen=True)
class Speed:
    """Time of energy and forces of methanol on one machine.

    Attributes:
        single_ms: One conformer [ms]; None where it could not be measured.
        batch_ms: One of eight conformers that are asked together [ms].
        why_not: Why there is no number, or "".
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
        offline: Whether its weights are not here; then nothing is measured and nothing fetched.
    """
    if offline:
        return Speed(None, None, f"its weights are not here; merrow models get {name}")
    try:
        potential = load_potential(name, METHANOL)
        single = _shortest(potential, METHANOL_GEOMETRY[None])
        batch = _shortest(potential, np.repeat(METHANOL_GEOMETRY[None], BATCH, axis=0))
    except MerrowError as error:
        return Speed(None, None, str(error).rstrip("."))
    return Speed(single * MS_PER_S, batch * MS_PER_S / BATCH)


def _shortest(potential: Potential, positions: Array) -> float:
    """Return the shortest time of a call [s]; the first, which may compile, does not count."""
    potential.evaluate(positions)
    times: list[float] = []
    end = time.monotonic() + PATIENCE
    while not times or time.monotonic() < end:
        begin = time.perf_counter()
        potential.evaluate(positions)
        times.append(time.perf_counter() - begin)
    return min(times)
