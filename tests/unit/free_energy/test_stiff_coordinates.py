# SPDX-License-Identifier: MIT
"""Do bonds and angles of a tree describe a molecule once each?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.free_energy.stiff import stiff_coordinates

METHANE = [(0, k) for k in range(1, 5)]
RING = [(0, 1), (1, 2), (2, 0), (2, 3)]


@pytest.mark.parametrize(("n", "bonds"), [(5, METHANE), (4, RING), (2, [(0, 1)]), (1, [])])
def test_there_are_2n_minus_3_coordinates_that_vary_independently(n, bonds):
    x = np.random.default_rng(1).standard_normal((400, n, 3))
    found = stiff_coordinates(x, bonds)
    assert found.shape == (400, max(2 * n - 3, 0))
    if n > 2:
        assert np.linalg.eigvalsh(np.corrcoef(found.T)).min() > 0.1


def test_lengths_and_angles_are_those_of_the_geometry():
    water = np.array([[[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 3.0, 0.0]]])
    assert stiff_coordinates(water, [(0, 1), (0, 2)])[0] == pytest.approx([2.0, 3.0, np.pi / 2])


def test_turning_and_moving_the_molecule_changes_nothing():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((3, 5, 3))
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    moved = x @ turn + rng.standard_normal(3)
    expected = stiff_coordinates(x, METHANE)
    assert stiff_coordinates(moved, METHANE) == pytest.approx(expected, abs=1e-12)
