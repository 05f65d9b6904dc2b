# SPDX-License-Identifier: MIT
"""What is an estimate? A number with one standard error, and how such numbers add up.

These values leave the room, so they are in kcal/mol.
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
    """The standard errors [kcal/mol] behind the one that is reported; None where impossible.

    Attributes:
        analytic: From the rows that are independent.
        blocks: From the scatter of blocks about the mean of their own repeat.
        repeats: From the scatter of repeats.
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
        """The error that the repeats give, each by itself."""
        return max(self.analytic, self.blocks or 0.0)

    @property
    def reported(self) -> float:
        """The error that is reported: within repeats and between them, see `combined_error`."""
        return combined_error(self.within, self.repeats, self.freedom)


@dataclass(frozen=True, eq=False)
class PathEstimate(Estimate):
    """The free energy of going from the last state of a path (decoupled) to its first (coupled).

    Attributes:
        method: The estimator, with its quadrature if it has one.
        states: The K states, coupled end first.
        errors: The errors of the total behind `stderr_kcal`.
        legs: Free energy of each leg in the same direction (charging, lj); they sum to the total.
        profile_kcal: Free energy of each state relative to the last one, shape (K,); nan where the
            method gives none.
        profile_stderr_kcal: Analytic errors of the profile, shape (K,); None for another method.
        overlap: MBAR overlap matrix, shape (K, K); None for another method.
        n_independent: Rows left after decorrelation.
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
        """The smallest overlap of two neighbouring states, None where there is no matrix."""
        if self.overlap is None or len(self.states) < 2:
            return None
        return float(min(np.diag(self.overlap, 1).min(), np.diag(self.overlap, -1).min()))


def negative(estimate: Estimate) -> Estimate:
    """Return the estimate with the other sign; its error is the same."""
    flipped = {repeat: -value for repeat, value in estimate.by_repeat.items()}
    return Estimate(-estimate.value_kcal, estimate.stderr_kcal, flipped)


def add(*, shared: Sequence[Estimate], independent: Sequence[Estimate] = ()) -> Estimate:
    """Return a sum of estimates with an error that does not forget shared frames.

    Errors add in quadrature. Terms estimated from some of the same frames may be correlated;
    whatever their correlation is, it is in the scatter of their *sum* over the repeats. Where at
    least two repeats are common to all `shared` terms, their quadrature and that scatter are
    therefore weighed as the errors within and between repeats are (`combined_error`).

    Args:
        shared: Terms that may share frames, with `by_repeat` where repeats exist.
        independent: Terms from other simulations; their repeats are not looked at.

    Returns:
        The sum; its `by_repeat` are the sums over the common repeats.
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
