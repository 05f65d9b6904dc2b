# SPDX-License-Identifier: MIT
"""Every section of a prmtop is understood, known not to matter, or refused by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from merrow.amber.sections import (
    IFCAP,
    IFPERT,
    NPARM,
    UNDERSTOOD,
    WITHOUT_ENERGY,
    readable,
    refuse_foreign,
)
from merrow.errors import UnsupportedPhysicsError

PRMTOP = Path("some.prmtop")

# All flags of AMBER's description of the format (ambermd.org/prmtop.pdf), of LES and perturbed
# topologies, and of later programs; True where the energy is ours.
OURS = """
TITLE POINTERS ATOM_NAME CHARGE ATOMIC_NUMBER MASS ATOM_TYPE_INDEX NUMBER_EXCLUDED_ATOMS
NONBONDED_PARM_INDEX RESIDUE_LABEL RESIDUE_POINTER BOND_FORCE_CONSTANT BOND_EQUIL_VALUE
ANGLE_FORCE_CONSTANT ANGLE_EQUIL_VALUE DIHEDRAL_FORCE_CONSTANT DIHEDRAL_PERIODICITY DIHEDRAL_PHASE
SCEE_SCALE_FACTOR SCNB_SCALE_FACTOR SOLTY LENNARD_JONES_ACOEF LENNARD_JONES_BCOEF
BONDS_INC_HYDROGEN BONDS_WITHOUT_HYDROGEN ANGLES_INC_HYDROGEN ANGLES_WITHOUT_HYDROGEN
DIHEDRALS_INC_HYDROGEN DIHEDRALS_WITHOUT_HYDROGEN EXCLUDED_ATOMS_LIST HBOND_ACOEF HBOND_BCOEF
HBCUT AMBER_ATOM_TYPE TREE_CHAIN_CLASSIFICATION JOIN_ARRAY IROTAT SOLVENT_POINTERS
ATOMS_PER_MOLECULE BOX_DIMENSIONS CAP_INFO CAP_INFO2 RADIUS_SET RADII SCREEN IPOL CMAP_COUNT
CMAP_RESOLUTION CMAP_PARAMETER_01 CMAP_PARAMETER_14 CMAP_INDEX CTITLE FORCE_FIELD_TYPE
CHARMM_UREY_BRADLEY_COUNT CHARMM_UREY_BRADLEY CHARMM_UREY_BRADLEY_FORCE_CONSTANT
CHARMM_UREY_BRADLEY_EQUIL_VALUE CHARMM_NUM_IMPROPERS CHARMM_IMPROPERS CHARMM_NUM_IMPR_TYPES
CHARMM_IMPROPER_FORCE_CONSTANT CHARMM_IMPROPER_PHASE LENNARD_JONES_14_ACOEF LENNARD_JONES_14_BCOEF
CHARMM_CMAP_COUNT CHARMM_CMAP_RESOLUTION CHARMM_CMAP_PARAMETER_01 CHARMM_CMAP_INDEX RESIDUE_NUMBER
RESIDUE_CHAINID RESIDUE_ICODE ATOM_ELEMENT ATOM_OCCUPANCY ATOM_BFACTOR
"""
FOREIGN = """
LENNARD_JONES_CCOEF LENNARD_JONES_DCOEF EXPVDWMODEL_BETA POLARIZABILITY DIPOLE_DAMP_FACTOR
LES_NTYP LES_TYPE LES_FAC LES_CNUM LES_ID PERT_BOND_ATOMS PERT_BOND_PARAMS PERT_ANGLE_ATOMS
PERT_ANGLE_PARAMS PERT_DIHEDRAL_ATOMS PERT_DIHEDRAL_PARAMS PERT_RESIDUE_NAME PERT_ATOM_NAME
PERT_ATOM_SYMBOL ALMPER IAPER PERT_ATOM_TYPE_INDEX PERT_CHARGE AMOEBA_FORCEFIELD
AMOEBA_ATOM_TYPE_INDEX SOMETHING_OF_NEXT_YEAR
"""
FLAGS = {
    **dict.fromkeys(
        OURS.split(),
        True,
    ),
    **dict.fromkeys(
        FOREIGN.split(),
        False,
    ),
}


@pytest.mark.parametrize("flag", FLAGS)
def test_a_section_is_ours_or_refused(flag):
    sections = {"POINTERS": [0] * 31, flag: [0] * 31}
    if FLAGS[flag]:
        refuse_foreign(sections, PRMTOP)
    else:
        with pytest.raises(UnsupportedPhysicsError, match=r"some\.prmtop (contains|has a section)"):
            refuse_foreign(sections, PRMTOP)


def test_a_new_section_is_refused_by_its_own_name():
    with pytest.raises(UnsupportedPhysicsError, match="a section SOMETHING_OF_NEXT_YEAR, which"):
        refuse_foreign({"POINTERS": [0] * 31, "SOMETHING_OF_NEXT_YEAR": []}, PRMTOP)


@pytest.mark.parametrize(
    ("place", "told"), [(NPARM, "LES, NPARM"), (IFPERT, "IFPERT"), (IFCAP, "IFCAP, of solvateCap")]
)
def test_pointers_that_switch_physics_on_are_refused(place, told):
    pointers = [0] * 31
    pointers[place] = 1
    with pytest.raises(UnsupportedPhysicsError, match=told):
        refuse_foreign({"POINTERS": pointers}, PRMTOP)


def test_no_section_is_in_both_tables():
    assert not UNDERSTOOD & WITHOUT_ENERGY


def test_exponents_of_fortran_are_read_as_sander_reads_them(tmp_path):
    path = tmp_path / "d.prmtop"
    path.write_text("%FLAG D\n%FORMAT(2E16.8)\n  1.25000000D+01 -2.5d-03\nMD-1 D+1\n")
    with readable(path) as plain:
        assert plain != path
        assert "  1.25000000E+01 -2.5E-03\nMD-1 D+1\n" in plain.read_text()
    path.write_text("  1.25000000E+01\n")
    with readable(path) as plain:
        assert plain == path
