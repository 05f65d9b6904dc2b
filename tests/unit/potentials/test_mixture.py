# SPDX-License-Identifier: MIT
"""Is a mixture the straight line between two potentials, in energy and in force?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.potentials.interface import Capabilities, Evaluation
from merrow.potentials.mixture import Mixture


class Spring:
    """k x² / 2 over all coordinates."""

    def __init__(self, k: float) -> None:
        self.k = k
        self.capabilities = Capabilities(name=f"spring {k:g}", elements=None)
        self.identity = f"spring:{k!r}"

    def evaluate(self, positions):
        energies = 0.5 * self.k * np.sum(positions**2, axis=(1, 2))
        return Evaluation(energies, -self.k * positions)


def test_mixture_of_springs_is_the_spring_of_the_mixed_constant():
    x = np.random.default_rng(1).normal(size=(3, 4, 3))
    mixed = Mixture(Spring(2.0), Spring(10.0), 0.25).evaluate(x)
    expected = Spring(4.0).evaluate(x)
    np.testing.assert_allclose(mixed.energies, expected.energies, rtol=1e-14)
    np.testing.assert_allclose(mixed.forces, expected.forces, rtol=1e-14)
    assert mixed.spread is None


def test_identity_tells_s_and_both_potentials():
    names = {Mixture(Spring(1.0), Spring(2.0), s).identity for s in (0.25, 0.5)}
    assert len(names) == 2
    assert all("spring:1.0" in name and "spring:2.0" in name for name in names)


@pytest.mark.parametrize("s", [0.0, 1.0, -0.5, 2.0])
def test_ends_are_not_mixtures(s):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Mixture(Spring(1.0), Spring(2.0), s)
