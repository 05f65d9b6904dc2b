# SPDX-License-Identifier: MIT
"""Is the molecule that the user gave understood, or refused in one sentence?"""

from __future__ import annotations

import csv
import runpy

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDepictor

from merrow.ambertools.molecule import read_molecule
from merrow.errors import InputError, UnsupportedPhysicsError


def test_smiles_gives_all_hydrogens_and_a_sane_structure():
    found = read_molecule("CO")
    assert (found.smiles, found.formula, found.charge) == ("CO", "CH4O", 0)
    assert found.numbers == (6, 8, 1, 1, 1, 1)
    assert found.charges is None
    # MMFF's C–O bond is 1.42 Å; a bad embedding is off by far more.
    assert np.linalg.norm(found.positions[0] - found.positions[1]) == pytest.approx(1.42, abs=0.03)


def test_the_same_smiles_gives_the_same_structure():
    first, second = read_molecule("CCOC(C)=O"), read_molecule("CCOC(C)=O")
    assert np.array_equal(first.positions, second.positions)


@pytest.mark.parametrize(
    ("smiles", "charge"), [("C[NH3+]", 1), ("CC(=O)[O-]", -1), ("C[N+](=O)[O-]", 0)]
)
def test_formal_charges_are_counted(smiles, charge):
    assert read_molecule(smiles).charge == charge


@pytest.mark.parametrize("kind", ["sdf", "mol2"])
def test_every_file_is_the_molecule_that_it_was_made_of(systems, kind):
    made_of = runpy.run_path(str(systems.parent / "make_systems.py"))["MOLECULES"]
    for name, smiles in made_of.items():
        found = read_molecule(systems / f"{name}.{kind}")
        assert found.smiles == Chem.CanonSmiles(smiles), name
        assert (found.charges is not None) == (kind == "mol2")


@pytest.mark.parametrize("kind", ["sdf", "mol2_gaff"])
def test_every_file_of_freesolv_is_the_molecule_of_its_row(freesolv, kind):
    with (freesolv / "hydration30.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 30
    for row in rows:
        found = read_molecule(freesolv / kind / f"{row['id']}.{kind[:4].rstrip('_')}")
        # By way of RDKit too: FreeSolv's SMILES are written by another program.
        assert found.smiles == Chem.CanonSmiles(row["smiles"]), row["id"]
        assert len(found.numbers) == int(row["n_atoms"])
        assert (found.charges is not None) == (kind == "mol2_gaff")


def test_positions_and_charges_of_a_mol2_file_are_kept(systems):
    file = systems / "methanol.mol2"
    rows = file.read_text().split("@<TRIPOS>ATOM\n")[1].split("@<TRIPOS>")[0].splitlines()
    found = read_molecule(file)
    assert np.array_equal(found.positions, [[float(x) for x in r.split()[2:5]] for r in rows])
    assert np.array_equal(found.charges, [float(row.split()[8]) for row in rows])


def test_a_flat_drawing_is_embedded_and_completed_with_hydrogens(tmp_path):
    drawing = Chem.MolFromSmiles("CCO")
    rdDepictor.Compute2DCoords(drawing)
    (tmp_path / "flat.sdf").write_text(Chem.MolToMolBlock(drawing) + "$$$$\n")
    found = read_molecule(tmp_path / "flat.sdf")
    assert found.formula == "C2H6O"
    assert np.linalg.matrix_rank(found.positions - found.positions.mean(axis=0), tol=0.3) == 3


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        ("C(", "not a valid SMILES"),
        ("C(C)(C)(C)(C)C", "not a valid SMILES"),
        ("", "no molecule is given"),
        ("CO.O", "2 separate fragments"),
        ("*C", r"atom 1 \(\*\).*not an element"),
        ("absent.sdf", "no molecule file absent.sdf"),
        ("ligand.pdb", "must end in .sdf, .mol, .mol2"),
    ],
)
def test_what_is_not_one_molecule_is_refused(smiles, message):
    with pytest.raises(InputError, match=message):
        read_molecule(smiles)


def test_radicals_are_refused_as_physics():
    with pytest.raises(UnsupportedPhysicsError, match="unpaired electron"):
        read_molecule("[CH3]")


def test_files_that_are_empty_broken_or_hold_several_records_are_refused(tmp_path):
    block = Chem.MolToMolBlock(read_molecule("C").mol) + "$$$$\n"
    for name, text, message in (
        ("empty.sdf", "  \n", "is empty"),
        ("two.sdf", block + block, "2 records"),
        ("broken.sdf", block[:60], "not a valid MOL or SDF"),
        ("broken.mol2", "hello\n", "0 mol2 records"),
        ("broken2.mol2", "@<TRIPOS>MOLECULE\nx\n 1 0\n", "broken2.mol2"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=message):
            read_molecule(tmp_path / name)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.1167", "0.6167", "whole number"),
        ("c3 ", "X9 ", "neither Sybyl's nor GAFF's"),
        ("0.11670000", "       nan", "whole number"),
    ],
)
def test_a_mol2_file_with_wrong_charges_or_types_is_refused(systems, tmp_path, old, new, message):
    text = (systems / "methanol.mol2").read_text()
    assert old in text
    (tmp_path / "x.mol2").write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        read_molecule(tmp_path / "x.mol2")


@pytest.mark.parametrize("smiles", ["CC(=O)Oc1cc~ccc1", "[Fe]<-[NH3]", "C~C"])
def test_bonds_of_no_order_are_refused(smiles):
    with pytest.raises(InputError, match=r"none of single, double, triple|not a valid SMILES"):
        read_molecule(smiles)
