# SPDX-License-Identifier: MIT
"""Which molecule and which charges does a mol2 file hold, with Sybyl or with GAFF atom types?

RDKit reads Sybyl types only, so the connectivity is taken as it stands and RDKit finds the bond
orders that fit the net charge.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from parmed.formats import Mol2File
from parmed.periodic_table import AtomicNum
from rdkit import Chem
from rdkit.Chem import rdDetermineBonds
from rdkit.Geometry import Point3D

from merrow.errors import InputError

Array = NDArray[np.float64]


def mol_from_mol2(path: Path) -> tuple[Any, Array | None]:
    """Return RDKit's molecule with one conformer, and the partial charges [e] or None.

    Raises:
        InputError: The file is damaged, has not one molecule, has unknown atom types, or its
            charges do not add up to a whole number.
    """
    text = path.read_text(errors="replace")
    n_records = text.count("@<TRIPOS>MOLECULE")
    if n_records != 1:
        raise InputError(f"{path.name} has {n_records} mol2 records, but one is expected.")
    try:
        structure = Mol2File.parse(str(path), structure=True)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path.name} is not a valid mol2 file ({reason}).") from error
    if not structure.atoms or not np.isfinite(structure.coordinates).all():
        raise InputError(f"{path.name} has no atoms, or positions that are not finite numbers.")
    charges = np.array([atom.charge for atom in structure.atoms], dtype=np.float64)
    if "NO_CHARGES" in text or not charges.any():
        mol = Chem.MolFromMol2Block(text, removeHs=False)
        if mol is None:
            raise InputError(f"{path.name} has no charges, and RDKit cannot read its atom types.")
        return mol, None
    total = round(charges.sum()) if np.isfinite(charges).all() else 0
    if not abs(charges.sum() - total) <= 0.01:
        raise InputError(
            f"the charges in {path.name} add up to {charges.sum():.4f} e, not to a whole number: "
            "correct them, or give an SDF, for which charges are made."
        )
    mol = _connected(structure, path)
    try:
        rdDetermineBonds.DetermineBondOrders(mol, charge=total, embedChiral=True)
        Chem.SanitizeMol(mol)
    except Exception as error:
        raise InputError(
            f"no bond orders fit the atoms of {path.name} with net charge {total}: "
            "check its hydrogens and charges, or give an SDF."
        ) from error
    mol.SetProp("_Name", text.split("@<TRIPOS>MOLECULE", 1)[1].splitlines()[1].strip())
    return mol, charges


def _connected(structure: Any, path: Path) -> Any:
    """Return a molecule with single bonds where the file has bonds."""
    mol = Chem.RWMol()
    conformer = Chem.Conformer(len(structure.atoms))
    conformer.Set3D(True)
    for i, atom in enumerate(structure.atoms):
        new = Chem.Atom(_element(atom.type, i, path))
        new.SetNoImplicit(True)
        mol.AddAtom(new)
        conformer.SetAtomPosition(i, Point3D(atom.xx, atom.xy, atom.xz))
    for bond in structure.bonds:
        mol.AddBond(bond.atom1.idx, bond.atom2.idx, Chem.BondType.SINGLE)
    mol.AddConformer(conformer)
    return mol.GetMol()


def _element(atom_type: str, i: int, path: Path) -> int:
    """Return the atomic number of a Sybyl type ("C.ar", "Cl") or of a GAFF type ("ca", "cl")."""
    head = atom_type.split(".", maxsplit=1)[0]
    if head.islower():  # GAFF: all types but these two begin with a letter that is the element
        head = head if head in ("cl", "br") else head[0]
        head = head.capitalize()
    number = int(AtomicNum.get(head, 0))
    if number == 0:
        raise InputError(
            f"atom {i + 1} of {path.name} has the type {atom_type!r}, which is neither Sybyl's "
            "nor GAFF's: convert the file."
        )
    return number
