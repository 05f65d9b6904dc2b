# SPDX-License-Identifier: MIT
"""Are errors from blocks, repeats and left-out parts right, neither jumpy nor blind?"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from merrow.free_energy.convergence import DISAGREE, judge_repeats
from merrow.uncertainty import (
    between_repeats,
    chance_of_agreement,
    combined_error,
    jackknife_variance,
    within_repeats,
)


def runs(count: int, repeats: int, rng: np.random.Generator, slow: float = 0.0):
    """Values of the repeats, shape (count, repeats), with a true error of 1 but for what is slow.

    Errors within repeats are known to 15 %, as those of a few hundred correlated rows are.
    """
    values = np.sqrt(repeats) * rng.standard_normal((count, repeats))
    hidden = slow * rng.choice([-1.0, 1.0], size=(count, repeats))
    within = 1.0 + 0.15 * rng.standard_normal(count)
    return values + hidden, np.abs(within), hidden


def reported(values: np.ndarray, within: np.ndarray) -> np.ndarray:
    freedom = values.shape[1] - 1
    return np.array(
        [
            combined_error(w, between_repeats(v), freedom)
            for v, w in zip(values, within, strict=True)
        ]
    )


@pytest.mark.parametrize("repeats", [2, 3, 5])
def test_scores_of_many_campaigns_are_standard_normal(repeats):
    values, within, _ = runs(3000, repeats, np.random.default_rng(repeats))
    errors = reported(values, within)
    scores = values.mean(axis=1) / errors
    ratio = values.mean(axis=1).std() / np.sqrt(np.mean(errors**2))
    assert 0.75 < ratio < 1.3
    assert 0.85 < scores.std() < 1.1
    # a normal variable leaves ±2 with 4.6 % (0.4 % from 3000 draws), ±3 with 0.3 %
    assert np.mean(np.abs(scores) > 2.0) < 0.06
    assert np.mean(np.abs(scores) > 3.0) < 0.01


def test_the_error_of_two_repeats_is_not_jumpy():
    values, within, _ = runs(3000, 2, np.random.default_rng(9))
    ours = reported(values, within)
    largest = np.maximum(within, np.abs(np.diff(values, axis=1)[:, 0]) / 2.0)
    assert np.mean(ours > 1.5) < 0.6 * np.mean(largest > 1.5)
    # the case that was met: a true error of 0.14 and repeats that differ by 2 sigma
    assert combined_error(0.14, 0.28, 1) < 0.19


@pytest.mark.parametrize(("slow", "power"), [(4.0, 0.45), (6.0, 0.85), (10.0, 0.99)])
def test_repeats_in_different_wells_are_caught(slow, power):
    # Each repeat is shifted by ±slow standard errors of the mean; where the signs differ the run
    # can know of it, and its error must then cover what the wells do.
    values, within, hidden = runs(1500, 2, np.random.default_rng(21), slow)
    apart = hidden.sum(axis=1) == 0.0
    errors = reported(values[apart], within[apart])
    differ = [
        chance_of_agreement(w, between_repeats(v), 1) < DISAGREE
        for v, w in zip(values[apart], within[apart], strict=True)
    ]
    assert np.mean(differ) > power
    assert np.mean(errors > 0.5 * slow) > power


def test_agreement_never_lowers_the_error_within():
    assert combined_error(0.1, 0.0, 1) == pytest.approx(0.1)
    assert combined_error(0.1, None, 1) == 0.1
    assert combined_error(0.0, 0.0, 1) == 0.0
    assert combined_error(0.0, 0.2, 1) == pytest.approx(0.2)


def test_more_scatter_never_gives_a_smaller_error():
    errors = [combined_error(1.0, b, 1) for b in np.linspace(0.0, 20.0, 400)]
    assert (np.diff(errors) >= -1e-12).all()
    assert errors[-1] == pytest.approx(20.0, rel=0.02)  # beyond doubt: the scatter itself


def test_many_repeats_speak_for_themselves():
    # 50 repeats know their scatter to 10 %; an error within of half of it, worth 10 degrees of
    # freedom, lowers it by 4 %.
    assert combined_error(0.5, 1.0, 49) == pytest.approx(1.0, rel=0.05)


def test_blocks_are_measured_from_the_mean_of_their_own_repeat():
    rng = np.random.default_rng(3)
    one, two = rng.standard_normal(400), rng.standard_normal(400) + 50.0
    error = within_repeats([one.tolist(), two.tolist()])
    assert error == pytest.approx(1.0 / np.sqrt(800), rel=0.1)  # 800 values know theirs to 3 %
    assert within_repeats([[1.0], [2.0]]) is None


def test_verdicts_say_what_to_do():
    assert judge_repeats(0.1, 0.12, 1, repeats=2).ok
    apart = judge_repeats(0.1, 0.9, 1, repeats=2)
    assert apart.status == "fail"
    assert "more repeats" in apart.advice
    assert judge_repeats(0.1, None, 1, repeats=1).status == "warn"


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(1).normal(size=17)
    exact = values.std(ddof=1) / np.sqrt(17)
    assert np.sqrt(jackknife_variance(np.split(values, 17), np.mean)) == pytest.approx(exact)


def test_the_jackknife_error_of_an_rmse_is_that_of_many_repetitions():
    # independent errors of σ = 2: the RMSE over K has the standard error σ/√(2 K)
    rng, k = np.random.default_rng(2), 40
    found = [jackknife_variance(np.split(2.0 * rng.normal(size=k), k), np.std) for _ in range(300)]
    assert np.mean(np.sqrt(found)) == pytest.approx(2.0 / np.sqrt(2 * k), rel=0.05)  # draws: 1 %


def test_pymbar_is_imported_without_its_banners_and_keeps_its_logger():
    code = (
        "import logging; logging.getLogger('pymbar').setLevel(logging.INFO)\n"
        "import merrow.free_energy.estimators, merrow.uncertainty\n"
        "merrow.uncertainty.inefficiency([merrow.uncertainty.np.arange(20.0) % 3])\n"
        "assert logging.getLogger('pymbar').level == logging.INFO"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
