# SPDX-License-Identifier: MIT
"""Which states make a path, and do the weights integrate what they should?"""

from __future__ import annotations

import numpy as np
import pytest
from alchemlyb.estimators import TI_GQ

from merrow.errors import InputError
from merrow.free_energy.schedule import gauss_legendre, legs, weights
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
