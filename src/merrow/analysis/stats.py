# SPDX-License-Identifier: MIT
"""How well is a mean known from correlated frames, and how well do two lists of numbers agree?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]

BLOCKS = 5
"""Blocks whose means give a standard error; the fewest that say anything."""


@dataclass(frozen=True)
class Mean:
    """A mean over correlated frames.

    Attributes:
        value: The mean.
        stderr: One standard error: the larger of that of block means and that of autocorrelation.
        stderr_blocks: From the scatter of the means of equal blocks.
        inefficiency: Statistical inefficiency g, frames per independent frame.
        n_frames: Number of frames.
    """

    value: float
    stderr: float
    stderr_blocks: float
    inefficiency: float
    n_frames: int


@dataclass(frozen=True)
class Correlations:
    """How two lists of n numbers agree.

    Attributes:
        n: Length.
        pearson, spearman, kendall: Correlations.
    """

    n: int
    pearson: float
    spearman: float
    kendall: float


def block_means(values: Array, blocks: int = BLOCKS) -> Array:
    """Return the means of equal blocks of frames, shape (blocks, …).

    Args:
        values: One value or array per frame, shape (F, …) with F ≥ blocks.
        blocks: Number of blocks.
    """
    return np.array([part.mean(axis=0) for part in np.array_split(values, blocks)])


def statistical_inefficiency(values: Array) -> float:
    """Return g = 1 + 2 Σ (1 − t/F) C(t), summed until the correlation first vanishes.

    Args:
        values: A time series, shape (F,).

    Reference:
        Chodera et al., doi:10.1021/ct0502864.
    """
    n = len(values)
    delta = values - values.mean()
    variance = float(delta @ delta) / n
    if n < 3 or variance <= 1e-14 * max(1.0, float(values.mean() ** 2)):
        return 1.0
    g = 1.0
    for lag in range(1, n - 1):
        c = float(delta[:-lag] @ delta[lag:]) / ((n - lag) * variance)
        if c <= 0.0:
            break
        g += 2.0 * c * (1.0 - lag / n)
    return max(1.0, g)


def mean(values: Array, blocks: int = BLOCKS) -> Mean:
    """Return the mean of a time series with an error that knows of its correlation.

    Args:
        values: The time series, shape (F,) with F ≥ blocks.
        blocks: Number of blocks, at least 2.

    Raises:
        ValueError: There are fewer values than blocks, or fewer than two blocks.
    """
    if blocks < 2 or len(values) < blocks:
        raise ValueError(f"{len(values)} frames do not make {blocks} blocks.")
    of_blocks = float(block_means(values, blocks).std(ddof=1)) / math.sqrt(blocks)
    g = statistical_inefficiency(values)
    of_series = float(values.std(ddof=1)) * math.sqrt(g / len(values))
    return Mean(float(values.mean()), max(of_blocks, of_series), of_blocks, g, len(values))


def correlations(one: Array, two: Array) -> Correlations:
    """Return the correlations of two lists.

    Args:
        one, two: The lists, shape (n,) with n ≥ 3, none of them constant.

    Raises:
        ValueError: They differ in length, are too short, or are constant.
    """
    if one.shape != two.shape or len(one) < 3:
        raise ValueError(f"{one.shape} and {two.shape} are not two lists of three numbers or more.")
    if np.ptp(one) == 0.0 or np.ptp(two) == 0.0:
        raise ValueError("a constant list has no correlation.")
    return Correlations(
        len(one),
        float(stats.pearsonr(one, two).statistic),
        float(stats.spearmanr(one, two).statistic),
        float(stats.kendalltau(one, two).statistic),
    )


def bootstrap_interval(
    one: Array, two: Array, rng: np.random.Generator, *, n: int = 2000, level: float = 0.95
) -> tuple[float, float]:
    """Return the percentile interval of Pearson's correlation under resampling of the pairs.

    Args:
        one, two: The lists, shape (n,).
        rng: Source of the resamples.
        n: Number of resamples.
        level: Probability content.
    """
    picks = rng.integers(0, len(one), (n, len(one)))
    a = one[picks] - one[picks].mean(axis=1, keepdims=True)
    b = two[picks] - two[picks].mean(axis=1, keepdims=True)
    norm = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    found = (a * b).sum(axis=1)[norm > 0.0] / norm[norm > 0.0]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
