# SPDX-License-Identifier: MIT
"""Does the door between a potential and OpenMM convert units, remember, and refuse nonsense?"""

from __future__ import annotations

import pickle

import numpy as np
import openmm as mm
import pytest

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from merrow.errors import NumericsError
from merrow.potentials.interface import Capabilities, Evaluation
from merrow.system.force import PotentialBridge, potential_force
from merrow.system.internal import largest_distance
from merrow.system.potentials import open_potential
from merrow.system.region import region_of


class Spring:
    """E = 3 |x₁ − x₂|² + offset, in kcal/mol and Å."""

    identity = "spring"
    capabilities = Capabilities(name="spring", elements=None, ensemble_size=2)

    def __init__(self, offset: float = 0.0) -> None:
        self.offset, self.asked = offset, []

    def evaluate(self, positions: np.ndarray) -> Evaluation:
        self.asked.append(positions.copy())
        bond = positions[:, 1] - positions[:, 0]
        energy = 3.0 * (bond**2).sum(axis=1) + self.offset
        return Evaluation(energy, np.stack([6 * bond, -6 * bond], axis=1), 0.5 * np.ones(1))


PAIR = np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.5]])
"""nm; 2 Å apart."""


def test_energy_forces_and_spread_are_in_openmms_units():
    energy, forces, spread = PotentialBridge(Spring(offset=100.0)).evaluate(PAIR)
    assert energy == pytest.approx((3 * 4 + 100) * 4.184)
    np.testing.assert_allclose(forces[:, 2], [12 * 41.84, -12 * 41.84])
    assert spread == pytest.approx(0.5 * 4.184)


def test_the_same_positions_are_asked_for_once():
    spring = Spring()
    bridge = PotentialBridge(spring)
    first = bridge.evaluate(PAIR)
    assert bridge.evaluate(PAIR.copy()) == first
    assert len(spring.asked) == 1
    bridge.evaluate(PAIR + 1e-12)
    assert len(spring.asked) == 2


def test_positions_that_change_in_place_are_asked_for_again():
    spring, positions = Spring(), PAIR.copy()
    bridge = PotentialBridge(spring)
    before = bridge.evaluate(positions)[0]
    positions[1] += 0.1
    assert bridge.evaluate(positions)[0] != before


@pytest.mark.parametrize("offset", [np.nan, np.inf])
def test_an_energy_that_is_not_finite_is_an_error_that_names_the_potential(offset):
    with pytest.raises(NumericsError, match="spring returned an energy that is not finite"):
        PotentialBridge(Spring(offset)).evaluate(PAIR)


def test_openmm_sees_the_energy_less_its_reference_on_the_chosen_atoms():
    spring = Spring(offset=-1e5)
    bridge = PotentialBridge(spring, reference=-1e5 * 4.184)
    system = mm.System()
    for _ in range(4):
        system.addParticle(1.0)
    system.addForce(potential_force(bridge, [3, 1], group=4))
    platform = mm.Platform.getPlatformByName("Reference")
    context = mm.Context(system, mm.VerletIntegrator(0.001), platform)
    positions = np.array([[9.0] * 3, PAIR[1], [8.0] * 3, PAIR[0]])
    context.setPositions(positions)
    state = context.getState(getEnergy=True, getForces=True, groups={4})
    # 1e5 kcal/mol cancel: eleven digits remain of sixteen.
    assert state.getPotentialEnergy()._value == pytest.approx(12 * 4.184, abs=1e-9)
    forces = state.getForces(asNumpy=True)._value
    np.testing.assert_allclose(forces[:, 2], [0, -12 * 41.84, 0, 12 * 41.84], atol=1e-9)
    np.testing.assert_allclose(spring.asked[0][0], PAIR * 10, rtol=1e-14)


@pytest.fixture(scope="module")
def ester(systems):
    path = systems / "ethoxyethyl_acetate.prmtop"
    topology = read_topology(path)
    region = region_of(topology, range(len(topology)), name="all")
    return topology, region, read_coordinates(path.with_suffix(".inpcrd")).positions


def test_a_classical_potential_survives_a_pickle(ester):
    topology, region, positions = ester
    potential = open_potential("mm", topology, region)
    first = potential.evaluate(positions[None])
    again = pickle.loads(pickle.dumps(potential))
    assert again.identity == potential.identity
    np.testing.assert_array_equal(again.evaluate(positions[None]).energies, first.energies)


def test_a_classical_potential_answers_batches_and_leaves_its_input_alone(ester):
    topology, region, positions = ester
    potential = open_potential("mm", topology, region)
    batch = positions + 0.01 * np.random.default_rng(1).normal(size=(3, *positions.shape))
    kept = batch.copy()
    whole = potential.evaluate(batch)
    for k in range(3):
        one = potential.evaluate(batch[k : k + 1])
        assert one.energies[0] == whole.energies[k]
        np.testing.assert_array_equal(one.forces[0], whole.forces[k])
    np.testing.assert_array_equal(batch, kept)
    step = 1e-5
    moved = np.repeat(batch[:1], 2, axis=0)
    moved[0, 4, 1] += step
    moved[1, 4, 1] -= step
    up, down = potential.evaluate(moved).energies
    assert whole.forces[0, 4, 1] == pytest.approx(-(up - down) / (2 * step), rel=1e-6, abs=1e-5)


def test_the_length_of_a_molecule_is_between_heavy_atoms():
    positions = np.array([[0.0, 0, 0], [3.0, 4.0, 0], [50.0, 0, 0]])
    assert largest_distance(positions, (6, 8, 1)) == pytest.approx(5.0)
    assert largest_distance(positions[:1], (6,)) == 0.0
