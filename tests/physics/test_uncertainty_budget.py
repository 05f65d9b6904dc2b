# SPDX-License-Identifier: MIT
"""Are the parts of the uncertainty, and the sensitivities, those that are known in closed form?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from solvable import CORNER, COUPLED, GONE, KT, Model, T, draw, harmonic, sample

from merrow.free_energy.budget import (
    charge_sensitivity,
    member_part,
    sampling_parts,
    size_sensitivity,
    well_depth_sensitivity,
)
from merrow.free_energy.cycle import hydration_endpoint
from merrow.free_energy.estimators import mbar
from merrow.samples import LambdaState
from merrow.units import KJ_PER_KCAL
from two_ensembles import endstate_correction

PATH = (COUPLED, LambdaState(0.5, 1.0), CORNER, LambdaState(0.0, 0.5), GONE)
TWO_LEGS = Model(harmonic(20.0), g=4.0, c=4.0, w=12.0, two_legs=True)


def two_legs(n: int = 1500):
    return sample(TWO_LEGS, PATH, n, np.random.default_rng(51), repeats=2)


def test_one_percent_of_charge_is_the_slope_of_the_free_energy():
    # scaling the charges by 1 ± h is λ_elec = 1 ± h
    h = 1e-4
    ends = [TWO_LEGS.free_energy(LambdaState(1.0 + sign * h, 1.0)) for sign in (1, -1)]
    found = charge_sensitivity(two_legs())
    assert abs(found.value_kcal - 0.01 * (ends[0] - ends[1]) / (2 * h)) < 4 * found.stderr_kcal
    assert found.stderr_kcal < 0.05 * abs(found.value_kcal)


def test_one_percent_of_depth_is_half_the_energy_that_the_last_leg_switches_off():
    # scaling what the last leg switches off is λ_sterics = 1 ± h, since the model is linear in it
    samples, h = two_legs(), 1e-4
    ends = [TWO_LEGS.free_energy(LambdaState(1.0, 1.0 + sign * h)) for sign in (1, -1)]
    found = well_depth_sensitivity(samples)
    assert abs(found.value_kcal - 0.005 * (ends[0] - ends[1]) / (2 * h)) < 4 * found.stderr_kcal
    assert found.stderr_kcal < 0.1 * abs(found.value_kcal)


def test_one_percent_of_size_is_the_slope_of_the_free_energy():
    # θ multiplies the first term of the model and stands for σ: ∂V/∂ln θ is that term
    samples, h = two_legs(), 1e-4
    ends = [replace(TWO_LEGS, g=4.0 * (1.0 + sign * h)).exact() for sign in (1, -1)]
    coupled = np.where(samples.state == 0, samples.dvdl[:, 0], np.nan)
    found = size_sensitivity(replace(samples, size_slope=coupled))
    assert found is not None
    assert abs(found.value_kcal - 0.01 * (ends[0] - ends[1]) / (2 * h)) < 4 * found.stderr_kcal
    assert found.stderr_kcal < 0.05 * abs(found.value_kcal)


def test_records_without_slopes_by_size_have_no_sensitivity():
    assert size_sensitivity(two_legs(20)) is None


def test_members_differ_by_what_each_would_give_alone():
    stiffness = np.array([18.0, 19.0, 20.0, 21.0, 22.0])
    mean, rng = Model(harmonic(20.0), g=6.0), np.random.default_rng(52)
    deviations = []
    for state in (COUPLED, CORNER):
        x = draw(mean, state, 20000, rng)[0]
        members = 0.5 * stiffness * x[:, None] ** 2
        deviations.append((members - members.mean(axis=1, keepdims=True)) * KJ_PER_KCAL)
    exact = np.std([Model(harmonic(k), g=6.0).exact() for k in stiffness], ddof=1)
    part = member_part(*deviations, temperature=T)
    assert part.stderr_kcal == pytest.approx(exact, rel=0.05)  # 20000 frames: about 2 %
    assert not part.in_stderr
    assert "lower bound" in part.note


@pytest.mark.parametrize("true", [0.0, 0.3])
def test_spread_of_members_is_not_that_of_few_frames(true):
    # 100 frames of 1 kT: the members scatter by 0.10 kcal/mol by chance alone
    rng, found = np.random.default_rng(54), []
    kt, kj = KT, KJ_PER_KCAL
    for _ in range(40):
        offset = true * rng.standard_normal(8)
        water, gas = (kt * kj * rng.standard_normal((100, 8)) for _ in range(2))
        found.append(member_part(water + kj * offset, gas, temperature=T).stderr_kcal)
    assert np.mean(found) == pytest.approx(true, abs=0.05)


def test_parts_of_r1_and_r2_sum_to_the_square_of_the_error():
    path = mbar(two_legs(200))
    alone = sampling_parts(path, path, {})
    rng = np.random.default_rng(53)
    ends = {
        phase: endstate_correction(
            rng.standard_normal(80) + 1.0, rng.standard_normal(80), temperature=T
        )
        for phase in ("water", "gas")
    }
    total = hydration_endpoint(path, ends["water"], ends["gas"], None).headline
    for headline, parts in ((path, alone), (total, sampling_parts(total, path, ends))):
        assert all(part.in_stderr for part in parts)
        squares = sum(part.stderr_kcal**2 for part in parts)
        assert squares == pytest.approx(headline.stderr_kcal**2)
