# SPDX-License-Identifier: MIT
"""Structures of GROMACS, CHARMM, Maestro and the mmCIF archive are read as what they are."""

from __future__ import annotations

import numpy as np
import parmed
import pytest

from merrow.ambertools.molecule import read_molecule
from merrow.binding.prepare.ligand_form import check_form
from merrow.binding.prepare.protein import read_protein, refuse_unknown
from merrow.errors import InputError

LEAP = """source leaprc.protein.ff14SB
m = sequence { NALA HIE MET ILE CGLY }
savepdb m bare.pdb
c = sequence { ACE ALA GLY NME }
savepdb c capped.pdb
quit
"""
GLYCINE = [
    ("N", 0.0, 0.0),
    ("CA", 1.46, 0.0),
    ("C", 2.0, 1.42),
    ("O", 1.2, 2.35),
    ("OXT", 3.2, 1.5),
]


@pytest.fixture(scope="module")
def peptides(tmp_path_factory, tleap):
    """Return a folder with bare.pdb and capped.pdb, by tleap."""
    folder = tmp_path_factory.mktemp("peptides")
    tleap(folder, LEAP)
    return folder


@pytest.fixture
def edited(peptides, tmp_path):
    """Return a function that writes an altered copy."""

    def write(change, name="bare.pdb"):
        lines = [x for x in (peptides / name).read_text().splitlines() if x.startswith("ATOM")]
        (tmp_path / name).write_text("\n".join([*change(lines), "END"]) + "\n")
        return tmp_path / name

    return write


def replaced(*pairs):
    def change(lines):
        for old, new in pairs:
            lines = [line.replace(old, new) for line in lines]
        return lines

    return change


@pytest.mark.parametrize(("one", "two"), [("OC1", "OC2"), ("OT1", "OT2")])
def test_the_end_of_a_chain_has_ambers_names(edited, one, two):
    path = edited(replaced((" O   GLY", f" {one} GLY"), (" OXT GLY", f" {two} GLY")))
    last = read_protein(path).chains[0][-1]
    assert {"O", "OXT"} <= last.atoms.keys()
    assert not {one, two} & last.atoms.keys()


@pytest.mark.parametrize(("theirs", "ours"), [("HSD", "HID"), ("HSE", "HIE"), ("HSP", "HIP")])
def test_charmms_histidines_keep_their_form_and_it_is_told(edited, theirs, ours):
    found = read_protein(edited(replaced(("HIE", theirs))))
    assert found.chains[0][1].name == ours
    assert found.renamed == (f"{theirs}  2: {ours}".replace("  ", " "),)


def test_selenomethionine_is_read_as_methionine_and_it_is_told(edited):
    found = read_protein(edited(replaced(("MET", "MSE"), (" SD ", "SE  "))))
    methionine = found.chains[0][2]
    assert methionine.name == "MET"
    assert methionine.numbers["SD"] == 16
    assert "MSE" in found.renamed[0]


def test_gromacs_isoleucine_and_maestros_cap_have_ambers_names(edited):
    assert "CD1" in read_protein(edited(replaced((" CD1 ILE", " CD  ILE")))).chains[0][3].atoms
    capped = read_protein(edited(replaced(("NME", "NMA")), "capped.pdb"))
    assert capped.chains[0][-1].name == "NME"


def test_water_of_gromacs_is_water(edited):
    water = "HETATM  900  OW  SOL W   1      30.000  30.000  30.000  1.00  0.00           O"
    found = read_protein(edited(lambda lines: [*lines, "TER", water]))
    assert len(found.waters) == 1
    assert found.others == ()


def with_glycine(lines, name="GLY"):
    atoms = [
        f"HETATM{900 + k:5d}  {atom:<3} {name} A 201    {40 + x:8.3f}{40 + y:8.3f}{40.0:8.3f}"
        f"  1.00  0.00           {atom[0]}"
        for k, (atom, x, y) in enumerate(GLYCINE)
    ]
    return [*lines, "TER", *atoms]


@pytest.mark.parametrize("name", ["GLY", "SAH"])
def test_a_free_amino_acid_is_no_part_of_the_protein_and_can_be_left_out(edited, name):
    path = edited(lambda lines: with_glycine(lines, name))
    found = read_protein(path)
    assert [r.label for r in found.others] == [f"{name} A 201"]
    with pytest.raises(InputError, match=f"--remove {name}"):
        refuse_unknown(found, found.others)
    one = read_protein(path, remove=(f"{name}:A:201",))
    assert one.others == ()
    assert one.removed == (f"{name} A 201",)
    assert len(one.chains[0]) == 5  # the glycine of the chain stays


def test_what_remove_names_must_be_there(edited):
    with pytest.raises(InputError, match=r"--remove GLY:B:7: bare\.pdb has no such residue"):
        read_protein(edited(list), remove=("GLY:B:7",))


def test_mmcif_holds_the_same_protein(peptides, tmp_path):
    parmed.read_PDB(str(peptides / "bare.pdb"), skip_bonds=True).write_cif(str(tmp_path / "p.cif"))
    theirs, ours = read_protein(tmp_path / "p.cif"), read_protein(peptides / "bare.pdb")
    np.testing.assert_allclose(theirs.heavy()[0], ours.heavy()[0], atol=1e-3)
    assert [r.name for r in theirs.residues()] == [r.name for r in ours.residues()]


def test_links_and_missing_residues_of_mmcif_are_known(peptides, tmp_path):
    path = tmp_path / "p.cif"
    parmed.read_PDB(str(peptides / "bare.pdb"), skip_bonds=True).write_cif(str(path))
    path.write_text(
        path.read_text()
        + "loop_\n_struct_conn.conn_type_id\n"
        + "".join(
            f"_struct_conn.ptnr{k}_auth_{x}_id\n" for k in "12" for x in ("comp", "asym", "seq")
        )
        + "covale LIG B 1 CYS A 9\ndisulf CYS A 3 CYS A 4\n#\n"
        + "loop_\n_pdbx_unobs_or_zero_occ_residues.auth_comp_id\n"
        + "_pdbx_unobs_or_zero_occ_residues.auth_asym_id\n"
        + "_pdbx_unobs_or_zero_occ_residues.auth_seq_id\nSER A 12\n#\n"
    )
    found = read_protein(path)
    assert found.links == (("LIG B 1", "CYS A 9"),)
    assert found.missing == ("SER A 12",)


@pytest.mark.parametrize(
    "smiles",
    ["C1COCCN1Cc1ccccc1", "NCC(F)(F)F", "NCC#N", "NC1c2ccccc2CC1(F)F", "OCCN(CCO)CCO", "NCC(=O)N"],
)
def test_amines_that_their_neighbours_weaken_may_be_neutral(smiles):
    # their pKa are near 7.2, 5.7, 5.3, 6.5, 7.8 and 8.0
    assert check_form(read_molecule(smiles), 7.4) is None


def test_a_weak_amine_that_is_written_protonated_is_refused():
    with pytest.raises(InputError, match=r"protonated amine, whose pKa is usually near 5\.8"):
        check_form(read_molecule("[NH3+]CC(F)(F)F"), 7.4)
