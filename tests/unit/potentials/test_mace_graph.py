# SPDX-License-Identifier: MIT
"""Are the pairs within a cutoff those that a loop finds?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.potentials.mace.graph import pairs_within

CUTOFF = 3.0


@pytest.fixture
def crowd():
    """Four conformers of 20 atoms in a cube of 6 Å."""
    return np.random.default_rng(3).uniform(0, 6, (4, 20, 3))


def test_the_pairs_are_those_that_a_loop_finds(crowd):
    found = pairs_within(CUTOFF, crowd)
    expected = [
        (k, i, j)
        for k, x in enumerate(crowd)
        for i in range(20)
        for j in range(20)
        if i != j and np.linalg.norm(x[j] - x[i]) < CUTOFF
    ]
    assert list(zip(found.conformer, found.i, found.j, strict=True)) == expected
    assert len(expected) > 100
    k, i, j = np.array(expected).T
    np.testing.assert_array_equal(found.vectors, crowd[k, j] - crowd[k, i])


def test_a_pair_at_the_cutoff_is_left_out():
    x = np.array([[[0.0, 0.0, 0.0], [CUTOFF, 0.0, 0.0], [0.0, 2.9, 0.0]]])
    found = pairs_within(CUTOFF, x)
    assert list(zip(found.i, found.j, strict=True)) == [(0, 2), (2, 0)]


def test_a_lonely_atom_has_no_pairs():
    found = pairs_within(CUTOFF, np.zeros((2, 1, 3)))
    assert len(found.i) == 0
    assert found.vectors.shape == (0, 3)
