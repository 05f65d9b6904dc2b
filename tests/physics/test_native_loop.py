# SPDX-License-Identifier: MIT
"""Is a step of our own loop a step of OpenMM: Hamiltonian, integrator, constraints, records?

Forces and the step are judged by the Reference platform; what is sampled, by
`test_loop_ensembles.py`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import openmm as mm
import pytest
from hybrids import Python
from loops import PLAN, STATES, TEMPERATURE, build, on_reference, placed, plan_of

from merrow.engine.motion import particle_masses
from merrow.engine.record import set_state, take_record
from merrow.engine.simulation import set_snapshot
from merrow.engine.walkers import LoopWalker, open_walker
from merrow.errors import NumericsError, UnsupportedPhysicsError
from merrow.native import ISAS
from merrow.nonbonded.kernel import instruction_set, why_not
from merrow.nonbonded.loop import why_no_loop
from merrow.system.build import INTERNAL
from merrow.system.native_loop import loop_parameters
from merrow.units import BAR_PER_ATM, thermal_energy

pytestmark = pytest.mark.skipif(bool(why_not() or why_no_loop()), reason=why_not() or why_no_loop())


def available() -> list[str]:
    return [] if why_not() else list(ISAS[ISAS.index(instruction_set()) :])


@pytest.mark.parametrize("isa", available())
def test_energies_and_forces_are_those_of_the_reference_platform(ethanol, start, isa):
    reference, hybrid = on_reference(ethanol), build(ethanol, isa=isa)
    set_snapshot(reference, start)
    inside = reference.getState(getEnergy=True, getForces=True, groups={INTERNAL})
    for here in STATES:
        set_state(reference, here)
        right = reference.getState(getEnergy=True, getForces=True)
        forces = right.getForces(asNumpy=True)._value
        loop = placed(hybrid, PLAN, start, here).loop
        nonbonded, internal = loop.evaluate(here)
        energy = right.getPotentialEnergy()._value
        # what the kernel itself is allowed: pairs in single precision
        assert nonbonded + internal == pytest.approx(energy, rel=3e-6)
        rms = np.sqrt(np.mean((loop.forces - forces) ** 2) / np.mean(forces**2))
        assert rms < 2e-5
        # bonds, angles, torsions and pairs are in double precision on both sides
        assert internal == pytest.approx(inside.getPotentialEnergy()._value, rel=1e-9)
        own = inside.getForces(asNumpy=True)._value
        np.testing.assert_allclose(loop.internal_forces, own, atol=1e-6 * np.abs(own).max())


def test_steps_without_friction_are_those_of_openmm(ethanol, start):
    reference = on_reference(ethanol)
    set_snapshot(reference, start)
    walker = placed(build(ethanol), plan_of(friction=0.0), start)
    reference.getIntegrator().step(1)
    walker.advance(1)
    state = reference.getState(getPositions=True, getVelocities=True)
    at = walker.snapshot()
    # a force error of 2e-5 of 1e3 kJ/mol/nm for 2 fs on a hydrogen: 1e-7 nm
    np.testing.assert_allclose(at.positions, state.getPositions(asNumpy=True)._value, atol=2e-7)
    np.testing.assert_allclose(at.velocities, state.getVelocities(asNumpy=True)._value, atol=1e-4)


def test_friction_and_noise_of_a_free_atom_are_those_of_the_middle_scheme(ethanol, start):
    hybrid, plan = build(ethanol), plan_of(friction=20.0)
    walker = placed(hybrid, plan, start)
    noise = walker.loop.noise().reshape(-1, 3)
    walker.loop.evaluate(STATES[0])
    force, dt = walker.loop.forces.copy(), plan.ensemble.timestep
    walker.advance(1)
    at, masses = walker.snapshot(), particle_masses(hybrid.system)
    keep, kt = math.exp(-20.0 * dt), thermal_energy(TEMPERATURE)
    for i in ethanol.atoms:
        before = start.velocities[i] + dt * force[i] / masses[i]
        after = keep * before + math.sqrt(kt * (1 - keep**2) / masses[i]) * noise[i]
        np.testing.assert_allclose(at.velocities[i], after, rtol=1e-9, atol=1e-12)
        moved = start.positions[i] + dt / 2 * (before + after)
        np.testing.assert_allclose(at.positions[i], moved, rtol=1e-9)


def sides_of(hybrid) -> tuple[np.ndarray, list[tuple[int, int, float]]]:
    oh, hh = loop_parameters(hybrid).water_sides
    lengths = {(0, 1): oh, (0, 2): oh, (1, 2): hh}
    pairs = [(i, j, lengths[i, j]) for i, j in combinations(range(3), 2)]
    return hybrid.native.kernel.parameters.waters, pairs


def test_waters_keep_their_shape(ethanol, start):
    hybrid = build(ethanol)
    walker = placed(hybrid, plan_of(friction=5.0), start)
    walker.advance(100)
    waters, pairs = sides_of(hybrid)
    x = walker.snapshot().positions
    for i, j, length in pairs:
        found = np.linalg.norm(x[waters + i] - x[waters + j], axis=1)
        np.testing.assert_allclose(found, length, rtol=1e-9)


def test_velocities_of_waters_have_no_part_along_their_sides(ethanol, start):
    hybrid = build(ethanol)
    wild = 0.3 * np.random.default_rng(1).normal(size=start.velocities.shape)
    begin = replace(start, velocities=wild)
    # so short that the step only takes the parts along the sides away
    walker = placed(hybrid, plan_of(friction=0.0, timestep=1e-8), begin)
    walker.advance(1)
    waters, pairs = sides_of(hybrid)
    at, masses = walker.snapshot(), particle_masses(hybrid.system)
    for i, j, length in pairs:
        side = (at.positions[waters + i] - at.positions[waters + j]) / length
        apart = at.velocities[waters + i] - at.velocities[waters + j]
        assert np.abs(np.einsum("ij,ij->i", side, apart)).max() < 1e-6
    # and nothing else: momentum and angular momentum of each water stay
    moment = masses[:, None] * (at.velocities - wild)
    of_water = moment[waters[:, None] + np.arange(3)]
    arms = at.positions[waters[:, None] + np.arange(3)] - at.positions[waters][:, None]
    assert np.abs(of_water.sum(axis=1)).max() < 1e-5
    assert np.abs(np.cross(arms, of_water).sum(axis=1)).max() < 1e-6


def test_a_potential_in_python_moves_the_solute_as_the_same_terms_in_the_loop_do(ethanol, start):
    walkers = [
        placed(build(ethanol, potential), PLAN, start)
        for potential in (ethanol.classical, Python(ethanol.classical))
    ]
    for walker in walkers:
        walker.require_agreement()
        walker.advance(10)
    one, other = (walker.snapshot().positions for walker in walkers)
    np.testing.assert_allclose(one, other, atol=1e-9)
    assert walkers[0].record().internal == pytest.approx(walkers[1].record().internal, rel=1e-6)


def test_a_record_is_that_of_a_context_at_the_same_point(ethanol, start):
    hybrid = build(ethanol)
    for here in STATES:
        walker = placed(hybrid, PLAN, start, here)
        ours = walker.record()
        opened = open_walker(hybrid, plan_of("openmm"), "test")
        opened.place(start, here)
        right = take_record(opened.context, hybrid, STATES, here=here, temperature=TEMPERATURE)
        np.testing.assert_allclose(ours.u, right.u, atol=1e-6)
        np.testing.assert_allclose(walker.couplings(), right.u, atol=1e-6)
        np.testing.assert_allclose(ours.dvdl, right.dvdl, rtol=1e-6)
        np.testing.assert_allclose(ours.positions, right.positions)
        found = (ours.internal, ours.volume, ours.size_slope)
        told = (right.internal, right.volume, right.size_slope)
        np.testing.assert_allclose(found, told, rtol=1e-6)


def test_a_triclinic_box_keeps_its_shape_and_its_forces(ethanol, start):
    skewed = ethanol.vectors.copy()
    skewed[1, 0], skewed[2, :2] = 0.2, (-0.2, 0.3)
    hybrid, plan = build(ethanol), plan_of(pressure=BAR_PER_ATM, barostat_interval=2)
    opened = open_walker(hybrid, plan_of("openmm"), "skewed")
    opened.place(replace(start, box=skewed), STATES[0])
    mm.LocalEnergyMinimizer.minimize(opened.context, 10.0, 100)  # waters met at the new faces
    walker = placed(hybrid, plan, opened.snapshot())
    for _ in range(3):
        walker.require_agreement()
        walker.advance(20)
    tried, accepted = walker.loop.attempts
    assert tried == 30
    assert accepted > 0
    box = walker.snapshot().box
    np.testing.assert_allclose(box, skewed * box[0, 0] / skewed[0, 0], atol=1e-12)


def test_what_is_no_number_ends_the_run(ethanol, start):
    hybrid = build(ethanol)
    wild = start.velocities.copy()
    wild[ethanol.atoms[0]] = np.nan
    walker = placed(hybrid, PLAN, replace(start, velocities=wild))
    with pytest.raises(NumericsError, match="not finite"):
        walker.advance(2)
    hot = placed(hybrid, PLAN, replace(start, velocities=1e4 * start.velocities))
    with pytest.raises(NumericsError, match=r"not finite|narrower"):
        hot.advance(1000)


class Failing(Python):
    """A potential that fails at its third call."""

    def evaluate(self, positions):
        if self.calls == 2:
            raise NumericsError("the third call fails.")
        return super().evaluate(positions)


def test_what_a_potential_raises_is_raised(ethanol, start):
    walker = placed(build(ethanol, Failing(ethanol.classical)), PLAN, start)
    with pytest.raises(NumericsError, match="the third call fails"):
        walker.advance(10)


def test_a_fault_within_the_solute_is_found_at_the_first_configuration(ethanol, start):
    hybrid = build(ethanol)
    placed(hybrid, PLAN, start).require_agreement()
    other = build(ethanol)
    force = [f for f in other.system.getForces() if isinstance(f, mm.PeriodicTorsionForce)][-1]
    *atoms, k = force.getTorsionParameters(0)
    force.setTorsionParameters(0, *atoms, 1.5 * k)
    wrong = LoopWalker(other, PLAN, 1)
    wrong.hybrid = hybrid
    wrong.place(start, STATES[0])
    with pytest.raises(NumericsError, match="within the solute"):
        wrong.require_agreement()


def test_what_the_loop_cannot_move_is_refused(ethanol):
    constrained = build(ethanol, solute_constraints=True)
    with pytest.raises(UnsupportedPhysicsError, match="solute has constraints"):
        loop_parameters(constrained)
    with pytest.raises(UnsupportedPhysicsError, match="OpenMM computes"):
        loop_parameters(build(ethanol, native=False))
    four = build(ethanol)
    kernel = four.native.kernel
    kernel.parameters = replace(kernel.parameters, water_sites=4)
    with pytest.raises(UnsupportedPhysicsError, match="four sites"):
        loop_parameters(four)
    pulled = build(ethanol)
    spring = mm.CustomExternalForce("x^2")
    spring.setName("Spring")
    pulled.system.addForce(spring)
    with pytest.raises(UnsupportedPhysicsError, match="Spring"):
        loop_parameters(pulled)
    with pytest.raises(UnsupportedPhysicsError, match="isotropic"):
        LoopWalker(build(ethanol), plan_of(anisotropic=True), 1)
