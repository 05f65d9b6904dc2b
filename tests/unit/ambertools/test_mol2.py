# SPDX-License-Identifier: MIT
"""A mol2 file is the molecule that its bond orders and its charges say, or it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from merrow.ambertools.mol2 import _element
from merrow.ambertools.molecule import read_molecule
from merrow.errors import InputError

MOLECULES = {
    "amidinium": "CC(N)=[NH2+]",
    "azide": "CN=[N+]=[N-]",
    "caffeine": "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "diazo": "CCOC(=O)C=[N+]=[N-]",
    "guanidinium": "CNC(N)=[NH2+]",
    "imidazolium": "Cn1cc[n+](C)c1",
    "isothiocyanate": "CCN=C=S",
    "nitro": "Cc1ccc(cc1)[N+](=O)[O-]",
    "oxide": "[O-][n+]1ccccc1",
    "phosphonate": "CP(=O)(OC)OC",
    "pyridinium": "C[n+]1ccccc1",
    "quaternary": "C[N+](C)(C)CC[N+](C)(C)C",
    "sulfone": "CS(C)(=O)=O",
    "thioamide": "CC(=S)N",
}
HYBRIDS = {"SP3": "3", "SP2": "2", "SP": "1"}


def write_mol2(smiles: str, path: Path, *, charged: bool = True, order: int = 1) -> str:
    """Write a mol2 file with Sybyl types, right bond orders and MMFF charges; return its SMILES.

    `order` −1 writes the atoms backwards.
    """
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    mol = Chem.RenumberAtoms(mol, list(range(mol.GetNumAtoms()))[::order])
    AllChem.EmbedMolecule(mol, randomSeed=5)
    properties = AllChem.MMFFGetMoleculeProperties(mol)
    lines = ["@<TRIPOS>MOLECULE", path.stem, f"{mol.GetNumAtoms()} {mol.GetNumBonds()} 1 0 0"]
    lines += ["SMALL", "USER_CHARGES", "", "@<TRIPOS>ATOM"]
    for i, atom in enumerate(mol.GetAtoms()):
        x = mol.GetConformer().GetAtomPosition(i)
        charge = properties.GetMMFFPartialCharge(i) if charged else 0.0
        name = f"{atom.GetSymbol()}{i + 1}"
        where = f"{x.x:10.4f} {x.y:10.4f} {x.z:10.4f} {sybyl(atom)}"
        lines.append(f"{i + 1} {name} {where} 1 LIG {charge:.5f}")
    lines.append("@<TRIPOS>BOND")
    for k, bond in enumerate(mol.GetBonds()):
        kind = "ar" if bond.GetIsAromatic() else str(int(bond.GetBondTypeAsDouble()))
        lines.append(f"{k + 1} {bond.GetBeginAtomIdx() + 1} {bond.GetEndAtomIdx() + 1} {kind}")
    path.write_text("\n".join(lines) + "\n")
    return Chem.MolToSmiles(Chem.RemoveHs(mol))


def sybyl(atom: Chem.Atom) -> str:
    """Return a Sybyl type."""
    symbol = atom.GetSymbol()
    if symbol == "H":
        return "H"
    if atom.GetIsAromatic():
        return f"{symbol}.ar"
    if symbol == "N" and atom.GetDegree() == 4:
        return "N.4"
    return f"{symbol}.{HYBRIDS[str(atom.GetHybridization())]}"


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("name", MOLECULES)
def test_the_file_is_the_molecule_of_its_bond_orders(name, order, tmp_path):
    path = tmp_path / f"{name}.mol2"
    wanted = write_mol2(MOLECULES[name], path, order=order)
    found = read_molecule(path)
    assert Chem.CanonSmiles(found.smiles, 0) == Chem.CanonSmiles(wanted, 0)
    assert found.charge == round(found.charges.sum())


def test_charges_that_contradict_atoms_and_bonds_are_refused_with_both_numbers(tmp_path):
    path = tmp_path / "salt.mol2"
    write_mol2(MOLECULES["quaternary"], path, charged=False)
    with pytest.raises(InputError, match=r"add up to \+0, but its atoms and bonds make \+2"):
        read_molecule(path)
    path.write_text(path.read_text().replace("USER_CHARGES", "NO_CHARGES"))  # the remedy
    assert read_molecule(path).charge == 2


BARE_RING = """@<TRIPOS>MOLECULE
ring
6 6 1
SMALL
USER_CHARGES
@<TRIPOS>ATOM
1 C1 1.3900 0.0000 0.0 C.ar 1 BNZ 0.1000
2 C2 0.6950 1.2038 0.0 C.ar 1 BNZ -0.1000
3 C3 -0.6950 1.2038 0.0 C.ar 1 BNZ 0.1000
4 C4 -1.3900 -0.0000 0.0 C.ar 1 BNZ -0.1000
5 C5 -0.6950 -1.2038 0.0 C.ar 1 BNZ 0.1000
6 C6 0.6950 -1.2038 0.0 C.ar 1 BNZ -0.1000
@<TRIPOS>BOND
1 1 2 ar
2 2 3 ar
3 3 4 ar
4 4 5 ar
5 5 6 ar
6 6 1 ar
"""


def test_an_aromatic_ring_without_hydrogens_is_no_other_molecule(tmp_path):
    path = tmp_path / "ring.mol2"
    path.write_text(BARE_RING)
    with pytest.raises(InputError, match=r"aromatic bond of ring\.mol2 would have to be a triple"):
        read_molecule(str(path))


@pytest.mark.parametrize(("kind", "number"), [("si", 14), ("se", 34), ("sy", 16), ("cl", 17)])
def test_an_element_in_small_letters_is_no_other_one(kind, number):
    assert _element(kind, 0, Path("x.mol2")) == number


@pytest.mark.parametrize("kind", ["hal", "hev", "du", "lp"])
def test_what_stands_for_any_atom_is_no_hydrogen(kind):
    with pytest.raises(InputError, match="neither Sybyl's"):
        _element(kind, 0, Path("x.mol2"))
