# SPDX-License-Identifier: MIT
"""The prmtop of one residue with its atoms in another order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from parmed.amber import AmberParm


def reorder(prmtop: Path, order: Sequence[int], out: Path) -> Path:
    """Write a prmtop whose atom k is atom order[k] of another one; return its path."""
    parm = AmberParm(str(prmtop))
    parm.residues[0].atoms[:] = [parm.atoms[k] for k in order]
    for place, atom in enumerate(parm.residues[0].atoms):
        list.__setitem__(parm.atoms, place, atom)  # ParmEd's own removes the atom from its residue
        atom._idx = place
    parm.remake_parm()
    parm.save(str(out))
    return out
