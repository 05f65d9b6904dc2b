# SPDX-License-Identifier: MIT
"""Molecules as other people write them: isomers, charges, units and types are asked about."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDepictor, rdDistGeom
from test_mol2 import write_mol2

from merrow.ambertools.flat import is_flat
from merrow.ambertools.molecule import read_molecule
from merrow.errors import InputError
from merrow.hydration.measured import value_in_table


def block(smiles):
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    return Chem.MolToMolBlock(mol)


@pytest.mark.parametrize(
    ("smiles", "isomers"),
    [
        ("FC=CF", {"F/C=C/F", "F/C=C\\F"}),
        ("CC=NO", {"C/C=N/O", "C/C=N\\O"}),
        (
            "CC(F)C(C)Cl",
            {f"C[C@{a}H](F)[C@{b}H](C)Cl" for a in ("", "@") for b in ("", "@")},
        ),
    ],
)
def test_which_isomer_is_taken_is_told_and_kept(smiles, isomers, caplog):
    with caplog.at_level(logging.WARNING):
        found = read_molecule(smiles)
    assert found.smiles in {Chem.CanonSmiles(one) for one in isomers}
    assert f"{found.smiles} is used" in caplog.text


@pytest.mark.parametrize(
    ("smiles", "plain", "marked"),
    [
        ("FC=CF", "  2  3  2  3", "  2  3  2  3"),
        ("CC(F)C(C)Cl", "  2  4  1  0", "  2  4  1  4"),
        ("CC(F)C(C)Cl", "  1  2  1  0", "  2  1  1  4"),
    ],
    ids=["crossed, as RDKit draws it", "wavy between", "wavy at one"],
)
def test_what_a_drawing_calls_unknown_is_told_as_well(tmp_path, caplog, smiles, plain, marked):
    mol = Chem.MolFromSmiles(smiles)
    rdDepictor.Compute2DCoords(mol)
    text = Chem.MolToMolBlock(mol)
    assert plain in text
    (path := tmp_path / f"{tmp_path.name}.sdf").write_text(text.replace(plain, marked))
    with caplog.at_level(logging.WARNING):
        found = read_molecule(path)
    assert f"{found.smiles} is used" in caplog.text
    told = Chem.FindPotentialStereo(Chem.MolFromSmiles(found.smiles))
    assert all(one.specified == Chem.StereoSpecified.Specified for one in told)


def test_a_smiles_may_come_with_places_or_with_a_bond_of_either_kind(caplog):
    assert read_molecule("CO |(0,0,;1.4,0,)|").smiles == "CO"
    with caplog.at_level(logging.WARNING):
        assert read_molecule("FC=CF |ctu:1|").smiles in {"F/C=C/F", "F/C=C\\F"}
    assert "does not specify the stereoisomer" in caplog.text


@pytest.mark.parametrize(
    "smiles", ["CC(O)CF", "C[C@H](O)[C@@H](C)F", "F/C=C/F", "CN=[N+]=[N-]", "C=CC"]
)
def test_mirror_images_and_what_is_told_need_no_word(smiles, caplog):
    with caplog.at_level(logging.WARNING):
        assert read_molecule(smiles).smiles == Chem.CanonSmiles(smiles)
    assert "stereoisomer" not in caplog.text


def test_a_measured_value_of_any_isomer_is_found(tmp_path):
    (path := tmp_path / "v.csv").write_text("smiles,expt_kcal\nF/C=C/F,-1.0\nCC=CC,-2.0\n")
    assert value_in_table(path, "C/C=C/C").value_kcal == -2.0
    with pytest.raises(InputError, match="has no molecule"):
        value_in_table(path, "F/C=C\\F")


def test_labels_of_atoms_are_no_part_of_the_molecule():
    assert read_molecule("[CH3:1][OH:2]").smiles == "CO"


@pytest.mark.parametrize(
    ("smiles", "told"),
    [
        ("c1ccnc1", r"nitrogen with a hydrogen is \[nH\]"),
        ("CN(C)(C)C", r"atom 2 \(N\) has more bonds than its charge of \+0"),
        ("C:C", "atoms 1 and 2"),
    ],
)
def test_what_is_wrong_with_a_smiles_is_told(smiles, told):
    with pytest.raises(InputError, match=told):
        read_molecule(smiles)


def without_charges(text):
    return "\n".join(line for line in text.splitlines() if not line.startswith("M  CHG")) + "\n"


def scaled(text, factor):
    lines = text.splitlines()
    n = int(lines[3][:3])
    for k in range(4, 4 + n):
        places = (factor * float(lines[k][i : i + 10]) for i in (0, 10, 20))
        lines[k] = "".join(f"{x:10.4f}" for x in places) + lines[k][30:]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (without_charges(block("CC(=O)[O-]")), r"\(O\) of x\.sdf lacks a hydrogen, or a charge"),
        (without_charges(block("C[NH3+]")), r"\(N\) has more bonds than its charge"),
        (scaled(block("CCO"), 0.1), "give positions in Å"),
        (scaled(block("CCO"), 1.8897), "give positions in Å"),
    ],
    ids=["no charge", "too many bonds", "nm", "bohr"],
)
def test_a_structure_that_says_something_else_is_refused(tmp_path, text, told):
    (path := tmp_path / "x.sdf").write_text(text)
    with pytest.raises(InputError, match=told):
        read_molecule(path)


def test_hydrogens_that_a_file_leaves_out_altogether_are_completed(tmp_path):
    mol = Chem.RemoveHs(Chem.MolFromMolBlock(block("CC(=O)O"), removeHs=False))
    (path := tmp_path / "x.sdf").write_text("\ufeff" + Chem.MolToMolBlock(mol), encoding="utf-8")
    assert read_molecule(path).smiles == "CC(=O)O"


def single_bonds(text):
    """Return an SDF with all bonds single, as programs write it that know no orders."""
    lines = text.splitlines()
    n_atoms, n_bonds = int(lines[3][:3]), int(lines[3][3:6])
    for k in range(4 + n_atoms, 4 + n_atoms + n_bonds):
        lines[k] = f"{lines[k][:6]}  1{lines[k][9:]}"
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("smiles", ["c1ccccc1", "C=C", "C#C", "CC(C)=O", "C=CCO", "COc1ccccc1"])
@pytest.mark.parametrize("drawn", [False, True])
def test_a_file_without_double_bonds_is_no_other_molecule(tmp_path, smiles, drawn):
    text = single_bonds(drawing(smiles) if drawn else block(smiles))
    (path := tmp_path / "x.sdf").write_text(text)
    with pytest.raises(InputError, match=r"lacks a hydrogen, or a charge .* double or triple bond"):
        read_molecule(path)


@pytest.mark.parametrize("smiles", ["Cc1ccccc1", "[CH2-]C#N"])
def test_a_carbon_that_lacks_one_hydrogen_or_its_charge_is_named(tmp_path, smiles):
    mol = Chem.RWMol(Chem.MolFromMolBlock(block(smiles), removeHs=False))
    if smiles == "Cc1ccccc1":
        Chem.Kekulize(mol, clearAromaticFlags=True)
        mol.RemoveAtom(mol.GetNumAtoms() - 1)
    (path := tmp_path / "x.sdf").write_text(without_charges(Chem.MolToMolBlock(mol)))
    with pytest.raises(InputError, match=r"atom \d \(C\) of x\.sdf lacks a hydrogen"):
        read_molecule(path)


def test_hydrogens_of_carbon_that_a_file_leaves_out_are_completed(tmp_path):
    mol = Chem.RWMol(Chem.MolFromMolBlock(block("CC(O)CN"), removeHs=False))
    for atom in reversed(list(mol.GetAtoms())):
        if atom.GetAtomicNum() == 1 and atom.GetNeighbors()[0].GetAtomicNum() == 6:
            mol.RemoveAtom(atom.GetIdx())
    (path := tmp_path / "x.sdf").write_text(Chem.MolToMolBlock(mol))
    assert Chem.CanonSmiles(read_molecule(path).smiles, 0) == "CC(O)CN"


def drawing(smiles, *, hydrogens=True, header="2D"):
    """Return an SDF with all z zero, with what is said of it in its header."""
    mol = Chem.MolFromSmiles(smiles)
    mol = Chem.AddHs(mol) if hydrogens else mol
    rdDepictor.Compute2DCoords(mol)
    return Chem.MolToMolBlock(mol).replace("          2D\n", f"          {header}\n")


@pytest.mark.parametrize("smiles", ["C[C@H](O)CF", "[2H]C([2H])O"])
def test_a_drawing_may_show_some_hydrogens(tmp_path, smiles):
    mol = Chem.MolFromSmiles(smiles)
    mol = Chem.AddHs(mol, onlyOnAtoms=[1]) if "@" in smiles else mol
    rdDepictor.Compute2DCoords(mol)
    (path := tmp_path / "x.sdf").write_text(Chem.MolToMolBlock(mol))
    assert read_molecule(path).smiles == Chem.CanonSmiles(smiles)


@pytest.mark.parametrize("hydrogens", [True, False])
def test_a_drawing_whose_header_says_3d_is_a_drawing(tmp_path, hydrogens, caplog):
    text = drawing("CC(O)C(F)Cl", hydrogens=hydrogens, header="3D")
    (path := tmp_path / f"{hydrogens}.sdf").write_text(text)
    with caplog.at_level(logging.WARNING):
        found = read_molecule(path)
    assert f"{hydrogens}.sdf does not specify the stereoisomer" in caplog.text
    assert np.ptp(found.positions, axis=0).min() > 1.0


def flattened(smiles, path):
    """Write a mol2 file with all z zero."""
    write_mol2(smiles, path)
    head, rest = path.read_text().split("@<TRIPOS>ATOM\n")
    atoms, tail = rest.split("@<TRIPOS>BOND\n")
    rows = [line.split() for line in atoms.splitlines()]
    text = "\n".join(" ".join([*row[:4], "0.0", *row[5:]]) for row in rows)
    path.write_text(f"{head}@<TRIPOS>ATOM\n{text}\n@<TRIPOS>BOND\n{tail}")


@pytest.mark.parametrize("smiles", ["C[C@H](O)[C@@H](F)Cl", "CCN", "N", "CS(C)=O"])
@pytest.mark.parametrize("charges", ["USER_CHARGES", "NO_CHARGES"])
def test_a_flat_mol2_is_refused(tmp_path, smiles, charges):
    flattened(smiles, path := tmp_path / "x.mol2")
    path.write_text(path.read_text().replace("USER_CHARGES", charges))
    with pytest.raises(InputError, match=r"x\.mol2 is a flat drawing: give a 3D structure"):
        read_molecule(path)


@pytest.mark.parametrize(
    "smiles", ["O", "OO", "C#N", "NC=O", "c1ccccc1", "c1cc[nH]c1", "Nc1ccccc1", "FB(F)F"]
)
def test_planar_molecules_are_no_drawings(smiles):
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdDepictor.Compute2DCoords(mol)
    assert not is_flat(mol, mol)


def test_a_structure_is_a_structure_in_every_orientation():
    mol = Chem.MolFromMolBlock(block("CO"), removeHs=False)
    assert not is_flat(mol, mol)
    heavy = Chem.RemoveHs(mol)
    assert not is_flat(heavy, Chem.AddHs(heavy))  # two atoms are always in a plane


AMBER = {"c3": "CT", "oh": "OH", "hc": "HC", "h1": "H1", "ho": "HO"}


@pytest.mark.parametrize("change", ["types of AMBER", "no name", "mark", "Windows"])
def test_mol2_of_other_programs_is_the_same_molecule(systems, tmp_path, change):
    text = (systems / "ethanol.mol2").read_text()
    if change == "types of AMBER":
        for ours, theirs in AMBER.items():
            text = text.replace(f" {ours} ", f" {theirs} ")
    elif change == "no name":
        text = text.replace("MOLECULE\nLIG\n", "MOLECULE\n\n")
    elif change == "mark":
        text = "\ufeff" + text
    else:
        text = text.replace("\n", "\r\n")
    (path := tmp_path / "x.mol2").write_bytes(text.encode("utf-8"))
    found = read_molecule(path)
    assert found.smiles == "CCO"
    assert found.charges is not None
    assert found.charges[2] == pytest.approx(-0.5998, abs=1e-4)
