# SPDX-License-Identifier: MIT
"""Are the pairs those of a full search, bit for bit, however the atoms have moved since?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.potentials.mace.graph import NeighbourList

CUTOFF = 3.0


@pytest.fixture
def crowd():
    """Four conformers of 20 atoms in a cube of 6 Å."""
    return np.random.default_rng(3).uniform(0, 6, (4, 20, 3))


def same(first, second):
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("conformer", "i", "j", "vectors")
    )


def test_the_pairs_are_those_that_a_loop_finds(crowd):
    found = NeighbourList(CUTOFF).pairs(crowd)
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


def test_a_list_that_is_reused_gives_what_a_new_one_gives_bit_for_bit(crowd):
    rng = np.random.default_rng(4)
    reused, searches, before = NeighbourList(CUTOFF), 0, None
    for _ in range(60):
        crowd = crowd + rng.normal(0, 0.05, crowd.shape)
        assert same(reused.pairs(crowd), NeighbourList(CUTOFF, skin=0.0).pairs(crowd))
        searches += reused._candidates is not before
        before = reused._candidates
    assert 1 < searches < 30  # it was reused, and it was renewed


def test_one_atom_that_jumps_is_noticed(crowd):
    reused = NeighbourList(CUTOFF)
    reused.pairs(crowd)
    crowd[2, 7] = crowd[2, 11] + 0.4
    assert same(reused.pairs(crowd), NeighbourList(CUTOFF).pairs(crowd))


def test_conformers_that_change_places_or_number_are_noticed(crowd):
    reused = NeighbourList(CUTOFF)
    for batch in (crowd, crowd[::-1], crowd[:1], crowd[1:3], crowd):
        assert same(reused.pairs(batch), NeighbourList(CUTOFF).pairs(batch))


def test_a_later_change_of_the_input_is_noticed(crowd):
    reused = NeighbourList(CUTOFF)
    reused.pairs(crowd)
    crowd *= 0.5  # in place
    assert same(reused.pairs(crowd), NeighbourList(CUTOFF).pairs(crowd))


def test_a_lonely_atom_has_no_pairs():
    found = NeighbourList(CUTOFF).pairs(np.zeros((2, 1, 3)))
    assert len(found.i) == 0
    assert found.vectors.shape == (0, 3)
