# SPDX-License-Identifier: MIT
"""Are deviations, correlations and their intervals those of the books, and do intervals cover?"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from merrow.campaign.comparison import (
    compare_to_experiment,
    kendall_tau,
    paired_difference,
    r_squared,
)
from merrow.errors import NumericsError

CALCULATED = np.array([-3.0, -4.5, 2.0, 0.5])
MEASURED = np.array([-3.5, -4.0, 2.0, 1.5])
NONE = np.zeros(4)


def rng(seed=1):
    return np.random.default_rng(seed)


def test_the_statistics_are_those_of_a_sheet_of_paper():
    found = compare_to_experiment(CALCULATED, NONE, MEASURED, rng=rng())
    # deviations 0.5, −0.5, 0, −1
    assert found.n == 4
    assert found.me.value == pytest.approx(-0.25)
    assert found.mae.value == pytest.approx(0.5)
    assert found.rmse.value == pytest.approx(np.sqrt(1.5 / 4))
    assert found.quartiles == pytest.approx((-1.0, -0.625, -0.25, 0.125, 0.5))
    assert found.mean_stderr == 0.0


def test_correlations_are_those_of_scipy_with_and_without_ties():
    x, y = rng(2).normal(size=(2, 40))
    y = np.round(0.7 * x + 0.5 * y, 1)
    assert r_squared(x, y) == pytest.approx(scipy.stats.pearsonr(x, y).statistic ** 2, abs=1e-12)
    assert kendall_tau(x, y) == pytest.approx(scipy.stats.kendalltau(x, y).statistic, abs=1e-12)


def test_perfect_agreement_has_no_width():
    found = compare_to_experiment(MEASURED, NONE, MEASURED, rng=rng())
    assert (found.mae.value, found.mae.low, found.mae.high) == (0.0, 0.0, 0.0)
    assert found.r2.value == pytest.approx(1.0)
    assert found.tau.value == pytest.approx(1.0)


def test_the_errors_of_sampling_are_not_counted_twice():
    """They are in the deviations; drawn once more, they would shift the interval off its value."""
    found = compare_to_experiment(MEASURED + 0.1, NONE + 0.3, MEASURED, rng=rng())
    assert (found.mae.low, found.mae.high) == pytest.approx((0.1, 0.1))
    assert found.mean_stderr == pytest.approx(0.3)


def test_unknown_errors_of_sampling_do_not_count_as_none():
    some, none = np.array([0.3, np.nan, np.nan, 0.4]), np.full(4, np.nan)
    found = compare_to_experiment(CALCULATED, some, MEASURED, rng=rng())
    assert found.mean_stderr == pytest.approx(np.sqrt((0.3**2 + 0.4**2) / 2))
    assert compare_to_experiment(CALCULATED, none, MEASURED, rng=rng()).mean_stderr is None
    with pytest.raises(NumericsError):
        compare_to_experiment(CALCULATED, some * np.inf, MEASURED, rng=rng())


def test_a_constant_shift_without_noise_is_known_exactly():
    """Whatever molecules are drawn, the mean error is the shift."""
    found = compare_to_experiment(MEASURED + 0.7, NONE, MEASURED, rng=rng())
    assert (found.me.low, found.me.high) == pytest.approx((0.7, 0.7))


def test_intervals_cover_the_truth_as_often_as_they_say():
    # 200 sets of 30 molecules, errors of 0.8 and noise of 0.2: 95 % ± 3·√(0.95·0.05/200) = 4.6 %;
    # the percentile interval is known to fall short by one to three per cent at n = 30
    truth = np.hypot(0.8, 0.2) * np.sqrt(2 / np.pi)
    random, hits = rng(5), 0
    for _ in range(200):
        measured = random.normal(-3, 2, 30)
        calculated = measured + random.normal(0, 0.8, 30) + random.normal(0, 0.2, 30)
        found = compare_to_experiment(
            calculated, np.full(30, 0.2), measured, rng=random, n_resamples=300
        ).mae
        hits += found.low <= truth <= found.high
    assert 0.88 <= hits / 200 <= 0.995


def test_a_set_is_as_good_as_itself():
    found = paired_difference(CALCULATED, CALCULATED, MEASURED, rng=rng())
    for interval in (found.mae, found.rmse, found.shift):
        assert (interval.value, interval.low, interval.high) == pytest.approx((0, 0, 0), abs=1e-12)


def test_a_difference_of_two_sets_is_as_sharp_as_its_scatter():
    """A shift of 0.5 with a scatter of 0.3 over 50 molecules: ± 1.96 · 0.3/√50."""
    first = np.linspace(-5, 2, 50)
    scatter = np.tile([0.3, -0.3], 25)
    found = paired_difference(first + 0.5 + scatter, first, first, rng=rng()).shift
    assert found.value == pytest.approx(0.5)
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.3 / np.sqrt(50), rel=0.1)


def test_two_molecules_have_values_but_no_interval():
    found = compare_to_experiment(CALCULATED[:2], NONE[:2], MEASURED[:2], rng=rng())
    assert found.mae.value == pytest.approx(0.5)
    assert (found.mae.low, found.mae.high, found.r2, found.tau) == (None, None, None, None)


@pytest.mark.parametrize("bad", [CALCULATED[:2], np.array([1.0, np.nan, 0.0, 0.0])])
def test_values_that_cannot_be_compared_are_refused(bad):
    with pytest.raises(NumericsError):
        compare_to_experiment(bad, NONE, MEASURED, rng=rng())
