# SPDX-License-Identifier: MIT
"""Does every diagnostic pass what is sound, and find the fault that it is made for?"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from merrow.free_energy.decorrelate import correlation
from merrow.free_energy.diagnostics import (
    gas_and_decoupled,
    independent_rows,
    judge_box,
    judge_correlation,
    judge_equilibration,
    judge_gas_and_decoupled,
    judge_spread,
    judge_target,
)
from merrow.free_energy.mixing import Insertions, insertions, judge_ladders, judge_mixing, mixing
from merrow.samples import LambdaState, WindowSamples, concatenate


def walk(states: int, sweeps: int, stay: float, seed: int = 0, per_sweep: int = 2):
    """Rows of one replica that steps to a neighbour with chance 1 − stay; ends reflect."""
    rng, here, visited = np.random.default_rng(seed), 0, []
    for _ in range(sweeps):
        visited += [here] * per_sweep
        if rng.random() > stay:
            here = min(max(here + rng.choice([-1, 1]), 0), states - 1)
    n = len(visited)
    path = tuple(LambdaState(0.0, float(v)) for v in np.linspace(1.0, 0.0, states))
    zeros = np.zeros(n)
    return WindowSamples(
        path, 300.0, zeros.astype(int), zeros.astype(int), np.array(visited), np.arange(n) * 0.1,
        np.zeros((n, states)), np.zeros((n, 2)), zeros, zeros, zeros + 10.0,
        zeros,
    )  # fmt: skip


def test_eigenvalue_of_a_walk_is_the_known_one():
    # K states in a line, each step ±1 with ½(1 − s), reflecting: λ₂ = 1 − (1 − s)(1 − cos π/K)
    found = mixing(walk(4, 40000, 0.2), records_per_sweep=2)
    exact = 1.0 - 0.8 * (1.0 - np.cos(np.pi / 4))
    assert found.second_eigenvalue == pytest.approx(exact, abs=0.02)
    assert found.transitions.sum(axis=1) == pytest.approx(np.ones(4))
    assert judge_mixing(found).ok


def test_transitions_over_several_sweeps_give_the_relaxation_of_the_slow_mode():
    # A walk in which every other step is taken back at once: seen sweep by sweep it mixes fast.
    rng, true, states = np.random.default_rng(1), 0, []
    for _ in range(20000):
        true = min(max(true + rng.choice([-1, 0, 0, 0, 0, 0, 0, 0, 0, 1]), 0), 3)
        states.append(min(max(true + rng.choice([-1, 0, 1]), 0), 3))
    rows = dataclasses.replace(walk(4, len(states), 0.0, per_sweep=1), state=np.array(states))
    one, eight = (mixing(rows, records_per_sweep=1, lag=lag) for lag in (1, 8))
    exact = -1 / np.log(1 - 0.2 * (1 - np.cos(np.pi / 4)))
    assert one.relaxation < 0.5 * exact
    assert one.relaxation < eight.relaxation < 1.3 * exact
    assert "over 8 sweeps" in judge_mixing(eight).message
    assert one.round_trips == eight.round_trips
    assert one.sweeps == eight.sweeps == len(states)


def test_replicas_that_hardly_move_are_said_to_mix_slowly():
    found = mixing(walk(6, 100, 0.97, seed=3), records_per_sweep=2)
    verdict = judge_mixing(found)
    assert not verdict.ok
    assert "round trips" in verdict.message
    assert verdict.advice


@pytest.mark.parametrize(
    ("sweeps", "said"), [(5.0, "relaxation longer than the run"), (50.0, "relaxation 9.5 sweeps")]
)
def test_a_relaxation_that_is_longer_than_the_run_is_no_number(sweeps, said):
    found = dataclasses.replace(mixing(walk(3, 50, 0.5), records_per_sweep=2), sweeps=sweeps)
    found = dataclasses.replace(found, second_eigenvalue=0.9)  # −1/ln 0.9 = 9.5
    assert said in judge_mixing(found).message


def test_round_trips_are_counted_from_end_to_end_and_back():
    way = np.array([0, 1, 2, 1, 2, 2, 1, 0, 0, 1, 0, 1, 2])
    rows = dataclasses.replace(walk(3, len(way), 0.0, per_sweep=1), state=way)
    assert mixing(rows, records_per_sweep=1).round_trips == 1


def test_a_way_through_states_without_records_is_no_step():
    # One replica after each sweep; a dot is a sweep in a state with scaled torsions.
    way = "0012..10.0.01221"
    sweeps = np.array([n for n, state in enumerate(way) if state != "."])
    states = np.array([int(state) for state in way if state != "."])
    own = dataclasses.replace(
        walk(3, len(states), 0.0, per_sweep=1), state=states, time=1.0 + sweeps
    )
    others = dataclasses.replace(  # replicas that stay, so that all sweeps are known
        walk(3, len(way), 1.0, per_sweep=1),
        replica=np.ones(len(way), dtype=int),
        state=np.zeros(len(way), dtype=int),
        time=1.0 + np.arange(len(way)),
    )
    found = mixing(concatenate([own, others]), records_per_sweep=1)
    steps = [way[n : n + 2] for n in range(len(way) - 1)] + ["00"] * (len(way) - 1)
    counts = np.zeros((3, 3))
    for step in steps:
        if "." not in step:
            counts[int(step[0]), int(step[1])] += 1
    counts += counts.T
    assert found.transitions == pytest.approx(counts / counts.sum(axis=1, keepdims=True))
    assert found.sweeps == len(way)
    assert found.round_trips == 1


def test_conformers_from_gas_are_counted_where_they_go_in_and_where_they_arrive():
    way = np.array([0, 1, 2, 1, 2, 2, 1, 0, 0, 1, 0, 1, 2, 0])
    rows = dataclasses.replace(walk(3, len(way), 0.0, per_sweep=1), state=way)
    rows = dataclasses.replace(rows, time=np.arange(1.0, len(way) + 1))
    assert insertions(rows, records_per_sweep=1, since=0.0) == Insertions(4, 2)
    assert insertions(rows, records_per_sweep=1, since=6.0) == Insertions(1, 1)
    found = mixing(rows, records_per_sweep=1)
    said = judge_mixing(found, Insertions(4, 2)).message
    assert "gas conformers inserted: 4, carried to the coupled state: 2" in said
    assert "conformers" not in judge_mixing(found).message


def test_one_state_has_nothing_to_exchange():
    rows = walk(3, 10, 0.5)
    single = dataclasses.replace(
        rows, states=rows.states[:1], state=0 * rows.state, u=rows.u[:, :1]
    )
    assert mixing(single, records_per_sweep=2) is None


def test_stationary_rows_pass_and_a_drift_is_left_out_and_said(path):
    samples = path(n=200)
    assert judge_equilibration(samples, correlation(samples)).ok
    drift = np.where(samples.time < 0.4 * 45, 60.0, 0.0)
    moved = dataclasses.replace(samples, dvdl=samples.dvdl + drift[:, None])
    verdict = judge_equilibration(moved, correlation(moved))
    assert not verdict.ok
    assert "equilibration" in verdict.advice


def test_the_poorest_state_is_named(path):
    samples = path(n=200)
    rows = correlation(samples)
    assert independent_rows(samples, rows).sum() == pytest.approx(len(samples), rel=0.2)
    assert judge_correlation(samples, rows).ok
    few = path(n=30)
    verdict = judge_correlation(few, correlation(few))
    assert not verdict.ok
    assert "sample longer" in verdict.advice


@pytest.mark.parametrize(("n", "ok"), [(49, False), (50, True)])
def test_fifty_independent_rows_of_a_state_are_enough(path, n, ok):
    samples = path(n=n)
    every = np.ones(len(samples), dtype=bool)
    rows = dataclasses.replace(correlation(samples), equilibrated=every, g=np.ones((1, 5)))
    assert judge_correlation(samples, rows).ok == ok


def test_the_decoupled_solute_and_the_gas_phase_are_compared(path):
    samples, rng = path(n=400, repeats=2), np.random.default_rng(10)
    rows, ladders = correlation(samples), np.repeat([0, 1], 200)
    same = gas_and_decoupled(samples, rows, rng.standard_normal(400), ladders)
    assert judge_gas_and_decoupled(*same).ok
    other = gas_and_decoupled(samples, rows, rng.standard_normal(400) + 5.0, ladders)
    verdict = judge_gas_and_decoupled(*other)
    assert verdict.status == "fail"
    assert other[0] == pytest.approx(-5.0 / 4.184, abs=0.1)


def test_the_spread_of_the_members_is_judged_per_root_atom():
    assert judge_spread(np.full(10, 0.6), 9).ok
    far = judge_spread(np.full(10, 0.9), 9)
    assert not far.ok
    assert "the mean is above 0.23" in far.message


def test_one_extrapolated_frame_is_not_hidden_by_a_mean():
    spread = np.full(1000, 0.3)
    spread[500] = 30.0  # σ/√N = 10 in a mean of 0.11
    verdict = judge_spread(spread, 9)
    assert not verdict.ok
    assert "at most 10.00; 1 of 1000 frames are above 0.69" in verdict.message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "in order"),
        ({"cutoff": 1.2}, "narrower than twice the cutoff"),
        ({"tail": -1.5}, "the tail is large"),
        ({"drift": 1.0}, "the volume drifts"),
    ],
)
def test_the_box_is_judged_by_width_tail_and_drift(change, said):
    values = {"cutoff": 0.8, "tail": -0.3, "drift": 0.0} | change
    rng, repeats = np.random.default_rng(11), np.repeat([0, 1], 300)
    ramp = np.tile(np.linspace(0.0, values["drift"], 300), 2)
    volume = 10.0 + 0.1 * rng.standard_normal(600) + ramp
    verdict = judge_box(volume, repeats, width=2.15, cutoff=values["cutoff"], tail=values["tail"])
    assert verdict.ok == (not change)
    assert said in verdict.message + verdict.advice


def test_two_volumes_are_too_few_for_a_trend():
    told = {"width": 2.15, "cutoff": 0.8, "tail": 0.0}
    found = judge_box(np.array([10.0, 10.2]), np.zeros(2, dtype=int), **told)
    assert found.ok
    assert "drift between halves +0.200 ± 0.200" in found.message  # 2 · 0.1414/√2


def test_an_error_above_its_target_is_said_with_what_to_do():
    assert judge_target(0.2, 0.3).ok
    assert judge_target(0.2, None).ok
    assert "--max-time" in judge_target(0.4, 0.3).advice


def test_an_error_just_above_its_target_does_not_read_like_it():
    assert (
        "at a standard error of 0.302, the target is 0.300 kcal"
        in judge_target(0.3021, 0.3).message
    )
    assert "error 0.2996 is within the target of 0.3000" in judge_target(0.2996, 0.3).message
    assert "error 0.27 is within the target of 0.30" in judge_target(0.268, 0.3).message
    assert "error 0.30 is within the target of 0.30" in judge_target(0.3, 0.3).message


def test_repeats_that_share_a_ladder_are_told():
    assert judge_ladders(2, 2) is None
    verdict = judge_ladders(4, 2)
    assert verdict is not None
    assert not verdict.ok
    assert "4 repeats take their conformers from 2 ladders" in verdict.message
