# SPDX-License-Identifier: MIT
"""Agreement of independent repeats, and what their scatter makes of the standard error.

The error within repeats (analytic, blocks) has many degrees of freedom but cannot see what a
repeat never visits. The scatter between repeats sees it but has R − 1 degrees of freedom: with
two repeats it is |difference|/2, which by chance alone is above twice the true error in one run of
22 and below a quarter of it in one of 5. Both are therefore weighed (docs/decisions/0006):

    σ² = (1 − P) σ₀² + P max(w², b²),   σ₀² = max(w², (ν w² + (R−1) b²) / (ν + R − 1)),

with w the error within, b that between repeats, ν = 10 the worth of w in degrees of freedom, and P
the chance that the repeats really differ. P follows from the p-value of b²/w² (F distribution) by
the bound of Sellke, Bayarri and Berger (10.1198/000313001300339950) on Bayes factors; before
looking it is 0.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from merrow.free_energy.stored import Verdict, verdict

SLOW = 0.1
"""Chance, before looking, that something slow makes the repeats differ."""
WORTH = 10.0
"""Degrees of freedom that the error within repeats is worth: its own error is about 22 %."""
DISAGREE = 0.01
"""Repeats that differ so much less often than this by chance are said to disagree."""


def between_repeats(values: Sequence[float]) -> float | None:
    """Return SD/√R of values of independent repeats, None for fewer than two."""
    if len(values) < 2:
        return None
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))


def within_repeats(groups: Sequence[Sequence[float]]) -> float | None:
    """Return the error of the mean from the scatter of blocks about their own repeat's mean.

    Args:
        groups: Values of the blocks of each repeat; the repeats may differ in number of blocks.

    Returns:
        The error; None where no repeat has two blocks.
    """
    squares = math.fsum(float(np.var(g)) * len(g) for g in groups if len(g) > 1)
    freedom = sum(len(g) - 1 for g in groups if len(g) > 1)
    if freedom == 0:
        return None
    return math.sqrt(squares / freedom / sum(len(g) for g in groups))


def chance_of_agreement(within: float, between: float, freedom: float) -> float:
    """Return the p-value of a scatter between repeats at least this large, if nothing is slow.

    Args:
        within: Standard error from within the repeats.
        between: Standard error from their scatter.
        freedom: Degrees of freedom of `between`; R − 1 for R repeats.
    """
    if between == 0.0:
        return 1.0
    if within == 0.0:
        return 0.0
    return float(stats.f.sf((between / within) ** 2, freedom, WORTH))


def combined_error(within: float, between: float | None, freedom: float) -> float:
    """Return the standard error that is reported; never below the one within repeats.

    Args:
        within: Standard error from within the repeats (the larger of analytic and blocks).
        between: Standard error from their scatter, in the same unit; None for a single repeat.
        freedom: Degrees of freedom of `between`.
    """
    if between is None:
        return within
    slow = _chance_of_slow(chance_of_agreement(within, between, freedom))
    w, b = within**2, between**2
    pooled = max(w, (WORTH * w + freedom * b) / (WORTH + freedom))
    return math.sqrt((1.0 - slow) * pooled + slow * max(w, b))


def judge_repeats(within: float, between: float | None, freedom: float, *, repeats: int) -> Verdict:
    """Say whether the repeats agree within the errors that they have alone.

    Args:
        within: Standard error from within the repeats [kcal/mol].
        between: Standard error from their scatter [kcal/mol]; None for a single repeat.
        freedom: Degrees of freedom of `between`.
        repeats: Number of repeats, for the sentence.
    """
    if between is None:
        words = "There is one repeat, so nothing tells whether another run would agree."
        return verdict("repeats", False, words, "run at least two repeats: --repeats 2")
    p = chance_of_agreement(within, between, freedom)
    said = (
        f"the scatter of {repeats} repeats alone gives ±{between:.2f}, their insides ±{within:.2f} "
        f"kcal/mol; so much scatter or more has a chance of {p:.2g}"
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


def _chance_of_slow(p: float) -> float:
    """Return the chance that something slow is at work, given the p-value of no such thing."""
    if p <= 0.0:
        return 1.0
    bayes = -math.e * p * math.log(p) if p < 1.0 / math.e else 1.0
    return SLOW / (SLOW + (1.0 - SLOW) * bayes)
