# SPDX-License-Identifier: MIT
"""Error statistics of calculated free energies against a reference, and between two sets.

Intervals come only from resampling molecules. The deviations already contain the errors of
sampling and of the reference: drawing these again would count them twice and shift every mean of
absolute values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from merrow.errors import NumericsError
from merrow.uncertainty import RESAMPLES, central_interval, pearson, resample

Array = NDArray[np.float64]
Statistic = Callable[[Array, Array], Array]
"""Function of values and references, shape (..., n), that returns shape (...)."""


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval; the ends are None for too few molecules."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ErrorStatistics:
    """Error statistics of calculated against reference values of n molecules.

    Attributes:
        n: Number of molecules with both values.
        me: Mean error, calculated − reference [kcal/mol].
        mae: Mean absolute error [kcal/mol].
        rmse: Root mean square error [kcal/mol].
        r2: Square of Pearson's correlation coefficient; None below three molecules, or if one
            side is constant.
        tau: Kendall's τ_b; None under the same conditions.
        quartiles: Smallest error, lower quartile, median, upper quartile, largest [kcal/mol].
        mean_stderr: Root mean square of the known statistical errors [kcal/mol], a floor of the
            RMSE; None if none is known.
    """

    n: int
    me: Interval
    mae: Interval
    rmse: Interval
    r2: Interval | None
    tau: Interval | None
    quartiles: tuple[float, float, float, float, float]
    mean_stderr: float | None


@dataclass(frozen=True)
class PairedDifference:
    """Paired comparison of two sets of calculated values on the same molecules.

    Attributes:
        n: Number of molecules with both values, and with a reference if there is one.
        mae: MAE of the first − MAE of the second [kcal/mol]; negative if the first is better. None
            without a reference.
        rmse: The same for the RMSE [kcal/mol].
        shift: Mean of first − second [kcal/mol].
    """

    n: int
    mae: Interval | None
    rmse: Interval | None
    shift: Interval


def compare_to_experiment(
    calculated: Array,
    stderr: Array,
    reference: Array,
    *,
    rng: np.random.Generator,
    n_resamples: int = RESAMPLES,
) -> ErrorStatistics:
    """Compare calculated values with a reference.

    Args:
        calculated: Free energies [kcal/mol], shape (n,).
        stderr: Their standard errors [kcal/mol], shape (n,); NaN where unknown.
        reference: Reference values [kcal/mol], shape (n,).
        rng: Random generator for the resampling.
        n_resamples: Number of bootstrap resamples.

    Raises:
        NumericsError: Shapes differ, there is no molecule, or a number is not finite.
    """
    known = np.where(np.isnan(stderr), 0.0, stderr)
    calculated, reference, _ = _checked(calculated, reference, known)
    n = len(calculated)
    drawn = resample(calculated, reference, rng=rng, n=n_resamples)

    def interval(statistic: Statistic) -> Interval:
        return _interval(n, statistic(calculated, reference), statistic(*drawn))

    def correlation(statistic: Statistic) -> Interval | None:
        known = n >= 3 and bool(np.isfinite(statistic(calculated, reference)))
        return interval(statistic) if known else None

    low, lower, middle, upper, high = np.quantile(calculated - reference, np.linspace(0, 1, 5))
    return ErrorStatistics(
        n=n,
        me=interval(mean_signed_error),
        mae=interval(mean_absolute_error),
        rmse=interval(root_mean_square_error),
        r2=correlation(r_squared),
        tau=correlation(kendall_tau),
        quartiles=(float(low), float(lower), float(middle), float(upper), float(high)),
        mean_stderr=known_mean_square_root(stderr),
    )


def paired_difference(
    first: Array,
    second: Array,
    reference: Array | None,
    *,
    rng: np.random.Generator,
    n_resamples: int = RESAMPLES,
) -> PairedDifference:
    """Compare two sets of calculated values with each other and with a reference, in pairs.

    Args:
        first: Free energies [kcal/mol], shape (n,).
        second: Free energies of the same molecules [kcal/mol], shape (n,).
        reference: Reference values [kcal/mol], shape (n,); None for the shift alone.
        rng: Random generator for the resampling.
        n_resamples: Number of bootstrap resamples.

    Raises:
        NumericsError: Shapes differ, there is no molecule, or a number is not finite.
    """
    measured = np.zeros_like(first) if reference is None else reference
    first, second, measured = _checked(first, second, measured)
    one, two, against = resample(first, second, measured, rng=rng, n=n_resamples)

    def interval(statistic: Statistic) -> Interval:
        value = statistic(first, measured) - statistic(second, measured)
        return _interval(len(first), value, statistic(one, against) - statistic(two, against))

    return PairedDifference(
        n=len(first),
        mae=None if reference is None else interval(mean_absolute_error),
        rmse=None if reference is None else interval(root_mean_square_error),
        shift=interval(mean_signed_error),
    )


def known_mean_square_root(errors: Array) -> float | None:
    """Return the root mean square of the errors that are not NaN; None without any."""
    known = errors[~np.isnan(errors)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else None


def mean_signed_error(values: Array, reference: Array) -> Array:
    """Return the mean of value − reference over the last axis."""
    return np.asarray(np.mean(values - reference, axis=-1))


def mean_absolute_error(values: Array, reference: Array) -> Array:
    """Return the mean of |value − reference| over the last axis."""
    return np.asarray(np.mean(np.abs(values - reference), axis=-1))


def root_mean_square_error(values: Array, reference: Array) -> Array:
    """Return the root of the mean of (value − reference)² over the last axis."""
    return np.asarray(np.sqrt(np.mean((values - reference) ** 2, axis=-1)))


def r_squared(values: Array, reference: Array) -> Array:
    """Return the square of Pearson's correlation; NaN where one side is constant."""
    return np.asarray(pearson(values, reference) ** 2)


def kendall_tau(values: Array, reference: Array) -> Array:
    """Return Kendall's τ_b over the last axis; NaN where one side is constant."""
    pairs = zip(np.atleast_2d(values), np.atleast_2d(reference), strict=True)
    found = [stats.kendalltau(x, y, method="asymptotic").statistic for x, y in pairs]
    return np.reshape(np.array(found, dtype=np.float64), np.shape(values)[:-1])


def _checked(*arrays: Array) -> list[Array]:
    found = [np.asarray(array, dtype=np.float64) for array in arrays]
    if found[0].ndim != 1 or any(a.shape != found[0].shape for a in found) or not len(found[0]):
        raise NumericsError(
            f"arrays of shapes {[a.shape for a in found]} cannot be compared; give one value of "
            "each kind for at least one molecule."
        )
    if not all(np.isfinite(a).all() for a in found):
        raise NumericsError("a value to be compared is not finite; leave that molecule out.")
    return found


def _interval(n: int, value: Array, draws: Array) -> Interval:
    """Return a value with the central interval of its resamples, if n is at least three."""
    ends = central_interval(draws) if n >= 3 else None
    return Interval(float(value), *(ends or (None, None)))
