# SPDX-License-Identifier: MIT
"""Which solute takes the place of a decoupled one? A conformer of the gas phase, turned at random.

In the state (λ_elec, λ_sterics) = (0, 0) no energy joins solute and water. At a given box its
density is
a product: exp(−βE_int) of the solute's shape, with the internal energy and the temperature of the
gas phase; a uniform one of its orientation; a uniform one of its centre; Maxwell's of its
velocities; and whatever the water's is. Shape, orientation and velocities are drawn anew from their
own factors, centre and water stay. That is a step of Gibbs sampling: the new values are proposed
with the very probability π(new | rest) that they shall have, so Metropolis's ratio
π(new) q(old) / π(old) q(new) is 1 and every proposal is accepted. What is drawn is as good as the
gas phase it is drawn from: a temperature exchange, which crosses the barriers that λ does not.
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
    """Conformers that are equally probable, and what puts one of them in place.

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
        """Return the snapshot with another solute, at the old centre of mass.

        Args:
            snapshot: A snapshot of the decoupled state, molecules unwrapped.
            random: Source of the conformer, its orientation and its velocities, in this order.
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
