# SPDX-License-Identifier: MIT
"""A prmtop of CHARMM's force field keeps its terms where it is split for MM-GBSA."""

from __future__ import annotations

import parmed
import pytest
from parmed.amber import ChamberParm, LoadParm

from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.ambertools.programs import find_program
from merrow.ambertools.sander import single_point as sander
from merrow.binding.mmpbsa_program import split_topology
from merrow.errors import MissingComponentError
from merrow.single_point import SinglePoint, single_point


@pytest.fixture
def chamber(systems, tmp_path):
    """Return a CHARMM prmtop of two molecules, with Urey-Bradley terms and an improper in each."""
    structure = parmed.load_file(str(systems / "complex.prmtop")).copy(parmed.Structure)
    kinds = parmed.BondType(8.0, 2.3), parmed.ImproperType(5.0, 10.0)
    for types, kind in zip(
        (structure.urey_bradley_types, structure.improper_types), kinds, strict=True
    ):
        types.append(kind)
        kind.list = types
    for residue in structure.residues:
        angle = next(a for a in structure.angles if a.atom1.residue is residue)
        ends = (angle.atom1, angle.atom3)
        structure.urey_bradleys.append(parmed.UreyBradley(*ends, type=kinds[0]))
        torsion = next(t for t in structure.dihedrals if t.atom1.residue is residue)
        four = (torsion.atom1, torsion.atom2, torsion.atom3, torsion.atom4)
        structure.impropers.append(parmed.Improper(*four, type=kinds[1]))
    path = tmp_path / "chamber.prmtop"
    ChamberParm.from_structure(structure).write_parm(str(path))
    return path


@pytest.mark.parametrize("title", ["CTITLE", "TITLE"])  # sander goes by FORCE_FIELD_TYPE alone
def test_the_parts_have_charmms_terms_and_their_energy(chamber, systems, tmp_path, title):
    whole = LoadParm(str(chamber))
    chamber.write_text(chamber.read_text().replace("%FLAG CTITLE", f"%FLAG {title}"))
    own = [atom.idx for atom in whole.atoms if atom.residue.idx == 1]
    parts = split_topology(chamber, range(len(whole.atoms)), own, igb=5, folder=tmp_path / "parts")
    x = read_coordinates(systems / "complex.inpcrd").positions
    atoms = {"complex": range(len(x)), "ligand": own}
    atoms["receptor"] = sorted(set(range(len(x))) - set(own))
    found = {}
    for name, chosen in atoms.items():
        place = tmp_path / f"{name}.rst7"
        write_restart(place, Coordinates(x[list(chosen)]))
        found[name] = single_point(SinglePoint(getattr(parts, name), place, None, "mm")).terms
    given = single_point(SinglePoint(chamber, systems / "complex.inpcrd", None, "mm")).terms
    assert found["complex"] == pytest.approx(given, abs=1e-4)
    for term in ("bond", "urey_bradley", "angle", "dihedral", "improper", "vdw14", "elec14"):
        both = found["receptor"][term] + found["ligand"][term]
        assert both == pytest.approx(given[term], abs=1e-4), term
    assert found["ligand"]["improper"] > 0.0
    assert found["ligand"]["urey_bradley"] > 0.0
    asked = SinglePoint(chamber, systems / "complex.inpcrd", ":2", "tiny-ani")
    beside = single_point(asked).terms  # the ligand's own terms are the network's
    for term in ("urey_bradley", "improper"):
        assert beside[term] == pytest.approx(found["receptor"][term], abs=1e-4), term


def test_every_term_of_charmm_is_that_of_sander(chamber, systems):
    find_sander()
    start = systems / "complex.inpcrd"
    found, right = (
        single_point(SinglePoint(chamber, start, None, "mm")).terms,
        sander(chamber, start),
    )
    assert set(right) > {"urey_bradley", "improper", "cmap"}
    for term in right.keys() - {"total", "cmap"}:  # sander prints four decimals
        assert found[term] == pytest.approx(right[term], abs=1.5e-4), term


def find_sander():
    try:
        find_program("sander")
    except MissingComponentError as error:
        pytest.skip(str(error))
