# SPDX-License-Identifier: MIT
"""Are conformers of several runs compared by what each of them has really sampled?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.free_energy.diagnostics import judge_missing_states
from merrow.free_energy.populations import Torsions, _Population, judge_populations


def named(*names: str, mirrored: bool = False) -> Torsions:
    pairs = {f"{names[i]} with {names[j]}": ((i, j),) for j in range(len(names)) for i in range(j)}
    return Torsions({name: (k,) for k, name in enumerate(names)}, pairs, mirrored)


def angles(centres, n: int, seed: int) -> np.ndarray:
    """Torsion angles about some centres in turn, shape (n, 1)."""
    rng = np.random.default_rng(seed)
    return (rng.choice(centres, size=n) + 10.0 * rng.standard_normal(n))[:, None]


def test_a_torsion_state_of_one_phase_only_is_named():
    water, gas = angles([180.0], 200, 1), angles([60.0, 180.0, 300.0], 200, 2)
    verdict = judge_missing_states(water, gas, named("C1-C2-O1-H1"))
    assert not verdict.ok
    assert "C1-C2-O1-H1 has a state in gas" in verdict.message
    assert judge_missing_states(gas, gas[::-1], named("C1-C2-O1-H1")).ok


def test_mirror_images_and_equivalent_torsions_are_the_same_conformer():
    groups = np.repeat([0, 1], 200)
    gauche = [angles([sign * 60.0], 200, k) for k, sign in enumerate((1, -1))]
    both = np.concatenate(gauche)
    assert judge_populations(both, groups, phase="gas", torsions=named("t")).status == "fail"
    assert judge_populations(both, groups, phase="gas", torsions=named("t", mirrored=True)).ok
    assert judge_missing_states(*gauche, named("t", mirrored=True)).ok
    assert not judge_missing_states(*gauche, named("t")).ok
    anti = [angles([180.0], 200, k) for k in (5, 6)]
    ends = np.vstack([np.hstack([gauche[0], anti[0]]), np.hstack([anti[1], gauche[1]])])
    alike = Torsions({"a": (0, 1)}, {"a with b": ((0, 1),)}, mirrored=True)
    assert judge_populations(ends, groups, phase="gas", torsions=alike).ok
    told = judge_populations(ends, groups, phase="gas", torsions=named("a", "b", mirrored=True))
    assert told.status == "fail"


def test_two_torsions_of_the_same_sign_are_no_mirror_image_of_opposite_ones():
    groups = np.repeat([0, 1], 200)
    first = np.vstack([angles([60.0], 200, 1), angles([-60.0], 200, 2)])
    same, opposite = first + 5.0, np.vstack([first[:200] + 5.0, 5.0 - first[200:]])
    pair = named("a", "b", mirrored=True)
    assert judge_populations(np.hstack([first, same]), groups, phase="gas", torsions=pair).ok
    told = judge_populations(np.hstack([first, opposite]), groups, phase="gas", torsions=pair)
    assert told.status == "fail"
    assert "a with b" in told.message


def test_a_difference_beside_the_commonest_state_is_seen():
    groups = np.repeat([0, 1], 400)
    common = angles([180.0], 240, 1)
    plus, minus = angles([60.0], 160, 2), angles([-60.0], 160, 3)
    shuffled = np.random.default_rng(9).permutation(400)
    frames = np.vstack([np.vstack([common, part])[shuffled] for part in (plus, minus)])
    told = judge_populations(frames, groups, phase="gas", torsions=named("t"))
    assert told.status == "fail"
    both = [
        np.hstack([part, angles([60.0], 400, k)])
        for k, part in ((4, frames[:400]), (5, frames[400:]))
    ]
    told = judge_populations(
        np.vstack(both), groups, phase="gas", torsions=named("a", "b", mirrored=True)
    )
    assert told.status == "fail"
    assert "a with b" in told.message


@pytest.mark.parametrize(("frames", "slow"), [(100, 5), (400, 20), (1000, 20)])
def test_slow_torsions_raise_few_false_alarms(frames, slow):
    """Those that turn too slowly for a comparison are told apart, by another message."""
    called, waited = 0, 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        turns = rng.random((2, frames)) < 1 / slow
        start = rng.integers(2, size=(2, 1))
        states = (start + np.cumsum(turns, axis=1)) % 2
        found = np.where(states == 1, 60.0, 180.0).reshape(-1, 1)
        groups = np.repeat([0, 1], frames)
        told = judge_populations(found, groups, phase="gas", torsions=named("t"))
        called += "differ by" in told.message and not told.ok
        waited += "changes so slowly" in told.message
    assert called <= 15
    independent = frames / slow  # a two-state torsion that turns once in `slow` frames: τ is half
    assert waited >= 90 if independent < 6 else waited <= 60


@pytest.mark.parametrize(("accepted", "right"), [(1.0, 40.0), (0.5, 40.0 / 3)])
def test_independent_frames_of_a_conformer_that_is_renewed_at_intervals(accepted, right):
    """40 segments of 30 frames: a new conformer with each, or with every other one by chance."""
    variances = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        states = [bool(rng.integers(2))]
        for _ in range(39):
            states.append(bool(rng.integers(2)) if rng.random() < accepted else states[-1])
        variances.append(_Population.of(np.repeat(states, 30)[:, None]).variance)
    # the fewer of two estimates, each of so few cycles, are somewhat too few
    assert 0.9 < np.mean(variances) * right / 0.25 < 1.6


@pytest.mark.parametrize("forgotten", [0.02, 0.2, 1.0])
def test_independent_frames_of_a_chain_of_two_states(forgotten):
    variances = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        states = [0]
        for _ in range(5000):
            states.append(int(rng.integers(2)) if rng.random() < forgotten else states[-1])
        variances.append(_Population.of(np.array(states)[:, None] == 1).variance)
    right = 5000 * forgotten / (2 - forgotten)
    assert 0.9 < np.mean(variances) * right / 0.25 < 1.3


def test_replicas_that_take_turns_are_no_more_frames_than_conformers():
    """Twelve replicas take turns in a state, each with a conformer that it hardly ever changes."""
    replicas, sweeps, found = 12, 200, []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        conformer = np.full(replicas, rng.integers(2))  # all begin with the same
        seen, who = [], []
        for _ in range(sweeps):
            turned = rng.random(replicas) < 0.02
            conformer[turned] = rng.integers(2, size=turned.sum())
            who.append(int(rng.integers(replicas)))
            seen.append(conformer[who[-1]] == 1)
        inside = np.array(seen)[:, None]
        found.append((inside.mean(), _Population.of(inside, np.array(who)), _Population.of(inside)))
    scatter = np.var([value for value, _, _ in found])
    known, unknown = (np.mean([row[k].variance for row in found]) for k in (1, 2))
    assert 0.7 < known / scatter < 1.5
    assert unknown < 0.5 * scatter  # what the series alone would say


def test_planar_and_perpendicular_torsions_are_cut_between_their_wells():
    groups = np.repeat([0, 1], 200)
    for wells in ([0.0], [180.0], [90.0, -90.0], [60.0, -60.0], [120.0, -120.0]):
        frames = np.vstack([angles(wells, 200, 3), angles(wells, 200, 4)])
        torsion = named("t", mirrored=True)
        assert len(np.unique(torsion.single(frames)["t"])) == 1
        assert judge_populations(frames, groups, phase="gas", torsions=torsion).ok
    cis = np.vstack([angles([0.0], 200, 3), angles([180.0], 200, 4)])
    told = judge_populations(cis, groups, phase="gas", torsions=named("t", mirrored=True))
    assert told.status == "fail"


def test_a_state_too_rare_to_be_seen_is_not_missed():
    gas = np.concatenate([angles([180.0], 398, 3), angles([60.0], 2, 4)])
    assert judge_missing_states(angles([180.0], 40, 5), gas, named("t")).ok


@pytest.mark.parametrize(("n", "ok"), [(58, True), (59, False)])
def test_a_state_is_missed_once_it_had_a_chance_of_95_percent_to_be_seen(n, ok):
    gas = np.repeat([180.0, 60.0], [95, 5])[:, None]  # 0.95^58 is 0.051, 0.95^59 is 0.0485
    assert judge_missing_states(np.full((n, 1), 180.0), gas, named("t")).ok == ok


def test_runs_from_different_conformers_agree_or_not():
    groups = np.repeat([0, 1], 200)
    mixed = angles([60.0, 180.0], 400, 6)
    assert judge_populations(mixed, groups, phase="water", torsions=named("t")).ok
    apart = np.concatenate([angles([60.0], 200, 7), angles([180.0], 200, 8)])
    verdict = judge_populations(apart, groups, phase="water", torsions=named("t"))
    assert verdict.status == "fail"
    # frames about one well at 180°, where the sign of the angle is chance, are one state
    single = (angles([180.0], 400, 9) + 180.0) % 360.0 - 180.0
    assert judge_populations(single, groups, phase="water", torsions=named("t")).ok


@pytest.mark.parametrize(("n", "few"), [(39, True), (40, False)])
def test_forty_frames_of_each_run_can_be_compared(n, few):
    found = judge_populations(
        angles([60.0, 180.0], 2 * n, 6), np.repeat([0, 1], n), phase="gas", torsions=named("t")
    )
    assert ("too few frames" in found.message) == few


def test_many_torsions_do_not_raise_a_false_alarm():
    """Of 200 sound molecules with ten torsions some 5 % are called; two errors each would be 37."""
    groups, called = np.repeat([0, 1], 300), 0
    for seed in range(200):
        many = np.hstack([angles([60.0, 180.0], 600, 1000 + 10 * seed + k) for k in range(10)])
        called += not judge_populations(many, groups, phase="gas", torsions=named(*"abcdefghij")).ok
    assert called / 200 < 0.12


def test_one_run_alone_is_said_and_is_no_failure():
    verdict = judge_populations(
        angles([60.0, 180.0], 400, 6), np.zeros(400, dtype=int), phase="water", torsions=named("t")
    )
    assert verdict.status == "warn"
    assert "--repeats 2" in verdict.message
