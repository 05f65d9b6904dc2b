# SPDX-License-Identifier: MIT
"""CHARMM's terms in a prmtop: which files have them, as in sander, and that they are complete.

The files are alanine dipeptide with what the scripts of ff14IDPSFF and RSFF2C add to a prmtop of
AMBER's force field. A map of one value has that energy, and twice the 1-4 coefficients twice the
1-4 energy; sander gives the same (with FORCE_FIELD_TYPE, whatever the title's flag).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from parmed.amber import AmberFormat

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from merrow.errors import InputError
from merrow.single_point import SinglePoint, single_point

MAP = 1.25
"""Energy of the map everywhere [kcal/mol]."""
TOLD = "%FLAG FORCE_FIELD_TYPE\n%FORMAT(i2,a78)\n 1 from ff14SB using CHARMM-like CMAP\n"
ADDED = {
    "CHARMM_UREY_BRADLEY_COUNT": ("2i8", [1, 1]),
    "CHARMM_UREY_BRADLEY": ("10i8", [1, 5, 1]),
    "CHARMM_UREY_BRADLEY_FORCE_CONSTANT": ("5e16.8", [0.0]),
    "CHARMM_UREY_BRADLEY_EQUIL_VALUE": ("5e16.8", [1.0]),
    "CHARMM_NUM_IMPROPERS": ("10i8", [1]),
    "CHARMM_IMPROPERS": ("10i8", [1, 2, 3, 5, 1]),
    "CHARMM_NUM_IMPR_TYPES": ("i8", [1]),
    "CHARMM_IMPROPER_FORCE_CONSTANT": ("5e16.8", [0.0]),
    "CHARMM_IMPROPER_PHASE": ("5e16.8", [0.0]),
    "CHARMM_CMAP_COUNT": ("2i8", [1, 1]),
    "CHARMM_CMAP_RESOLUTION": ("20i4", [24]),
    "CHARMM_CMAP_PARAMETER_01": ("8f9.5", [MAP] * 576),
    "CHARMM_CMAP_INDEX": ("6i8", [5, 7, 9, 15, 17, 1]),
}


@pytest.fixture
def mixed(systems, tmp_path):
    """Return a function (changes of sections, told first) → alanine dipeptide with CHARMM's maps.

    A section changed to None is left out.
    """

    def make(told: str = TOLD, *, first: bool = False, **changes: list[float] | None) -> Path:
        parm = AmberFormat()
        parm.rdparm_slow(str(systems / "dipeptide.prmtop"))
        for x in "AB":
            twice = [2.0 * value for value in parm.parm_data[f"LENNARD_JONES_{x}COEF"]]
            parm.add_flag(f"LENNARD_JONES_14_{x}COEF", "5e16.8", data=twice)
        for flag, (form, data) in ADDED.items():
            parm.add_flag(flag, form, data=data)
        for flag, data in changes.items():
            if data is None:
                parm.delete_flag(flag)
            else:
                parm.parm_data[flag] = data
        path = tmp_path / "mixed.prmtop"
        parm.write_parm(str(path))
        version, rest = path.read_text().split("\n", 1)
        path.write_text(f"\n{told}{version}\n{rest}" if first else f"{version}\n{told}{rest}")
        return path

    return make


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("title", ["TITLE", "CTITLE"])
def test_charmms_terms_count_if_the_force_field_type_names_charmm(mixed, systems, title, first):
    path = mixed(first=first)
    path.write_text(path.read_text().replace("%FLAG TITLE ", f"%FLAG {title} "))
    start = systems / "dipeptide.inpcrd"
    found = single_point(SinglePoint(path, start, None, "mm")).terms
    plain = single_point(SinglePoint(systems / "dipeptide.prmtop", start, None, "mm")).terms
    ours, theirs = (read_topology(one).charges for one in (path, systems / "dipeptide.prmtop"))
    assert ours == pytest.approx(theirs, rel=1e-7)  # ParmEd's own are 3e-5 smaller
    assert found["cmap"] == pytest.approx(MAP, abs=1e-6)
    assert found["vdw14"] == pytest.approx(2.0 * plain["vdw14"], rel=1e-6)
    for term in ("bond", "angle", "dihedral", "vdw", "elec", "elec14"):
        assert found[term] == pytest.approx(plain[term], abs=1e-6), term


def test_the_urey_bradley_energy_is_a_term_of_its_own(mixed, systems):
    start, stiffness = systems / "dipeptide.inpcrd", 8.0  # kcal/mol/Å², from 1 Å
    path = mixed(CHARMM_UREY_BRADLEY_FORCE_CONSTANT=[stiffness])
    found = single_point(SinglePoint(path, start, None, "mm")).terms
    plain = single_point(SinglePoint(systems / "dipeptide.prmtop", start, None, "mm")).terms
    x = read_coordinates(start).positions
    right = stiffness * (np.linalg.norm(x[0] - x[4]) - 1.0) ** 2
    assert found["urey_bradley"] == pytest.approx(right, rel=1e-6)
    assert found["bond"] == pytest.approx(plain["bond"], abs=1e-6)


@pytest.mark.parametrize("told", ["", TOLD.replace("CHARMM-like ", "")])
def test_terms_that_sander_leaves_out_are_refused(mixed, told):
    with pytest.raises(InputError, match="no FORCE_FIELD_TYPE that names CHARMM"):
        read_topology(mixed(told))


@pytest.mark.parametrize(
    "flag", ["LENNARD_JONES_14_BCOEF", "SCEE_SCALE_FACTOR", "CHARMM_UREY_BRADLEY_COUNT"]
)
def test_a_charmm_prmtop_without_a_section_it_needs_is_refused(mixed, flag):
    with pytest.raises(InputError, match=f"no section {flag}, without which"):
        read_topology(mixed(**{flag: None}))


@pytest.mark.parametrize(
    ("flag", "data", "told"),
    [
        ("CHARMM_UREY_BRADLEY_COUNT", [1], "section CHARMM_UREY_BRADLEY_COUNT has 1 of 2 values"),
        ("CHARMM_NUM_IMPROPERS", [], "section CHARMM_NUM_IMPROPERS has 0 of 1 values"),
        ("CHARMM_NUM_IMPR_TYPES", None, "it has no section CHARMM_NUM_IMPR_TYPES"),
        ("CHARMM_NUM_IMPR_TYPES", [], "section CHARMM_NUM_IMPR_TYPES has 0 of 1 values"),
        ("CHARMM_CMAP_COUNT", None, "it has no section CHARMM_CMAP_COUNT"),
        ("CHARMM_CMAP_COUNT", [1], "section CHARMM_CMAP_COUNT has 1 of 2 values"),
        ("CHARMM_CMAP_RESOLUTION", None, "it has no section CHARMM_CMAP_RESOLUTION"),
        ("CHARMM_CMAP_RESOLUTION", [], "section CHARMM_CMAP_RESOLUTION has 0 of 1 values"),
    ],
)
def test_counts_of_charmms_terms_that_are_missing_are_refused_by_name(mixed, flag, data, told):
    with pytest.raises(InputError, match=told):
        read_topology(mixed(**{flag: data}))


@pytest.mark.parametrize(
    "flag",
    ["CHARMM_UREY_BRADLEY", "CHARMM_IMPROPERS", "CHARMM_NUM_IMPR_TYPES", "CHARMM_CMAP_RESOLUTION"],
)
def test_words_among_the_numbers_of_a_section_are_refused(mixed, flag):
    path = mixed()
    form = re.compile(rf"(%FLAG {flag}\s*\n)%FORMAT\(\w+\)")
    path.write_text(form.sub(r"\1%FORMAT(20a4)", path.read_text()))
    with pytest.raises(InputError, match=f"section {flag} has the value '.*', which is no whole"):
        read_topology(path)


@pytest.mark.parametrize(
    "flag", ["CMAP_COUNT", "CMAP_RESOLUTION", "CMAP_PARAMETER_01", "CMAP_INDEX"]
)
def test_a_prmtop_of_amber_without_a_section_of_its_maps_is_refused(systems, tmp_path, flag):
    parm = AmberFormat()
    parm.rdparm_slow(str(systems / "dipeptide.prmtop"))
    maps = {"COUNT", "RESOLUTION", "PARAMETER_01", "INDEX"} - {flag.removeprefix("CMAP_")}
    for form, data, name in ((*ADDED[f"CHARMM_CMAP_{name}"], name) for name in sorted(maps)):
        parm.add_flag(f"CMAP_{name}", form, data=data)
    parm.write_parm(str(tmp_path / "maps.prmtop"))
    told = "CMAP_RESOLUTION does not point to all" if flag == "CMAP_PARAMETER_01" else flag
    with pytest.raises(InputError, match=told):
        read_topology(tmp_path / "maps.prmtop")


@pytest.mark.parametrize(
    ("flag", "data", "what"),
    [
        ("CHARMM_UREY_BRADLEY", [1, 5], "an atom or a parameter"),
        ("CHARMM_UREY_BRADLEY", [0, 5, 1], "an atom;"),
        ("CHARMM_UREY_BRADLEY", [1, 5, 0], "a parameter"),
        ("CHARMM_IMPROPERS", [1, 2, 3, 23, 1], "an atom;"),
        ("CHARMM_IMPROPERS", [1, 2, 3, 5, 2], "a parameter"),
        ("CHARMM_IMPROPERS", None, "an atom or a parameter"),
        ("CHARMM_CMAP_INDEX", [5, 7, 9, 15, 17, 2], "an atom or a map"),
        ("CHARMM_CMAP_INDEX", [], "an atom or a map"),
        ("LENNARD_JONES_14_ACOEF", [1.0], "a pair of types"),
    ],
)
def test_an_index_of_charmms_terms_that_points_nowhere_is_refused(mixed, flag, data, what):
    with pytest.raises(InputError, match=f"of section {flag} does not point to {what}"):
        read_topology(mixed(**{flag: data}))


@pytest.mark.parametrize(
    ("flag", "size"), [("CHARMM_IMPROPER_PHASE", 0), ("CHARMM_CMAP_PARAMETER_01", 575)]
)
def test_missing_parameters_of_charmms_terms_are_refused(mixed, flag, size):
    with pytest.raises(InputError, match="does not point to"):
        read_topology(mixed(**{flag: [0.0] * size}))
