# SPDX-License-Identifier: MIT
"""Which states make a path, and do the weights integrate what they should?"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from alchemlyb.estimators import TI_GQ

from merrow.errors import InputError
from merrow.free_energy.decorrelate import correlation
from merrow.free_energy.schedule import gauss_legendre, legs, weights
from merrow.free_energy.spacing import LegLength, gain_of_fractions, respaced, time_fractions
from merrow.hydration.protocol import PROTOCOLS
from merrow.samples import LambdaState

PAPER = [LambdaState(*state) for state in PROTOCOLS["paper"].schedule.states]


@pytest.mark.parametrize("n", [1, 3, 5, 12])
def test_gauss_legendre_integrates_polynomials_up_to_degree_2n_minus_1(n):
    nodes, w = gauss_legendre(n)
    for power in range(2 * n):
        assert (w * nodes**power).sum() == pytest.approx(1.0 / (power + 1), rel=1e-12)


@pytest.mark.parametrize("n", [5, 12])
def test_nodes_and_weights_are_those_of_alchemlyb(n):
    nodes, w = gauss_legendre(n)
    table = TI_GQ.special_points[n]
    # alchemlyb's have five digits
    np.testing.assert_allclose(nodes[::-1], table["lambdas"], atol=1e-5)
    np.testing.assert_allclose(w[::-1], table["weights"], atol=1e-5)


def test_the_path_of_the_paper_has_both_legs_with_their_ends():
    states = PAPER
    assert len(states) == 1 + 5 + 1 + 12 + 1
    assert states[0] == (1.0, 1.0)
    assert states[6] == (0.0, 1.0)
    assert states[-1] == (0.0, 0.0)
    assert legs(states)["charging"].tolist() == list(range(7))
    assert legs(states)["lj"].tolist() == list(range(6, 20))


@pytest.mark.parametrize("rule", ["trapezoid", "gauss-legendre"])
def test_weights_of_each_leg_sum_to_its_length(rule):
    w = weights(PAPER, rule)
    assert w.sum(axis=0) == pytest.approx([1.0, 1.0])


def test_end_points_carry_no_gauss_legendre_weight():
    w = weights(PAPER, "gauss-legendre")
    assert not w[[0, 6, 19]].any()
    assert (w.any(axis=1)).sum() == 17


def test_trapezoid_is_exact_for_a_line_on_uneven_states():
    states = [LambdaState(x, 1.0) for x in (1.0, 0.7, 0.1, 0.0)]
    w = weights(states, "trapezoid")[:, 0]
    assert w @ [3.0 * s.lambda_electrostatics + 1.0 for s in states] == pytest.approx(2.5)


def test_rounded_nodes_are_recognised():
    states = [
        LambdaState(round(s.lambda_electrostatics, 5), round(s.lambda_sterics, 5)) for s in PAPER
    ]
    w = weights(states, "gauss-legendre")
    np.testing.assert_allclose(w, weights(PAPER, "gauss-legendre"))


def test_states_that_are_no_nodes_are_refused():
    states = [LambdaState(x, 1.0) for x in (1.0, 0.75, 0.5, 0.25, 0.0)]
    with pytest.raises(InputError, match="charging between 0 and 1 must be Gauss"):
        weights(states, "gauss-legendre")


@pytest.mark.parametrize(
    "states",
    [
        [(0.0, 1.0), (1.0, 1.0)],  # ascending
        [(1.0, 1.0), (0.5, 0.5)],  # both at once
        [(1.0, 1.0), (1.0, 0.5)],  # LJ softens under charges
        [(1.0, 1.0), (1.0, 1.0)],  # twice the same
    ],
)
def test_what_is_no_path_is_refused(states):
    with pytest.raises(InputError, match="not a step of a path"):
        legs([LambdaState(*s) for s in states])


def test_unknown_rule_is_refused():
    with pytest.raises(InputError, match="simpson"):
        weights(PAPER, "simpson")


def test_time_goes_by_weight_and_scatter(path):
    samples = path(n=2000)  # σ of the slopes is 2 kT on the first leg, 1 kT on the second
    rows = dataclasses.replace(correlation(samples), g=np.array([[1.0, 1.0, 1.0, 4.0, 1.0]]))
    need = np.array([0.5, 1.0, np.hypot(0.5, 0.25), 2.0 * 0.5, 0.25])
    np.testing.assert_allclose(time_fractions(samples, rows=rows), need / need.sum(), rtol=0.06)


def test_what_equal_times_cost_is_the_inequality_of_cauchy_and_schwarz():
    assert gain_of_fractions(np.full(7, 0.2)) == pytest.approx(1.0)
    assert gain_of_fractions(np.array([3.0, 1.0])) == pytest.approx(2.0 * 10.0 / 16.0)


def test_a_short_leg_keeps_two_steps_of_charging_and_four_of_lj():
    legs = [
        LegLength("charging", np.array([1.0, 0.0]), np.array([0.01])),
        LegLength("lj", np.array([1.0, 0.0]), np.array([0.01])),
    ]
    states = respaced(legs)
    assert [s.lambda_electrostatics for s in states] == [1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert [s.lambda_sterics for s in states] == [1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
