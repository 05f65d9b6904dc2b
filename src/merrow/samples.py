# SPDX-License-Identifier: MIT
"""Recorded samples: the table that simulation writes and analysis reads, and its file format.

One row of `WindowSamples` is one recorded configuration. Energies are in kJ/mol (OpenMM's units),
reduced potentials in kT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from merrow.errors import MerrowError

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]


class LambdaState(NamedTuple):
    """One alchemical state; 1 is fully coupled, 0 is decoupled."""

    lambda_electrostatics: float
    lambda_sterics: float

    @property
    def words(self) -> str:
        """The λ that changes next to this state, such as "λ(LJ) = 0.3"."""
        if self.lambda_sterics == 1.0:
            return f"λ(charges) = {self.lambda_electrostatics:.3g}"
        return f"λ(LJ) = {self.lambda_sterics:.3g}"


COUPLED = LambdaState(1.0, 1.0)
"""The state with full interactions between the solute and its surroundings."""
DECOUPLED = LambdaState(0.0, 0.0)
"""The state without interactions between the solute and its surroundings."""


@dataclass(frozen=True)
class WindowSamples:
    """Recorded configurations of one leg, from all its states and repeats.

    Attributes:
        states: The K states of the schedule, coupled end first.
        temperature: Temperature [K] of all of them.
        repeat: Independent run of each row, shape (n,).
        replica: Walker (in exchange) of each row, shape (n,).
        state: Index of the state that generated each row, shape (n,).
        time: Time of each row since the start of production in its state [ps], shape (n,).
        u: Reduced potential of each row in all states [kT], shape (n, K), up to a constant per
            row; only state-dependent terms are included.
        dvdl: ∂V/∂λ_elec and ∂V/∂λ_sterics at the generating state [kJ/mol], shape (n, 2).
        internal: Internal energy of the solute, E_ML or its MM terms [kJ/mol], shape (n,).
        spread: Ensemble standard deviation of E_ML [kJ/mol], shape (n,); nan without an ensemble.
        volume: Box volume [nm³], shape (n,).
        size_slope: ∂V/∂ln σ of all solute–solvent pairs [kJ/mol], shape (n,); nan in all but the
            coupled state.
    """

    states: tuple[LambdaState, ...]
    temperature: float
    repeat: IntArray
    replica: IntArray
    state: IntArray
    time: Array
    u: Array
    dvdl: Array
    internal: Array
    spread: Array
    volume: Array
    size_slope: Array

    def __post_init__(self) -> None:
        n, k = len(self.state), len(self.states)
        if self.u.shape != (n, k) or self.dvdl.shape != (n, 2):
            raise MerrowError(
                f"samples of {n} rows and {k} states have u of shape {self.u.shape} "
                f"and dvdl of shape {self.dvdl.shape}."
            )
        for name in ROW_FIELDS:
            if len(getattr(self, name)) != n:
                raise MerrowError(
                    f"samples of {n} rows have {len(getattr(self, name))} values of {name}."
                )

    def __len__(self) -> int:
        return len(self.state)

    def select(self, mask: NDArray[np.bool_]) -> WindowSamples:
        """Return the rows that a boolean mask of shape (n,) selects."""
        return WindowSamples(
            self.states,
            self.temperature,
            *(getattr(self, name)[mask] for name in ROW_FIELDS),
        )


ROW_FIELDS = (
    "repeat",
    "replica",
    "state",
    "time",
    "u",
    "dvdl",
    "internal",
    "spread",
    "volume",
    "size_slope",
)


def concatenate(parts: Sequence[WindowSamples]) -> WindowSamples:
    """Concatenate tables of the same states and temperature.

    Raises:
        MerrowError: No table is given, or they differ in states or temperature.
    """
    if not parts:
        raise MerrowError("there are no samples to concatenate.")
    first = parts[0]
    if any(p.states != first.states or p.temperature != first.temperature for p in parts):
        raise MerrowError("samples of different schedules or temperatures cannot be pooled.")
    return WindowSamples(
        first.states,
        first.temperature,
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ROW_FIELDS),
    )
