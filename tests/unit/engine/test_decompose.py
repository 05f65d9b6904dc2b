# SPDX-License-Identifier: MIT
"""Is every force of a System counted once, under the name that AMBER gives it?"""

from __future__ import annotations

import openmm as mm
import pytest
import tiny_leg

from merrow.engine.decompose import TERMS, decompose
from merrow.errors import InputError, UnsupportedPhysicsError


@pytest.fixture(scope="module")
def hybrid(methane_files):
    return tiny_leg.build(*methane_files)


def test_the_terms_add_up_to_the_energy_of_the_whole(hybrid):
    built, start = hybrid
    answer = decompose(built.system, start.positions, start.box, platform="Reference")
    assert tuple(answer.terms) == TERMS
    assert sum(answer.terms.values()) == pytest.approx(answer.total, abs=1e-7)
    # The internal energy of native forces is the potential's, like that of a model.
    assert answer.terms["ml"] > 0.0
    assert answer.terms["lj_tail"] < 0.0
    assert answer.forces.shape == start.positions.shape


def test_a_force_without_a_name_is_refused(hybrid):
    built, start = hybrid
    system = mm.System()
    for i in range(built.system.getNumParticles()):
        system.addParticle(built.system.getParticleMass(i))
    system.addForce(mm.CustomExternalForce("x"))
    with pytest.raises(UnsupportedPhysicsError, match="CustomExternalForce has no AMBER term"):
        decompose(system, start.positions, None, platform="Reference")


def test_a_box_below_twice_the_cutoff_is_refused_in_one_sentence(hybrid):
    built, start = hybrid
    with pytest.raises(InputError, match="OpenMM refuses the configuration"):
        decompose(built.system, start.positions, 0.8 * start.box, platform="Reference")
