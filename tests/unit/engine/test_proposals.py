# SPDX-License-Identifier: MIT
"""Do phases of one ensemble, proposed to another, give it its own distribution?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.engine.proposals import Proposals
from merrow.engine.simulation import Snapshot

CHAINS = 1500


def phase_at(x: float) -> Snapshot:
    return Snapshot(np.full((1, 3), x), np.full((1, 3), -x), np.eye(3))


def place(phase: Snapshot) -> float:
    return float(phase.positions[0, 0])


def pool_of(places, work) -> Proposals:
    phases = tuple(phase_at(x) for x in places)
    return Proposals(phases, lambda found: work(np.array([place(p) for p in found])))


def test_a_pool_of_one_gaussian_gives_the_other():
    # π₀ = N(0, 1), w = x²/2 + x: π₁ ∝ exp(−x²/2 − w) = N(−1/2, 1/2). Expected are the averages of
    # the pool itself, reweighted, which is what a pool can give; 4 s.e.
    random = np.random.default_rng(1)
    places = random.normal(size=200)
    pool = pool_of(places, lambda x: x**2 / 2 + x)
    found = np.array([place(pool.choose(phase_at(3.0), random)) for _ in range(CHAINS)])
    weight = np.exp(-(places**2) / 2 - places)
    for power in (1, 2):
        expected = np.sum(weight * places**power) / weight.sum()
        stderr = np.std(found**power) / np.sqrt(CHAINS)
        assert abs(np.mean(found**power) - expected) < 4 * stderr
    assert np.sum(weight * places) / weight.sum() == pytest.approx(-0.5, abs=0.15)


def test_two_conformers_get_their_weights_wherever_the_end_state_stands():
    # MM has them half and half, w = kT ln 4 for the second: 0.8 and 0.2.
    random = np.random.default_rng(2)
    pool = pool_of([0.0, 1.0] * 10, lambda x: np.log(4.0) * x)
    for start in (0.0, 1.0):
        found = [place(pool.choose(phase_at(start), random)) for _ in range(CHAINS)]
        assert abs(np.mean(found) - 0.2) < 4 * np.sqrt(0.2 * 0.8 / CHAINS)


def test_what_can_hardly_be_is_not_taken_and_a_phase_comes_whole():
    random, here = np.random.default_rng(3), phase_at(0.0)
    assert pool_of([1.0, 2.0], lambda x: 1e3 * x).choose(here, random) is here
    taken = pool_of([-1.0], lambda x: 1e3 * x).choose(here, random)
    assert place(taken) == -1.0
    np.testing.assert_array_equal(taken.velocities, 1.0)
