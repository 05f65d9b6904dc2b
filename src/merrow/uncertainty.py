# SPDX-License-Identifier: MIT
"""Standard errors from correlated samples, from blocks and from independent repeats.

The error within repeats (analytic, blocks) has many degrees of freedom but cannot see what a
repeat never visits. The scatter between repeats sees it but has only R − 1 degrees of freedom: with
two repeats it is |difference|/2, which by chance alone is above twice the true error in one run of
22 and below a quarter of it in one of 5. Both are therefore weighed (docs/decisions/0006):

    σ² = (1 − P) σ₀² + P max(w², b²),   σ₀² = max(w², (ν w² + (R−1) b²) / (ν + R − 1)),

with w the error within and b that between repeats, ν = 10 the effective degrees of freedom of w,
and P the probability that the repeats really differ. P follows from the p-value of b²/w² (F
distribution) by the bound of Sellke, Bayarri and Berger (10.1198/000313001300339950) on Bayes
factors, with a prior of 0.1.
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
"""Shorter series are too short to estimate their correlation; g = 1 is assumed."""
N_BLOCKS, MIN_BLOCKS = 10, 5
"""Target number of blocks, and the minimum that gives an error."""
SLOW = 0.1
"""Prior probability that slow motions make the repeats differ."""
WORTH = 10.0
"""Effective degrees of freedom of the error within repeats: its own error is about 22 %."""

LEVEL = 0.95
"""Nominal coverage of an interval."""
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
    """Return the mean of a time series, shape (n,), with an error corrected for correlation.

    Raises:
        ValueError: There are fewer than two values.
    """
    if len(values) < 2:
        raise ValueError(f"{len(values)} frames give no standard error.")
    stderr, g = standard_error_of_mean([values]), inefficiency([values])
    return Mean(float(values.mean()), stderr, g, len(values))


def inefficiency(series: Sequence[Array]) -> float:
    """Return the statistical inefficiency g ≥ 1 of one or more time series of a quantity.

    Several series (walkers) are compared with their common mean, so walkers that stay apart show
    up as a long correlation.
    """
    # the import takes seconds, and not every caller needs it
    from merrow.mbar_libraries import timeseries  # noqa: PLC0415

    long_enough = [s for s in series if len(s) >= MIN_SERIES]
    if not long_enough or np.ptp(np.concatenate(long_enough)) == 0.0:
        return 1.0
    if len(long_enough) == 1:
        return float(timeseries.statistical_inefficiency(long_enough[0]))
    return float(timeseries.statistical_inefficiency_multiple(long_enough))


def standard_error_of_mean(series: Sequence[Array]) -> float:
    """Return the standard error of the mean of all rows, within and between groups.

    Args:
        series: One array per group, in order of time, in any unit; the error has the same unit.
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
    """Return the jackknife variance of a statistic, leaving out each part in turn.

    Args:
        parts: Independent parts of the rows (blocks, repeats, single rows), at least two.
        statistic: Function of the rows; the variance has the shape of its value.

    Reference:
        Efron and Stein, 10.1214/aos/1176345462.
    """
    rows = (np.concatenate([*parts[:k], *parts[k + 1 :]]) for k in range(len(parts)))
    without = np.array([statistic(rest) for rest in rows])
    return np.asarray((len(parts) - 1) * without.var(axis=0))


def resample(*data: Array, rng: np.random.Generator, n: int = RESAMPLES) -> list[Array]:
    """Return n bootstrap resamples of the same rows of each array, shape (n, rows)."""
    rows = rng.integers(0, len(data[0]), (n, len(data[0])))
    return [values[rows] for values in data]


def central_interval(draws: Array) -> tuple[float, float] | None:
    """Return the central 95 % interval of resamples; None if a tenth or more have no value.

    With few rows, a resample may repeat a single row, which has no correlation.
    """
    kept = draws[np.isfinite(draws)]
    if len(kept) < 0.9 * len(draws):
        return None
    low, high = np.quantile(kept, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)


def pearson(one: Array, two: Array) -> Array:
    """Return Pearson's correlation over the last axis; NaN where one side is constant."""
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
    """Return the standard error from the scatter of blocks about the mean of their repeat.

    Args:
        groups: Block values of each repeat; the number of blocks may differ.

    Returns:
        The error; None where no repeat has two blocks.
    """
    squares = math.fsum(float(np.var(g)) * len(g) for g in groups if len(g) > 1)
    freedom = sum(len(g) - 1 for g in groups if len(g) > 1)
    if freedom == 0:
        return None
    return math.sqrt(squares / freedom / sum(len(g) for g in groups))


def chance_of_agreement(within: float, between: float, freedom: float) -> float:
    """Return the p-value of the scatter between repeats, if there are no slow motions.

    Args:
        within: Standard error from within the repeats.
        between: Standard error from the scatter between them, in the same unit.
        freedom: Degrees of freedom of `between`; R − 1 for R repeats.
    """
    if between == 0.0:
        return 1.0
    if within == 0.0:
        return 0.0
    return float(stats.f.sf((between / within) ** 2, freedom, WORTH))


def combined_error(within: float, between: float | None, freedom: float) -> float:
    """Return the reported standard error; never below the one within repeats.

    Args:
        within: Standard error from within the repeats (the larger of analytic and blocks).
        between: Standard error from the scatter between them; None for a single repeat.
        freedom: Degrees of freedom of `between`.
    """
    if between is None:
        return within
    slow = _chance_of_slow(chance_of_agreement(within, between, freedom))
    w, b = within**2, between**2
    pooled = max(w, (WORTH * w + freedom * b) / (WORTH + freedom))
    return math.sqrt((1.0 - slow) * pooled + slow * max(w, b))


def _chance_of_slow(p: float) -> float:
    """Return the posterior probability of slow motions, given the p-value of their absence."""
    if p <= 0.0:
        return 1.0
    bayes = -math.e * p * math.log(p) if p < 1.0 / math.e else 1.0
    return SLOW / (SLOW + (1.0 - SLOW) * bayes)
