# SPDX-License-Identifier: MIT
"""Does exchange permute the states, and leave their joint distribution as it was?"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import chi2

from merrow.engine.exchange import exchange_states

U = np.array([[0.0, 1.2, 2.5], [0.7, 0.0, -1.0], [1.5, 0.3, 0.0]])
"""Reduced potential of three replicas in three states [kT]."""
PERMUTATIONS = [np.array(p) for p in itertools.permutations(range(3))]
DRAWS = 6000
ALPHA = 1e-4
"""A seeded test fails when the code changes, not by chance."""


def exact() -> np.ndarray:
    weight = np.array([np.exp(-U[range(3), p].sum()) for p in PERMUTATIONS])
    return weight / weight.sum()


def index(state_of: np.ndarray) -> int:
    return next(k for k, p in enumerate(PERMUTATIONS) if np.array_equal(p, state_of))


def pairs(seed: int, u: np.ndarray = U) -> np.ndarray:
    """Counts of (before, after), shape (6, 6): before is drawn from the exact distribution."""
    random = np.random.default_rng(seed)
    counts = np.zeros((6, 6))
    for before in random.choice(6, size=DRAWS, p=exact()):
        counts[before, index(exchange_states(u, PERMUTATIONS[before], random))] += 1
    return counts


def chi_square(observed: np.ndarray, expected: np.ndarray) -> float:
    return float(((observed - expected) ** 2 / expected).sum())


def test_the_result_is_a_permutation_and_the_input_is_untouched():
    random = np.random.default_rng(1)
    for count in (1, 2, 14):
        before = random.permutation(count)
        kept = before.copy()
        after = exchange_states(random.normal(size=(count, count)), before, random)
        assert sorted(after) == list(range(count))
        np.testing.assert_array_equal(before, kept)


def test_the_exact_distribution_stays_exact():
    after = pairs(2).sum(axis=0)
    assert chi_square(after, exact() * DRAWS) < chi2.isf(ALPHA, df=5)


def test_moves_are_as_frequent_as_their_reverse():
    counts = pairs(3)
    upper = [(a, b) for a, b in itertools.combinations(range(6), 2) if counts[a, b] + counts[b, a]]
    value = sum(
        (counts[a, b] - counts[b, a]) ** 2 / (counts[a, b] + counts[b, a]) for a, b in upper
    )
    assert value < chi2.isf(ALPHA, df=len(upper))


def test_a_wrong_sign_of_the_energies_is_seen():
    after = pairs(4, -U).sum(axis=0)
    assert chi_square(after, exact() * DRAWS) > chi2.isf(ALPHA, df=5)


def test_a_swap_that_costs_too_much_is_never_made():
    u = np.where(np.eye(4, dtype=bool), 0.0, 1e6)
    after = exchange_states(u, np.arange(4), np.random.default_rng(5))
    np.testing.assert_array_equal(after, np.arange(4))


def test_a_constant_of_each_replica_is_free():
    # Rows may carry any constant: the internal energy, which stands on both sides, is one.
    shift = np.array([[-1e5], [3.0], [2e4]])
    plain = [exchange_states(U, np.arange(3), np.random.default_rng(k)) for k in range(50)]
    moved = [exchange_states(U + shift, np.arange(3), np.random.default_rng(k)) for k in range(50)]
    np.testing.assert_array_equal(plain, moved)
    assert len({tuple(p) for p in plain}) > 1


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_generator_makes_the_same_choice(seed):
    u = np.random.default_rng(9).normal(size=(8, 8))
    first, second = (exchange_states(u, np.arange(8), np.random.default_rng(seed)) for _ in "12")
    np.testing.assert_array_equal(first, second)
