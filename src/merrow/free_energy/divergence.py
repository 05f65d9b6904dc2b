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

from merrow.free_energy.decorrelate import inefficiency, split
from merrow.free_energy.estimate import Estimate
from merrow.free_energy.expectation import weighted_mean
from merrow.free_energy.populations import sectors
from merrow.samples import Array, IntArray
from merrow.units import KCAL_PER_KJ, thermal_energy

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

    def select(self, mask: NDArray[np.bool_]) -> Ensemble:
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
        t = np.log(_share(water.select(~wet), states) / _share(gas.select(~dry), states))
        found.append(_evaluate(water.select(wet), gas.select(dry), states, t))
    kt = thermal_energy(temperature) * KCAL_PER_KJ
    value = (found[0][0] + found[1][0]) / 2.0
    error = math.hypot(found[0][1], found[1][1]) / 2.0
    return Estimate(max(value, 0.0) * kt, error * kt)


def gaussian_reorganization(
    water: Ensemble, gas: Ensemble, *, temperature: float
) -> Estimate | None:
    """Return kT·KL(p_wat ‖ p_gas) [kcal/mol] of stiff coordinates taken as Gaussian: an estimate.

    Along the principal axes of the gas KL = Σ ½ (r − 1 − ln r + δ²/v), with r the ratio of the
    variances in water and in gas, δ the difference of the means and v the variance in gas. The axes
    come from one half of the gas, the gas's means and variances from the other: axes that fit the
    noise of the very frames they are used on would add d²/4n. What 2 d numbers from finite samples
    add on average is taken off.

    Args:
        water: Coordinates in water, shape (n, d).
        gas: Coordinates in gas, shape (m, d).
        temperature: Temperature [K].

    Returns:
        The estimate, with the error of what each frame moves it by, to first order; None where
        there are fewer than ten independent frames for each coordinate.
    """
    x, y = np.asarray(water.values, dtype=np.float64), np.asarray(gas.values, dtype=np.float64)
    d = x.shape[1]
    if d == 0:
        return None
    (n_water, mean_water), (n_gas, mean_gas) = _independent(water), _independent(gas)
    if min(n_water, n_gas) < MIN_ROWS * d:
        return None
    half, found = _half(gas.group), []
    for test in (0, 1):
        mine = half == test
        axes = _axes(y[~mine], gas.share[~mine])
        found.append(_along(x @ axes, y[mine] @ axes, water, gas.select(mine)))
    excess = d * (1.0 / mean_water + 2.0 / mean_gas)
    value = (found[0].value + found[1].value) / 2.0 - excess
    by_water = (found[0].by_water + found[1].by_water) / 2.0
    errors = [
        weighted_mean(by_water, water.share, water.group, water.drawn_from)[1],
        math.hypot(*(part.gas_error for part in found)) / 2.0,
        # the chance error of a KL near zero: 2 d squares of scatter 1/n + 1/m each
        math.sqrt(d) * (1.0 / n_water + 1.0 / n_gas),
    ]
    kt = thermal_energy(temperature) * KCAL_PER_KJ
    return Estimate(value * kt, math.hypot(*errors) * kt)


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


def _axes(y: Array, share: Array) -> Array:
    """Return the principal axes of y in the order of their variances, shape (d, d)."""
    return np.asarray(np.linalg.eigh(np.atleast_2d(np.cov(y.T, aweights=share)))[1])


@dataclass(frozen=True)
class _Along:
    """KL along given axes [kT], how far each frame in water moves it (n,), the error by gas."""

    value: float
    by_water: Array
    gas_error: float


def _along(x: Array, y: Array, water: Ensemble, gas: Ensemble) -> _Along:
    """Return KL of two Gaussians without correlations.

    A frame in water moves it by ½ Σ ((x − m_g)²/v_g − (x − m_w)²/v_w), the logarithm of the ratio
    of the densities; one in gas by ½ Σ (z² − (r + δ²/v) z²) − Σ δ z/√v, z = (y − m_g)/√v.

    Args:
        x, y: Coordinates in water and in gas, shapes (n, d) and (m, d).
        water, gas: The weights and groups of these frames.
    """
    m_water, v_water = _moments(x, water.share)
    m_gas, v_gas = _moments(y, gas.share)
    ratio, delta = v_water / v_gas, (m_water - m_gas) / np.sqrt(v_gas)
    z = (y - m_gas) / np.sqrt(v_gas)
    by_gas = 0.5 * (z**2 @ (1.0 - ratio - delta**2)) - z @ delta
    return _Along(
        float(0.5 * np.sum(ratio - 1.0 - np.log(ratio) + delta**2)),
        0.5 * np.sum((x - m_gas) ** 2 / v_gas - (x - m_water) ** 2 / v_water, axis=1),
        weighted_mean(by_gas, gas.share, gas.group, gas.drawn_from)[1],
    )


def _moments(x: Array, share: Array) -> tuple[Array, Array]:
    """Return means and variances of all columns, shapes (d,)."""
    mean = np.average(x, axis=0, weights=share)
    return mean, np.average((x - mean) ** 2, axis=0, weights=share)


def _independent(ensemble: Ensemble) -> tuple[float, float]:
    """Return how many frames are independent: of the slowest coordinate, and on the mean of all."""
    x = np.asarray(ensemble.values, dtype=np.float64)
    g = np.array([inefficiency(split(column, ensemble.group)) for column in x.T])
    size = float(ensemble.share.sum() ** 2 / np.sum(ensemble.share**2))
    return max(size / float(g.max()), 1.0), max(size / float(g.mean()), 1.0)
