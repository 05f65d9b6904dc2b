# SPDX-License-Identifier: MIT
"""Do states with scaled torsions leave the populations of all others as they are?

The solute is butane with one torsion of 10 kT, whose populations in gas are known
(`one_torsion.py`): decoupled they are those of the quadrature, and coupled two starts must meet.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from one_torsion import EXACT, angles_of, potential, sample, small_box, solvated, trans

from merrow.engine.advance import advance_leg, join_leg, share_leg
from merrow.engine.leg import Company
from merrow.engine.scaled_states import NONE_SCALED, ScaledStates
from merrow.engine.storage import TaskFolder, load_arrays
from merrow.geometry import torsion_angles
from merrow.meeting import Meeting
from merrow.samples import LambdaState
from merrow.system.turning import turning_torsions
from merrow.uncertainty import inefficiency

SCALES = (0.75, 0.5, 0.25, 0.0, 0.0)
"""The last twice."""


@pytest.fixture(scope="module")
def butane(systems, tmp_path_factory) -> small_box.Solvated:
    """Butane with one torsion in 70 waters."""
    return solvated(systems, tmp_path_factory.mktemp("butane"))


def turning_of(butane):
    """Return its torsion terms."""
    atoms = butane.region.atoms
    return turning_torsions(butane.classical.terms, butane.topology, atoms, butane.conformers[0])


@pytest.fixture(scope="module")
def turning(butane):
    """Its torsion terms."""
    return turning_of(butane)


@pytest.fixture(scope="module")
def scaled(butane, turning) -> ScaledStates:
    """Five states, the last two without a barrier."""
    systems = {f: small_box.hybrid_of(butane, turning.scaled(butane.classical, f)) for f in SCALES}
    return ScaledStates(SCALES, systems, turning.potential)


def series(butane, folder, plan):
    """Return in each record of the first state whether it is trans."""
    return trans(angles_of(butane, folder, plan, 0)[0]).astype(float)


def plan_of(state, seed, sweeps, scaled):
    """Return a plan of one state, records and exchanges every 0.1 ps."""
    plan = small_box.leg_plan((state,), seed=seed)
    return replace(
        plan,
        **{"equilibration": 250, "equilibration_per_state": 250, "steps_per_record": 25},
        **{"records_per_sweep": 1, "sweeps_per_segment": sweeps, "n_scaled": len(scaled.scales)},
    )


def test_the_torsion_is_the_one_of_the_solute(butane, turning):
    assert len(turning.terms.bonded[0][1]) == 2
    frames = butane.conformers
    phi = torsion_angles(frames, butane.torsions)[:, 0]
    found = turning.potential.evaluate(frames).energies * 4.184
    assert found == pytest.approx(potential(phi), abs=1e-6)


def test_the_reduced_potentials_of_scaled_states_are_those_of_the_coupled_one_less_the_torsion(
    butane, scaled
):
    u, solute = np.array([3.0, 5.0]), butane.conformers[1] / 10
    found = scaled.extended(u, solute, small_box.TEMPERATURE)
    phi = torsion_angles(butane.conformers[1:2], butane.torsions)[0, 0]
    kt = 0.0083144626 * small_box.TEMPERATURE
    expected = u[0] + (np.array(SCALES) - 1) * potential(phi) / kt
    assert found == pytest.approx([*u, *expected], abs=1e-6)
    assert NONE_SCALED.extended(u, solute, small_box.TEMPERATURE) is u


def test_no_record_is_of_a_scaled_state_and_each_state_has_its_records(butane, scaled, tmp_path):
    plan = plan_of(LambdaState(0.0, 0.0), 3, 20, scaled)
    sample(butane, plan, tmp_path / "leg", 1, scaled=scaled)
    _, samples = angles_of(butane, tmp_path / "leg", plan, 0)
    assert len(samples.state) == 20
    assert set(samples.state) == {0}
    assert len(set(samples.replica)) > 1
    assert samples.time == pytest.approx(0.1 * np.arange(1, 21))


def test_decoupled_the_populations_are_those_of_the_quadrature(butane, scaled, tmp_path):
    # From gauche; without them it would stay there (one crossing in 10 ns).
    plan = plan_of(LambdaState(0.0, 0.0), 7, 600, scaled)
    sample(butane, plan, tmp_path / "leg", 1, scaled=scaled)
    found = series(butane, tmp_path / "leg", plan)[50:]
    independent = len(found) / inefficiency([found])
    assert independent > 20
    assert abs(found.mean() - EXACT) < 4 * np.sqrt(EXACT * (1 - EXACT) / independent)


def advanced(butane, folder, plan, scaled, count):
    """Equilibrate a leg, if that has not been done, and run some segments."""
    hybrid = small_box.hybrid_of(butane, butane.classical)
    beginning = small_box.start_snapshot(butane, 1)
    task = TaskFolder(folder)
    while task.count_segments() < count:
        advance_leg(task, hybrid, plan, lambda: beginning, scaled=scaled)
    return task


def test_a_leg_with_scaled_states_resumes_to_the_last_bit(butane, scaled, tmp_path):
    states = (LambdaState(0.0, 1.0), LambdaState(0.0, 0.5))
    plan = replace(plan_of(states[0], 5, 4, scaled), states=states, equilibration_per_state=25)
    whole = advanced(butane, tmp_path / "whole", plan, scaled, 1)
    shutil.copytree(whole.path, tmp_path / "resumed")
    advanced(butane, whole.path, plan, scaled, 2)
    resumed = advanced(butane, tmp_path / "resumed", plan, scaled, 2)
    for path in (TaskFolder.segment, TaskFolder.snapshots):
        index = 1 if path is TaskFolder.segment else 2
        ours, theirs = (load_arrays(path(task, index)) for task in (resumed, whole))
        for name, values in ours.items():
            np.testing.assert_array_equal(values, theirs[name], err_msg=name)
    assert sorted(theirs["state_of"]) == list(range(7))


def test_processes_that_share_a_segment_exchange_alike(butane, scaled, tmp_path):
    states = (LambdaState(0.0, 1.0), LambdaState(0.0, 0.5))
    plan = replace(plan_of(states[0], 5, 4, scaled), states=states, equilibration_per_state=25)
    task = TaskFolder(tmp_path / "leg")
    beginning = small_box.start_snapshot(butane, 1)
    advance_leg(task, small_box.hybrid_of(butane, butane.classical), plan, lambda: beginning,
                scaled=scaled)  # fmt: skip

    def share(place):
        own = {f: turning_of(butane).scaled(butane.classical, f) for f in SCALES}
        systems = {f: small_box.hybrid_of(butane, potential) for f, potential in own.items()}
        mine = ScaledStates(SCALES, systems, turning_of(butane).potential)
        hybrid = small_box.hybrid_of(butane, butane.classical)
        company = Company(Meeting(tmp_path, 2, place))
        return share_leg(task, hybrid, plan, company, scaled=mine)

    with ThreadPoolExecutor(2) as pool:
        shares = list(pool.map(share, range(2)))
    join_leg(task, plan, shares)  # refuses shares that exchanged differently
    (segment,) = task.read_segments(states, small_box.TEMPERATURE)
    assert np.bincount(segment.samples.state).tolist() == [4, 4]
    assert sorted(load_arrays(task.snapshots(1))["state_of"]) == list(range(7))


@pytest.mark.slow
@pytest.mark.parametrize("draws", [False, True])
def test_coupled_two_starts_meet_with_scaled_states_and_stay_apart_without(
    butane, scaled, tmp_path, draws
):
    found, errors = [], []
    own = scaled if draws else NONE_SCALED
    for start in (0, 1):
        plan = plan_of(LambdaState(0.0, 1.0), 11 + start, 800 if draws else 160, own)
        sample(butane, plan, tmp_path / str(start), start, scaled=own)
        one = series(butane, tmp_path / str(start), plan)
        found.append(one.mean())
        errors.append(np.sqrt(EXACT * (1 - EXACT) * inefficiency([one]) / len(one)))
    if not draws:
        assert found[0] - found[1] > 0.6
        return
    assert abs(found[0] - found[1]) < 3 * np.hypot(*errors) < 0.6
