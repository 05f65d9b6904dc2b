# SPDX-License-Identifier: MIT
"""Replacement of a decoupled solute by a randomly oriented gas-phase conformer.

In the state (λ_elec, λ_sterics) = (0, 0) solute and water do not interact. For a given box the
density is a product: exp(−βE_int) of the solute's conformation, with the internal energy and the
temperature of the gas phase; a uniform one of its orientation; a uniform one of its centre; the
Maxwell distribution of its velocities; and that of the water. Conformation, orientation and
velocities are redrawn from their factors; centre and water are kept. This is a Gibbs sampling step:
the new values are proposed with their conditional probability π(new | rest), so the Metropolis
ratio π(new) q(old) / π(old) q(new) is 1 and every proposal is accepted. The conformers are as good
as the gas-phase sampling: temperature replica exchange, which crosses barriers that λ does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from merrow.engine.simulation import Snapshot
from merrow.units import thermal_energy

Array = np.ndarray


@dataclass(frozen=True)
class Reservoir:
    """Equally probable conformers, to be inserted into a decoupled state.

    Attributes:
        conformers: Positions [nm], shape (m, n, 3).
        atoms: Indices of the solute's atoms in the System, length n.
        masses: Their masses [dalton], shape (n,).
        temperature: Temperature of the conformers and of the leg [K].
    """

    conformers: Array
    atoms: tuple[int, ...]
    masses: Array
    temperature: float

    def insert(self, snapshot: Snapshot, random: np.random.Generator) -> Snapshot:
        """Return the snapshot with a new solute at the old centre of mass.

        Args:
            snapshot: A snapshot of the decoupled state, molecules unwrapped.
            random: Random generator for conformer, orientation and velocities, in this order.
        """
        own, weight = list(self.atoms), self.masses / self.masses.sum()
        conformer = self.conformers[int(random.integers(len(self.conformers)))]
        turn = Rotation.from_quat(random.normal(size=4))  # uniform over all orientations
        positions, velocities = snapshot.positions.copy(), snapshot.velocities.copy()
        centre = weight @ positions[own]
        positions[own] = turn.apply(conformer - weight @ conformer) + centre
        width = np.sqrt(thermal_energy(self.temperature) / self.masses)
        velocities[own] = random.normal(size=conformer.shape) * width[:, None]
        return Snapshot(positions, velocities, snapshot.box)
