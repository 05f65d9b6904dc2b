# SPDX-License-Identifier: MIT
"""What does not matter in AMBER's files leaves the energy alone; what matters does not pass unseen.

A bounded slice; `python tests/fuzz/energies.py --folder FOLDER` looks further.
"""

from __future__ import annotations

import numpy as np
import pytest
from energies import KINDS, SANDER, energies, make_systems, one, put
from variants import HARMLESS

from merrow.ambertools import sander
from merrow.single_point import SinglePoint, single_point


@pytest.fixture(scope="module")
def systems(tmp_path_factory, tleap):
    """Return the dipeptide in the gas phase and in three boxes, with its energies."""
    return make_systems(tmp_path_factory.mktemp("systems"))


@pytest.mark.parametrize("change", HARMLESS)
@pytest.mark.parametrize("name", ["gas", "opc"])
def test_the_energy_is_the_same(systems, tmp_path, change, name):
    system = systems[name]
    files = HARMLESS[change](system.files, np.random.default_rng(5))
    assert energies(*put(files, tmp_path)) == pytest.approx(system.energies, abs=system.tolerance)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("harmless")])
def test_changes_together_leave_the_energy_alone(systems, tmp_path, kind):
    found = [one(kind, systems, tmp_path, case) for case in range(10 if "gas" in kind else 2)]
    assert [what for _, what in found if what] == []


def test_a_slip_is_refused_or_has_the_energy_of_sander(systems, tmp_path):
    found = [one("slip, gas", systems, tmp_path, case) for case in range(60)]
    assert [(change, what) for change, what in found if what] == []


def test_a_torsion_told_from_its_other_end_keeps_its_1_4_pair(systems, tmp_path):
    # the first atom has index 0, which carries no sign: OpenMM's reader takes it for a minus
    gas = systems["gas"]
    parts, turned = dict(gas.files.parts), 0
    for flag in ("DIHEDRALS_WITHOUT_HYDROGEN", "DIHEDRALS_INC_HYDROGEN"):
        rows = parts[flag].numbers().reshape(-1, 5)
        for row in rows:
            if 0 in row[:2] and (row[:4] >= 0).all():
                row[:4] = row[3::-1].copy()
                turned += 1
        parts[flag] = parts[flag].holding(rows.ravel())
    assert turned > 1
    prmtop, inpcrd = put(gas.files._replace(parts=parts), tmp_path)
    found = single_point(SinglePoint(prmtop, inpcrd, None, "mm")).terms
    right = sander.single_point(prmtop, inpcrd)
    for term in ("vdw14", "elec14", "dihedral"):
        assert found[term] == pytest.approx(right[term], abs=SANDER)
