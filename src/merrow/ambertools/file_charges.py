# SPDX-License-Identifier: MIT
"""Which charges does a mol2 file bring? What its header calls them, and what their values are.

GAFF is made for charges of the electrostatic potential (RESP) and for those fitted to it (AM1-BCC,
ABCG2). Programs that convert files write others, often without being asked.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from rdkit.Chem import rdForceFieldHelpers, rdPartialCharges

from merrow.ambertools.molecule import InputMolecule

UNFIT: Final = frozenset(
    (
        *("GASTEIGER", "GAST_HUCK", "GAS", "DEL_RE", "HUCKEL", "PULLMAN", "DICT_CHARGES"),
        *("MMFF94_CHARGES", "MMFF94", "AMPAC_CHARGES", "MULLIKEN_CHARGES", "MUL", "CM1", "CM2"),
        *("GAUSS80_CHARGES", "QEQ", "QTPIE", "EEM", "EQEQ", "FORMAL_CHARGES"),
    )
)
"""Names in headers of charges that GAFF is not made for; as Sybyl, antechamber and Open Babel have
them."""
SAME: Final = 0.01
"""Largest difference of two charges that count as the same [e]; programs differ in parameters."""


def doubt(molecule: InputMolecule) -> str:
    """Return what speaks against the charges of a molecule's file; "" if nothing does."""
    if molecule.charges is None:
        return ""
    name = molecule.charge_type.upper()
    if name in UNFIT:
        found = f"the file of {molecule.name} calls its charges {name}"
    elif model := _model(molecule):
        found = f"the charges in the file of {molecule.name} are by their values those of {model}"
    else:
        return ""
    return f"{found}, but GAFF is made for those of AM1-BCC, ABCG2 or RESP"


def _model(molecule: InputMolecule) -> str:
    """Return which simple model gives the same charges; "" if none does."""
    if _same(_gasteiger(molecule), molecule):
        return "Gasteiger"
    return "MMFF94" if _same(_mmff(molecule), molecule) else ""


def _same(values: list[float], molecule: InputMolecule) -> bool:
    return bool(values) and bool(np.abs(np.array(values) - molecule.charges).max() < SAME)


def _gasteiger(molecule: InputMolecule) -> list[float]:
    rdPartialCharges.ComputeGasteigerCharges(molecule.mol)
    found = [atom.GetDoubleProp("_GasteigerCharge") for atom in molecule.mol.GetAtoms()]
    return found if np.isfinite(found).all() else []


def _mmff(molecule: InputMolecule) -> list[float]:
    if not rdForceFieldHelpers.MMFFHasAllMoleculeParams(molecule.mol):
        return []
    model = rdForceFieldHelpers.MMFFGetMoleculeProperties(molecule.mol)
    return [model.GetMMFFPartialCharge(i) for i in range(len(molecule.numbers))]
