# SPDX-License-Identifier: MIT
"""Do both routes, and decoupling and annihilation, belong to the same free energy?

Exact parts here, frame by frame; what needs sampling is marked slow, and the long runs are
`benchmarks/route_agreement.py` and `benchmarks/annihilation.py`, whose small box is used.
"""

from __future__ import annotations

import dataclasses
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import openmm as mm
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import annihilation
import route_agreement
import small_box
import stressed as stress
from hybrids import Python

from merrow.amber.topology import read_topology
from merrow.engine import gas, leg
from merrow.engine.advance import batched_energies
from merrow.engine.plans import LegPlan
from merrow.engine.record import set_state, take_record
from merrow.engine.segments import Segment, gas_frames
from merrow.engine.simulation import open_context, set_snapshot
from merrow.engine.storage import TaskFolder
from merrow.errors import InputError
from merrow.free_energy.cycle import hydration_endpoint
from merrow.free_energy.estimators import mbar
from merrow.geometry import torsion_angles
from merrow.potentials.interface import Potential
from merrow.samples import LambdaState
from merrow.system.build import INTERNAL, HybridSystem, hybrid_system
from merrow.system.internal import ClassicalPotential, internal_terms
from merrow.system.pme import Nonbonded
from merrow.system.region import region_of
from merrow.system.rendering import rendered
from merrow.units import KJ_PER_KCAL, NM_PER_ANGSTROM, thermal_energy
from two_ensembles import endstate_correction

SOME_STATES = (LambdaState(1, 1), LambdaState(0.4, 1), LambdaState(0, 1), LambdaState(0, 0.3))


@pytest.fixture(scope="module")
def ether(systems, tmp_path_factory) -> small_box.Solvated:
    """Dimethoxymethane in the benchmarks' small box."""
    folder = tmp_path_factory.mktemp("ether")
    return small_box.prepare("dimethoxymethane", systems, folder, seed=1)


@pytest.fixture(scope="module")
def vacuum_gaff(ether) -> ClassicalPotential:
    """GAFF as the gas-phase prmtop has it, read without the solvated one."""
    topology = read_topology(ether.gas_prmtop)
    terms = internal_terms(rendered(topology), topology, range(len(topology)))
    return ClassicalPotential(terms, name="vacuum", identity="vacuum")


def stressed(ether) -> ClassicalPotential:
    return stress.stressed(ether.classical.terms, route_agreement.TORSION)


def short_plan(platform: str) -> LegPlan:
    """A few femtoseconds in three states."""
    plan = small_box.leg_plan(SOME_STATES[:3], seed=7)
    return dataclasses.replace(
        plan,
        equilibration=10,
        equilibration_per_state=2,
        steps_per_record=1,
        records_per_sweep=6,
        sweeps_per_segment=2,
        platform=platform,
    )


@pytest.fixture(scope="module")
def native(ether) -> tuple[leg.Replicas, Segment]:
    """A short leg of the MM solute in double precision: where it began and what it recorded."""
    hybrid, plan = hybrid_with(ether, ether.classical), short_plan("CPU")
    snapshots = [leg.equilibrate_coupled(hybrid, plan, small_box.start_snapshot(ether, 0))]
    for state in range(len(plan.states)):
        snapshots.append(leg.equilibrate_state(hybrid, plan, snapshots[-1], state))
    begun = leg.Replicas(tuple(snapshots[1:]), np.arange(len(plan.states)))
    return begun, leg.run_segment(hybrid, short_plan("Reference"), begun, 0)[0]


def hybrid_with(ether, potential: Potential) -> HybridSystem:
    return hybrid_system(
        ether.topology,
        ether.region,
        potential,
        nonbonded=small_box.nonbonded(ether),
        solute_masses="repartitioned",
    )


def energy(context: mm.Context, groups: int = -1) -> float:
    return context.getState(getEnergy=True, groups=groups).getPotentialEnergy()._value


def open_reference(hybrid: HybridSystem) -> mm.Context:
    ensemble = small_box.leg_plan(small_box.COUPLED, seed=1).ensemble
    return open_context(hybrid, ensemble, platform="Reference", seed=1)


# E_ML := vacuum GAFF.


def test_vacuum_gaff_as_the_ml_potential_has_no_end_state_correction(native, vacuum_gaff):
    # Both say the same of every frame but for the last bits of ~50 kJ/mol.
    _, segment = native
    internal = segment.samples.internal[segment.frame_rows]
    d = batched_energies(vacuum_gaff, segment.frames) - internal
    correction = endstate_correction(d, d, temperature=small_box.TEMPERATURE)
    assert np.ptp(internal) > 1.0  # the frames differ
    assert np.abs(d).max() < 1e-9
    assert abs(correction.value_kcal) < 1e-9
    assert correction.stderr_kcal < 1e-9


def test_nor_has_it_one_in_gas(ether, vacuum_gaff):
    plan = small_box.gas_plan(ether, seed=3)
    plan = dataclasses.replace(plan, equilibration=10, steps_per_record=3, records_per_segment=10)
    walkers = gas.start_gas(ether.classical, plan, ether.conformers * NM_PER_ANGSTROM)
    frames = gas_frames([gas.run_gas_segment(ether.classical, plan, walkers, 0)[0]])
    d = batched_energies(vacuum_gaff, frames.positions) - frames.internal
    correction = endstate_correction(d, d, temperature=small_box.TEMPERATURE)
    assert np.abs(d).max() < 1e-9
    assert abs(correction.value_kcal) < 1e-9
    assert correction.stderr_kcal < 1e-9


def test_vacuum_gaff_as_the_ml_potential_gives_r1_the_mm_value(ether, native, vacuum_gaff):
    # Same start, same seeds, native forces or a PythonForce: in a few steps of a replica round-off
    # has not yet grown to 1e-6 kJ/mol or kT.
    begun, expected = native
    hybrid, plan = hybrid_with(ether, Python(vacuum_gaff)), short_plan("Reference")
    called, _ = leg.run_segment(hybrid, plan, begun, 0)
    assert called.samples.state.tolist() == expected.samples.state.tolist()
    assert called.samples.internal == pytest.approx(expected.samples.internal, abs=1e-6)
    assert called.samples.u == pytest.approx(expected.samples.u, abs=1e-6)
    r1, mm_path = mbar(called.samples), mbar(expected.samples)
    assert r1.value_kcal == pytest.approx(mm_path.value_kcal, abs=1e-6)
    zero = endstate_correction(np.zeros(9), np.zeros(9), temperature=small_box.TEMPERATURE)
    r2 = hydration_endpoint(mm_path, zero, zero, None)
    assert r2.headline.value_kcal == mm_path.value_kcal


# The stress potential.


def test_the_stress_potential_adds_what_it_says(ether):
    # The difference to GAFF by hand: ½·3·(1 + cos φ) and half of every bond's energy again.
    rng = np.random.default_rng(4)
    x = ether.conformers[:, None] + rng.normal(0, 0.05, (2, 20, *ether.conformers.shape[1:]))
    x = x.reshape(-1, *x.shape[2:])
    phi = np.radians(torsion_angles(x, [route_agreement.TORSION])[:, 0])
    by_hand = 1.5 * (1 + np.cos(phi))
    for i, j, length, k in dict(ether.classical.terms.bonded)["HarmonicBondForce"]:
        r = np.linalg.norm(x[:, int(i)] - x[:, int(j)], axis=1) * NM_PER_ANGSTROM
        by_hand += 0.5 * (0.5 * k * (r - length) ** 2) / KJ_PER_KCAL
    difference = stressed(ether).evaluate(x).energies - ether.classical.evaluate(x).energies
    assert np.ptp(1.5 * (1 + np.cos(phi))) > 1.0  # both arrangements are among the conformers
    assert difference == pytest.approx(by_hand, abs=1e-9)


def test_no_shift_and_no_stiffening_is_no_stress(ether):
    same = stress.stressed(ether.classical.terms, route_agreement.TORSION, shift=0.0, stiffness=1.0)
    x = ether.conformers
    assert same.evaluate(x).energies == pytest.approx(ether.classical.evaluate(x).energies)


@pytest.mark.parametrize("torsion", [(0, 1, 2), (0, 1, 2, 2), (0, 1, 2, 13), (-1, 0, 1, 2)])
def test_a_torsion_that_is_none_is_refused(ether, torsion):
    with pytest.raises(InputError, match="four"):
        stress.stressed(ether.classical.terms, torsion)


def test_at_every_state_the_two_hamiltonians_differ_by_the_solute_alone(ether):
    # The reason why direct = endpoint: D = E_ML − E_MM is the same at every λ and in gas.
    # Reference platform: energies of −7000 kJ/mol carry 1e-9.
    phase = small_box.start_snapshot(ether, 1)
    solute = phase.positions[None, list(ether.region.atoms)] / NM_PER_ANGSTROM
    d = stressed(ether).evaluate(solute).energies - ether.classical.evaluate(solute).energies
    totals = []
    for potential in (ether.classical, stressed(ether)):
        context = open_reference(hybrid_with(ether, potential))
        set_snapshot(context, phase)
        row = []
        for state in SOME_STATES:
            set_state(context, state)
            row.append(energy(context))
        totals.append(row)
    difference = np.array(totals[1]) - np.array(totals[0])
    assert np.ptp(totals[0]) > 10.0  # λ does something
    assert difference == pytest.approx(d[0] * KJ_PER_KCAL, abs=1e-7)


@pytest.mark.slow
def test_the_two_routes_agree_on_short_runs(systems, tmp_path):
    # About 200 ps for each leg; a sign error in a correction (−2 and −1 kcal/mol) would show.
    run = route_agreement.open_run(Namespace(folder=tmp_path, data=systems, seed=5))
    work = route_agreement.work_of(run)
    for name, (_, step) in work.items():
        while TaskFolder(tmp_path / name).count_segments() < (12 if name.endswith("gas") else 1):
            step()
    result = route_agreement.estimate(run)
    assert result["stderr_kcal"] < 1.0
    assert abs(result["difference_kcal"]) < 4 * result["stderr_kcal"]


# Annihilation.


def annihilated(ether) -> HybridSystem:
    return annihilation.annihilated_system(
        ether.topology,
        ether.region,
        ether.classical.terms,
        nonbonded=small_box.nonbonded(ether),
    )


def test_before_annihilation_the_system_is_the_decoupled_ones_mm_system(ether):
    phase = small_box.start_snapshot(ether, 0)
    energies, forces = [], []
    for hybrid in (annihilated(ether), hybrid_with(ether, ether.classical)):
        context = open_reference(hybrid)
        set_snapshot(context, phase)
        state = context.getState(getForces=True, getEnergy=True)
        energies.append(state.getPotentialEnergy()._value)
        forces.append(np.array(state.getForces(asNumpy=True)._value))
    assert energies[0] == pytest.approx(energies[1], abs=1e-7)
    assert forces[0] == pytest.approx(forces[1], abs=1e-6)


def test_annihilated_in_gas_the_solute_keeps_its_bonded_terms_alone(ether):
    hybrid, plan, start = annihilation.open_leg(ether, "annihilate-gas-lj", seed=1)
    context = open_context(hybrid, plan.ensemble, platform="Reference", seed=1)
    set_snapshot(context, start)
    set_state(context, LambdaState(1.0, 1.0))
    whole = energy(context)
    set_state(context, LambdaState(0.0, 0.0))
    bonded = energy(context, 1 << INTERNAL)
    assert energy(context) == pytest.approx(bonded, abs=1e-9)
    terms = ether.classical.evaluate(ether.conformers[:1]).energies[0] * KJ_PER_KCAL
    assert whole == pytest.approx(terms, abs=1e-9)
    assert abs(whole - bonded) > 1.0  # there is something to annihilate, whatever the conformer


@pytest.mark.parametrize("state", [LambdaState(0.6, 1.0), LambdaState(0.0, 0.4)])
def test_records_of_annihilation_hold_the_energies_of_all_states(ether, state):
    # u and dV/dλ are taken as for decoupling; here against the whole energy, and its slope.
    hybrid, plan, start = annihilation.open_leg(ether, "annihilate-gas-lj", seed=1)
    context = open_context(hybrid, plan.ensemble, platform="Reference", seed=1)
    set_snapshot(context, start)
    set_state(context, state)
    states = (*SOME_STATES, state)
    record = take_record(context, hybrid, states, here=state, temperature=small_box.TEMPERATURE)
    whole = []
    for other in states:
        set_state(context, other)
        whole.append(energy(context) / thermal_energy(small_box.TEMPERATURE))
    assert record.u - record.u[-1] == pytest.approx(np.array(whole) - whole[-1], abs=1e-7)
    h, component = 1e-4, 0 if state.lambda_sterics == 1.0 else 1
    ends = []
    for sign in (1, -1):
        moved = np.array(state) + sign * h * (np.arange(2) == component)
        set_state(context, LambdaState(*moved))
        ends.append(energy(context))
    assert record.dvdl[component] == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5)


def test_the_gas_leg_of_annihilation_needs_no_box(ether):
    region = region_of(read_topology(ether.gas_prmtop), ether.region.atoms, name="the solute")
    hybrid = annihilation.annihilated_system(
        read_topology(ether.gas_prmtop), region, ether.classical.terms, nonbonded=Nonbonded(None)
    )
    assert not hybrid.periodic
