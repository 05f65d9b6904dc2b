# SPDX-License-Identifier: MIT
"""Is what a record says of every state, u and ∂V/∂λ, what the system says there?

Slopes are compared with central differences at h and h/2, combined to fourth order: truncation
~h⁴/s⁴ (s ≥ 0.05 is the soft core's denominator) and rounding ~1e-10/h are both below the bar.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import openmm as mm
import pytest
from hybrids import Box, context_of, energy, energy_at

from merrow.engine.record import LARGEST_U, Record, set_state, take_record
from merrow.hydration.protocol import PROTOCOLS
from merrow.samples import LambdaState
from merrow.system.build import INTERNAL, NONBONDED, SOFT_CORE, TAIL, HybridSystem
from merrow.units import KCAL_PER_KJ, thermal_energy

TEMPERATURE = 298.15
SCHEDULES = {p.schedule.states: p.name for p in PROTOCOLS.values()}
STATES = [
    pytest.param(tuple(LambdaState(*s) for s in states), id=name)
    for states, name in SCHEDULES.items()
]


def prepared(box: Box, positions: np.ndarray) -> tuple[HybridSystem, mm.Context]:
    hybrid = box.hybrid(nonbonded=box.nonbonded(lj_tail=True))
    return hybrid, context_of(hybrid.system, positions, box.vectors)


def recorded(hybrid: HybridSystem, context: mm.Context, states, here: LambdaState) -> Record:
    set_state(context, here)
    return take_record(context, hybrid, states, here=here, temperature=TEMPERATURE)


def slope(context: mm.Context, state: LambdaState, axis: int) -> float:
    """∂V/∂λ by differences [kcal/mol]; λ may leave 0..1, the formulas do not mind."""
    groups = (NONBONDED,) if axis == 0 else (SOFT_CORE, TAIL)

    def difference(h: float) -> float:
        values = []
        for sign in (1, -1):
            moved = list(state)
            moved[axis] += sign * h
            set_state(context, LambdaState(*moved))
            values.append(energy(context, *groups))
        return (values[0] - values[1]) / (2 * h)

    h = 2e-4
    return (4 * difference(h / 2) - difference(h)) / 3 * KCAL_PER_KJ


def overlapping(box: Box) -> np.ndarray:
    """The solute moved onto a water: what the decoupled end of the path visits."""
    waters = [i for i in range(len(box.topology)) if box.topology.numbers[i] == 8]
    waters = [i for i in waters if i not in box.atoms]
    solute = box.positions[box.atoms].mean(axis=0)
    nearest = min(waters, key=lambda i: np.linalg.norm(box.positions[i] - solute))
    moved = box.positions.copy()
    moved[box.atoms] += 0.9 * (box.positions[nearest] - solute)
    return moved


@pytest.mark.parametrize("states", STATES)
def test_slopes_at_every_state_are_differences_of_the_energy(acetone, states):
    hybrid, context = prepared(acetone, acetone.positions)
    assert hybrid.tail < 0
    for here in states:
        record = recorded(hybrid, context, (here,), here)
        for axis in (0, 1):
            expected = slope(context, here, axis)
            bar = 1e-6 + 1e-5 * abs(expected)
            assert record.dvdl[axis] * KCAL_PER_KJ == pytest.approx(expected, abs=bar), here


def test_slopes_hold_where_water_stands_inside_the_solute(acetone):
    hybrid, context = prepared(acetone, overlapping(acetone))
    states = tuple(LambdaState(0.0, x) for x in (0.7, 0.5, 0.3, 0.1, 0.0))
    for here in states:
        record = recorded(hybrid, context, (here,), here)
        expected = slope(context, here, 1)
        assert abs(expected) > 1.0
        assert record.dvdl[1] * KCAL_PER_KJ == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("solute", ["methane", "acetone", "ethanol"])
@pytest.mark.parametrize("states", STATES)
def test_energies_of_all_states_are_those_of_the_system_there(request, solute, states):
    box = request.getfixturevalue(solute)
    hybrid, context = prepared(box, box.positions)
    here = states[3]
    record = recorded(hybrid, context, states, here)
    kt = thermal_energy(TEMPERATURE)
    direct = np.array([energy_at(context, *state) for state in states])
    # λ_elec comes from three energies; 4·(rounding 1e-10) is far below the bar.
    np.testing.assert_allclose(
        (record.u - record.u[-1]) * kt, direct - direct[-1], rtol=0, atol=1e-7
    )
    assert record.internal == energy(context, INTERNAL)
    assert record.volume == pytest.approx(np.linalg.det(box.vectors), rel=1e-12)


def test_taking_a_record_leaves_the_context_in_its_state(acetone):
    states = (LambdaState(1.0, 1.0), LambdaState(0.0, 0.3))
    hybrid, context = prepared(acetone, acetone.positions)
    before = energy_at(context, 0.4, 0.7)
    take_record(context, hybrid, states, here=LambdaState(0.4, 0.7), temperature=TEMPERATURE)
    assert energy(context) == before


def test_energies_too_large_for_a_weight_are_clipped(acetone):
    hybrid, context = prepared(acetone, overlapping(acetone))
    collapsed = overlapping(acetone)
    collapsed[acetone.atoms[0]] = collapsed[len(acetone.atoms)] + 1e-5
    context.setPositions(collapsed)
    states = (LambdaState(0.0, 1.0), LambdaState(0.0, 0.0))
    record = recorded(hybrid, context, states, states[1])
    assert np.all(np.isfinite(record.u))
    assert record.u[0] - record.u[1] == pytest.approx(LARGEST_U, rel=1e-6)


def coupling(box: Box, size: float) -> float:
    """Lennard-Jones of solute and water, tail included, with all their σ `size` times as long."""
    topology = dataclasses.replace(
        box.topology, lj_a=size**12 * box.topology.lj_a, lj_b=size**6 * box.topology.lj_b
    )
    hybrid = dataclasses.replace(box, topology=topology).hybrid(
        nonbonded=box.nonbonded(lj_tail=True)
    )
    context = context_of(hybrid.system, box.positions, box.vectors)
    return energy(context, SOFT_CORE, TAIL)


def test_slope_by_size_is_that_of_a_topology_with_larger_atoms(acetone):
    hybrid, context = prepared(acetone, acetone.positions)
    states = (LambdaState(1.0, 1.0), LambdaState(0.0, 1.0))
    record = recorded(hybrid, context, states, states[0])

    def difference(h: float) -> float:
        return (coupling(acetone, 1 + h) - coupling(acetone, 1 - h)) / (2 * h)

    h = 2e-4
    expected = (4 * difference(h / 2) - difference(h)) / 3
    assert abs(expected) > 10.0
    assert record.size_slope == pytest.approx(expected, rel=1e-6)
    assert energy(context, SOFT_CORE, TAIL) == pytest.approx(coupling(acetone, 1.0), rel=1e-12)
    assert np.isnan(recorded(hybrid, context, states, states[1]).size_slope)


# Mutations that the comparison must see.


def test_a_forgotten_tail_in_the_slope_is_seen(acetone):
    hybrid, context = prepared(acetone, acetone.positions)
    here = LambdaState(0.0, 0.5)
    record = recorded(dataclasses.replace(hybrid, tail=0.0), context, (here,), here)
    error = record.dvdl[1] * KCAL_PER_KJ - slope(context, here, 1)
    volume = np.linalg.det(acetone.vectors)
    # It is wrong by the tail and nothing else: about 2 kcal/mol for acetone at 6 Å.
    assert error == pytest.approx(-hybrid.tail / volume * KCAL_PER_KJ, rel=1e-5)
    assert 1.0 < error < 3.0


def test_the_charge_derivative_of_openmm_is_the_trap_that_it_was(acetone):
    # OpenMM lists λ_elec with slope zero, as its NonbondedForce cannot differentiate.
    _, context = prepared(acetone, acetone.positions)
    listed = context.getState(getParameterDerivatives=True).getEnergyParameterDerivatives()
    assert dict(listed).get("lambda_electrostatics", 0.0) == 0.0
    assert abs(slope(context, LambdaState(1.0, 1.0), 0)) > 1.0
