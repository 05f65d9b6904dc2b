# SPDX-License-Identifier: MIT
"""Slips in AMBER files after which the energy is another one: digits, indices, columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from variants import Files

DIGITS = (
    *("CHARGE", "LENNARD_JONES_ACOEF", "LENNARD_JONES_BCOEF", "BOND_FORCE_CONSTANT"),
    *("BOND_EQUIL_VALUE", "ANGLE_FORCE_CONSTANT", "ANGLE_EQUIL_VALUE", "DIHEDRAL_FORCE_CONSTANT"),
    *("DIHEDRAL_PERIODICITY", "DIHEDRAL_PHASE", "SCEE_SCALE_FACTOR", "SCNB_SCALE_FACTOR"),
    *("CMAP_PARAMETER_01", "MASS"),
)
INDICES = (
    *("BONDS_INC_HYDROGEN", "BONDS_WITHOUT_HYDROGEN", "ANGLES_INC_HYDROGEN"),
    *("ANGLES_WITHOUT_HYDROGEN", "DIHEDRALS_INC_HYDROGEN", "DIHEDRALS_WITHOUT_HYDROGEN"),
    *("ATOM_TYPE_INDEX", "NONBONDED_PARM_INDEX", "EXCLUDED_ATOMS_LIST", "NUMBER_EXCLUDED_ATOMS"),
    *("CMAP_INDEX", "POINTERS", "RESIDUE_POINTER", "ATOMIC_NUMBER", "CMAP_RESOLUTION"),
)


def slipped(files: Files, rng: np.random.Generator) -> tuple[str, Files]:
    """Return what was changed, and the files with one slip."""
    flags = [flag for flag in (*DIGITS, *INDICES) if flag in files.parts]
    flag = flags[int(rng.integers(len(flags)))]
    part = files.parts[flag]
    fields = list(part.fields)
    i, j = (int(k) for k in rng.integers(0, len(fields), 2))
    kind = ("digit", "exchange", "twice")[int(rng.integers(3))]
    if kind == "digit":
        places = [k for k, letter in enumerate(fields[i]) if letter.isdigit()]
        at = places[int(rng.integers(len(places)))]
        fields[i] = fields[i][:at] + str(int(rng.integers(10))) + fields[i][at + 1 :]
    elif kind == "exchange":
        fields[i], fields[j] = fields[j], fields[i]
    else:
        fields[i] = fields[j]
    parts = {**files.parts, flag: replace(part, fields=tuple(fields))}
    return f"{kind} in {flag}", files._replace(parts=parts)
