# SPDX-License-Identifier: MIT
"""Replacement of a decoupled solute by a randomly oriented gas-phase conformer.

In the state (λ_elec, λ_sterics) = (0, 0) solute and water do not interact. For a given box the
density is a product: exp(−βE_int) of the solute's conformation, with the internal energy and the
temperature of the gas phase; a uniform one of its orientation; a uniform one of its centre; one of
its velocities; and that of the water. Conformation, orientation and velocities are redrawn from
their factors; centre and water are kept. This is a Gibbs sampling step: the new values are proposed
with their conditional probability π(new | rest), so the Metropolis ratio π(new) q(old) / π(old)
q(new) is 1 and every proposal is accepted. The conformers are as good as the gas-phase sampling:
temperature replica exchange, which crosses barriers that λ does not.

A conformer brings its velocities. A leapfrog step stores those of half a step before the positions,
v(−½) = v(0) − Δt f/2m, which are not independent of them: with a mode of frequency ω they share
(ωΔt/2)² of its energy. Velocities drawn by themselves heat it by twice that, at 4 fs stiff bonds by
a third of kT. Gas and water need the same masses and time step, which they have.
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
        velocities: Their velocities, of half a step before [nm/ps], shape (m, n, 3); None, in older
            folders, for the Maxwell distribution.
    """

    conformers: Array
    atoms: tuple[int, ...]
    masses: Array
    temperature: float
    velocities: Array | None = None

    def insert(self, snapshot: Snapshot, random: np.random.Generator) -> Snapshot:
        """Return the snapshot with a new solute at the old centre of mass.

        Args:
            snapshot: A snapshot of the decoupled state, molecules unwrapped.
            random: Random generator for conformer, orientation and, if drawn, velocities, in this
                order.
        """
        own, weight = list(self.atoms), self.masses / self.masses.sum()
        chosen = int(random.integers(len(self.conformers)))
        conformer = self.conformers[chosen]
        turn = Rotation.from_quat(random.normal(size=4))  # uniform over all orientations
        positions, velocities = snapshot.positions.copy(), snapshot.velocities.copy()
        centre = weight @ positions[own]
        positions[own] = turn.apply(conformer - weight @ conformer) + centre
        if self.velocities is not None:
            velocities[own] = turn.apply(self.velocities[chosen])
        else:
            width = np.sqrt(thermal_energy(self.temperature) / self.masses)
            velocities[own] = random.normal(size=conformer.shape) * width[:, None]
        return Snapshot(positions, velocities, snapshot.box)
