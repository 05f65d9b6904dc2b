# SPDX-License-Identifier: MIT
"""Convergence checks: forward and reverse estimates, halves, repeats, overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from merrow.errors import NumericsError
from merrow.free_energy.decorrelate import Correlation, correlation
from merrow.free_energy.estimate import PathEstimate
from merrow.free_energy.estimators import fit_mbar
from merrow.free_energy.stored import Estimate, Verdict, verdict
from merrow.samples import Array, WindowSamples
from merrow.uncertainty import chance_of_agreement
from merrow.units import KCAL_PER_KJ, thermal_energy

FRACTIONS = (0.2, 0.4, 0.6, 0.8, 1.0)
BAD_OVERLAP = 0.03
LOW_OVERLAP = 0.15
DISAGREE = 0.01
"""Significance level at which repeats are said to disagree."""


@dataclass(frozen=True)
class Convergence:
    """MBAR on growing parts of the data.

    Attributes:
        fractions: Fractions of the data.
        forward: Estimate from the first part of each series; None with too few rows.
        reverse: Estimate from the last part of each series; None with too few rows.
        first_half: Estimate from the first half.
        second_half: Estimate from the second half.
    """

    fractions: tuple[float, ...]
    forward: tuple[Estimate | None, ...]
    reverse: tuple[Estimate | None, ...]
    first_half: Estimate | None
    second_half: Estimate | None

    @property
    def complete_parts(self) -> list[tuple[float, Estimate, Estimate]]:
        """Fraction, forward and reverse estimate of the parts with both estimates."""
        rows = zip(self.fractions, self.forward, self.reverse, strict=True)
        return [(f, a, b) for f, a, b in rows if a is not None and b is not None]


def convergence(samples: WindowSamples, *, rows: Correlation | None = None) -> Convergence:
    """Return MBAR estimates from the first and the last 20, 40, 60, 80 and 100 % of the rows.

    Errors are analytic, on independent rows.
    """
    rows = rows or correlation(samples)
    age = _age(samples, rows)
    guess = fit_mbar(samples.select(rows.equilibrated)).delta[0]

    def part(low: float, high: float) -> Estimate | None:
        inside = (age >= low) & (age < high)
        try:
            full = fit_mbar(samples.select(rows.equilibrated & inside), guess)
            thin = fit_mbar(samples.select(rows.independent & inside), guess)
        except NumericsError:
            return None
        kt = thermal_energy(samples.temperature) * KCAL_PER_KJ
        error = float(thin.stderr[-1, 0]) * kt
        value = float(full.delta[-1, 0]) * kt
        return Estimate(value, error) if math.isfinite(value + error) else None

    return Convergence(
        FRACTIONS,
        forward=tuple(part(0.0, f) for f in FRACTIONS),
        reverse=tuple(part(1.0 - f, 1.0) for f in FRACTIONS),
        first_half=part(0.0, 0.5),
        second_half=part(0.5, 1.0),
    )


def judge_halves(result: Convergence, total: Estimate) -> Verdict:
    """Check that the two halves of the data agree within 2 standard errors of their difference.

    The error of a half is at least √2 times that of the whole, which includes blocks and repeats.
    """
    a, b = result.first_half, result.second_half
    if a is None or b is None:
        return verdict(
            "halves", False, "Half of the data is too short for an estimate: run longer."
        )
    least = math.sqrt(2.0) * total.stderr_kcal
    error = math.hypot(max(a.stderr_kcal, least), max(b.stderr_kcal, least))
    difference = b.value_kcal - a.value_kcal
    ok = abs(difference) <= 2.0 * error
    said = f"the second half differs from the first by {difference:+.2f} ± {error:.2f} kcal/mol"
    if ok:
        return verdict("halves", True, f"Both halves agree: {said}.")
    return verdict("halves", False, f"Not converged: {said}; lengthen equilibration and run on.")


def judge_errors(estimate: PathEstimate) -> Verdict:
    """Check that the independent repeats of a path agree."""
    errors, repeats = estimate.errors, max(len(estimate.by_repeat), 1)
    return judge_repeats(errors.within, errors.repeats, errors.freedom, repeats=repeats)


def judge_repeats(within: float, between: float | None, freedom: float, *, repeats: int) -> Verdict:
    """Check that the repeats agree within their individual errors.

    Args:
        within: Standard error from within the repeats [kcal/mol].
        between: Standard error from their scatter [kcal/mol]; None for a single repeat.
        freedom: Degrees of freedom of `between`.
        repeats: Number of repeats, for the message.
    """
    if between is None:
        words = "There is one repeat only, so agreement between runs cannot be judged."
        return verdict("repeats", False, words, "run at least two repeats: --repeats 2")
    p = chance_of_agreement(within, between, freedom)
    said = (
        f"the error between {repeats} repeats is ±{between:.2f}, within them ±{within:.2f} "
        f"kcal/mol; at least as much scatter has a probability of {p:.2g}"
    )
    if p >= DISAGREE:
        return verdict("repeats", True, f"The repeats agree: {said}.")
    return verdict(
        "repeats",
        False,
        f"The repeats disagree: {said}.",
        "something slow (a torsion, water in a pocket) differs between them: run longer, and with "
        "more repeats",
        serious=True,
    )


def judge_overlap(estimate: PathEstimate) -> Verdict:
    """Check the overlap of neighbouring states: below 0.03 is bad, below 0.15 needs more states."""
    least = estimate.min_overlap
    if least is None or estimate.overlap is None:
        words = f"{estimate.method} gives no overlap; use MBAR."
        return verdict("overlap", False, words, serious=True)
    pairs = np.minimum(np.diag(estimate.overlap, 1), np.diag(estimate.overlap, -1))
    k = int(pairs.argmin())
    a, b = estimate.states[k], estimate.states[k + 1]
    where = f"{least:.3f} between {a.words} and {b.words}"
    if least < BAD_OVERLAP:
        sentence = f"Neighbouring states do not overlap: {where}; add a state there."
    elif least < LOW_OVERLAP:
        sentence = (
            f"The smallest overlap is {where}; usable, a state between would lower the error."
        )
    else:
        sentence = f"All neighbours overlap well; the smallest overlap is {where}."
    return verdict("overlap", least >= BAD_OVERLAP, sentence, serious=True)


def states_to_split(samples: WindowSamples, estimate: PathEstimate) -> tuple[int, ...]:
    """Return each k whose overlap with state k + 1 is below 0.15, where a state should be added."""
    pairs = neighbour_overlaps(samples, estimate)
    return tuple(int(k) for k in np.flatnonzero(pairs < LOW_OVERLAP))


def neighbour_overlaps(samples: WindowSamples, estimate: PathEstimate) -> Array:
    """Return the pairwise overlap of neighbouring states, shape (K − 1,).

    Identical states have an overlap of 0.5. In the overlap matrix of all states, two states share
    their weight with all others that are similar, so an element decreases when states are added
    and cannot show where one is needed.
    """
    f = estimate.profile_kcal / (thermal_energy(samples.temperature) * KCAL_PER_KJ)
    overlaps = np.empty(len(f) - 1)
    for k in range(len(f) - 1):
        two = samples.select((samples.state == k) | (samples.state == k + 1))
        share = float(np.mean(two.state == k))
        gap = np.log(share / (1 - share)) + (f[k] - f[k + 1]) - (two.u[:, k] - two.u[:, k + 1])
        first = expit(gap)  # probability that a pooled sample belongs to the first state
        overlaps[k] = float(np.mean(first * (1 - first))) / (2 * share * (1 - share))
    return overlaps


def _age(samples: WindowSamples, rows: Correlation) -> Array:
    """Return the relative position of each row in its series, in [0, 1); nan if unequilibrated."""
    age = np.full(len(samples), np.nan)
    for repeat in np.unique(samples.repeat):
        for k in range(len(samples.states)):
            mine = (samples.repeat == repeat) & (samples.state == k) & rows.equilibrated
            index = np.flatnonzero(mine)
            index = index[np.argsort(samples.time[index], kind="stable")]
            age[index] = np.arange(len(index)) / max(len(index), 1)
    return age
