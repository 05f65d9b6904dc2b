# SPDX-License-Identifier: MIT
"""Are correlated rows counted once, and is an unequilibrated start left out?"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from merrow.free_energy.decorrelate import MAX_DISCARD, correlation, split
from merrow.uncertainty import blocks_of, inefficiency


def memory(n: int, rho: float, rng) -> np.ndarray:
    z = rng.standard_normal(n)
    for i in range(1, n):
        z[i] = rho * z[i - 1] + np.sqrt(1 - rho * rho) * z[i]
    return z


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
def test_inefficiency_of_a_series_with_memory_is_its_closed_form(rho):
    series = [memory(20000, rho, np.random.default_rng(1))]
    # g of 20000 rows scatters by 5 % where it is 9.
    assert inefficiency(series) == pytest.approx((1 + rho) / (1 - rho), rel=0.2)


def test_walkers_that_stay_apart_count_as_few_rows():
    rng = np.random.default_rng(2)
    stuck = [rng.standard_normal(200) + 5.0 * (-1) ** w for w in range(6)]
    mixed = [rng.standard_normal(200) for _ in range(6)]
    assert inefficiency(stuck) > 50
    assert inefficiency(mixed) < 2


def test_constant_or_short_series_are_taken_as_they_are():
    assert inefficiency([np.ones(100)]) == 1.0
    assert inefficiency([np.arange(5.0)]) == 1.0


def test_uncorrelated_rows_are_nearly_all_kept(path):
    rows = correlation(path(n=500))
    assert rows.independent.mean() > 0.8
    assert rows.n_discarded == 0


def test_correlated_rows_are_thinned_in_each_repeat_and_state(path):
    samples = path(n=400, repeats=2)
    rng = np.random.default_rng(3)
    slow = np.concatenate([memory(400, 0.9, rng) for _ in range(10)])
    rows = correlation(dataclasses.replace(samples, dvdl=np.stack([slow, slow], axis=1)))
    assert rows.g.shape == (2, 5)
    assert 8 < np.median(rows.g) < 40  # exact: 19; of 400 rows it scatters by a third
    assert rows.independent.sum() < 0.2 * len(samples)


def test_the_slope_that_does_not_change_at_a_state_cannot_hide_a_correlation(path):
    samples = path(n=400)
    rng = np.random.default_rng(3)
    slow = np.concatenate([memory(400, 0.9, rng) for _ in range(5)])
    # on the LJ leg a water on an uncharged atom makes dV/dlambda_elec jump without meaning
    jumps = np.where([samples.states[k].lambda_sterics < 1.0 for k in samples.state], 1e4, 0.0)
    loud = slow + jumps * rng.standard_normal(len(samples))
    rows = correlation(dataclasses.replace(samples, dvdl=np.stack([loud, slow], axis=1)))
    assert rows.g.min() > 4


def test_correlation_of_the_energies_alone_is_seen(path):
    samples = path(n=400)
    rng = np.random.default_rng(4)
    u = samples.u.copy()
    u[:, 1] += np.concatenate([10 * memory(400, 0.9, rng) for _ in range(5)])
    assert correlation(dataclasses.replace(samples, u=u)).g[0, 0] > 5


def test_unequilibrated_start_is_left_out_within_its_bound(path):
    samples = path(n=400)
    drift = np.where(samples.time < 0.4 * 40, 60.0 * np.exp(-samples.time / 4.0), 0.0)
    rows = correlation(dataclasses.replace(samples, dvdl=samples.dvdl + drift[:, None]))
    assert 0 < rows.n_discarded <= MAX_DISCARD * len(samples)
    dropped = samples.time[~rows.equilibrated]
    assert dropped.max() < 0.4 * 400 * MAX_DISCARD


def test_rows_out_of_order_are_read_in_order_of_time(path):
    samples = path(n=100)
    slow = np.concatenate([memory(100, 0.9, np.random.default_rng(k)) for k in range(5)])
    samples = dataclasses.replace(samples, dvdl=np.stack([slow, slow], axis=1))
    shuffled = samples.select(np.ones(len(samples), dtype=bool))
    order = np.random.default_rng(9).permutation(len(samples))
    names = ("repeat", "replica", "state", "time", "u", "dvdl", "internal", "spread", "volume")
    shuffled = dataclasses.replace(samples, **{n: getattr(samples, n)[order] for n in names})
    np.testing.assert_array_equal(correlation(shuffled).g, correlation(samples).g)


def test_split_and_blocks_lose_no_row():
    values, groups = np.arange(103.0), np.repeat([4, 7], [50, 53])
    series = split(values, groups)
    assert [len(s) for s in series] == [50, 53]
    blocks = [block for own in blocks_of(series) for block in own]
    assert len(blocks) == 10
    np.testing.assert_array_equal(np.concatenate(blocks), values)
