# SPDX-License-Identifier: MIT
"""Optimal placement and sampling time of states by thermodynamic length.

The length of a step is ∫ σ dλ/kT with σ the standard deviation of ∂V/∂λ. With N independent rows
per state on a path of length L in K equal steps, the error of ΔG is about L/√(K N) kT; uneven steps
cost K Σ ℓ²/L² times as much (Cauchy–Schwarz), the `unevenness`.

References:
    10.1103/PhysRevE.80.046705 (length and schedules); 10.1103/PhysRevLett.99.100602 (length).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merrow.errors import InputError
from merrow.free_energy.decorrelate import Correlation, correlation
from merrow.free_energy.schedule import COMPONENT, legs, weights
from merrow.free_energy.stored import Verdict, verdict
from merrow.samples import Array, LambdaState, WindowSamples
from merrow.units import thermal_energy

LONGEST = 1.5
"""Longest step of a respaced path [kT]; Gaussian states at this distance overlap by 0.3."""
LEAST_STEPS = {"charging": 2, "lj": 4}
"""Minimum number of steps per leg: TI is a useful check only with several states."""
UNEVEN = 1.2
"""Cost of a spacing above which another one is proposed."""


@dataclass(frozen=True)
class LegLength:
    """The thermodynamic length along one leg.

    Attributes:
        leg: "charging" or "lj".
        lambdas: λ of its states, from coupled to decoupled, shape (n,).
        steps: Length of each step [kT], shape (n − 1,).
    """

    leg: str
    lambdas: Array
    steps: Array

    @property
    def total(self) -> float:
        """Length of the leg [kT]."""
        return float(self.steps.sum())


def lengths(samples: WindowSamples, *, rows: Correlation | None = None) -> tuple[LegLength, ...]:
    """Return the thermodynamic length of each leg, σ interpolated linearly between the states."""
    rows = rows or correlation(samples)
    sigma = standard_deviations(samples, rows)
    found = []
    for name, index in legs(samples.states).items():
        component = COMPONENT[name]
        lam = np.array([samples.states[k][component] for k in index])
        here = sigma[index, component]
        found.append(LegLength(name, lam, (lam[:-1] - lam[1:]) * (here[:-1] + here[1:]) / 2.0))
    return tuple(found)


def unevenness(found: Sequence[LegLength]) -> float:
    """Return K Σ ℓ²/L² of all steps, at least 1: the relative cost of the spacing."""
    steps = np.concatenate([leg.steps for leg in found])
    return float(len(steps) * np.sum(steps**2) / np.sum(steps) ** 2)


def equal_steps(found: LegLength, n_steps: int) -> Array:
    """Return n_steps + 1 descending values of λ, ends included, at equal length intervals.

    Args:
        found: The estimated length along a leg.
        n_steps: Number of steps.

    Raises:
        InputError: n_steps is below one.
    """
    if n_steps < 1:
        raise InputError(f"a leg cannot have {n_steps} steps; ask for one or more.")
    passed = np.concatenate([[0.0], np.cumsum(found.steps)])
    if passed[-1] == 0.0:
        return np.linspace(found.lambdas[0], found.lambdas[-1], n_steps + 1)
    return np.asarray(np.interp(np.linspace(0.0, passed[-1], n_steps + 1), passed, found.lambdas))


def respaced(found: Sequence[LegLength]) -> tuple[LambdaState, ...]:
    """Return a path of at least as many steps, with equal length on each leg.

    Args:
        found: Lengths of the legs of a path from (1, 1) to (0, 0).
    """
    whole = sum(leg.total for leg in found)
    step = min(LONGEST, whole / sum(len(leg.steps) for leg in found))
    states = []
    for leg in found:
        as_many = round(leg.total / step) if step > 0.0 else 1
        count = max(LEAST_STEPS[leg.leg], as_many, int(np.ceil(leg.total / LONGEST)))
        values = np.round(equal_steps(leg, count), 4)
        charges = leg.leg == "charging"
        states += [LambdaState(v, 1.0) if charges else LambdaState(0.0, v) for v in values.tolist()]
    return tuple(dict.fromkeys(states))  # the corner belongs to both legs


def time_fractions(samples: WindowSamples, *, rows: Correlation | None = None) -> Array:
    """Return the optimal fraction of time of each state, w·σ·√τ normalised, shape (K,).

    This is the optimum for Σ w ⟨∂V/∂λ⟩ at fixed total time; for MBAR with good overlap the weights
    are those of the trapezoidal rule.
    """
    rows = rows or correlation(samples)
    w, sigma = weights(samples.states, "trapezoid"), standard_deviations(samples, rows)
    g = np.array([np.nanmean(column) for column in rows.g.T])
    need = np.sqrt(np.sum((w * sigma) ** 2, axis=1) * np.nan_to_num(g, nan=1.0))
    return np.asarray(need / need.sum())


def gain_of_fractions(fractions: Array) -> float:
    """Return the factor, at least 1, by which optimal fractions reduce the total time.

    Equal times need K Σ s² where the optimum needs (Σ s)², s being w·σ·√τ.
    """
    return float(len(fractions) * np.sum(fractions**2) / np.sum(fractions) ** 2)


def judge_spacing(samples: WindowSamples, *, rows: Correlation | None = None) -> Verdict:
    """Check the cost of the spacing, and propose a better schedule."""
    rows = rows or correlation(samples)
    found = lengths(samples, rows=rows)
    cost, fractions = unevenness(found), time_fractions(samples, rows=rows)
    neediest = [samples.states[k] for k in np.argsort(-fractions)[:3]]
    said = (
        f"thermodynamic length {sum(leg.total for leg in found):.1f} kT, at equal times "
        f"{cost:.2f} times the cost of even steps and {gain_of_fractions(fractions):.2f} times "
        "that of the best division of time; most of it is due to "
        + ", ".join(s.words for s in neediest)
    )
    if cost < UNEVEN:
        return verdict("schedule", True, f"The states are well placed: {said}.")
    better = respaced(found)
    charges = [s.lambda_electrostatics for s in better if s.lambda_sterics == 1.0]
    lj = [s.lambda_sterics for s in better if s.lambda_sterics < 1.0]
    advice = (
        "for a longer run of such a molecule: --set "
        f"'schedule={{lambda_electrostatics: {charges}, lambda_sterics: {lj}}}'"
    )
    return verdict("schedule", False, f"The states are placed unevenly: {said}.", advice)


def standard_deviations(samples: WindowSamples, rows: Correlation) -> Array:
    """Return the standard deviation of ∂V/∂λ_elec and ∂V/∂λ_sterics in every state [kT], (K, 2)."""
    kt = thermal_energy(samples.temperature)
    found = np.zeros((len(samples.states), 2))
    for k in range(len(samples.states)):
        here = samples.dvdl[rows.equilibrated & (samples.state == k)]
        if len(here) > 1:
            found[k] = here.std(axis=0, ddof=1) / kt
    return found
