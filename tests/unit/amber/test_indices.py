# SPDX-License-Identifier: MIT
"""Are indices of a prmtop that point nowhere refused, by the name of their section?"""

from __future__ import annotations

from pathlib import Path

import pytest
from parmed.amber import AmberFormat

from merrow.amber.topology import read_topology
from merrow.errors import InputError


@pytest.fixture
def slipped(systems, tmp_path):
    """Return a function (section, place, value) → alanine dipeptide with that value in it."""

    def change(section: str, place: int, value: int) -> Path:
        parm = AmberFormat()
        parm.rdparm_slow(str(systems / "dipeptide.prmtop"))
        parm.parm_data[section][place] = value
        parm.write_parm(str(tmp_path / "slip.prmtop"))
        return tmp_path / "slip.prmtop"

    return change


@pytest.mark.parametrize(
    ("section", "place", "value", "what"),
    [
        ("BONDS_INC_HYDROGEN", 1, 10, "an atom;"),  # no multiple of three: sander rounds it
        ("BONDS_INC_HYDROGEN", 1, 300, "an atom;"),
        ("BONDS_WITHOUT_HYDROGEN", 0, -3, "an atom;"),
        ("BONDS_WITHOUT_HYDROGEN", 2, 99, "a parameter"),
        ("BONDS_WITHOUT_HYDROGEN", 2, 0, "a parameter"),
        ("ANGLES_INC_HYDROGEN", 0, 301, "an atom;"),
        ("DIHEDRALS_INC_HYDROGEN", 3, -300, "an atom;"),
        ("ATOM_TYPE_INDEX", 3, 99, "a Lennard-Jones type"),
        ("RESIDUE_POINTER", 1, 1, "the first atom of a residue"),
    ],
)
def test_an_index_that_points_nowhere_is_refused(slipped, section, place, value, what):
    with pytest.raises(InputError, match=f"an index of section {section} does not point to {what}"):
        read_topology(slipped(section, place, value))


@pytest.mark.parametrize("flag", ["DIHEDRAL_FORCE_CONSTANT", "DIHEDRALS_INC_HYDROGEN"])
def test_a_section_without_values_must_be_there(systems, tmp_path, flag):
    parm = AmberFormat()
    parm.rdparm_slow(str(systems / "methane.prmtop"))  # it has no torsions
    assert not parm.parm_data[flag]
    parm.delete_flag(flag)
    parm.write_parm(str(tmp_path / "less.prmtop"))
    with pytest.raises(InputError, match=f"it has no section {flag}"):
        read_topology(tmp_path / "less.prmtop")


def test_words_in_place_of_the_box_are_refused(systems, tmp_path):
    text = (systems / "methane.prmtop").read_text()
    box = "%FLAG BOX_DIMENSIONS\n%FORMAT(20a4)\n" + "".join(f"{x:<4}" for x in ("a", "b", "c"))
    (tmp_path / "words.prmtop").write_text(f"{text}{box}\n")
    with pytest.raises(InputError, match="section BOX_DIMENSIONS has the value 'a', which is no"):
        read_topology(tmp_path / "words.prmtop")


def test_a_term_from_an_atom_to_itself_is_refused(slipped, systems):
    parm = AmberFormat()
    parm.rdparm_slow(str(systems / "dipeptide.prmtop"))
    first = parm.parm_data["ANGLES_INC_HYDROGEN"][0]
    with pytest.raises(
        InputError, match="ANGLES_INC_HYDROGEN does not point to an atom of its own"
    ):
        read_topology(slipped("ANGLES_INC_HYDROGEN", 2, first))


@pytest.mark.parametrize(
    ("section", "place", "value", "told"),
    [
        ("NUMBER_EXCLUDED_ATOMS", 0, 3, "do not fit together"),
        ("EXCLUDED_ATOMS_LIST", 0, 99, "do not fit together"),
        ("EXCLUDED_ATOMS_LIST", 0, 20, "does not exclude the pair of atoms 1 and 2,"),
        ("EXCLUDED_ATOMS_LIST", 0, 3, "does not exclude the pair of atoms 1 and 2,"),
    ],
)
def test_other_exclusions_than_the_pairs_within_three_bonds_are_refused(
    slipped, section, place, value, told
):
    with pytest.raises(InputError, match=told):
        read_topology(slipped(section, place, value))


def test_a_bond_to_another_atom_does_not_fit_the_exclusions(slipped):
    # sander would draw the exclusions from the bonds once more, OpenMM believe the list
    with pytest.raises(InputError, match="what sander excludes are the pairs within three bonds"):
        read_topology(slipped("BONDS_WITHOUT_HYDROGEN", 1, 51))


@pytest.mark.parametrize(
    ("section", "place", "value", "told"),
    [
        ("ANGLES_INC_HYDROGEN", 2, 63, "has a term between atoms"),
        ("DIHEDRALS_INC_HYDROGEN", 3, 63, "has a term between atoms"),
    ],
)
def test_terms_between_atoms_that_are_not_bonded_are_refused(slipped, section, place, value, told):
    with pytest.raises(InputError, match=told):
        read_topology(slipped(section, place, value))


def test_a_chain_without_its_angle_is_refused(systems, tmp_path):
    parm = AmberFormat()
    parm.rdparm_slow(str(systems / "dipeptide.prmtop"))
    rows = parm.parm_data["ANGLES_INC_HYDROGEN"]
    hydrogens = [k for k in range(0, len(rows), 4) if rows[k] == 0 and rows[k + 1] == 3]
    assert len(hydrogens) >= 2  # of the methyl group, which has no improper torsion
    k, other = hydrogens[:2]
    rows[k : k + 4] = rows[other : other + 4]
    parm.write_parm(str(tmp_path / "slip.prmtop"))
    with pytest.raises(InputError, match="has no bond, angle or torsion between atoms"):
        read_topology(tmp_path / "slip.prmtop")
