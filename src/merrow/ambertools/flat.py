# SPDX-License-Identifier: MIT
"""Are the positions of a file a structure, or a flat drawing?"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from rdkit import Chem

IN_PLANE: Final = 0.05
"""Largest distance of an atom from the plane of a drawing [Å]; a pyramid of NH3 has 0.28."""


def is_flat(mol: Any, full: Any) -> bool:
    """Tell whether a conformer lies in one plane although an atom cannot lie in it with neighbours.

    Where all z are equal, hydrogens that the file leaves out count as neighbours too. Planar
    molecules, such as benzene, and heavy atoms that happen to lie in a plane are no drawings.

    Args:
        mol: RDKit molecule with the conformer.
        full: The same with all hydrogens.
    """
    places = mol.GetConformer().GetPositions()
    offsets = places - places.mean(axis=0)
    normal = np.linalg.svd(offsets)[2][-1]
    if np.abs(offsets @ normal).max() > IN_PLANE:
        return False
    whole = full if np.ptp(places[:, 2]) == 0.0 else mol
    return any(
        atom.GetHybridization() == Chem.HybridizationType.SP3 and atom.GetDegree() >= 3
        for atom in whole.GetAtoms()
    )
