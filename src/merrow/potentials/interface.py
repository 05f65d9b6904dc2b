# SPDX-License-Identifier: MIT
"""The one interface that every potential fills.

A potential is made for one molecule (its elements never change) and then asked for batches of
conformers. Positions, energies and forces are in AMBER's units and float64: a potential is a door.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Molecule:
    """The unchanging part of what a potential is asked about.

    Attributes:
        numbers: Atomic numbers in the order of the positions, length N.
        charge: Net charge [e].
        multiplicity: Spin multiplicity 2S + 1.
    """

    numbers: tuple[int, ...]
    charge: int = 0
    multiplicity: int = 1


@dataclass(frozen=True)
class Capabilities:
    """What a potential can be asked, so that the rest is refused before any computing.

    Attributes:
        name: Name on the command line, such as "ani2x".
        elements: Atomic numbers that the potential knows; None means any.
        charged: Whether a net charge other than zero is understood.
        open_shell: Whether a multiplicity other than one is understood.
        dtype: Arithmetic of the network, "float32" or "float64".
        ensemble_size: Number of members behind the spread; 1 means there is no spread.
        citation: DOI of the model.
    """

    name: str
    elements: frozenset[int] | None
    charged: bool = False
    open_shell: bool = False
    dtype: str = "float64"
    ensemble_size: int = 1
    citation: str = ""


@dataclass(frozen=True)
class Evaluation:
    """Energies and forces of a batch of R conformers of N atoms.

    Attributes:
        energies: Absolute potential energy [kcal/mol], shape (R,), float64.
        forces: −∂E/∂x [kcal/mol/Å], shape (R, N, 3), float64.
        spread: Standard deviation of the energy over the ensemble's members [kcal/mol],
            shape (R,) with N − 1 in the denominator, or None for a single model.
        charges: Atomic charges that the model itself predicts [e], shape (R, N), or None.
    """

    energies: Array
    forces: Array
    spread: Array | None = field(default=None)
    charges: Array | None = field(default=None)


@runtime_checkable
class Potential(Protocol):
    """A potential energy function of one molecule, batched over conformers.

    Implementations are deterministic, leave their input untouched, can be pickled, and change
    neither the default dtype nor the thread count of torch.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this potential can be asked."""

    @property
    def identity(self) -> str:
        """Name and hash of the weights, such as "ani2x:1f3a…": equal identities, equal numbers."""

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies and forces of positions [Å], shape (R, N, 3), float64."""
