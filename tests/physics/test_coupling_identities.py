# SPDX-License-Identifier: MIT
"""Is the hybrid system at both ends of λ, and between, the system that it claims to be?

All on the Reference platform, in double precision. A box of 340 atoms has about −4 000 kJ/mol, and
2e5 pair and grid terms are summed in two orders: rounding leaves about 1e-10 kJ/mol, so 1e-8 holds.
"""

from __future__ import annotations

import numpy as np
import openmm as mm
import pytest
from hybrids import (
    Box,
    Python,
    context_of,
    energy,
    energy_at,
    force_of,
    table_minus_rule,
)
from scipy.spatial.transform import Rotation

from merrow.amber.topology import read_topology
from merrow.engine.record import coulomb_coefficients, set_state
from merrow.potentials.interface import Molecule
from merrow.samples import LambdaState
from merrow.system.alchemy import couple_charges
from merrow.system.build import INTERNAL, NONBONDED, base_system
from merrow.system.rendering import rendered
from merrow.units import ANGSTROM_PER_NM, KJ_PER_KCAL

SUMMATION = 1e-8
"""kJ/mol; see above."""
NINTH_DIGIT = 1e-5
"""kJ/mol; A and B are printed with nine digits, and the largest pair terms are about 1e3."""


@pytest.fixture(params=["methane", "acetone", "ethanol"])
def box(request) -> Box:
    return request.getfixturevalue(request.param)


def plain_energy(box: Box) -> float:
    """OpenMM's own rendering of the prmtop: no region, no λ, no code of ours but the settings."""
    system = base_system(box.topology, box.nonbonded(), rigid_water=False)
    return energy(context_of(system, box.positions, box.vectors))


def test_the_coupled_system_is_the_plain_prmtop(box):
    context = context_of(box.hybrid().system, box.positions, box.vectors)
    plain, coupled = plain_energy(box), energy_at(context, 1.0, 1.0)
    assert coupled == pytest.approx(plain, abs=NINTH_DIGIT)
    # With the same A and B in both, nothing is left.
    rounding = table_minus_rule(box, within=True)
    assert coupled == pytest.approx(plain + rounding, abs=SUMMATION)


def test_the_internal_energy_is_that_of_the_molecule_in_vacuum(box):
    hybrid = box.hybrid()
    context = context_of(hybrid.system, box.positions, box.vectors)
    alone = context_of(rendered(read_topology(box.gas)), box.positions[box.atoms])
    # Combined pairs against tabulated pairs within the solute: the ninth digit again.
    assert energy(context, INTERNAL) == pytest.approx(energy(alone), abs=1e-6)
    native = box.classical.evaluate(box.positions[None, box.atoms] * ANGSTROM_PER_NM).energies[0]
    assert energy(context, INTERNAL) == pytest.approx(native * KJ_PER_KCAL, abs=SUMMATION)


@pytest.mark.parametrize("elec", [0.1, 0.37, 0.9])
def test_the_energy_is_quadratic_in_lambda_elec(box, elec):
    context = context_of(box.hybrid().system, box.positions, box.vectors)
    a, b, c = coulomb_coefficients(context)
    set_state(context, LambdaState(elec, 1.0))
    expected = a + b * elec + c * elec**2
    assert energy(context, NONBONDED) == pytest.approx(expected, abs=SUMMATION)


def test_the_decoupled_solute_may_stand_anywhere(box):
    context = context_of(box.hybrid().system, box.positions, box.vectors)
    first = energy_at(context, 0.0, 0.0)
    random = np.random.default_rng(5)
    for _ in range(3):
        moved = box.positions.copy()
        solute = moved[box.atoms]
        turn = Rotation.random(random_state=random).as_matrix()
        centre = solute.mean(axis=0)
        moved[box.atoms] = (solute - centre) @ turn.T + centre + random.uniform(-1, 1, 3)
        context.setPositions(moved)
        assert energy(context) == pytest.approx(first, abs=SUMMATION)
    assert energy_at(context, 0.0, 1.0) != pytest.approx(first, abs=1.0)


def test_the_decoupled_system_is_water_and_the_isolated_solute(box):
    hybrid = box.hybrid()
    context = context_of(hybrid.system, box.positions, box.vectors)
    water = base_system(box.topology, box.nonbonded(), rigid_water=False)
    charges = force_of(water, mm.NonbondedForce)
    for i in box.atoms:  # remove the solute by hand
        charges.setParticleParameters(i, 0.0, 0.1, 0.0)
    for k in range(charges.getNumExceptions()):
        i, j = charges.getExceptionParameters(k)[:2]
        if i in box.atoms:
            charges.setExceptionParameters(k, i, j, 0.0, 0.1, 0.0)
    bare = context_of(water, box.positions, box.vectors)
    bonded = context_of(rendered(read_topology(box.gas)), box.positions[box.atoms])
    # `water` still has the solute's bonded terms; take them out, put the whole solute in.
    solute = rendered(read_topology(box.gas))
    own = force_of(solute, mm.NonbondedForce)
    for i in range(own.getNumParticles()):
        own.setParticleParameters(i, 0.0, 0.1, 0.0)
    for k in range(own.getNumExceptions()):
        i, j = own.getExceptionParameters(k)[:2]
        own.setExceptionParameters(k, i, j, 0.0, 0.1, 0.0)
    only_bonded = context_of(solute, box.positions[box.atoms])
    expected = energy(bare) - energy(only_bonded) + energy(bonded)
    assert energy_at(context, 0.0, 0.0) == pytest.approx(expected, abs=1e-6)  # ninth digit


@pytest.mark.parametrize("name", ["ani2x", "ani1ccx"])
def test_an_ml_energy_never_depends_on_lambda(methane, ani, name):
    potential = Python(ani(name, methane.region.molecule))
    check_internal_constant(methane, potential)


def test_a_classical_energy_behind_the_bridge_never_depends_on_lambda(acetone):
    check_internal_constant(acetone, Python(acetone.classical))


def check_internal_constant(box: Box, potential: Python) -> None:
    context = context_of(box.hybrid(potential).system, box.positions, box.vectors)
    values = []
    for elec, lj in [(1, 1), (0.5, 1), (0, 1), (0, 0.3), (0, 0)]:
        set_state(context, LambdaState(elec, lj))
        values.append(energy(context, INTERNAL))
    assert len(set(values)) == 1
    assert potential.calls == 1  # and λ costs no ML call
    alone = potential.evaluate(box.positions[None, box.atoms] * ANGSTROM_PER_NM).energies[0]
    # Positions pass through OpenMM unchanged; the unit conversions round once or twice.
    assert values[0] == pytest.approx(alone * KJ_PER_KCAL, rel=1e-14)


# Mutations: systems that are wrong on purpose, and the identities that see it.


def test_a_flipped_sign_of_b_is_seen(acetone):
    system = acetone.hybrid().system
    soft = force_of(system, mm.CustomNonbondedForce)
    soft.setEnergyFunction(soft.getEnergyFunction().replace("1/(s*s) - 1/s", "1/(s*s) + 1/s"))
    context = context_of(system, acetone.positions, acetone.vectors)
    assert abs(energy_at(context, 1.0, 1.0) - plain_energy(acetone)) > 10


def test_solute_pairs_left_in_pme_are_seen(acetone):
    context = context_of(with_reciprocal_pairs(acetone), acetone.positions, acetone.vectors)
    assert abs(energy_at(context, 1.0, 1.0) - plain_energy(acetone)) > 1


def with_reciprocal_pairs(box: Box) -> mm.System:
    """The mutant that keeps charge products of solute pairs as exceptions (1-4 terms twice)."""
    system = box.hybrid().system
    force = force_of(system, mm.NonbondedForce)
    inside, q = set(box.atoms), box.topology.charges
    for k in range(force.getNumExceptions()):
        i, j = force.getExceptionParameters(k)[:2]
        if i in inside and j in inside:
            force.setExceptionParameters(k, i, j, q[i] * q[j], 0.1, 0.0)
    return system


def test_a_forgotten_exclusion_is_seen(ethanol):
    base = base_system(ethanol.topology, ethanol.nonbonded(), rigid_water=False)
    wrong = force_of(base, mm.NonbondedForce)
    before = wrong.getNumExceptions()
    couple_charges(wrong, ethanol.topology.charges, ethanol.atoms, charge_scale=1.0)
    added = wrong.getNumExceptions() - before
    assert added > 0  # pairs beyond 1-4 exist, and each became an exclusion
    pairs = len(ethanol.atoms) * (len(ethanol.atoms) - 1) // 2
    inside = set(ethanol.atoms)
    found = [wrong.getExceptionParameters(k)[:2] for k in range(wrong.getNumExceptions())]
    assert sum(i in inside and j in inside for i, j in found) == pairs


def test_charges_that_are_not_scaled_are_seen(acetone):
    system = acetone.hybrid().system
    force = force_of(system, mm.NonbondedForce)
    name, i, charge, *_ = force.getParticleParameterOffset(0)
    force.setParticleParameterOffset(0, name, i, 0.5 * charge, 0.0, 0.0)
    context = context_of(system, acetone.positions, acetone.vectors)
    assert abs(energy_at(context, 1.0, 1.0) - plain_energy(acetone)) > 0.1


def test_the_region_of_the_fixtures_is_the_solute(box):
    gas = Molecule(box.topology.numbers[: len(box.atoms)])
    assert box.region.molecule == gas
