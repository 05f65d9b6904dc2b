# SPDX-License-Identifier: MIT
"""What is the energy of these atoms? Energies and forces of batches of conformers.

Room card: may touch torch and weights at a given path; only `weights` may use the network; never
OpenMM, never the default dtype or the thread count of torch.
"""

from merrow.potentials.ensemble import force_spread
from merrow.potentials.interface import Capabilities, Evaluation, Molecule, Potential
from merrow.potentials.registry import (
    capabilities,
    check_molecule,
    load_potential,
    potential_names,
)

__all__ = [
    "Capabilities",
    "Evaluation",
    "Molecule",
    "Potential",
    "capabilities",
    "check_molecule",
    "force_spread",
    "load_potential",
    "potential_names",
]
