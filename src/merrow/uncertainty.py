# SPDX-License-Identifier: MIT
"""Standard errors of what comes from correlated rows, from blocks and from independent repeats.

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
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Array = NDArray[np.float64]

MIN_SERIES = 10
"""Shorter series tell nothing about their correlation; they are taken as they are (g = 1)."""
N_BLOCKS, MIN_BLOCKS = 10, 5
"""Blocks aimed at; the least whose scatter is called an error."""
SLOW = 0.1
"""Chance, before looking, that something slow makes the repeats differ."""
WORTH = 10.0
"""Degrees of freedom that the error within repeats is worth: its own error is about 22 %."""

LEVEL = 0.95
"""Probability that an interval is meant to cover."""
RESAMPLES = 2000


@dataclass(frozen=True)
class Mean:
    """A mean over correlated frames.

    Attributes:
        value: The mean.
        stderr: One standard error.
        inefficiency: Statistical inefficiency g, frames per independent frame.
        n_frames: Number of frames.
    """

    value: float
    stderr: float
    inefficiency: float
    n_frames: int


def mean(values: Array) -> Mean:
    """Return the mean of one time series, shape (n,), with an error that knows of correlation.

    Raises:
        ValueError: There are fewer than two values.
    """
    if len(values) < 2:
        raise ValueError(f"{len(values)} frames give no standard error.")
    stderr, g = standard_error_of_mean([values]), inefficiency([values])
    return Mean(float(values.mean()), stderr, g, len(values))


def inefficiency(series: Sequence[Array]) -> float:
    """Return the statistical inefficiency g ≥ 1 of one or more runs of the same quantity.

    Several runs (walkers) are measured against their common mean, so walkers that stay apart
    are seen as a long correlation.
    """
    # takes seconds, and not every caller comes here
    from merrow.mbar_libraries import timeseries  # noqa: PLC0415

    long_enough = [s for s in series if len(s) >= MIN_SERIES]
    if not long_enough or np.ptp(np.concatenate(long_enough)) == 0.0:
        return 1.0
    if len(long_enough) == 1:
        return float(timeseries.statistical_inefficiency(long_enough[0]))
    return float(timeseries.statistical_inefficiency_multiple(long_enough))


def standard_error_of_mean(series: Sequence[Array]) -> float:
    """Return the error of the mean of all rows, from within the groups and between them.

    Args:
        series: One array per group, in order of time; any unit, which the error shares.
    """
    values = np.concatenate(series)
    n_eff = max(len(values) / inefficiency(series), 1.0)
    analytic = float(values.std(ddof=1)) / math.sqrt(n_eff)
    cut = blocks_of(series)
    blocks = None
    if sum(map(len, cut)) >= MIN_BLOCKS:
        blocks = within_repeats([[float(b.mean()) for b in own] for own in cut])
    between = between_repeats([float(s.mean()) for s in series])
    return combined_error(max(analytic, blocks or 0.0), between, max(len(series) - 1, 1))


def blocks_of(series: Sequence[Array]) -> list[list[Array]]:
    """Cut each series into equal blocks, about ten in all, of at least 5 rows each."""
    total = sum(len(s) for s in series)
    cut: list[list[Array]] = []
    for s in series:
        n = max(1, min(round(N_BLOCKS * len(s) / max(total, 1)), len(s) // 5))
        cut.append([b for b in np.array_split(s, n) if len(b)])
    return cut


def jackknife_variance(parts: Sequence[Array], statistic: Callable[[Array], ArrayLike]) -> Array:
    """Return the variance of a statistic of all rows by leaving out each part in turn.

    Args:
        parts: Independent parts of the rows (blocks, repeats, single rows), at least two.
        statistic: From rows to a number or to an array, whose shape the variance has.

    Reference:
        Efron and Stein, 10.1214/aos/1176345462.
    """
    rows = (np.concatenate([*parts[:k], *parts[k + 1 :]]) for k in range(len(parts)))
    without = np.array([statistic(rest) for rest in rows])
    return np.asarray((len(parts) - 1) * without.var(axis=0))


def resample(*data: Array, rng: np.random.Generator, n: int = RESAMPLES) -> list[Array]:
    """Return each of some arrays of one length with n resamples of the same rows, (n, rows)."""
    rows = rng.integers(0, len(data[0]), (n, len(data[0])))
    return [values[rows] for values in data]


def central_interval(draws: Array) -> tuple[float, float] | None:
    """Return the central 95 % of resamples; None where one in ten or more have no value.

    A few have none: of few rows, a resample may be one row alone, which has no correlation.
    """
    kept = draws[np.isfinite(draws)]
    if len(kept) < 0.9 * len(draws):
        return None
    low, high = np.quantile(kept, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)


def pearson(one: Array, two: Array) -> Array:
    """Return Pearson's correlation over the last axis; NaN where one side has no spread."""
    x, y = (values - values.mean(axis=-1, keepdims=True) for values in (one, two))
    spread = np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))
    top = (x * y).sum(axis=-1)
    return np.asarray(np.divide(top, spread, out=np.full_like(spread, np.nan), where=spread > 0))


def between_repeats(values: Sequence[float] | Array) -> float | None:
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


def _chance_of_slow(p: float) -> float:
    """Return the chance that something slow is at work, given the p-value of no such thing."""
    if p <= 0.0:
        return 1.0
    bayes = -math.e * p * math.log(p) if p < 1.0 / math.e else 1.0
    return SLOW / (SLOW + (1.0 - SLOW) * bayes)
