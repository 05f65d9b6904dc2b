# SPDX-License-Identifier: MIT
"""What does the page need besides the result? Plain arrays; what is absent is left out and said.

Arrays are copied into float64 as they come in. Energies are in kcal/mol, times in ps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merrow.errors import MerrowError
from merrow.hydration.result import HydrationResult

Array = NDArray[np.float64]


def _set_arrays(value: object, names: Sequence[str], shape: tuple[int, ...]) -> None:
    """Turn the named fields of a frozen dataclass into float64 arrays of one shape.

    Raises:
        MerrowError: A field has another shape.
    """
    for name in names:
        array = np.array(getattr(value, name), dtype=np.float64)
        if array.shape != shape:
            raise MerrowError(
                f"{type(value).__name__}.{name} has shape {array.shape}, expected {shape}."
            )
        object.__setattr__(value, name, array)


@dataclass(frozen=True)
class DvdlCurve:
    """⟨∂V/∂λ⟩ along one leg.

    Attributes:
        leg: "charging" or "Lennard-Jones".
        lambdas: Coupling, shape (K,); 1 is fully coupled.
        mean_kcal: ⟨∂V/∂λ⟩ [kcal/mol], shape (K,).
        stderr_kcal: Its standard error [kcal/mol], shape (K,).
    """

    leg: str
    lambdas: ArrayLike
    mean_kcal: ArrayLike
    stderr_kcal: ArrayLike

    def __post_init__(self) -> None:
        names = ("lambdas", "mean_kcal", "stderr_kcal")
        _set_arrays(self, names, (np.size(self.lambdas),))


@dataclass(frozen=True)
class StateProfile:
    """Free energy of every state, relative to the decoupled one.

    Attributes:
        labels: Names of the states in the order of the path, length K, such as "0.75 | 1".
        dg_kcal: Free energy [kcal/mol], shape (K,).
        stderr_kcal: Its standard error [kcal/mol], shape (K,).
    """

    labels: tuple[str, ...]
    dg_kcal: ArrayLike
    stderr_kcal: ArrayLike

    def __post_init__(self) -> None:
        _set_arrays(self, ("dg_kcal", "stderr_kcal"), (len(self.labels),))


@dataclass(frozen=True)
class Overlap:
    """MBAR overlap of all states.

    Attributes:
        labels: Names of the states in the order of the path, length K.
        matrix: Overlap, shape (K, K); every row sums to one.
    """

    labels: tuple[str, ...]
    matrix: ArrayLike

    def __post_init__(self) -> None:
        _set_arrays(self, ("matrix",), (len(self.labels),) * 2)


@dataclass(frozen=True)
class Convergence:
    """The estimate from growing parts of the data, from the front and from the back.

    Attributes:
        fraction: Part of the data, shape (n,), 0 to 1.
        forward_kcal: Estimate from the first part [kcal/mol], shape (n,).
        forward_stderr_kcal: Its standard error [kcal/mol], shape (n,).
        reverse_kcal: Estimate from the last part [kcal/mol], shape (n,).
        reverse_stderr_kcal: Its standard error [kcal/mol], shape (n,).
        what: Name of the estimate.
    """

    fraction: ArrayLike
    forward_kcal: ArrayLike
    forward_stderr_kcal: ArrayLike
    reverse_kcal: ArrayLike
    reverse_stderr_kcal: ArrayLike
    what: str = "ΔG"

    def __post_init__(self) -> None:
        estimates = (
            "forward_kcal",
            "forward_stderr_kcal",
            "reverse_kcal",
            "reverse_stderr_kcal",
        )
        _set_arrays(self, ("fraction", *estimates), (np.size(self.fraction),))


@dataclass(frozen=True)
class EnergySeries:
    """E_ML of recorded configurations of one phase, in order.

    Attributes:
        time_ps: Time since the start of production [ps], shape (n,).
        energy_kcal: Absolute E_ML [kcal/mol], shape (n,).
    """

    time_ps: ArrayLike
    energy_kcal: ArrayLike

    def __post_init__(self) -> None:
        _set_arrays(self, ("time_ps", "energy_kcal"), (np.size(self.time_ps),))


@dataclass(frozen=True)
class InternalEnergies:
    """E_ML in water and in gas with the one zero that both are drawn from.

    Attributes:
        water: The solvated end state.
        gas: The gas phase.
        reference_kcal: Energy that the figure calls zero [kcal/mol].
        reference_name: What has that energy, such as "the minimised starting structure".
    """

    water: EnergySeries
    gas: EnergySeries
    reference_kcal: float
    reference_name: str


@dataclass(frozen=True)
class Structure:
    """The solute for a picture where there is no SMILES.

    Attributes:
        numbers: Atomic numbers, length N.
        positions: Positions [Å], shape (N, 3).
        bonds: Pairs of atom indices.
    """

    numbers: tuple[int, ...]
    positions: ArrayLike
    bonds: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        _set_arrays(self, ("positions",), (len(self.numbers), 3))


@dataclass(frozen=True)
class ReportData:
    """All that the page shows.

    Attributes:
        result: The answer.
        dvdl: One curve per leg.
        profile: Free energy of every state.
        overlap: Overlap of the states.
        convergence: Forward and reverse estimates.
        internal: E_ML in water and gas.
        structure: The solute; needed only where the result has no SMILES.
        potential_doi: DOI to cite for the potential.
        freesolv: Whether a value of FreeSolv was used.
    """

    result: HydrationResult
    dvdl: tuple[DvdlCurve, ...] = ()
    profile: StateProfile | None = None
    overlap: Overlap | None = None
    convergence: Convergence | None = None
    internal: InternalEnergies | None = None
    structure: Structure | None = None
    potential_doi: str = ""
    freesolv: bool = False
