# SPDX-License-Identifier: MIT
"""A drawing of the ligand's structural formula, from the prmtop and one frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from merrow.amber.topology import AmberTopology
from merrow.errors import MissingComponentError
from merrow.report.structure import Structure, structure_from_atoms


def ligand_drawing(
    topology: AmberTopology, ligand: Sequence[int], positions: NDArray[np.float64]
) -> str:
    """Return the ligand as inline SVG; empty where RDKit cannot draw.

    Args:
        topology: The prmtop.
        ligand: Atoms of the ligand.
        positions: Their positions [Å], shape (len(ligand), 3).
    """
    atoms = [int(i) for i in ligand]
    numbers = tuple(topology.numbers[i] for i in atoms)
    charge = round(float(np.sum(topology.charges[atoms])))
    structure = Structure(numbers, positions, topology.bonds_among(atoms))
    try:
        return structure_from_atoms(structure, charge=charge)
    except MissingComponentError:
        return ""
