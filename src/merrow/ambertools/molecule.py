# SPDX-License-Identifier: MIT
"""Which molecule did the user mean? SMILES text or an SDF, MOL or MOL2 file, read with RDKit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolDescriptors

from merrow.ambertools.mol2 import mol_from_mol2
from merrow.errors import InputError, UnsupportedPhysicsError

Array = NDArray[np.float64]

SEED = 20170712
"""Seed of the embedding, fixed so that the same input gives the same start."""

BOND_TYPES = frozenset(
    (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC)
)
SUFFIXES = (".sdf", ".mol", ".mol2")
NAME = re.compile(r"[\w ,'-]*[A-Za-z]{3}[\w ,'-]*")
"""What looks like the name of a molecule: none of the signs of a SMILES, three letters in a row."""


@dataclass(frozen=True, eq=False)
class InputMolecule:
    """One molecule of N atoms with all hydrogens and one conformer.

    Attributes:
        mol: RDKit molecule.
        name: Name from the file, or the SMILES.
        smiles: Canonical SMILES without explicit hydrogens.
        formula: Molecular formula in Hill order.
        charge: Formal charge [e].
        numbers: Atomic numbers, length N.
        positions: Positions [Å], shape (N, 3).
        charges: Partial charges of a mol2 file [e], shape (N,), or None.
    """

    mol: Any
    name: str
    smiles: str
    formula: str
    charge: int
    numbers: tuple[int, ...]
    positions: Array
    charges: Array | None = None


def read_molecule(source: str | Path) -> InputMolecule:
    """Read one closed-shell molecule and give it hydrogens and a 3D structure if it has none.

    Args:
        source: SMILES, or the path of an .sdf, .mol or .mol2 file.

    Raises:
        InputError: It is not one valid molecule, or no 3D structure could be made.
        UnsupportedPhysicsError: It is a radical.
    """
    text = str(source).strip()
    path = Path(text)
    charges: Array | None = None
    with rdBase.BlockLogs():
        if path.suffix.lower() == ".mol2":
            mol, charges = mol_from_mol2(_existing(path))
        elif path.suffix.lower() in SUFFIXES:
            mol = _mol_from_mdl(_existing(path))
        else:
            mol = _mol_from_smiles(text)
        source = path.name if path.suffix.lower() in SUFFIXES else repr(text)
        _check_one_closed_shell(mol, source)
        mol = _with_3d(mol, source)
        bare = Chem.RemoveHs(mol)
    title = mol.GetProp("_Name").strip() if mol.HasProp("_Name") else ""
    smiles = Chem.MolToSmiles(bare)
    return InputMolecule(
        mol=mol,
        name=title or smiles,
        smiles=smiles,
        formula=rdMolDescriptors.CalcMolFormula(mol),
        charge=Chem.GetFormalCharge(mol),
        numbers=tuple(atom.GetAtomicNum() for atom in mol.GetAtoms()),
        positions=np.array(mol.GetConformer().GetPositions(), dtype=np.float64),
        charges=charges,
    )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"there is no molecule file {path}.")
    if not path.read_bytes().strip():
        raise InputError(f"the molecule file {path} is empty.")
    return path


def _mol_from_smiles(text: str) -> Any:
    """Return the molecule of a SMILES string with all hydrogens."""
    if not text:
        raise InputError("no molecule is given: expected a SMILES or a file .sdf, .mol or .mol2.")
    mol = Chem.MolFromSmiles(text)
    empty = mol is None or mol.GetNumAtoms() == 0
    if empty and NAME.fullmatch(text):
        raise InputError(
            f"{text!r} is neither a file nor a SMILES, and names are not looked up: give the "
            "SMILES in quotation marks, as PubChem shows it for a name, or an .sdf or .mol2 file."
        )
    if empty:
        hint = f" (a file must end in {', '.join(SUFFIXES)})" if Path(text).suffix else ""
        raise InputError(f"{text!r} is not a valid SMILES{hint}: check brackets, rings, valences.")
    return Chem.AddHs(mol)


def _mol_from_mdl(path: Path) -> Any:
    """Return the only molecule of an SDF or MOL file, its hydrogens completed."""
    blocks = [block for block in path.read_text(errors="replace").split("$$$$") if block.strip()]
    if len(blocks) > 1:
        raise InputError(
            f"{path.name} has {len(blocks)} records, but one molecule is expected: "
            "put the one you mean into a file of its own."
        )
    try:
        mol = Chem.MolFromMolBlock(blocks[0], removeHs=False) if blocks else None
        if mol is None or mol.GetNumAtoms() == 0:
            raise InputError(f"{path.name} is not a valid MOL or SDF file: RDKit cannot read it.")
        flat = not mol.GetNumConformers() or not mol.GetConformer().Is3D()
        full = Chem.AddHs(mol, addCoords=not flat)
    except RuntimeError as error:  # of RDKit, where atoms lie on each other
        raise InputError(
            f"{path.name} has positions that make no molecule ({str(error).splitlines()[0]}); give "
            "a 3D structure, or a SMILES."
        ) from error
    if flat:
        full.RemoveAllConformers()
    return full


def _check_one_closed_shell(mol: Any, source: str) -> None:
    """Raise unless this is one molecule without unpaired electrons or dummy atoms."""
    n_fragments = len(Chem.GetMolFrags(mol))
    if n_fragments > 1:
        raise InputError(
            f"{source} has {n_fragments} separate fragments, but one molecule is expected: "
            "leave out counter-ions and solvent."
        )
    for bond in mol.GetBonds():
        if bond.GetBondType() not in BOND_TYPES or bond.HasQuery():
            i, j = bond.GetBeginAtomIdx() + 1, bond.GetEndAtomIdx() + 1
            raise InputError(
                f"the bond of atoms {i} and {j} of {source} is none of single, double, triple and "
                "aromatic: say which one it is."
            )
    for atom in mol.GetAtoms():
        label = f"atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) of {source}"
        if atom.GetAtomicNum() == 0:
            raise InputError(f"{label} is not an element: replace it by a real atom.")
        if atom.GetNumRadicalElectrons():
            raise UnsupportedPhysicsError(
                f"{label} has an unpaired electron: radicals are not supported, "
                "check missing hydrogens and charges."
            )


def _with_3d(mol: Any, source: str) -> Any:
    """Return the molecule with one 3D conformer: its own, or ETKDGv3 refined by MMFF94."""
    if mol.GetNumConformers():
        return mol
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed = SEED
    if rdDistGeom.EmbedMolecule(mol, parameters) != 0:
        parameters.useRandomCoords = True
        if rdDistGeom.EmbedMolecule(mol, parameters) != 0:
            raise InputError(
                f"no 3D structure of {source} could be made: give an SDF with 3D coordinates."
            )
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, numThreads=1, maxIters=2000)
    elif rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
        rdForceFieldHelpers.UFFOptimizeMoleculeConfs(mol, numThreads=1, maxIters=2000)
    return mol
