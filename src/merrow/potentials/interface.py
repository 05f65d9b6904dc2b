# SPDX-License-Identifier: MIT
"""The interface of all potentials.

A potential is made for one molecule, whose elements do not change, and evaluates batches of
conformers. Positions, energies and forces are float64 in AMBER's units.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Molecule:
    """A molecule, without its geometry.

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
    """What a potential supports; anything else is refused in advance.

    Attributes:
        name: Name on the command line, such as "ani2x".
        elements: Supported atomic numbers; None for any.
        charged: Whether a non-zero net charge is supported.
        open_shell: Whether a multiplicity other than one is supported.
        dtype: Precision of the network, "float32" or "float64".
        ensemble_size: Number of ensemble members; 1 without a spread.
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
        spread: Standard deviation of the energy over the M ensemble members [kcal/mol], with M − 1
            in the denominator, shape (R,), or None for a single model.
        charges: Atomic charges predicted by the model [e], shape (R, N), or None.
    """

    energies: Array
    forces: Array
    spread: Array | None = field(default=None)
    charges: Array | None = field(default=None)


@runtime_checkable
class Potential(Protocol):
    """A potential energy function of one molecule, batched over conformers.

    Implementations are deterministic, do not modify their input, can be pickled, and change neither
    the default dtype nor the thread count of torch.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this potential supports."""

    @property
    def identity(self) -> str:
        """Name and hash of the weights, such as "ani2x:1f3a…"; equal ones give equal results."""

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies and forces of positions [Å], shape (R, N, 3), float64."""
