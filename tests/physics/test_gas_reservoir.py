# SPDX-License-Identifier: MIT
"""Do conformers of the gas phase, put in at λ = 0, give every state its populations?

The solute is butane with one torsion, whose populations in gas are known (`one_torsion.py`).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import small_box
from hybrids import energy
from one_torsion import DENSITY, EXACT, GRID, angles_of, potential, sample, solvated, trans, turned

from merrow.engine import gas
from merrow.engine.record import couplings, set_state
from merrow.engine.reservoir import Reservoir
from merrow.engine.segments import GasSegment, gas_frames
from merrow.engine.simulation import open_context, set_snapshot
from merrow.free_energy.mixing import insertions
from merrow.geometry import torsion_angles
from merrow.samples import LambdaState
from merrow.system.build import INTERNAL

GONE = LambdaState(0.0, 0.0)
STATES = (*(LambdaState(0.0, x) for x in (1.0, 0.75, 0.55, 0.4, 0.25, 0.12)), GONE)
"""GAFF's charges of butane are next to nothing: the path may begin without them."""


@pytest.fixture(scope="module")
def butane(systems, tmp_path_factory) -> small_box.Solvated:
    """Butane with one torsion in 70 waters."""
    return solvated(systems, tmp_path_factory.mktemp("butane"))


@pytest.fixture(scope="module")
def in_gas(butane) -> GasSegment:
    """A thousand frames of gas, all trans."""
    plan = small_box.gas_plan(butane, 2)
    plan = replace(plan, temperatures=(small_box.TEMPERATURE,), ladders=5)
    walkers = gas.start_gas(butane.classical, plan, butane.conformers[[0] * 5] / 10)
    return gas.run_gas_segment(butane.classical, plan, walkers, 0)[0]


@pytest.fixture(scope="module")
def reservoir(butane, in_gas) -> Reservoir:
    """A thousand frames of the exact gas phase."""
    frames, random = gas_frames([in_gas]).positions, np.random.default_rng(3)
    angles = random.choice(GRID, size=len(frames), p=DENSITY / DENSITY.sum())
    exact = turned(butane, frames, angles)
    assert torsion_angles(exact, butane.torsions)[:, 0] == pytest.approx(angles, abs=1e-6)
    masses = np.array(butane.masses)
    return Reservoir(exact, butane.region.atoms, masses, small_box.TEMPERATURE)


def test_turning_half_of_the_solute_changes_its_energy_by_that_of_the_torsion(butane, reservoir):
    # The premise of all that follows.
    frames = reservoir.conformers[:20] * 10
    other = turned(butane, frames, np.linspace(-170.0, 170.0, 20))
    change = butane.classical.evaluate(other).energies - butane.classical.evaluate(frames).energies
    phi = [torsion_angles(x, butane.torsions)[:, 0] for x in (frames, other)]
    assert change * 4.184 == pytest.approx(potential(phi[1]) - potential(phi[0]), abs=1e-6)
    assert 0.55 < EXACT < 0.7


def test_decoupled_a_new_solute_costs_what_it_costs_in_gas(butane, reservoir):
    # Hence acceptance 1: all else of the energy is the same, and so is u of this state. Energies
    # of −3000 kJ/mol and the reference platform: 1e-7.
    hybrid = small_box.hybrid_of(butane, butane.classical)
    ensemble = small_box.leg_plan(STATES, seed=1).ensemble
    context = open_context(hybrid, ensemble, platform="Reference", seed=1)
    old, random = small_box.start_snapshot(butane, 0), np.random.default_rng(4)
    set_snapshot(context, old)
    where = {"here": GONE, "temperature": small_box.TEMPERATURE}
    for _ in range(5):
        new = reservoir.insert(old, random)
        total, own, u = [], [], []
        for phase in (old, new):
            set_snapshot(context, phase)
            set_state(context, GONE)
            total.append(energy(context))
            own.append(energy(context, INTERNAL))
            u.append(couplings(context, hybrid, STATES, **where)[0])
        assert own[1] != own[0]
        assert total[1] - total[0] == pytest.approx(own[1] - own[0], abs=1e-7)
        assert u[0][-1] == u[1][-1] == 0.0
        assert abs(u[0][0] - u[1][0]) > 1.0  # the other states do tell the two apart


def test_decoupled_the_populations_are_those_of_the_quadrature(butane, reservoir, tmp_path):
    # A tenth of a picosecond after each insertion; draws are independent. The start is gauche.
    plan = small_box.leg_plan((GONE,), seed=6)
    plan = replace(
        plan, equilibration=50, steps_per_record=25, records_per_sweep=1, sweeps_per_segment=150
    )
    sample(butane, plan, tmp_path / "leg", 1, reservoir=reservoir)
    found = trans(angles_of(butane, tmp_path / "leg", plan, 0)[0])[1:]
    assert abs(found.mean() - EXACT) < 4 * np.sqrt(EXACT * (1 - EXACT) / len(found))


def test_decoupled_the_solute_stays_as_warm_as_it_is_in_gas(butane, in_gas, tmp_path):
    # A tenth of a picosecond after each insertion, at 4 fs. Velocities that do not belong to the
    # conformers heat the stiff bonds, here by 1.5 kcal/mol.
    shape = (-1, len(butane.masses), 3)
    pool = Reservoir(
        in_gas.positions.reshape(shape),
        butane.region.atoms,
        np.array(butane.masses),
        small_box.TEMPERATURE,
        in_gas.velocities.reshape(shape),
    )
    plan = replace(
        small_box.leg_plan((GONE,), seed=7),
        **{"equilibration": 50, "steps_per_record": 25, "records_per_sweep": 1},
        sweeps_per_segment=500,
    )
    sample(butane, plan, tmp_path / "leg", 0, reservoir=pool)
    found = angles_of(butane, tmp_path / "leg", plan, 0)[1].internal[1:]
    assert abs(found.mean() - in_gas.energies.mean()) < 4 * found.std() / np.sqrt(len(found))


PATH = tuple(LambdaState(0.0, x) for x in (1.0, 0.6, 0.3, 0.0))
SWEEPS = 250


@pytest.mark.slow
@pytest.mark.parametrize("draws", [False, True])
def test_coupled_two_starts_meet_with_conformers_from_gas_and_stay_apart_without(
    butane, reservoir, tmp_path, draws
):
    # Atoms of half the size, so that replicas go from end to end every few sweeps; each conformer
    # carried is a draw of its own, and a population p has the error √(p(1−p)/carried).
    small = replace(
        butane.topology, lj_a=butane.topology.lj_a / 2**12, lj_b=butane.topology.lj_b / 2**6
    )
    found, carried = [], []
    for start in (0, 1):
        plan = replace(
            small_box.leg_plan(PATH, seed=11 + start),
            **{"equilibration": 500, "equilibration_per_state": 100, "steps_per_record": 25},
            **{"records_per_sweep": 1, "sweeps_per_segment": SWEEPS if draws else 80},
        )
        folder, solute = tmp_path / str(start), replace(butane, topology=small)
        sample(solute, plan, folder, start, reservoir=reservoir if draws else None)
        angles, samples = angles_of(butane, folder, plan, 0)
        found.append(trans(angles).mean())
        carried.append(insertions(samples, records_per_sweep=1, since=0.0).carried)
    if not draws:  # in 16 ps a crossing by itself is rare, not impossible
        assert found[0] - found[1] > 0.6
        return
    assert min(carried) >= 12
    errors = np.sqrt(EXACT * (1 - EXACT) / np.array(carried))
    assert abs(found[0] - found[1]) < 3 * np.hypot(*errors) < 0.6
