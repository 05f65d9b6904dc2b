# SPDX-License-Identifier: MIT
"""Which terms of a System belong to a region? Asked of a few atoms, where each can be counted."""

from __future__ import annotations

from itertools import combinations, product
from types import SimpleNamespace

import numpy as np
import openmm as mm
import pytest
from openmm import app

from merrow.api.systems import alchemical_system
from merrow.errors import UnsupportedPhysicsError
from merrow.potentials.interface import Capabilities, Evaluation
from merrow.system.alchemy import couple_charges
from merrow.system.internal import ClassicalPotential, internal_terms
from merrow.system.link_atoms import LinkedPotential
from merrow.system.mixed import coupled_system, mixed_system
from merrow.system.native_forces import _particles, read_parameters
from merrow.system.outside import outside
from merrow.system.region import region_of
from merrow.system.soft_core import soft_core_sum
from merrow.system.user_system import described


class Springs:
    """E = Σ x⁴, different in each direction, so that its forces are different on all atoms."""

    identity = "springs"
    capabilities = Capabilities(name="springs", elements=None)

    def evaluate(self, positions: np.ndarray) -> Evaluation:
        weight = np.array([1.0, 2.0, 3.0])
        return Evaluation((weight * positions**4).sum(axis=(1, 2)), -4.0 * weight * positions**3)


def read(systems, name="methane", **options) -> tuple[app.Topology, mm.System]:
    prmtop = app.AmberPrmtopFile(str(systems / f"{name}.prmtop"))
    return prmtop.topology, prmtop.createSystem(**options)


def pairs_of(system: mm.System) -> mm.NonbondedForce:
    return next(f for f in system.getForces() if isinstance(f, mm.NonbondedForce))


def in_argon(systems) -> tuple[app.Topology, mm.System]:
    """Methane and three atoms of argon."""
    topology, system = read(systems)
    for _ in range(3):
        residue = topology.addResidue("AR", topology.addChain())
        topology.addAtom("AR", app.Element.getBySymbol("Ar"), residue)
        system.addParticle(39.948)
        pairs_of(system).addParticle(0.0, 0.34, 0.996)
    return topology, system


def in_water(systems, sites: int, n_waters: int = 20) -> tuple[app.Topology, mm.System]:
    """Methane in a box of rigid water of three or four sites, where no positions are needed."""
    topology, system = read(systems)
    force = pairs_of(system)
    force.setNonbondedMethod(mm.NonbondedForce.PME)
    force.setCutoffDistance(0.9)
    force.setPMEParameters(3.0, 24, 24, 24)
    charges = [-0.8, 0.4, 0.4] if sites == 3 else [0.0, 0.5, 0.5, -1.0]
    for _ in range(n_waters):
        residue = topology.addResidue("WAT", topology.addChain())
        first = system.getNumParticles()
        for k, charge in enumerate(charges):
            element = ("O", "H", "H", None)[k]
            found = app.Element.getBySymbol(element) if element else None
            topology.addAtom(("O", "H1", "H2", "EPW")[k], found, residue)
            system.addParticle((16.0, 1.0, 1.0, 0.0)[k])
            force.addParticle(charge, 0.315, 0.6 if k == 0 else 0.0)
        for i, j in combinations(range(first, first + 3), 2):
            system.addConstraint(i, j, 0.15 if i > first else 0.09)
        for i, j in combinations(range(first, first + sites), 2):
            force.addException(i, j, 0.0, 1.0, 0.0)
        if sites == 4:
            site = mm.ThreeParticleAverageSite(first, first + 1, first + 2, 0.7, 0.15, 0.15)
            system.setVirtualSite(first + 3, site)
    system.setDefaultPeriodicBoxVectors((2.0, 0, 0), (0, 2.0, 0), (0, 0, 2.0))
    return topology, system


def test_charges_of_the_region_become_scaled_offsets():
    force = mm.NonbondedForce()
    for charge in (0.3, -0.3, 1.0):
        force.addParticle(charge, 0.3, 0.5)
    couple_charges(force, np.array([0.3, -0.3, 1.0]), [0, 1], charge_scale=0.5)
    offsets = [force.getParticleParameterOffset(k)[1:3] for k in range(2)]
    assert offsets == [[0, pytest.approx(0.15)], [1, pytest.approx(-0.15)]]
    assert force.getParticleParameters(2)[0]._value == 1.0


def test_pairs_of_the_region_are_those_beyond_two_bonds(systems):
    topology, system = read(systems, "ethanol")
    pairs = internal_terms(system, described(topology, system), range(9)).pairs
    assert len(pairs) == 36 - 8 - 13  # all pairs, less those of bonds and of angles


@pytest.mark.parametrize("kind", ["map", "improper"])
def test_maps_and_impropers_are_refused_where_all_their_atoms_are_inside(systems, kind):
    topology, system = read(systems, "ethanol")
    if kind == "map":
        force = mm.CMAPTorsionForce()
        force.addMap(2, [0.0] * 4)
        force.addTorsion(0, 0, 1, 2, 3, 1, 2, 3, 4)
    else:
        force = mm.CustomTorsionForce("k*theta^2")
        force.addPerTorsionParameter("k")
        force.addTorsion(0, 1, 2, 3, [1.0])
    system.addForce(force)
    view = described(topology, system)
    with pytest.raises(UnsupportedPhysicsError, match="within the region"):
        internal_terms(system, view, range(9))
    for missing in (0, 3):  # the first atom and a later one
        atoms = [i for i in range(9) if i != missing]
        assert internal_terms(system, view, atoms).n_atoms == 8


def test_impropers_with_an_atom_outside_are_kept():
    force = mm.CustomTorsionForce("k*theta^2")
    force.addPerTorsionParameter("k")
    force.addTorsion(0, 1, 2, 3, [1.0])
    force.addTorsion(1, 2, 3, 4, [2.0])
    kept = outside(force, {0, 1, 2, 3})
    assert [kept.getTorsionParameters(k) for k in range(kept.getNumTorsions())] == [
        [1, 2, 3, 4, (2.0,)]
    ]


def test_geometries_with_link_atoms_are_answered_one_by_one():
    linked = LinkedPotential(Springs(), 2, [1])
    several = np.random.default_rng(1).normal(size=(3, 3, 3))
    together = linked.evaluate(several)
    for k in range(3):
        alone = linked.evaluate(several[k : k + 1])
        assert together.energies[k] == pytest.approx(alone.energies[0])
        np.testing.assert_allclose(together.forces[k], alone.forces[0])


def test_an_atom_without_element_is_a_site(systems):
    view = described(*in_water(systems, 4, n_waters=1))
    assert view.numbers[5:] == (8, 1, 1, 0)


def test_all_nonbonded_forces_stay_in_the_group_of_the_users(systems):
    topology, system = in_water(systems, 3)
    pairs_of(system).setForceGroup(3)
    view = described(topology, system)
    region = region_of(view, range(5), name="methane")
    own = ClassicalPotential(internal_terms(system, view, region.atoms), name="mm", identity="mm")
    coupled = coupled_system(system, view, region, own)
    groups = {f"{type(f).__name__} {f.getName()}": f.getForceGroup() for f in coupled.getForces()}
    assert sorted(name for name, group in groups.items() if group == 3) == [
        "CustomNonbondedForce SoftCore",
        *(name for name in groups if name.startswith("CustomVolumeForce")),
        "NonbondedForce NonbondedForce",
    ]
    assert set(groups.values()) == {0, 3}
    assert any(name.startswith("CustomVolumeForce") for name in groups)
    learned = coupled_system(system, view, region, Springs())
    assert {f.getForceGroup() for f in learned.getForces()} == {0, 3}, "the potential's is 0"


def test_pairs_of_the_region_are_excluded_once_in_a_custom_force(systems):
    topology, system = in_argon(systems)
    custom = mm.CustomNonbondedForce("1/r^4")
    for _ in range(8):
        custom.addParticle([])
    custom.addExclusion(3, 1)
    custom.addExclusion(0, 6)
    system.addForce(custom)
    view = described(topology, system)
    mixed = mixed_system(system, view, region_of(view, range(5), name="methane"), Springs())
    kept = next(f for f in mixed.getForces() if isinstance(f, mm.CustomNonbondedForce))
    pairs = [tuple(sorted(kept.getExclusionParticles(k))) for k in range(kept.getNumExclusions())]
    assert sorted(pairs) == sorted([*combinations(range(5), 2), (0, 6)])


def test_the_constraint_on_the_bond_that_is_cut_stays(systems):
    topology, system = read(systems, "butane", constraints=app.AllBonds)
    view = described(topology, system)
    carbons = [i for i, number in enumerate(view.numbers) if number == 6]
    near = {c: {j for b in view.bonds if c in b for j in b} - {c} for c in carbons}
    end = next(c for c in carbons if len(near[c] & set(carbons)) == 1)
    atoms = {end, *(near[end] - set(carbons))}
    region = region_of(view, sorted(atoms), name="methyl", link_atoms=True)
    mixed = mixed_system(system, view, region, Springs())
    left = [mixed.getConstraintParameters(k)[:2] for k in range(mixed.getNumConstraints())]
    assert {tuple(sorted(pair)) for pair in left} == {b for b in view.bonds if not atoms >= {*b}}


def test_the_soft_core_without_a_cutoff_is_the_sum_over_all_pairs(systems):
    topology, system = in_argon(systems)
    new = alchemical_system(topology, system, range(5))
    x = np.random.default_rng(3).normal(size=(8, 3))
    x[5:] += 0.8
    exact = 0.0
    for i in range(5):
        _, sigma, epsilon = (v._value for v in pairs_of(system).getParticleParameters(i))
        r6 = ((sigma + 0.34) / 2 / np.linalg.norm(x[5:] - x[i], axis=1)) ** 6
        exact += float(np.sum(4.0 * np.sqrt(epsilon * 0.996) * (r6**2 - r6)))
    found = soft_core_sum(new).at(x, np.eye(3), here=1.0, grid=(1.0, 0.0))
    np.testing.assert_allclose(found.energies, [exact, 0.0], rtol=1e-6)


def test_a_pair_at_the_far_end_of_a_long_region_is_not_missed(systems):
    topology, system = in_water(systems, 3, n_waters=1)
    soft = soft_core_sum(alchemical_system(topology, system, range(5)))
    x = np.tile([0.2, 0.0, 0.0], (8, 1))
    x[1], x[5:] = [-0.5, 0.0, 0.0], [-1.2, 0.0, 0.0]  # 0.7 from atom 1, 1.4 from the others
    assert len(soft._near(x, 6.0 * np.eye(3))[1]) == 1


def test_no_pair_is_missed_in_a_truncated_octahedron(systems):
    topology, system = in_water(systems, 3, n_waters=1)
    soft = soft_core_sum(alchemical_system(topology, system, range(5)))
    box = 3.0 * np.array([[1, 0, 0], [1 / 3, 8**0.5 / 3, 0], [-1 / 3, 2**0.5 / 3, 6**0.5 / 3]])
    images = np.array(list(product((-2, -1, 0, 1, 2), repeat=3))) @ box
    assert list(soft._partners) == [5]  # the oxygen
    random, found, exact = np.random.default_rng(4), 0, 0
    for _ in range(400):
        way = random.normal(size=3)
        rod = np.linspace(0.0, 0.9, 5)[:, None] * way / np.linalg.norm(way)
        partners = random.random((3, 3)) @ box
        apart = rod[:, None, None] - partners[:, None] + images
        shortest = np.linalg.norm(apart, axis=-1).min(axis=-1)
        exact += int(np.sum(shortest[:, 0] < soft._cutoff))
        found += len(soft._near(np.vstack([rod, partners]), box)[1])
    assert found == exact > 100


def test_charges_that_depend_on_another_coupling_are_refused():
    force = mm.NonbondedForce()
    force.addParticle(0.0, 0.3, 0.5)
    force.addGlobalParameter("ph", 0.0)
    force.addParticleParameterOffset("ph", 0, 0.5, 0.0, 0.0)
    with pytest.raises(UnsupportedPhysicsError, match="more than one coupling"):
        _particles(force)


@pytest.mark.parametrize("sites", [3, 4])
def test_waters_of_three_and_four_sites_are_read_as_neutral(systems, sites):
    topology, system = in_water(systems, sites)
    view = described(topology, system)
    region = region_of(view, range(5), name="methane")
    coupled = alchemical_system(topology, system, range(5))
    hybrid = SimpleNamespace(periodic=True, system=coupled, region=region)
    found = read_parameters(hybrid)
    assert found.water_sites == sites
    assert found.waters.tolist() == list(range(5, 5 + 20 * sites, sites))
    negative, hydrogen = found.water_charges
    assert negative == (-0.8 if sites == 3 else -1.0)
    assert negative + 2.0 * hydrogen == pytest.approx(0.0)


def test_offsets_of_exceptions_of_the_region_are_refused(systems):
    topology, system = in_argon(systems)
    force = pairs_of(system)
    force.addGlobalParameter("scale", 1.0)
    force.addExceptionParameterOffset("scale", 0, 0.1, 0.0, 0.0)
    with pytest.raises(UnsupportedPhysicsError, match="in which scale changes"):
        alchemical_system(topology, system, range(5))
