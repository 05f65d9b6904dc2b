# SPDX-License-Identifier: MIT
"""Estimates: values with standard errors, and their sums.

Public values are in kcal/mol.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from merrow.free_energy.stored import Estimate
from merrow.samples import Array, LambdaState
from merrow.uncertainty import between_repeats, combined_error


@dataclass(frozen=True)
class ErrorParts:
    """The standard errors [kcal/mol] behind the reported one; None if not available.

    Attributes:
        analytic: Analytic error from the independent rows.
        blocks: Error from the scatter of blocks about the mean of their repeat.
        repeats: Error from the scatter of repeats.
        freedom: Degrees of freedom of `repeats`: R − 1 for R repeats.
    """

    analytic: float
    blocks: float | None
    repeats: float | None
    freedom: float = 1.0

    def scaled(self, factor: float) -> ErrorParts:
        """Return the same errors in another unit."""
        blocks, repeats = (
            None if error is None else error * factor for error in (self.blocks, self.repeats)
        )
        return ErrorParts(self.analytic * factor, blocks, repeats, self.freedom)

    @property
    def within(self) -> float:
        """The error within the repeats."""
        return max(self.analytic, self.blocks or 0.0)

    @property
    def reported(self) -> float:
        """The reported error, from within and between repeats; see `combined_error`."""
        return combined_error(self.within, self.repeats, self.freedom)


@dataclass(frozen=True, eq=False)
class PathEstimate(Estimate):
    """The free energy from the last state of a path (decoupled) to its first (coupled).

    Attributes:
        method: The estimator, with its quadrature if it has one.
        states: The K states, coupled end first.
        errors: The errors of the total behind `stderr_kcal`.
        legs: Free energy of each leg in the same direction (charging, lj); they sum to the total.
        profile_kcal: Free energy of each state relative to the last one, shape (K,); nan if the
            method gives none.
        profile_stderr_kcal: Analytic errors of the profile, shape (K,); None without MBAR.
        overlap: MBAR overlap matrix, shape (K, K); None without MBAR.
        n_independent: Number of rows after decorrelation.
    """

    method: str = field(kw_only=True)
    states: tuple[LambdaState, ...] = field(kw_only=True, repr=False)
    errors: ErrorParts = field(kw_only=True)
    legs: Mapping[str, Estimate] = field(kw_only=True)
    profile_kcal: Array = field(kw_only=True, repr=False)
    profile_stderr_kcal: Array | None = field(kw_only=True, repr=False, default=None)
    overlap: Array | None = field(kw_only=True, repr=False, default=None)
    n_independent: int = field(kw_only=True)

    @property
    def min_overlap(self) -> float | None:
        """The smallest overlap of neighbouring states, or None without an overlap matrix."""
        if self.overlap is None or len(self.states) < 2:
            return None
        return float(min(np.diag(self.overlap, 1).min(), np.diag(self.overlap, -1).min()))


def negative(estimate: Estimate) -> Estimate:
    """Return the estimate with opposite sign and the same error."""
    flipped = {repeat: -value for repeat, value in estimate.by_repeat.items()}
    return Estimate(-estimate.value_kcal, estimate.stderr_kcal, flipped)


def add(*, shared: Sequence[Estimate], independent: Sequence[Estimate] = ()) -> Estimate:
    """Return the sum of estimates, with an error that allows for shared frames.

    Errors add in quadrature. Terms from partly the same frames may be correlated, which shows in
    the scatter of their *sum* over the repeats. If at least two repeats are common to all `shared`
    terms, their quadrature sum and that scatter are therefore combined like the errors within and
    between repeats (`combined_error`).

    Args:
        shared: Terms that may share frames, with `by_repeat` if there are repeats.
        independent: Terms from other simulations; their repeats are not used.

    Returns:
        The sum, with sums over the common repeats in `by_repeat`.
    """
    terms = [*shared, *independent]
    value = math.fsum(t.value_kcal for t in terms)
    common = set.intersection(*(set(t.by_repeat) for t in shared)) if shared else set()
    offset = math.fsum(t.value_kcal for t in independent)
    sums = {r: offset + math.fsum(t.by_repeat[r] for t in shared) for r in sorted(common)}
    scatter = between_repeats(list(sums.values()))
    together = combined_error(
        math.hypot(*(t.stderr_kcal for t in shared)), scatter, max(len(sums) - 1, 1)
    )
    stderr = math.hypot(together, *(t.stderr_kcal for t in independent))
    return Estimate(value, stderr, sums)
