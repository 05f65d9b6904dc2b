# SPDX-License-Identifier: MIT
"""How far are the forces of a protocol's Ewald sum from the converged ones?"""

from __future__ import annotations

import numpy as np
from hybrids import CUTOFF, context_of, forces

from merrow.hydration.protocol import PROTOCOLS
from merrow.system.pme import PmeParameters, pme_parameters

CONVERGED = PmeParameters(alpha=7.0, grid=(80, 80, 80))
"""erfc(α r_c) is 3e-9, and the mesh is four times finer than the protocol's."""


def test_forces_are_closer_with_a_splitting_of_its_own_on_the_same_grid(methane):
    def found(pme: PmeParameters) -> np.ndarray:
        system = methane.hybrid(nonbonded=methane.nonbonded(pme=pme)).system
        return forces(context_of(system, methane.positions, methane.vectors, platform="CPU"))

    exact, edges = found(CONVERGED), tuple(np.diag(methane.vectors))
    quick = PROTOCOLS["quick"]
    plain, closer = (
        pme_parameters(edges, CUTOFF, quick.ewald_tolerance, direct=direct)
        for direct in (None, quick.ewald_direct_tolerance)
    )
    assert plain.grid == closer.grid
    before, after = (
        np.linalg.norm(found(p) - exact) / np.linalg.norm(exact) for p in (plain, closer)
    )
    # 4.1 to 4.4 times in water boxes of 2.15 to 2.87 nm with cutoffs of 8 to 10 Å
    assert after < before / 3
