# SPDX-License-Identifier: MIT
"""Is the interaction entropy right where it can be, marked where it is doubtful, else refused?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.analysis.mmpbsa import interaction_entropy
from merrow.uncertainty import mean

KT = 0.593  # kcal/mol at 298 K


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_a_gaussian_energy_gives_the_second_cumulant(rng):
    """kT ln⟨exp(βδ)⟩ = σ²/2kT exactly for a Gaussian."""
    energy = -20.0 + 0.6 * rng.normal(size=200_000)
    found = interaction_entropy(energy, KT)
    assert found.how == "exponential"
    # sampling error of the exponential average at this spread: about 1e-3 kcal/mol
    assert found.value == pytest.approx(0.6**2 / (2 * KT), abs=0.01)
    assert found.stderr < 0.01


def test_a_shift_of_the_energy_changes_nothing(rng):
    energy = rng.normal(size=500)
    one, two = interaction_entropy(energy, KT), interaction_entropy(energy - 5000.0, KT)
    assert two.value == pytest.approx(one.value, rel=1e-9)


def test_a_broad_energy_gets_the_second_cumulant_alone(rng):
    energy = 5.0 * rng.normal(size=500)
    found = interaction_entropy(energy, KT)
    assert found.how == "second cumulant"
    assert found.value == pytest.approx(energy.var(ddof=1) / (2 * KT))


def test_a_very_broad_energy_is_refused(rng):
    found = interaction_entropy(8.0 * rng.normal(size=500), KT)
    assert (found.value, found.stderr, found.how) == (None, None, "refused")
    assert found.sigma > 6.0


def test_means_carry_errors(rng):
    found = mean(-5.0 + rng.normal(size=400))
    assert abs(found.value + 5.0) < 4 * found.stderr
    assert found.stderr == pytest.approx(0.05, rel=0.8)
