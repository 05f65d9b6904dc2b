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


@pytest.mark.parametrize("size", [1, 3, 30])
def test_what_has_its_distribution_keeps_it_however_small_the_pool(size):
    # π₀ = N(0, 1), w = x²/2 + x: π₁ ∝ exp(−x²/2 − w) = N(−1/2, 1/2); 4 s.e.
    random = np.random.default_rng(1)
    found = []
    for start in random.normal(-0.5, 0.5**0.5, size=CHAINS):
        pool = pool_of(random.normal(size=size), lambda x: x**2 / 2 + x)
        found.append(place(pool.choose(phase_at(start), random)))
    assert abs(np.mean(found) + 0.5) < 4 * (0.5 / CHAINS) ** 0.5
    assert abs(np.var(found) - 0.5) < 4 * 0.5 * (2 / CHAINS) ** 0.5


@pytest.mark.parametrize("start", [None, 0.0, 1.0])
def test_two_conformers_get_their_weights(start):
    # MM has them half and half, w = kT ln 4 for the second: 0.8 and 0.2. From a small pool they are
    # kept, from a large one they are found wherever the end state stands.
    random = np.random.default_rng(2)
    found = []
    for _ in range(CHAINS):
        here = float(random.random() < 0.2) if start is None else start
        places = random.integers(2, size=3 if start is None else 40)
        pool = pool_of(places, lambda x: np.log(4.0) * x)
        found.append(place(pool.choose(phase_at(here), random)))
    assert abs(np.mean(found) - 0.2) < 4 * np.sqrt(0.2 * 0.8 / CHAINS)


def test_what_can_hardly_be_is_not_taken_and_a_phase_comes_whole():
    random, here = np.random.default_rng(3), phase_at(0.0)
    assert pool_of([1.0, 2.0], lambda x: 1e3 * x).choose(here, random) is here
    taken = pool_of([-1.0], lambda x: 1e3 * x).choose(here, random)
    assert place(taken) == -1.0
    np.testing.assert_array_equal(taken.velocities, 1.0)
