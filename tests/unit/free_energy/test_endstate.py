# SPDX-License-Identifier: MIT
"""Is the MM → ML correction exact where it is trivial, and honest where it is hard?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from merrow.errors import NumericsError
from merrow.free_energy import endstate
from merrow.free_energy.endstate import (
    IntermediateEnsemble,
    endstate_free_energy,
    missing_intermediates,
)
from merrow.units import KCAL_PER_KJ, thermal_energy
from two_ensembles import endstate_correction

T = 300.0


def gaussians(n: int = 400, spread: float = 2.0, offset: float = 0.0, seed: int = 1):
    """D [kJ/mol] with equal Gaussian spread [kT]; then ΔF = offset exactly."""
    kt, rng = 8.31446261815324e-3 * T, np.random.default_rng(seed)
    mm = spread * rng.standard_normal(n) + spread**2 / 2
    ml = spread * rng.standard_normal(n) - spread**2 / 2
    return kt * mm + offset, kt * ml + offset


def test_constant_difference_is_the_correction_with_no_error():
    estimate = endstate_correction(np.full(50, -1.0e5), np.full(40, -1.0e5), temperature=T)
    assert estimate.value_kcal == pytest.approx(-1.0e5 * KCAL_PER_KJ, rel=1e-15)
    assert estimate.stderr_kcal == 0.0
    assert estimate.verdict.ok


def test_equal_constants_in_water_and_gas_cancel_exactly():
    d = np.full(50, -104321.123456789)
    water = endstate_correction(d, d[:30], temperature=T)
    gas = endstate_correction(d[:20], d[:40], temperature=T)
    assert water.value_kcal - gas.value_kcal == 0.0


def test_large_offset_loses_no_precision():
    small = endstate_correction(*gaussians(), temperature=T)
    large = endstate_correction(*gaussians(offset=-1.0e6), temperature=T)
    # 1e6 kJ/mol in float64 has a last digit of 1e-10.
    assert large.value_kcal + 1.0e6 * KCAL_PER_KJ == pytest.approx(small.value_kcal, abs=1e-8)
    assert large.stderr_kcal == pytest.approx(small.stderr_kcal, abs=1e-8)


def test_bounds_enclose_and_equal_gaussians_give_the_offset():
    estimate = endstate_correction(*gaussians(offset=-500.0), temperature=T)
    assert estimate.bound_low_kcal < estimate.value_kcal < estimate.bound_high_kcal
    assert abs(estimate.value_kcal + 500.0 * KCAL_PER_KJ) < 4 * estimate.stderr_kcal


def test_gap_of_more_than_6_kt_asks_for_intermediate_states():
    estimate = endstate_correction(*gaussians(spread=3.5), temperature=T)
    assert not estimate.verdict.ok
    assert "intermediate states" in estimate.verdict.message


def test_end_states_that_never_meet_or_are_exchanged_are_not_to_be_trusted():
    near = endstate_correction(*gaussians(spread=3.5), temperature=T).verdict
    assert near.status == "warn"
    assert endstate_correction(*gaussians(spread=12.0), temperature=T).verdict.status == "fail"
    exchanged = endstate_correction(*reversed(gaussians(spread=4.0)), temperature=T).verdict
    assert exchanged.status == "fail"
    assert "exchanged" in exchanged.message


def test_what_pymbar_says_where_nothing_overlaps_is_no_free_energy(monkeypatch):
    nothing = {"Delta_f": 0.0, "dDelta_f": 0.0}
    monkeypatch.setattr(endstate, "bar", lambda *_args, **_options: nothing)
    with pytest.raises(NumericsError, match="do not overlap"):
        endstate_correction(*gaussians(), temperature=T)


def test_walkers_that_stay_apart_raise_the_error():
    mm, ml = gaussians(n=600)
    groups = np.repeat(np.arange(6), 100)
    shift = 3.0 * (-1.0) ** groups
    calm = endstate_correction(mm, ml, temperature=T, groups_mm=groups, groups_ml=groups)
    split = endstate_correction(
        mm + shift, ml + shift, temperature=T, groups_mm=groups, groups_ml=groups
    )
    assert split.stderr_kcal > 3 * calm.stderr_kcal
    assert sorted(split.by_repeat) == list(range(6))


@pytest.mark.parametrize("bad", [np.array([1.0, 2.0]), np.array([1.0] * 9 + [np.nan])])
def test_few_or_broken_values_are_refused(bad):
    with pytest.raises(NumericsError, match="ML frames"):
        endstate_correction(gaussians()[0], bad, temperature=T)


def ladder(lambdas, n: int = 400, variance: float = 24.0, seed: int = 1, groups: int = 1):
    """Gaussian D [kJ/mol] of given variance [kT²] on frames of each E_MM + s D; ΔF = 0 exactly."""
    kt, rng = 8.31446261815324e-3 * T, np.random.default_rng(seed)
    labels = np.repeat(np.arange(groups), n)
    return [
        IntermediateEnsemble(
            s,
            kt * (np.sqrt(variance) * rng.standard_normal(n * groups) + variance * (0.5 - s)),
            labels if groups > 1 else None,
        )
        for s in lambdas
    ]


HALVES = (0.0, 0.5, 1.0)
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


def test_a_ladder_bridges_what_one_step_cannot():
    assert not endstate_free_energy(ladder((0.0, 1.0)), temperature=T).verdict.ok
    estimate = endstate_free_energy(ladder(QUARTERS), temperature=T)
    assert estimate.verdict.ok
    assert "s = 0, 0.25, 0.5, 0.75, 1" in estimate.verdict.message
    assert abs(estimate.value_kcal) < 4 * estimate.stderr_kcal
    assert estimate.stderr_kcal < 0.1
    assert estimate.bound_low_kcal < estimate.value_kcal < estimate.bound_high_kcal


def test_scores_of_ladders_are_standard_normal():
    scores = []
    for seed in range(60):
        estimate = endstate_free_energy(
            ladder(HALVES, n=100, variance=12.0, seed=seed), temperature=T
        )
        scores.append(estimate.value_kcal / estimate.stderr_kcal)
    assert abs(np.mean(scores)) < 4 / np.sqrt(60)
    assert 0.7 < np.std(scores, ddof=1) < 1.3


def test_ladder_on_a_large_offset_loses_no_precision():
    ensembles = ladder(HALVES)
    moved = [IntermediateEnsemble(r.lambda_interpolate, r.d - 1.0e6) for r in ensembles]
    small, large = (
        endstate_free_energy(ensembles, temperature=T),
        endstate_free_energy(moved, temperature=T),
    )
    assert large.value_kcal + 1.0e6 * KCAL_PER_KJ == pytest.approx(small.value_kcal, abs=1e-8)


def test_repeats_of_a_ladder_are_kept_apart():
    estimate = endstate_free_energy(ladder(HALVES, groups=3), temperature=T)
    assert sorted(estimate.by_repeat) == [0, 1, 2]
    for value in estimate.by_repeat.values():
        assert abs(value - estimate.value_kcal) < 6 * estimate.stderr_kcal


@pytest.mark.parametrize(
    ("lambdas", "variance", "missing"),
    [
        ((0.0, 1.0), 4.0, ()),
        ((0.0, 1.0), 12.0, (0.5,)),
        ((0.0, 1.0), 26.0, (0.25, 0.5, 0.75)),  # halves would have bounds 26/4 = 6.5 apart
        ((0.0, 1.0), 50.0, (0.25, 0.5, 0.75)),
        ((0.0, 1.0), 5000.0, (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875)),
        ((0.0, 0.5, 1.0), 40.0, (0.25, 0.75)),
        (tuple(np.linspace(0.0, 1.0, 9)), 5000.0, ()),
    ],
)
def test_steps_are_halved_until_neighbours_meet(lambdas, variance, missing):
    assert missing_intermediates(ladder(lambdas, variance=variance), temperature=T) == missing


def test_shares_must_rise_from_mm_to_ml():
    for lambdas in ((0.0, 0.5), (0.5, 1.0), (0.0, 1.0, 0.5), (0.0, 0.5, 0.5, 1.0), (0.0,)):
        with pytest.raises(ValueError, match="lambda_interpolate must rise"):
            endstate_free_energy(ladder(lambdas), temperature=T)


def test_a_ladder_across_two_groups_of_conformers_always_has_a_solution():
    """ML prefers what MM has seldom; MBAR from nothing ended far from the solution (here seed 7).

    Both groups have Gaussian D [kT], so all partition functions are known. Cyclopentanone was one.
    """
    kt, scores = thermal_energy(T), []
    for seed in range(8):
        rng, ensembles = np.random.default_rng(seed), []
        for s in (0.0, 0.25, 0.5, 0.75, 1.0):
            weights = two_groups(s)
            common = rng.random(840) < weights[0] / sum(weights)
            d = np.where(
                common,
                rng.normal(-4 - 20 * s, 20**0.5, 840),
                rng.normal(-22 - 12 * s, 12**0.5, 840),
            )
            ensembles.append(IntermediateEnsemble(s, kt * (d - 286000.0)))
        found = endstate_free_energy(ensembles, temperature=T)
        exact = kt * KCAL_PER_KJ * (np.log(sum(two_groups(0.0)) / sum(two_groups(1.0))) - 286000.0)
        scores.append((found.value_kcal - exact) / found.stderr_kcal)
    assert stats.chi2.sf(np.sum(np.square(scores)), len(scores)) > 0.01


def two_groups(s: float) -> tuple[float, float]:
    """Return the partition functions of both groups at a share s of ML."""
    return float(np.exp(4 * s + 10 * s * s)), float(np.exp(-9.4 + 22 * s + 6 * s * s))
