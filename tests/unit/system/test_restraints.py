# SPDX-License-Identifier: MIT
"""Do restraints and the confining potential have the energies and slopes of their definitions?"""

from __future__ import annotations

import copy
import math

import numpy as np
import openmm as mm
import pytest

from merrow.errors import InputError
from merrow.system.confine import confining_force
from merrow.system.restraints import FlatBottom, flat_bottom_forces, positional_force

RANDOM = np.random.default_rng(8)
POSITIONS = RANDOM.normal(0.0, 0.2, (4, 3))
H = 1e-5
"""nm; central differences: truncation ~H², round-off ~1e-12/H."""


def context_of(force: mm.Force, n: int = 4) -> mm.Context:
    system = mm.System()
    for _ in range(n):
        system.addParticle(1.0)
    system.addForce(copy.deepcopy(force))
    platform = mm.Platform.getPlatformByName("Reference")
    return mm.Context(system, mm.VerletIntegrator(0.001), platform)


def energy(context: mm.Context, positions: np.ndarray) -> float:
    context.setPositions(positions)
    return context.getState(getEnergy=True).getPotentialEnergy()._value


def worst_slope(force: mm.Force, positions: np.ndarray) -> float:
    """Largest difference between a force and the slope of the energy."""
    context = context_of(force, len(positions))
    context.setPositions(positions)
    forces = np.array(context.getState(getForces=True).getForces(asNumpy=True)._value)
    worst = 0.0
    for index in np.ndindex(positions.shape):
        step = np.zeros_like(positions)
        step[index] = H
        up, down = energy(context, positions + step), energy(context, positions - step)
        worst = max(worst, abs((up - down) / (2 * H) + forces[index]))
    return worst


def amber_well(x: float, bounds: tuple[float, ...], rk2: float, rk3: float) -> float:
    """AMBER's manual, in words: parabola, flat, parabola, and straight lines outside."""
    r1, r2, r3, r4 = bounds
    if x < r1:
        return rk2 * (r1 - r2) ** 2 + 2 * rk2 * (r1 - r2) * (x - r1)
    if x < r2:
        return rk2 * (x - r2) ** 2
    if x <= r3:
        return 0.0
    if x <= r4:
        return rk3 * (x - r3) ** 2
    return rk3 * (r4 - r3) ** 2 + 2 * rk3 * (r4 - r3) * (x - r4)


@pytest.mark.parametrize("distance", [0.05, 0.15, 0.25, 0.35, 0.45])
def test_a_distance_restraint_is_ambers_well_in_every_branch(distance):
    bounds = (0.1, 0.2, 0.3, 0.4)
    (force,) = flat_bottom_forces([FlatBottom((0, 1), bounds, 700.0, 900.0)], periodic=False)
    positions = np.array([[0.0, 0, 0], [distance, 0, 0]])
    expected = amber_well(distance, bounds, 700.0, 900.0)
    assert energy(context_of(force, 2), positions) == pytest.approx(expected, abs=1e-10)
    assert worst_slope(force, positions) < 1e-6


def torsion_at(angle: float) -> np.ndarray:
    """Four atoms with a torsion [degree]."""
    phi = math.radians(angle)
    return np.array(
        [[0.1, 0, -0.05], [0, 0, 0], [0, 0, 0.15], [0.1 * math.cos(phi), 0.1 * math.sin(phi), 0.2]]
    )


@pytest.mark.parametrize("angle", [-175.0, -100.0, 0.0, 100.0, 150.0, 179.0])
def test_a_torsion_restraint_takes_the_image_nearest_to_its_well(angle):
    bounds = tuple(math.radians(a) for a in (120.0, 170.0, 190.0, 240.0))
    restraint = FlatBottom((0, 1, 2, 3), bounds, 50.0, 50.0)
    (force,) = flat_bottom_forces([restraint], periodic=False)
    found = energy(context_of(force), torsion_at(angle))
    image = angle if angle > 0 else angle + 360.0  # the middle is 180°, so images are in 0..360
    assert found == pytest.approx(amber_well(math.radians(image), bounds, 50.0, 50.0), abs=1e-9)
    if angle != 0.0:  # there, 180° from the middle, the energy has a cusp
        assert worst_slope(force, torsion_at(angle)) < 1e-5


def test_an_angle_restraint_has_slopes_that_are_its_forces():
    (force,) = flat_bottom_forces(
        [FlatBottom((0, 1, 2), (0.0, 0.2, 0.3, 4.0), 9.0, 9.0)], periodic=False
    )
    assert energy(context_of(force), POSITIONS) > 0.0
    assert worst_slope(force, POSITIONS) < 1e-6


def test_a_positional_restraint_has_no_half():
    reference = np.zeros((1, 3))
    force = positional_force([2], reference, 500.0, periodic=False)
    moved = POSITIONS.copy()
    moved[2] = [0.03, 0.0, 0.04]
    assert energy(context_of(force), moved) == pytest.approx(500.0 * 0.05**2, rel=1e-12)
    assert worst_slope(force, moved) < 1e-6


@pytest.mark.parametrize("distance", [0.05, 0.25, 0.45])
def test_the_wall_has_three_branches_with_a_half(distance):
    inner, outer, k = 0.1, 0.3, 400.0
    force = confining_force(
        [1], inner=inner, outer=outer, stiffness=k, centre=np.array([1.0, -2.0, 0.5])
    )
    positions = np.array([[0.0, 0, 0], [1.0, -2.0, 0.5 + distance]])
    expected = 0.0
    if distance > inner:
        expected = 0.5 * k * (min(distance, outer) - inner) ** 2
        expected += k * (outer - inner) * max(0.0, distance - outer)
    assert energy(context_of(force, 2), positions) == pytest.approx(expected, abs=1e-10)
    assert worst_slope(force, positions) < 1e-6


def test_a_wall_that_follows_the_centroid_moves_nothing_as_a_whole():
    force = confining_force([0, 1, 2, 3], inner=0.1, outer=0.15, stiffness=400.0, centre=None)
    context = context_of(force)
    context.setPositions(POSITIONS)
    forces = np.array(context.getState(getForces=True).getForces(asNumpy=True)._value)
    assert np.abs(forces).max() > 1.0
    assert np.abs(forces.sum(axis=0)).max() < 1e-10
    assert worst_slope(force, POSITIONS) < 1e-6
    centroid = POSITIONS.mean(axis=0)
    fixed = confining_force([0, 1, 2, 3], inner=0.1, outer=0.15, stiffness=400.0, centre=centroid)
    here = energy(context, POSITIONS)
    assert here == pytest.approx(energy(context_of(fixed), POSITIONS), rel=1e-12)
    assert energy(context, POSITIONS + 3.0) == pytest.approx(here, rel=1e-9)


@pytest.mark.parametrize(
    "restraint",
    [
        FlatBottom((0,), (0.0, 0.1, 0.2, 0.3), 1.0, 1.0),
        FlatBottom((0, 0), (0.0, 0.1, 0.2, 0.3), 1.0, 1.0),
        FlatBottom((0, 1), (0.0, 0.3, 0.2, 0.3), 1.0, 1.0),
        FlatBottom((0, 1), (0.0, 0.1, 0.2, 0.3), -1.0, 1.0),
    ],
)
def test_a_restraint_that_is_none_is_refused(restraint):
    with pytest.raises(InputError, match="the restraint on atoms 1"):
        flat_bottom_forces([restraint], periodic=False)


def test_walls_and_springs_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="confine1 <= confine2"):
        confining_force([0], inner=0.3, outer=0.1, stiffness=1.0, centre=None)
    with pytest.raises(InputError, match="restraintmask"):
        positional_force([], np.zeros((0, 3)), 1.0, periodic=False)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("atoms", [(0, 1), (0, 1, 2), (0, 1, 2, 3)])
def test_a_well_takes_the_nearest_image_where_there_is_a_box(atoms, periodic):
    restraint = FlatBottom(atoms, (0.1, 0.2, 0.3, 0.4), 700.0, 900.0)
    (force,) = flat_bottom_forces([restraint], periodic=periodic)
    assert force.usesPeriodicBoundaryConditions() is periodic
