# SPDX-License-Identifier: MIT
"""How many of the recorded rows are independent, and from which row on is it equilibrium?

Values are estimated from all equilibrated rows, analytic errors from the independent ones:
the mean of a correlated series uses all of it, its error counts only N/g of it.
Functions that take `rows` take what `correlation` gave of the same samples,
and make it where it is not given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merrow.free_energy.frames import relative_potential
from merrow.mbar_libraries import timeseries
from merrow.samples import Array, IntArray, LambdaState, WindowSamples
from merrow.uncertainty import MIN_SERIES, inefficiency

MAX_DISCARD = 0.25
"""Never more than this fraction of a series is called unequilibrated."""
DISCARD_GAIN = 1.5
"""Rows are dropped only if that multiplies the number of independent ones by this factor."""
SPIKE = 50.0
"""Δu beyond this many kT weighs nothing in an estimator and must not hide a correlation."""


@dataclass(frozen=True)
class Correlation:
    """Which rows count.

    Attributes:
        equilibrated: Rows of the equilibrated part, shape (n,).
        independent: Those of them that are about one statistical inefficiency apart, shape (n,).
        g: Statistical inefficiency of each (repeat, state), shape (R, K); nan where no rows are.
        n_discarded: Rows left out as unequilibrated.
    """

    equilibrated: NDArray[np.bool_]
    independent: NDArray[np.bool_]
    g: Array
    n_discarded: int


def correlation(samples: WindowSamples) -> Correlation:
    """Return the equilibrated and the independent rows of every (repeat, state).

    g is the largest of those of dV/dλ (of the parts that change next to the state: on the LJ leg
    ∂V/∂λ_elec jumps where water stands on an uncharged atom) and of Δu to the neighbouring
    states. The unequilibrated start is what pymbar's `detect_equilibration` finds on dV/dλ, used
    only if it is at most a quarter of the series and multiplies the number of independent rows
    by 1.5 or more: on stationary data the detection answers to noise.

    With exchange the series of a *state* is followed, not that of a replica; slow replicas that
    come back are seen by the blocks and by the scatter of repeats.
    """
    repeats, k_states = np.unique(samples.repeat), len(samples.states)
    equilibrated = np.zeros(len(samples), dtype=bool)
    independent = np.zeros(len(samples), dtype=bool)
    g = np.full((len(repeats), k_states), np.nan)
    u = relative_potential(samples)
    active = _changing_parts(samples.states)
    for r, repeat in enumerate(repeats):
        for k in range(k_states):
            rows = np.flatnonzero((samples.repeat == repeat) & (samples.state == k))
            if not len(rows):
                continue
            rows = rows[np.argsort(samples.time[rows], kind="stable")]
            slope = samples.dvdl[rows][:, active[k]].sum(axis=1)
            start = _start(slope)
            kept = rows[start:]
            neighbours = [j for j in (k - 1, k + 1) if 0 <= j < k_states]
            series = [slope[start:], *(np.clip(u[kept, j], -SPIKE, SPIKE) for j in neighbours)]
            g[r, k] = max(inefficiency([s]) for s in series)
            equilibrated[kept] = True
            independent[kept[_stride(len(kept), g[r, k])]] = True
    return Correlation(equilibrated, independent, g, len(samples) - int(equilibrated.sum()))


def _changing_parts(states: Sequence[LambdaState]) -> NDArray[np.bool_]:
    """Tell which of λ_elec and λ_sterics change next to each state, shape (K, 2)."""
    values = np.array(states, dtype=np.float64)
    steps = np.diff(values, axis=0) != 0.0
    parts = np.zeros(values.shape, dtype=bool)
    parts[:-1] |= steps
    parts[1:] |= steps
    return parts


def split(values: Array, groups: IntArray | None) -> list[Array]:
    """Return the series of each group (walker, repeat) in the order of its label; rows in time."""
    if groups is None:
        return [values]
    return [values[groups == label] for label in np.unique(groups)]


def thin(series: Sequence[Array], g: float) -> Array:
    """Return the values of all series that are about g rows apart."""
    return np.concatenate([s[_stride(len(s), g)] for s in series])


def _stride(n: int, g: float) -> IntArray:
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(timeseries.subsample_correlated_data(np.zeros(n), g=g), dtype=np.int64)


def _start(series: Array) -> int:
    """Return the first equilibrated row, 0 unless discarding clearly pays."""
    n = len(series)
    if n < 4 * MIN_SERIES or np.ptp(series) == 0.0:
        return 0
    t0, _, n_eff = timeseries.detect_equilibration(series, nskip=max(1, n // 20))
    if t0 == 0 or t0 > MAX_DISCARD * n:
        return 0
    return int(t0) if n_eff > DISCARD_GAIN * n / inefficiency([series]) else 0
