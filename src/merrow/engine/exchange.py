# SPDX-License-Identifier: MIT
"""Hamiltonian replica exchange, without additional energy evaluations.

The acceptance of a swap depends only on region-environment terms: the internal energy cancels, so
exchange needs no ML evaluation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def exchange_states(
    u: NDArray[np.float64], state_of: IntArray, generator: np.random.Generator
) -> IntArray:
    """Return new states of all replicas after K³ swap attempts between random pairs.

    Many attempts per call approach independent (Gibbs) sampling of the permutation
    (Chodera and Shirts, 10.1063/1.3660669).

    Args:
        u: Reduced potential of each replica in each state [kT], shape (K, K).
        state_of: Current state of each replica, shape (K,); not modified.
        generator: Random generator.

    Returns:
        State of each replica, a permutation of 0..K−1, shape (K,).
    """
    count = len(state_of)
    if count < 2:
        return state_of.copy()
    new, energies = state_of.tolist(), u.tolist()  # lists are read faster than arrays
    pairs = generator.integers(count, size=(count**3, 2))
    thresholds = np.log(generator.random(count**3))
    for (i, j), threshold in zip(pairs.tolist(), thresholds.tolist(), strict=True):
        a, b = new[i], new[j]
        if energies[i][a] + energies[j][b] - energies[i][b] - energies[j][a] >= threshold:
            new[i], new[j] = b, a
    return np.array(new, dtype=np.int64)
