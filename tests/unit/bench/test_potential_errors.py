# SPDX-License-Identifier: MIT
"""Do errors have the standard errors of closed forms, and does the recommendation tell them?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.bench.errors import PotentialErrors, potential_errors, recommendation
from merrow.bench.figure import plot_errors
from merrow.errors import InputError
from merrow.potentials import Evaluation


def test_errors_are_told_without_the_mean_and_for_each_geometry():
    rng = np.random.default_rng(3)
    zero = Evaluation(np.zeros(5), np.zeros((5, 4, 3)))
    answer = Evaluation(rng.normal(size=5) + 1e3, rng.normal(size=(5, 4, 3)), np.ones(5))
    row = potential_errors("mine", answer, zero, 2.0)
    assert row.energy_rmse == pytest.approx(answer.energies.std())
    assert row.force_rmse == pytest.approx(np.sqrt((answer.forces**2).mean()))
    np.testing.assert_allclose(row.errors.energies, answer.energies - answer.energies.mean())
    np.testing.assert_array_equal(row.errors.forces, answer.forces)
    assert (row.n_geometries, row.spread, row.ms) == (5, 1.0, 2.0)
    assert "errors" not in row.as_dict()


def row(name, force, error):
    numbers = {"ms": 1.25, "energy_rmse": 0.8, "energy_stderr": 0.1, "n_geometries": 12}
    return PotentialErrors(name, force_rmse=force, force_stderr=error, **numbers)


def test_the_recommendation_tells_errors_their_errors_and_times():
    said = recommendation([row("a", 2.0, 0.1), row("b", 3.0, 0.1)], "truth")
    for text in (
        "Closest to truth is a: forces within 2.00 ± 0.10 kcal/mol/Å",
        "energy differences within 0.80 ± 0.10 kcal/mol",
        "12 geometries",
        "1.2 ms each",
        "next is b, 3.00 ± 0.10 kcal/mol/Å and 1.2 ms; ",
    ):
        assert text in said


def test_potentials_are_told_apart_by_their_difference_on_the_same_geometries():
    rng = np.random.default_rng(5)
    zero = Evaluation(np.zeros(12), np.zeros((12, 4, 3)))
    hard = np.exp(rng.normal(size=(12, 1, 1)))  # some geometries are far harder than others
    common = hard * rng.normal(size=(12, 4, 3))

    def of(name, forces):
        return potential_errors(name, Evaluation(rng.normal(size=12), forces), zero, 1.0)

    best, worse = of("a", common), of("b", 1.2 * common)
    assert worse.force_rmse - best.force_rmse < best.force_stderr  # each by itself: a tie
    assert "tell apart" not in recommendation([best, worse], "truth")
    # as large, but one geometry after the other: now this, now that is better
    mixed = of("c", common * np.where(np.arange(12) % 2, 1.5, 0.9)[:, None, None])
    rows = sorted([best, mixed], key=lambda row: row.force_rmse)
    assert "which these geometries do not distinguish" in recommendation(rows, "truth")


def test_there_is_no_picture_of_nothing(tmp_path):
    with pytest.raises(InputError, match=r"nothing to draw in .*no potential could be compared"):
        plot_errors([PotentialErrors("a", problem="no")], "truth", tmp_path / "a.svg")
