# SPDX-License-Identifier: MIT
"""Reading molecule and charges of a mol2 file, with Sybyl, GAFF or AMBER atom types.

The bond orders of the file are used, with the formal charges that they imply. If these do not add
up to the net charge of the file, as with charges delocalised over aromatic bonds, RDKit determines
bond orders that do; if there are none, the file is refused with both numbers.
"""

from __future__ import annotations

import io
import re
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

NO_CHARGES = "NO_CHARGES"
AROMATIC = 1.5
LARGEST_CHARGE = 4.0
"""Largest partial charge of an atom [e]; phosphorus and sulphur have up to 1.6."""
BOND_TYPES = {
    1.0: Chem.BondType.SINGLE,
    1.25: Chem.BondType.SINGLE,  # an amide's, as in ParmEd
    AROMATIC: Chem.BondType.AROMATIC,
    2.0: Chem.BondType.DOUBLE,
    3.0: Chem.BondType.TRIPLE,
}
GAFF_TYPES = re.compile(
    r"c[1-8ac-hpqsuvxyz]?|br|cl|f|h[1-5abcnopswx]?|i|n[1-9a-qstuvxyz+]?|o[hpqsw]?|p[2-5b-fxy]?|"
    r"s[246hpqsxy]?"
)
"""Atom types of GAFF and GAFF2; "si" is none of them, but silicon."""
AMBER_TYPES = re.compile(
    r"C[*1-8A-FH-KM-TV-Z]?|[23]C|CL|BR|H[0-9ACOPSWZ]?|N[*0-9ABCPQTY]?|O[0-9ABHPQRSW]?|SH"
)
"""Atom types of AMBER's force fields, as written by R.E.D. and antechamber -at amber."""
USUAL_VALENCES = {
    "H": (1,),
    "B": (3,),
    "C": (4,),
    "N": (3, 5),
    "O": (2,),
    "F": (1,),
    "Si": (4,),
    "P": (3, 5),
    "S": (2, 4, 6),
    "Cl": (1,),
    "Br": (1,),
    "I": (1,),
}
"""Valences of atoms without formal charge; five for pentavalent nitro groups."""


def mol_from_mol2(path: Path) -> tuple[Any, Array | None, str]:
    """Return RDKit's molecule with one conformer, the partial charges [e] or None, and their type.

    Raises:
        InputError: The file is damaged, does not hold one molecule, has unknown atom types, or its
            charges do not add up to an integer, or are not in e.
    """
    text = _named(path.read_text(encoding="utf-8-sig", errors="replace"))
    n_records = text.count("@<TRIPOS>MOLECULE")
    if n_records != 1:
        raise InputError(
            f"{path.name} has {n_records} mol2 records, but one is expected: put the molecule you "
            "mean into a file of its own."
        )
    try:
        structure = Mol2File.parse(io.StringIO(text), structure=True)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path.name} is not a valid mol2 file ({reason}).") from error
    if not structure.atoms or not np.isfinite(structure.coordinates).all():
        raise InputError(f"{path.name} has no atoms, or positions that are not finite numbers.")
    charges = np.array([atom.charge for atom in structure.atoms], dtype=np.float64)
    kind = _charge_type(text)
    none = kind == NO_CHARGES
    if none or not charges.any():
        mol = Chem.MolFromMol2Block(text, removeHs=False)
        if mol is None:
            raise InputError(
                f"{path.name} has no charges, and RDKit cannot read its atom types: give an SDF."
            )
        if not none:
            _check_net_charge(mol, 0, path)
        return mol, None, kind
    total = round(charges.sum()) if np.isfinite(charges).all() else 0
    if not abs(charges.sum() - total) <= 0.01:
        raise InputError(
            f"the charges in {path.name} add up to {charges.sum():.4f} e, not to a whole number: "
            "correct them, or give an SDF, for which charges are made."
        )
    if abs(largest := max(charges, key=abs)) > LARGEST_CHARGE:
        raise InputError(
            f"a charge in {path.name} is {largest:.2f} e, more than an atom can have: give charges "
            "in e (those of a prmtop are times 18.2223), or an SDF, for which charges are made."
        )
    mol = _with_orders_of_file(structure, total, path) or _with_orders_found(structure, total, path)
    _check_aromatic(structure, mol, path)
    mol.SetProp("_Name", text.split("@<TRIPOS>MOLECULE", 1)[1].splitlines()[1].strip())
    return mol, charges, kind


def _named(text: str) -> str:
    """Return a mol2 text with a name of the molecule, since ParmEd skips an empty line."""
    return re.sub(r"(@<TRIPOS>MOLECULE[ \t]*\r?\n)[ \t]*(\r?\n)", r"\g<1>****\g<2>", text)


def _charge_type(text: str) -> str:
    """Return what the header calls the charges, such as USER_CHARGES; "" where it does not."""
    lines = text.split("@<TRIPOS>MOLECULE", 1)[1].splitlines()[1:5]
    kind = lines[3].strip() if len(lines) == 4 else ""
    return "" if kind.startswith("@") else kind


def _with_orders_of_file(structure: Any, total: int, path: Path) -> Any | None:
    """Return the molecule with the file's bond orders, or None if they are inconsistent."""
    mol = Chem.RWMol(_connected(structure, path))
    for bond in structure.bonds:
        kind = BOND_TYPES.get(float(bond.order))
        if kind is None:
            return None
        mol.GetBondBetweenAtoms(bond.atom1.idx, bond.atom2.idx).SetBondType(kind)
    for atom in mol.GetAtoms():
        kinds = [bond.GetBondTypeAsDouble() for bond in atom.GetBonds()]
        aromatic = AROMATIC in kinds
        atom.SetIsAromatic(aromatic)
        if not aromatic:
            atom.SetFormalCharge(_formal_charge(atom.GetSymbol(), round(sum(kinds))))
    for bond in mol.GetBonds():
        bond.SetIsAromatic(bond.GetBondTypeAsDouble() == AROMATIC)
    try:
        Chem.SanitizeMol(mol)
    except Chem.MolSanitizeException:
        return None
    radicals = any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms())
    if radicals or Chem.GetFormalCharge(mol) != total:
        return None
    Chem.AssignStereochemistryFrom3D(mol)
    return mol.GetMol()


def _check_aromatic(structure: Any, mol: Any, path: Path) -> None:
    """Refuse a triple bond where the file has an aromatic one, which missing hydrogens leave."""
    for bond in structure.bonds:
        found = mol.GetBondBetweenAtoms(bond.atom1.idx, bond.atom2.idx)
        aromatic = BOND_TYPES.get(float(bond.order)) == Chem.BondType.AROMATIC
        if aromatic and found.GetBondType() == Chem.BondType.TRIPLE:
            raise InputError(
                f"an aromatic bond of {path.name} would have to be a triple bond: check its "
                "hydrogens and charges, or give an SDF."
            )


def _formal_charge(symbol: str, valence: int) -> int:
    """Return the formal charge of an atom with a given valence."""
    if symbol == "B" and valence == 4:
        return -1
    usual = USUAL_VALENCES.get(symbol, (valence,))
    if valence in usual:
        return 0
    if symbol == "C":  # an anion or a cation: ambiguous; RDKit would see a radical
        return 0
    nearest = max((v for v in usual if v < valence), default=usual[0])
    return 1 if valence == nearest + 1 else min(valence - nearest, 0)


def _with_orders_found(structure: Any, total: int, path: Path) -> Any:
    """Return the molecule with RDKit's bond orders for the net charge."""
    mol = _connected(structure, path)
    try:
        rdDetermineBonds.DetermineBondOrders(mol, charge=total, embedChiral=True)
        Chem.SanitizeMol(mol)
    except Exception as error:
        raise InputError(
            f"no bond orders fit the atoms of {path.name} with net charge {total}: "
            "check its hydrogens and charges, or give an SDF."
        ) from error
    _check_net_charge(mol, total, path)
    return mol


def _check_net_charge(mol: Any, total: int, path: Path) -> None:
    """Check that the formal charges add up to the charges of the file."""
    formal = Chem.GetFormalCharge(mol)
    if formal != total:
        raise InputError(
            f"the charges in {path.name} add up to {total:+d}, but its atoms and bonds make "
            f"{formal:+d}: correct them (NO_CHARGES in the fourth line says that there are none), "
            "or give an SDF."
        )


def _connected(structure: Any, path: Path) -> Any:
    """Return a molecule with all bonds of the file as single bonds."""
    mol = Chem.RWMol()
    conformer = Chem.Conformer(len(structure.atoms))
    conformer.Set3D(True)
    for i, atom in enumerate(structure.atoms):
        new = Chem.Atom(_element(atom.type, i, path))
        new.SetNoImplicit(True)
        mol.AddAtom(new)
        conformer.SetAtomPosition(i, Point3D(atom.xx, atom.xy, atom.xz))
    for bond in structure.bonds:
        i, j = bond.atom1.idx, bond.atom2.idx
        if i == j or mol.GetBondBetweenAtoms(i, j) is not None:
            raise InputError(
                f"{path.name} has the bond of atoms {i + 1} and {j + 1} twice, or of an atom with "
                "itself: correct its section BOND."
            )
        mol.AddBond(i, j, Chem.BondType.SINGLE)
    mol.AddConformer(conformer)
    return mol.GetMol()


def _element(atom_type: str, i: int, path: Path) -> int:
    """Return the atomic number of a Sybyl ("C.ar"), GAFF ("ca") or AMBER ("CA") type."""
    head = atom_type.split(".", maxsplit=1)[0]
    if GAFF_TYPES.fullmatch(head):  # all but these two start with the element's letter
        head = head if head in ("cl", "br") else head[0]
    if head.islower():
        head = head.capitalize()
    number = int(AtomicNum.get(head, 0))
    if number == 0 and AMBER_TYPES.fullmatch(head):
        symbol = {"CL": "Cl", "BR": "Br"}.get(head, head.lstrip("23")[0])
        number = int(AtomicNum.get(symbol, 0))
    if number == 0:
        raise InputError(
            f"atom {i + 1} of {path.name} has the type {atom_type!r}, which is neither Sybyl's "
            "nor GAFF's nor AMBER's: convert the file."
        )
    return number
