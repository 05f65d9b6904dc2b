# SPDX-License-Identifier: MIT
"""Is every force of a System counted once, under the name that AMBER gives it?"""

from __future__ import annotations

import itertools

import numpy as np
import openmm as mm
import pytest
import tiny_leg

from merrow.engine.decompose import TERMS, decompose
from merrow.engine.minimize import minimize
from merrow.engine.simulation import Snapshot
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.potentials.interface import Molecule
from merrow.system.build import HybridSystem
from merrow.system.configuration import place_sites
from merrow.system.region import MLRegion


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


@pytest.fixture
def four_sites():
    """Two waters of four sites, bonds as springs, and positions with the sites in place [nm]."""
    system, bonds, charges = mm.System(), mm.HarmonicBondForce(), mm.NonbondedForce()
    rng, x = np.random.default_rng(2), []
    for first in (0, 4):
        for mass, charge in ((16.0, 0.0), (1.0, 0.5), (1.0, 0.5), (0.0, -1.0)):
            system.addParticle(mass)
            charges.addParticle(charge, 0.3, 0.6 if mass == 16.0 else 0.0)
        system.setVirtualSite(
            first + 3, mm.ThreeParticleAverageSite(first, first + 1, first + 2, 0.8, 0.1, 0.1)
        )
        for i, j in itertools.combinations(range(first, first + 4), 2):
            charges.addException(i, j, 0.0, 0.3, 0.0)
        for hydrogen in (1, 2):
            bonds.addBond(first, first + hydrogen, 0.09, 4e5)
        water = np.array([[0, 0, 0], [0.09, 0, 0], [-0.03, 0.085, 0], [0, 0, 0]])
        x.append(water + rng.normal(0, 0.005, (4, 3)) + [0, 0, 0.07 * first])
    system.addForce(bonds)
    system.addForce(charges)
    positions = np.concatenate(x)
    place_sites(system, positions)
    return system, positions


def test_forces_are_on_atoms_alone_where_sites_follow_them(four_sites):
    system, x = four_sites
    found = decompose(system, x, None, platform="Reference").forces
    assert np.all(found[[3, 7]] == 0.0)
    np.testing.assert_allclose(found.sum(axis=0), 0.0, atol=1e-9)

    def energy(i, k, step):
        moved = x.copy()
        moved[i, k] += step
        return decompose(system, moved, None, platform="Reference").total

    for i, k in itertools.product((0, 1, 6), range(3)):
        slope = (energy(i, k, 1e-5) - energy(i, k, -1e-5)) / 2e-5
        assert found[i, k] == pytest.approx(-slope, abs=1e-3)  # of some 1000 kJ/mol/nm


def test_a_minimisation_reports_the_gradient_on_atoms_alone(four_sites):
    system, x = four_sites
    right = decompose(system, x, None, platform="Reference").forces
    hybrid = HybridSystem(system, MLRegion((0,), Molecule((8,)), (":1@O",)), 0.0, None, False)
    words = {"tolerance": 1e-3, "max_steps": 3, "report_interval": 1}
    start, told = Snapshot(x, np.zeros_like(x), np.eye(3)), []
    minimize(hybrid, start, platform="Reference", report=told.append, **words)
    assert told[0].rms_gradient == pytest.approx(np.sqrt(np.mean(right**2)), rel=1e-9)
    assert told[0].largest_gradient == pytest.approx(np.abs(right).max(), rel=1e-9)
    for report in told[1:]:
        forces = decompose(system, report.snapshot.positions, None, platform="Reference").forces
        assert report.rms_gradient == pytest.approx(np.sqrt(np.mean(forces**2)), rel=1e-6)


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
