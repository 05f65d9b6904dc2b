# SPDX-License-Identifier: MIT
"""Charges that a mol2 file brings: which they are is told, and those that GAFF is not made for."""

from __future__ import annotations

import pytest
from rdkit.Chem import rdPartialCharges
from test_mol2 import MOLECULES, write_mol2

from merrow.ambertools.file_charges import doubt
from merrow.ambertools.molecule import read_molecule
from merrow.ambertools.prepare import check_choice
from merrow.errors import InputError
from merrow.hydration.analysis.checks import _of_the_charges
from merrow.hydration.config import Source


@pytest.fixture
def methanol(systems, tmp_path):
    """Return a function that writes methanol's mol2 with another type of charges, or others."""

    def write(kind, charges=None):
        lines = (systems / "methanol.mol2").read_text().splitlines()
        start = lines.index("@<TRIPOS>ATOM") + 1
        for k, charge in enumerate(() if charges is None else charges):
            lines[start + k] = f"{lines[start + k].rsplit(maxsplit=1)[0]} {charge:.6f}"
        lines[lines.index("@<TRIPOS>MOLECULE") + 4] = kind
        path = tmp_path / "methanol.mol2"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


@pytest.mark.parametrize("kind", ["GASTEIGER", "MMFF94_CHARGES", "GAST_HUCK", "gas"])
def test_a_type_that_gaff_is_not_made_for_is_told(methanol, kind, caplog):
    molecule = read_molecule(methanol(kind))
    assert f"calls its charges {kind.upper()}, but GAFF is made for" in doubt(molecule)
    check_choice(molecule, "file", 2)
    assert kind.upper() in caplog.text


@pytest.mark.parametrize("kind", ["USER_CHARGES", "bcc", "resp", "abcg2", ""])
def test_charges_of_the_field_are_taken_without_doubt(methanol, kind):
    assert doubt(read_molecule(methanol(kind))) == ""


def test_gasteiger_charges_are_known_by_their_values_whatever_they_are_called(methanol):
    mol = read_molecule(methanol("bcc")).mol
    rdPartialCharges.ComputeGasteigerCharges(mol)
    values = [atom.GetDoubleProp("_GasteigerCharge") for atom in mol.GetAtoms()]
    molecule = read_molecule(methanol("USER_CHARGES", values))
    assert "by their values those of Gasteiger" in doubt(molecule)


@pytest.mark.parametrize("name", ["caffeine", "guanidinium", "nitro"])
def test_mmff_charges_are_known_by_their_values(name, tmp_path):
    write_mol2(MOLECULES[name], tmp_path / "m.mol2")
    assert "by their values those of MMFF94" in doubt(read_molecule(tmp_path / "m.mol2"))


@pytest.mark.parametrize("kind", ["NO_CHARGES", "USER_CHARGES"])
def test_no_charges_are_no_charges_of_a_file(tmp_path, kind):
    path = tmp_path / "m.mol2"
    write_mol2(MOLECULES["sulfone"], path, charged=False)
    path.write_text(path.read_text().replace("USER_CHARGES", kind))
    molecule = read_molecule(path)
    assert molecule.charges is None
    with pytest.raises(InputError, match="charges file needs a mol2 file with charges"):
        check_choice(molecule, "file", 2)


def test_the_title_no_charges_is_no_type_of_charges(methanol):
    path = methanol("bcc")
    text = path.read_text().split("\n")
    text[text.index("@<TRIPOS>MOLECULE") + 1] = "NO_CHARGES_YET"
    path.write_text("\n".join(text))
    assert read_molecule(path).charges is not None


def test_a_run_of_hydration_warns_in_its_checks(methanol):
    path = methanol("GASTEIGER")
    source = Source(kind="structure", structure=path.name, charges="file")
    (found,) = _of_the_charges(source, path.parent)
    assert found.status == "warn"
    assert "GASTEIGER" in found.message
    methanol("bcc")
    (found,) = _of_the_charges(source, path.parent)
    assert found.ok
    assert "bcc" in found.message
    assert not list(_of_the_charges(source.model_copy(update={"charges": "bcc"}), path.parent))
