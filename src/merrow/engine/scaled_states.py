# SPDX-License-Identifier: MIT
"""States beside the coupled one in which the solute's torsions are scaled, most of them down.

Their energy is E + (f − 1) V_tors, where V_tors are the MM torsion terms about the solute's
rotatable bonds and f < 1; the internal energy E, of MM or a network, is otherwise unchanged, and
so is the coupling to the water. Bonds turn easily there, and exchange brings its conformers
to the coupled state (replica exchange with solute tempering, 10.1073/pnas.0506346102, for the
torsions alone). The joint distribution of all states is stationary, so that these states need no
weight in any estimate: they are not recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from merrow.potentials.interface import Potential
from merrow.samples import LambdaState
from merrow.system.build import HybridSystem
from merrow.units import ANGSTROM_PER_NM, KJ_PER_KCAL, thermal_energy

Array = np.ndarray


@dataclass(frozen=True)
class ScaledStates:
    """The states with scaled torsions.

    Attributes:
        scales: f of each state, length m; several states may have the same.
        systems: The Hamiltonian of each f.
        torsions: V_tors; None without such states.
    """

    scales: tuple[float, ...] = ()
    systems: Mapping[float, HybridSystem] = field(default_factory=dict)
    torsions: Potential | None = None

    def place(self, states: Sequence[LambdaState], state: int) -> tuple[float, LambdaState]:
        """Return f and λ of a state: the alchemical states come first, the coupled one before all.

        Args:
            states: The K alchemical states.
            state: Number of the state, 0 to K + m − 1.
        """
        beyond = state - len(states)
        return (1.0, states[state]) if beyond < 0 else (self.scales[beyond], states[0])

    def extended(self, u: Array, solute: Array, temperature: float) -> Array:
        """Return reduced potentials in all states, those with scaled torsions last [kT].

        Args:
            u: Reduced potentials of the alchemical states, the coupled one first [kT], shape (K,).
            solute: Positions of the solute [nm], shape (n, 3).
            temperature: Temperature [K].

        Returns:
            Shape (K + m,).
        """
        if self.torsions is None:
            return u
        v = self.torsions.evaluate(solute[None] * ANGSTROM_PER_NM).energies[0] * KJ_PER_KCAL
        change = (np.array(self.scales) - 1.0) * v / thermal_energy(temperature)
        return np.concatenate([u, u[0] + change])


NONE_SCALED = ScaledStates()
