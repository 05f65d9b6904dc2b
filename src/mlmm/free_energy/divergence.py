# SPDX-License-Identifier: MIT
"""What can be said of the reorganisation free energy kT·KL(p_wat ‖ p_gas)? A bound and an estimate.

Bound: whatever is counted of a conformation, KL of the counts is at most KL of the conformations
(data processing), and for every function T of what is counted

    KL ≥ ⟨T⟩_wat − ln⟨e^T⟩_gas                       (Donsker and Varadhan, 10.1002/cpa.3160360204).

T = ln p̂/q̂ is fitted on one half of the repeats and the two averages are taken on the other half, so
a T fitted to noise lowers the bound instead of raising it. Both halves take their turn.

Estimate: bonds and angles as Gaussians in water and in gas. Not a bound: it takes shapes as given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlmm.free_energy.decorrelate import inefficiency, split
from mlmm.free_energy.estimate import Estimate
from mlmm.free_energy.expectation import weighted_mean
from mlmm.free_energy.populations import sectors
from mlmm.samples import Array, IntArray
from mlmm.units import KCAL_PER_KJ, thermal_energy

PSEUDO = 0.5
"""Independent frames that are added to every count before a logarithm is taken."""
MIN_ROWS = 10
"""Frames that each half of each phase needs."""


@dataclass(frozen=True)
class Ensemble:
    """What is counted, or measured, on the frames of one phase.

    Attributes:
        values: Labels of conformers, shape (n,), or coordinates, shape (n, d).
        group: Repeat or walker of each frame, shape (n,).
        weights: Weight of each frame, shape (n,); None for equal ones.
        drawn_from: Number of the ensemble that each frame was sampled in, shape (n,); None for one.
    """

    values: NDArray[np.generic]
    group: IntArray
    weights: Array | None = None
    drawn_from: IntArray | None = None

    @property
    def share(self) -> Array:
        """The weights with mean one, shape (n,)."""
        if self.weights is None:
            return np.ones(len(self.values))
        return np.asarray(self.weights / self.weights.mean())

    def where(self, mask: NDArray[np.bool_]) -> Ensemble:
        """Return the frames that a mask selects."""
        weights = None if self.weights is None else self.weights[mask]
        drawn_from = None if self.drawn_from is None else self.drawn_from[mask]
        return Ensemble(self.values[mask], self.group[mask], weights, drawn_from)


def conformer_labels(angles: Array) -> IntArray:
    """Return one number for each combination of torsion states.

    Args:
        angles: Torsion angles of all phases, whose states are found together [degree], shape
            (n, t).
    """
    return np.asarray(sectors(angles) @ 3 ** np.arange(angles.shape[1]), dtype=np.int64)


def reorganization_bound(water: Ensemble, gas: Ensemble, *, temperature: float) -> Estimate | None:
    """Return a lower bound of kT·KL(p_wat ‖ p_gas) [kcal/mol] with the error of the bound.

    Args:
        water: Conformers in water.
        gas: Conformers in gas.
        temperature: Temperature [K].

    Returns:
        The bound, at least zero; None where a half of a phase has too few frames.
    """
    states = np.unique(np.concatenate([water.values, gas.values]))
    if len(states) < 2:
        return Estimate(0.0, 0.0)
    halves = {"water": _half(water.group), "gas": _half(gas.group)}
    found = []
    for test in (0, 1):
        wet, dry = halves["water"] == test, halves["gas"] == test
        if min(wet.sum(), (~wet).sum(), dry.sum(), (~dry).sum()) < MIN_ROWS:
            return None
        t = np.log(_share(water.where(~wet), states) / _share(gas.where(~dry), states))
        found.append(_evaluate(water.where(wet), gas.where(dry), states, t))
    kt = thermal_energy(temperature) * KCAL_PER_KJ
    value = (found[0][0] + found[1][0]) / 2.0
    error = math.hypot(found[0][1], found[1][1]) / 2.0
    return Estimate(max(value, 0.0) * kt, error * kt)


def gaussian_reorganization(
    water: Ensemble, gas: Ensemble, *, temperature: float
) -> Estimate | None:
    """Return kT·KL(p_wat ‖ p_gas) [kcal/mol] of stiff coordinates taken as Gaussian: an estimate.

    The coordinates are turned and scaled so that gas has unit covariance; along each of them water
    then has a mean m and a variance v, and KL = Σ ½ (v − 1 − ln v + m²). What 2 d numbers from
    finite samples add on average is taken off.

    Args:
        water: Coordinates in water, shape (n, d).
        gas: Coordinates in gas, shape (m, d).
        temperature: Temperature [K].

    Returns:
        The estimate, with the error from each repeat in water alone; None where there are fewer
        than ten independent frames for each coordinate.
    """
    x, y = np.asarray(water.values, dtype=float), np.asarray(gas.values, dtype=float)
    d = x.shape[1]
    n_gas = _independent(y, gas)
    if d == 0 or min(n_gas, _independent(x, water)) < MIN_ROWS * d:
        return None
    axes, mean = _whitening(y, gas.share)
    turned = (x - mean) @ axes
    whole = _gaussian(turned, water.share, _independent(turned, water), n_gas)
    alone = []
    for label in np.unique(water.group):
        mine = water.group == label
        part = water.where(mine)
        n = _independent(turned[mine], part)
        alone.append(_gaussian(turned[mine], part.share, n, n_gas))
    # the chance error of a KL near zero: 2 d squares of scatter 1/n each
    least = math.sqrt(d) * (1.0 / _independent(turned, water) + 1.0 / n_gas)
    scatter = float(np.std(alone, ddof=1) / math.sqrt(len(alone))) if len(alone) > 1 else 0.0
    kt = thermal_energy(temperature) * KCAL_PER_KJ
    return Estimate(whole * kt, max(least, scatter) * kt)


def _half(group: IntArray) -> IntArray:
    """Return 0 or 1 for each row: every second group, or the halves of a single one."""
    labels = np.unique(group)
    if len(labels) > 1:
        return np.asarray(np.searchsorted(labels, group) % 2, dtype=np.int64)
    return np.asarray(np.arange(len(group)) * 2 // max(len(group), 1), dtype=np.int64)


def _share(ensemble: Ensemble, states: NDArray[np.generic]) -> Array:
    """Return the populations of the states, none of them zero."""
    index = np.searchsorted(states, ensemble.values)
    series = split((index == np.bincount(index).argmax()).astype(float), ensemble.group)
    summed = np.bincount(index, weights=ensemble.share, minlength=len(states))
    counts = np.asarray(summed, dtype=np.float64) / inefficiency(series) + PSEUDO
    return np.asarray(counts / counts.sum())


def _evaluate(
    water: Ensemble, gas: Ensemble, states: NDArray[np.generic], t: Array
) -> tuple[float, float]:
    """Return ⟨T⟩_wat − ln⟨e^T⟩_gas and its error; the mean of a logarithm is corrected."""
    high, high_error = weighted_mean(
        t[np.searchsorted(states, water.values)], water.share, water.group, water.drawn_from
    )
    low, low_error = weighted_mean(
        np.exp(t[np.searchsorted(states, gas.values)]), gas.share, gas.group, gas.drawn_from
    )
    relative = low_error / low
    return high - math.log(low) - 0.5 * relative**2, math.hypot(high_error, relative)


def _whitening(y: Array, share: Array) -> tuple[Array, Array]:
    """Return the axes that make the covariance of y one, shape (d, d), and the mean of y."""
    mean = np.average(y, axis=0, weights=share)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(y.T, aweights=share)))
    return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-12 * values.max()))), mean


def _gaussian(turned: Array, share: Array, n_water: float, n_gas: float) -> float:
    """Return Σ ½ (v − 1 − ln v + m²) [kT], less what finite samples add."""
    m = np.average(turned, axis=0, weights=share)
    v = np.average((turned - m) ** 2, axis=0, weights=share)
    excess = turned.shape[1] * (1.0 / n_water + 1.0 / n_gas)
    return float(0.5 * np.sum(v - 1.0 - np.log(v) + m**2) - excess)


def _independent(x: Array, ensemble: Ensemble) -> float:
    """Return how many frames are independent, judged by the slowest coordinate."""
    g = max((inefficiency(split(column, ensemble.group)) for column in x.T), default=1.0)
    size = float(ensemble.share.sum() ** 2 / np.sum(ensemble.share**2))
    return max(size / g, 1.0)
