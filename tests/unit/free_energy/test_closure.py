# SPDX-License-Identifier: MIT
"""Is the cycle direct − endpoint said to close when it does, and not when it does not?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.free_energy.cycle import closure
from merrow.free_energy.stored import Estimate


def test_difference_and_its_error_are_those_of_independent_numbers():
    found = closure(Estimate(-3.0, 0.3), Estimate(-3.4, 0.4))
    assert found.difference.value_kcal == pytest.approx(0.4)
    assert found.difference.stderr_kcal == pytest.approx(0.5)
    assert found.verdict.ok
    assert "above 1.40 is unlikely" in found.verdict.message


def test_a_cycle_that_does_not_close_is_a_failed_check_with_advice():
    verdict = closure(Estimate(-3.0, 0.1), Estimate(-3.5, 0.1)).verdict
    assert verdict.status == "fail"
    assert "+0.50 ± 0.14" in verdict.message
    assert verdict.advice


def test_routes_that_agree_are_called_so_in_nineteen_of_twenty_runs():
    rng = np.random.default_rng(1)
    calls = [
        closure(Estimate(0.1 * a, 0.1), Estimate(0.2 * b, 0.2)).verdict.ok
        for a, b in rng.standard_normal((2000, 2))
    ]
    assert np.mean(calls) == pytest.approx(0.954, abs=0.02)  # four errors of a share of 2000
