# SPDX-License-Identifier: MIT
"""How does a potential act inside OpenMM? The one door between PyTorch and OpenMM."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openmm as mm

from mlmm.errors import NumericsError
from mlmm.potentials.interface import Array, Potential
from mlmm.units import ANGSTROM_PER_NM, KJ_PER_KCAL


class PotentialBridge:
    """Calls a potential for one conformer at a time and remembers the last answer.

    OpenMM asks again for the energy that it has just used for forces when a frame is recorded;
    the memory answers without a second evaluation.

    Attributes:
        reference: Energy subtracted before OpenMM sees it [kJ/mol]. Absolute E_ML is of the order
            of 1e5..1e6 kJ/mol: without it a GPU in single precision would lose the digits that
            the barostat decides on.
    """

    def __init__(self, potential: Potential, reference: float = 0.0) -> None:
        self.potential = potential
        self.reference = reference
        self._positions: Array | None = None
        self._answer: tuple[float, Array, float] = (0.0, np.zeros((0, 3)), float("nan"))

    def evaluate(self, positions: Array) -> tuple[float, Array, float]:
        """Return E_ML [kJ/mol, absolute], forces [kJ/mol/nm] and spread [kJ/mol] of one conformer.

        Args:
            positions: Positions of the region [nm], shape (N, 3).

        Raises:
            NumericsError: The energy is not finite.
        """
        if self._positions is not None and np.array_equal(positions, self._positions):
            return self._answer
        result = self.potential.evaluate(positions[None] * ANGSTROM_PER_NM)
        energy = float(result.energies[0]) * KJ_PER_KCAL
        if not np.isfinite(energy):
            name = self.potential.capabilities.name
            raise NumericsError(f"{name} returned an energy that is not finite.")
        spread = float("nan") if result.spread is None else float(result.spread[0]) * KJ_PER_KCAL
        forces = result.forces[0] * (KJ_PER_KCAL * ANGSTROM_PER_NM)
        self._positions, self._answer = positions.copy(), (energy, forces, spread)
        return self._answer

    def __call__(self, state: mm.State) -> tuple[float, Array]:
        """Answer OpenMM: energy less the reference [kJ/mol], forces [kJ/mol/nm], shape (N, 3)."""
        energy, forces, _ = self.evaluate(state.getPositions(asNumpy=True)._value)
        return energy - self.reference, forces


def potential_force(bridge: PotentialBridge, atoms: Sequence[int], *, group: int) -> mm.PythonForce:
    """Return the OpenMM force of a potential on the region's atoms.

    Positions arrive unwrapped, so the molecule is whole as long as OpenMM sees it as one molecule.
    """
    force = mm.PythonForce(bridge, {})
    force.setParticles(list(atoms))
    force.setUsesPeriodicBoundaryConditions(False)
    force.setForceGroup(group)
    force.setName("MLPotential")
    return force
