# SPDX-License-Identifier: MIT
"""Reading a molecule from SMILES or an SDF, MOL or MOL2 file with RDKit."""

from __future__ import annotations

import functools
import logging
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolDescriptors

from merrow.ambertools.flat import is_flat
from merrow.ambertools.mol2 import mol_from_mol2
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.files import is_file

Array = NDArray[np.float64]

logger = logging.getLogger(__name__)

SEED = 20170712
"""Seed of the embedding, fixed so that the same input gives the same geometry."""

BOND_TYPES = frozenset(
    (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC)
)
CARBON = 6
SHORTEST, LONGEST = 0.5, 1.8
"""Allowed range of a bond length relative to the sum of the covalent radii."""
SUFFIXES = (".sdf", ".mol", ".mol2")
NAME = re.compile(r"[\w ,'-]*[A-Za-z]{3}[\w ,'-]*")
"""Pattern of a molecule name: no SMILES symbols, three letters in a row."""


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
        charge_type: What a mol2 file calls them, such as USER_CHARGES; "" where none is told.
    """

    mol: Any
    name: str
    smiles: str
    formula: str
    charge: int
    numbers: tuple[int, ...]
    positions: Array
    charges: Array | None = None
    charge_type: str = ""


def read_molecule(source: str | Path) -> InputMolecule:
    """Read a closed-shell molecule, with hydrogens and a 3D structure added if missing.

    Args:
        source: SMILES, or the path of an .sdf, .mol or .mol2 file.

    Raises:
        InputError: The input is not one valid molecule, or no 3D structure could be made.
        UnsupportedPhysicsError: The molecule is a radical.
    """
    text = str(source).strip()
    path = Path(text)
    charges: Array | None = None
    charge_type = ""
    with rdBase.BlockLogs():
        if path.suffix.lower() == ".mol2":
            mol, charges, charge_type = mol_from_mol2(_existing(path))
        elif path.suffix.lower() in SUFFIXES:
            mol = _mol_from_mdl(_existing(path))
        else:
            mol = _mol_from_smiles(text)
        source = path.name if path.suffix.lower() in SUFFIXES else repr(text)
        _check_one_closed_shell(mol, source)
        if path.suffix.lower() == ".mol2" and is_flat(mol, mol):
            raise InputError(
                f"{source} is a flat drawing: give a 3D structure, or a SMILES or an SDF, of which "
                "one is made."
            )
        if mol.GetNumConformers():
            _check_lengths(mol, source)
        several = not mol.GetNumConformers() and _is_ambiguous(mol)
        flat = Chem.MolToSmiles(Chem.RemoveHs(mol))
        mol = _with_3d(mol, source)
        if several:
            Chem.AssignStereochemistryFrom3D(mol)
        bare = Chem.RemoveHs(mol)
    title = mol.GetProp("_Name").strip() if mol.HasProp("_Name") else ""
    smiles = Chem.MolToSmiles(bare)
    if several and smiles != flat:
        _say_isomer(source, smiles)
    return InputMolecule(
        mol=mol,
        name=title or smiles,
        smiles=smiles,
        formula=rdMolDescriptors.CalcMolFormula(mol),
        charge=Chem.GetFormalCharge(mol),
        numbers=tuple(atom.GetAtomicNum() for atom in mol.GetAtoms()),
        positions=np.array(mol.GetConformer().GetPositions(), dtype=np.float64),
        charges=charges,
        charge_type=charge_type,
    )


def _existing(path: Path) -> Path:
    if not is_file(path):
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
    if empty and (told := _problem(Chem.MolFromSmiles(text, sanitize=False))):
        raise InputError(f"{text!r} is not a valid SMILES: {told}.")
    if empty and NAME.fullmatch(text):
        raise InputError(
            f"{text!r} is neither a file nor a SMILES, and names are not looked up: give the "
            "SMILES in quotation marks, as PubChem shows it for a name, or an .sdf or .mol2 file."
        )
    if empty:
        hint = f" (a file must end in {', '.join(SUFFIXES)})" if Path(text).suffix else ""
        raise InputError(f"{text!r} is not a valid SMILES{hint}: check brackets, rings, valences.")
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)  # only a label
    _leave_open(mol)
    mol.RemoveAllConformers()  # a CXSMILES may have places of a drawing
    return Chem.AddHs(mol)


def _problem(mol: Any) -> str:
    """Describe what is wrong with the valences of a parsed molecule; "" if nothing."""
    for found in [] if mol is None else Chem.DetectChemistryProblems(mol):
        if found.GetType() == "KekulizeException":
            return (
                "its aromatic bonds cannot be assigned as single and double; an aromatic nitrogen "
                "with a hydrogen is [nH]"
            )
        if found.GetType() == "AtomValenceException":
            atom = mol.GetAtomWithIdx(found.GetAtomIdx())
            return (
                f"atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) has more bonds than its charge of "
                f"{atom.GetFormalCharge():+d} allows"
            )
    return ""


def _mol_from_mdl(path: Path) -> Any:
    """Return the only molecule of an SDF or MOL file, with hydrogens completed."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    blocks = [block for block in text.split("$$$$") if block.strip()]
    if len(blocks) > 1:
        raise InputError(
            f"{path.name} has {len(blocks)} records, but one molecule is expected: "
            "put the one you mean into a file of its own."
        )
    try:
        mol = Chem.MolFromMolBlock(blocks[0], removeHs=False) if blocks else None
        if mol is None or mol.GetNumAtoms() == 0:
            raw = Chem.MolFromMolBlock(blocks[0], sanitize=False) if blocks else None
            told = _problem(raw) or "RDKit cannot read it"
            raise InputError(f"{path.name} is not a valid MOL or SDF file: {told}.")
        flat = not mol.GetNumConformers() or not mol.GetConformer().Is3D()
        full = Chem.AddHs(mol, addCoords=not flat)
        _refuse_half_told(mol, full, path, drawn=flat)
        flat = flat or is_flat(mol, full)  # whatever its header says
    except RuntimeError as error:  # from RDKit, for coinciding atoms
        raise InputError(
            f"{path.name} has positions that make no molecule ({str(error).splitlines()[0]}); give "
            "a 3D structure, or a SMILES."
        ) from error
    _leave_open(full)
    if flat:
        full.RemoveAllConformers()
    else:
        Chem.AssignStereochemistryFrom3D(full)
    return full


def _leave_open(mol: Any) -> None:
    """Make stereochemistry that a drawing calls unknown (wavy, crossed) the same as none told."""
    for bond in mol.GetBonds():
        if bond.GetStereo() == Chem.BondStereo.STEREOANY:
            bond.SetStereo(Chem.BondStereo.STEREONONE)
        if bond.GetBondDir() in (Chem.BondDir.UNKNOWN, Chem.BondDir.EITHERDOUBLE):
            bond.SetBondDir(Chem.BondDir.NONE)
        bond.ClearProp("_UnknownStereo")
    for atom in mol.GetAtoms():
        atom.ClearProp("_UnknownStereo")


def _refuse_half_told(mol: Any, full: Any, path: Path, *, drawn: bool) -> None:
    """Refuse a structure that has some hydrogens and lacks others.

    For example, an acetate without its line M  CHG would become acetic acid, and benzene without
    its double bonds cyclohexane. A structure may leave out all hydrogens, or all those at carbon; a
    drawing may show one of some atoms, as where it shows their stereo bonds.
    """
    told = [one for one in mol.GetAtoms() if one.GetAtomicNum() == 1 and not one.GetIsotope()]
    bearing = Counter(other.GetIdx() for one in told for other in one.GetNeighbors())
    at_carbon = any(
        mol.GetAtomWithIdx(i).GetAtomicNum() == CARBON and (count > 1 or not drawn)
        for i, count in bearing.items()
    )
    for atom in list(full.GetAtoms())[mol.GetNumAtoms() :]:
        (neighbour,) = atom.GetNeighbors()
        elsewhere = bool(told) and not drawn and neighbour.GetAtomicNum() != CARBON
        if at_carbon or elsewhere or neighbour.GetIdx() in bearing:
            raise InputError(
                f"atom {neighbour.GetIdx() + 1} ({neighbour.GetSymbol()}) of {path.name} lacks a "
                "hydrogen, or a charge (a line M  CHG), or a double or triple bond, while the file "
                "has other hydrogens: say which one it is."
            )


def _check_lengths(mol: Any, source: str) -> None:
    """Check by bond lengths that positions are in Å and of this molecule."""
    places = mol.GetConformer().GetPositions()
    radius = Chem.GetPeriodicTable().GetRcovalent
    for bond in mol.GetBonds():
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        length = float(np.linalg.norm(places[i] - places[j]))
        usual = radius(bond.GetBeginAtom().GetAtomicNum()) + radius(
            bond.GetEndAtom().GetAtomicNum()
        )
        if not SHORTEST * usual < length < LONGEST * usual:
            raise InputError(
                f"the bond of atoms {i + 1} and {j + 1} of {source} is {length:.2f} Å long, where "
                f"{usual:.2f} Å is usual: give positions in Å, or a SMILES."
            )


@functools.cache  # a run reads its molecule several times
def _say_isomer(source: str, smiles: str) -> None:
    logger.warning(
        "%s does not specify the stereoisomer; %s is used: give the SMILES of the one "
        "that you mean.",
        source,
        smiles,
    )


def _is_ambiguous(mol: Any) -> bool:
    """Tell whether stereoisomers other than mirror images are possible."""
    found = list(Chem.FindPotentialStereo(Chem.RemoveHs(mol)))
    open_ends = [one for one in found if one.specified == Chem.StereoSpecified.Unspecified]
    lone = len(found) == 1 and found[0].type == Chem.StereoType.Atom_Tetrahedral
    return bool(open_ends) and not lone


def _check_one_closed_shell(mol: Any, source: str) -> None:
    """Check that this is one molecule without unpaired electrons or dummy atoms."""
    n_fragments = len(Chem.GetMolFrags(mol))
    if n_fragments > 1:
        raise InputError(
            f"{source} has {n_fragments} separate fragments, but one molecule is expected: "
            "leave out counter-ions and solvent."
        )
    for bond in mol.GetBonds():
        stray = bond.GetBondType() == Chem.BondType.AROMATIC and not bond.IsInRing()
        if bond.GetBondType() not in BOND_TYPES or bond.HasQuery() or stray:
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
    """Return the molecule with one 3D conformer: its own, or from ETKDGv3 and MMFF94."""
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
