# SPDX-License-Identifier: MIT
"""Is the thermodynamic length the known one, and do even steps pay?"""

from __future__ import annotations

import numpy as np
import pytest
from solvable import CORNER, Model, harmonic, line, sample

from merrow.errors import InputError
from merrow.free_energy.estimators import mbar
from merrow.free_energy.schedule import legs
from merrow.free_energy.spacing import (
    LEAST_STEPS,
    LegLength,
    equal_steps,
    gain_of_fractions,
    judge_spacing,
    lengths,
    respaced,
    time_fractions,
    unevenness,
)
from merrow.hydration.protocol import Schedule
from merrow.hydration.sampling.pilot import even_schedule
from merrow.samples import LambdaState

# A solvent that only stiffens the solute: σ = √½ w/(k + w λ) kT, so L = √½ ln((k + w)/k), and
# even steps are geometric in k + w λ.
STIFF = Model(harmonic(1.0), w=100.0)
LENGTH = np.sqrt(0.5) * np.log(101.0)


def test_length_is_the_closed_form_of_a_stiffening_solvent():
    states = line(np.linspace(0.0, 1.0, 41) ** 2)
    (found,) = lengths(sample(STIFF, states, 800, np.random.default_rng(61)))
    assert found.total == pytest.approx(LENGTH, rel=0.05)  # linear between 41 states, 800 rows each


def test_even_steps_of_a_known_curve_are_geometric():
    lam = np.linspace(1.0, 0.0, 4001)
    middle = (lam[:-1] + lam[1:]) / 2
    exact = LegLength("charging", lam, np.sqrt(0.5) * 100.0 / (1.0 + 100.0 * middle) / 4000)
    values = equal_steps(exact, 4)
    assert 1.0 + 100.0 * values == pytest.approx(101.0 ** np.linspace(1.0, 0.0, 5), rel=1e-2)
    assert unevenness([exact]) > 3.0
    with pytest.raises(InputError, match="0 steps"):
        equal_steps(exact, 0)


def test_even_steps_have_no_unevenness():
    even = LegLength("lj", np.linspace(1.0, 0.0, 5), np.full(4, 0.7))
    assert unevenness([even]) == pytest.approx(1.0)
    assert equal_steps(even, 4) == pytest.approx(even.lambdas)


def test_respaced_path_keeps_its_corner_its_number_and_its_order():
    found = [
        LegLength("charging", np.linspace(1.0, 0.0, 5), np.full(4, 0.03)),
        LegLength(
            "lj", np.linspace(1.0, 0.0, 10), np.array([0.9, 0.9, 0.7, 0.8, 1, 1.1, 0.8, 0.4, 0.2])
        ),
    ]
    states = respaced(found)
    assert states[0] == (1.0, 1.0)
    assert CORNER in states
    assert states[-1] == (0.0, 0.0)
    assert abs(len(states) - 14) <= 2
    assert {name: len(index) - 1 for name, index in legs(states).items()}["charging"] == 2
    coarse = [LegLength("charging", np.array([1.0, 0.0]), np.array([9.0])), found[1]]
    steps = {name: len(index) - 1 for name, index in legs(respaced(coarse)).items()}
    assert steps == {"charging": 6, "lj": 5}  # 9/6 and 6.8/5 are not above 1.5 kT


def test_pilot_leaves_an_even_schedule_and_gauss_legendre_nodes_alone():
    schedule = Schedule()
    even = [LegLength("charging", np.array([1.0, 0.0]), np.ones(1))]
    uneven = [
        LegLength("charging", np.array(schedule.lambda_electrostatics), np.full(4, 0.03)),
        LegLength("lj", np.array([1.0, *schedule.lambda_sterics]), np.linspace(0.1, 2.0, 9)),
    ]
    assert even_schedule(schedule, even) == schedule
    placed = even_schedule(schedule, uneven)
    assert placed != schedule
    assert len(placed.lambda_electrostatics) == LEAST_STEPS["charging"] + 1
    nodes = schedule.model_copy(update={"rule": "gauss-legendre"})
    assert even_schedule(nodes, uneven) == nodes


def test_time_is_due_where_the_slope_fluctuates_most():
    samples = sample(STIFF, line([0.0, 0.25, 0.5, 0.75, 1.0]), 400, np.random.default_rng(62))
    fractions = time_fractions(samples)
    assert fractions.sum() == pytest.approx(1.0)
    assert fractions.argmax() == 4  # the decoupled end
    assert gain_of_fractions(fractions) > 1.5
    verdict = judge_spacing(samples)
    assert not verdict.ok
    assert "schedule={lambda_electrostatics: [1.0, " in verdict.advice


@pytest.mark.slow
def test_even_steps_give_a_smaller_error_at_the_same_cost():
    # the law says √unevenness; MBAR also uses neighbours, so something of it is left
    plain = line(np.linspace(0.0, 1.0, 6))
    rng, model = np.random.default_rng(63), STIFF
    (found,) = lengths(sample(model, plain, 300, rng))
    even = tuple(LambdaState(v, 1.0) for v in equal_steps(found, 5).tolist())
    scatter = []
    for states in (plain, even):
        off = [mbar(sample(model, states, 100, rng)).value_kcal - model.exact() for _ in range(60)]
        scatter.append(np.sqrt(np.mean(np.square(off))))
    assert scatter[1] < 0.85 * scatter[0]  # 60 runs know each scatter to 9 %
