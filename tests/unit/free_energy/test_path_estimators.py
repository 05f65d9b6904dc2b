# SPDX-License-Identifier: MIT
"""Do the path estimators keep their promises: signs, legs, errors, refusals, verdicts, sums?"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from alchemlyb.estimators import TI
from pymbar import mbar_solvers

from merrow.errors import NumericsError
from merrow.free_energy.convergence import (
    convergence,
    judge_halves,
    judge_overlap,
    neighbour_overlaps,
    states_to_split,
)
from merrow.free_energy.cycle import hydration_direct, hydration_endpoint
from merrow.free_energy.estimate import add, negative
from merrow.free_energy.estimators import fit_mbar, mbar, thermodynamic_integration
from merrow.free_energy.frames import dhdl
from merrow.free_energy.reorganization import reorganization_energy
from merrow.free_energy.stored import Estimate
from merrow.hydration.protocol import Schedule
from merrow.samples import LambdaState
from merrow.uncertainty import combined_error
from merrow.units import KCAL_PER_KJ, thermal_energy
from two_ensembles import endstate_correction

KT_KCAL = thermal_energy(300.0) * KCAL_PER_KJ
EXACT = {"charging": -2.0 * KT_KCAL, "lj": -0.5 * KT_KCAL}


@pytest.mark.parametrize("estimator", [mbar, thermodynamic_integration])
def test_every_estimator_gives_coupled_minus_decoupled_and_its_legs(path, estimator):
    # The slopes are straight lines in λ, so the trapezoid is exact too.
    estimate = estimator(path(n=300, repeats=3))
    assert abs(estimate.value_kcal - sum(EXACT.values())) < 4 * estimate.stderr_kcal
    for name, exact in EXACT.items():
        assert abs(estimate.legs[name].value_kcal - exact) < 4 * estimate.legs[name].stderr_kcal
    assert estimate.profile_kcal[-1] == 0.0
    assert estimate.profile_kcal[0] == pytest.approx(estimate.value_kcal)


def test_trapezoid_is_alchemlybs_own(path):
    samples = path()
    ours = thermodynamic_integration(samples).value_kcal
    theirs = TI().fit(dhdl(samples)).delta_f_.loc[[(0.0, 0.0)], [(1.0, 1.0)]].iloc[0, 0]
    assert ours == pytest.approx(theirs * KT_KCAL, abs=1e-12)


def test_reported_error_weighs_what_is_within_and_between_the_repeats(path):
    errors = (estimate := mbar(path(n=100, repeats=3))).errors
    assert None not in (errors.blocks, errors.repeats)
    assert errors.within == max(errors.analytic, errors.blocks)
    assert estimate.stderr_kcal == combined_error(errors.within, errors.repeats, 2)
    assert errors.within <= estimate.stderr_kcal <= max(errors.within, errors.repeats) * 1.1
    assert sorted(estimate.by_repeat) == [0, 1, 2]


def test_repeats_that_disagree_raise_the_error(path):
    samples = path(n=100, repeats=3)
    tilt = 2.0 * (samples.repeat - 1.0)  # kT, on the coupled side
    shifted = samples.u + np.outer(tilt, [1.0, 0.5, 0.0, 0.0, 0.0])
    calm, apart = mbar(samples), mbar(dataclasses.replace(samples, u=shifted))
    assert apart.errors.repeats > 5 * calm.stderr_kcal
    assert apart.stderr_kcal == pytest.approx(apart.errors.repeats, rel=0.05)


@pytest.mark.parametrize("estimator", [mbar, thermodynamic_integration])
def test_a_repeat_without_an_estimate_of_its_own_is_named_and_not_passed_over(path, estimator):
    samples = path(n=100, repeats=3)
    less = samples.select((samples.repeat != 2) | (samples.state != 4))
    with pytest.raises(NumericsError, match="repeat 2 has no estimate of its own"):
        estimator(less)


def test_errors_of_the_profile_are_those_of_the_way_to_the_decoupled_state(path):
    found = mbar(path(n=100))
    assert found.profile_stderr_kcal[-1] == 0.0
    assert found.profile_stderr_kcal[0] == pytest.approx(found.errors.analytic)


@pytest.mark.parametrize("bad", [[1.0], [1.0, 2.0, np.nan]])
def test_energies_of_a_phase_that_are_few_or_no_numbers_are_refused(bad):
    for water, gas in ((bad, [1.0, 2.0]), ([1.0, 2.0], bad)):
        with pytest.raises(NumericsError, match="too few or not all finite"):
            reorganization_energy(np.array(water), np.array(gas))


def test_few_rows_still_give_a_number_but_no_blocks(path):
    estimate = mbar(path(n=6))
    assert np.isfinite(estimate.value_kcal)
    assert estimate.errors.blocks is None


def test_state_without_samples_is_named(path):
    samples = path()
    with pytest.raises(NumericsError, match=r"state 3 \(elec 0, lj 0.5\) has 0 samples"):
        mbar(samples.select(samples.state != 3))


def test_overlap_is_judged_and_its_place_named(path):
    good = mbar(path())
    assert judge_overlap(good).ok
    assert good.min_overlap == pytest.approx(min(np.diag(good.overlap, 1)), rel=0.5)
    bad = dataclasses.replace(good, overlap=np.diag([0.02, 0.2, 0.1, 0.2], 1) * 1.0)
    matrix = bad.overlap + bad.overlap.T
    verdict = judge_overlap(dataclasses.replace(good, overlap=matrix))
    assert not verdict.ok
    assert "0.020 between λ(charges) = 1 and λ(charges) = 0.5" in verdict.message


@pytest.mark.parametrize(
    ("least", "said"), [(0.02, "do not overlap"), (0.1, "usable"), (0.2, "All neighbours overlap")]
)
def test_what_is_said_of_an_overlap_goes_by_its_size(path, least, said):
    matrix = np.diag([0.3, least, 0.3, 0.3], 1)
    found = judge_overlap(dataclasses.replace(mbar(path(n=60)), overlap=matrix + matrix.T))
    assert said in found.message


def test_the_overlap_of_two_states_with_unequal_rows_is_their_integral(path):
    samples = path(n=4000)
    fewer = (samples.state != 0) | (np.arange(len(samples)) % 4 == 0)
    samples = samples.select(fewer)
    x = np.linspace(-10.0, 8.0, 2001)
    p, q = (np.exp(-((x - mean) ** 2) / 2.0) / np.sqrt(2.0 * np.pi) for mean in (-2.0, -1.0))
    exact = 0.5 * np.trapezoid(p * q / (0.2 * p + 0.8 * q), x)  # of the pooled rows 1/5 are p's
    assert neighbour_overlaps(samples, mbar(samples))[0] == pytest.approx(exact, rel=0.03)


def test_equal_neighbours_overlap_by_one_half_and_are_not_split(path):
    samples = path()
    equal = dataclasses.replace(samples, u=np.zeros_like(samples.u))
    flat = dataclasses.replace(mbar(samples), profile_kcal=np.zeros(len(samples.states)))
    assert neighbour_overlaps(equal, flat) == pytest.approx(np.full(4, 0.5))
    assert states_to_split(equal, flat) == ()


def test_a_gap_in_the_path_is_split_where_it_is(path):
    samples = path()
    estimate = mbar(samples)
    assert min(neighbour_overlaps(samples, estimate)) > 0.03
    rows = np.arange(len(samples))
    # each row of states 2 and 3 is 8 kT worse off in the other of the two
    foreign = np.where(samples.state == 2, 3, np.where(samples.state == 3, 2, -1))
    u = samples.u.copy()
    apart = foreign >= 0
    u[rows[apart], foreign[apart]] += 8.0
    assert 2 in states_to_split(dataclasses.replace(samples, u=u), estimate)


def test_stationary_samples_agree_in_both_halves_and_directions(path):
    samples = path(n=300)
    result = convergence(samples)
    assert result.forward[-1].value_kcal == result.reverse[-1].value_kcal
    assert result.forward[-1].value_kcal == pytest.approx(mbar(samples).value_kcal, abs=1e-6)
    assert judge_halves(result, mbar(samples)).ok


def test_drifting_samples_are_called_not_converged(path):
    samples = path(n=300)
    late = np.where(samples.time > samples.time.mean(), 1.5, 0.0)
    drift = dataclasses.replace(samples, u=samples.u + np.outer(late, [1, 0.5, 0, 0, 0]))
    verdict = judge_halves(convergence(drift), Estimate(0.0, mbar(samples).stderr_kcal))
    assert not verdict.ok
    assert "Not converged" in verdict.message


# Sums.


def test_independent_errors_add_in_quadrature():
    total = add(shared=[Estimate(1.0, 0.3)], independent=[negative(Estimate(3.0, 0.4))])
    assert (total.value_kcal, total.stderr_kcal) == (-2.0, pytest.approx(0.5))


def test_correlated_repeats_raise_the_error_of_their_sum():
    a = Estimate(0.0, 0.1, {0: -1.0, 1: 0.0, 2: 1.0})
    together = add(shared=[a, a])
    # a ratio of variances of 67 leaves a chance of 1e-4 that nothing is behind it
    assert together.stderr_kcal == pytest.approx(2.0 / np.sqrt(3.0), rel=1e-3)
    opposite = add(shared=[a, negative(a)])
    assert opposite.stderr_kcal == pytest.approx(0.1 * np.sqrt(2.0))  # never below quadrature


def test_reorganization_energy_keeps_its_digits_under_a_large_offset():
    rng = np.random.default_rng(3)
    water, gas = 4.0 + rng.standard_normal(4000), rng.standard_normal(4000)
    plain = reorganization_energy(water, gas)
    shifted = reorganization_energy(water - 1.0e6, gas - 1.0e6)
    assert shifted.value_kcal == pytest.approx(plain.value_kcal, abs=1e-8)
    assert abs(plain.value_kcal - 4.0 * KCAL_PER_KJ) < 4 * plain.stderr_kcal
    # Two means of 4000 independent rows of unit variance; blocks may only enlarge it a little.
    assert plain.stderr_kcal == pytest.approx(np.sqrt(2 / 4000) * KCAL_PER_KJ, rel=0.5)


@pytest.mark.parametrize("published", [False, True])
def test_route_1_headline_is_mbar_unless_published_is_asked_for(path, published):
    exact, ti = mbar(path()), thermodynamic_integration(path())
    result = hydration_direct(exact, ti, Estimate(0.3, 0.1), published=published)
    sum_as_published = result.estimates.as_published
    assert sum_as_published.value_kcal == pytest.approx(ti.value_kcal + 0.3)
    assert result.estimates.endpoint_bar is None
    chosen = sum_as_published if published else exact
    assert result.headline.value_kcal == chosen.value_kcal
    assert (result.headline.method == "as_published") == published


def test_route_2_is_the_mm_path_plus_water_minus_gas(path):
    rng = np.random.default_rng(5)
    mm = mbar(path())
    water = endstate_correction(
        10 + rng.standard_normal(50), 9.8 + rng.standard_normal(50), temperature=300.0
    )
    gas = endstate_correction(
        7 + rng.standard_normal(50), 6.8 + rng.standard_normal(50), temperature=300.0
    )
    result = hydration_endpoint(mm, water, gas, Estimate(0.5, 0.2))
    expected = mm.value_kcal + water.value_kcal - gas.value_kcal
    error = np.sqrt(mm.stderr_kcal**2 + water.stderr_kcal**2 + gas.stderr_kcal**2)
    assert result.headline.value_kcal == pytest.approx(expected, abs=1e-12)
    assert result.headline.stderr_kcal == pytest.approx(error)
    assert result.estimates.as_published.value_kcal == pytest.approx(expected + 0.5)
    assert result.estimates.decoupling_mbar is result.estimates.decoupling_ti is None
    assert result.estimates.mm_reference is mm
    assert "stand-in" in result.published_note


def test_route_2_with_the_same_energy_inside_is_the_mm_value_exactly(path):
    mm, d = mbar(path()), np.zeros(60)
    same = endstate_correction(d, d, temperature=300.0)
    result = hydration_endpoint(mm, same, same, None)
    assert (result.headline.value_kcal, result.headline.stderr_kcal) == (
        mm.value_kcal,
        mm.stderr_kcal,
    )
    assert result.estimates.as_published is None


@pytest.mark.parametrize("size", [1e-3, 1e-4, 1e-5, 1e-6])
def test_free_energies_about_zero_take_no_more_iterations(path, monkeypatch, size):
    # pymbar asks for 1e-12 of each free energy, which round-off of one about zero never reaches.
    states = tuple(LambdaState(*state) for state in Schedule().states)
    calls, hessian = [], mbar_solvers.mbar_hessian
    samples, small = path(n=100, states=states), size * np.arange(len(states))  # kT
    plain = fit_mbar(samples)
    shifted = dataclasses.replace(samples, u=samples.u - plain.delta[0] + small)
    monkeypatch.setattr(
        mbar_solvers, "mbar_hessian", lambda *words: calls.append(1) or hessian(*words)
    )
    found = fit_mbar(shifted)
    assert len(calls) < 20
    assert found.delta[0] == pytest.approx(small, abs=1e-10)  # pymbar's tolerance of 10 kT
    assert found.stderr == pytest.approx(plain.stderr, rel=1e-6, abs=1e-9)
    assert found.overlap == pytest.approx(plain.overlap, abs=1e-9)
