# SPDX-License-Identifier: MIT
"""Decorrelation and equilibration detection of recorded samples.

Estimates use all equilibrated rows, analytic errors the independent ones: the mean of a correlated
series uses all of it, its error only N/g rows. Functions with an argument `rows` take the result of
`correlation` for the same samples, and compute it if it is not given.
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
"""Maximum fraction of a series that is discarded as unequilibrated."""
DISCARD_GAIN = 1.5
"""Minimum gain in independent rows for which rows are discarded."""
SPIKE = 50.0
"""Limit of Δu [kT]: larger values have no weight in an estimator and would hide correlation."""


@dataclass(frozen=True)
class Correlation:
    """Equilibrated and independent rows.

    Attributes:
        equilibrated: Rows of the equilibrated part, shape (n,).
        independent: Those of them about one statistical inefficiency apart, shape (n,).
        g: Statistical inefficiency of each (repeat, state), shape (R, K); nan without rows.
        n_discarded: Number of rows discarded as unequilibrated.
    """

    equilibrated: NDArray[np.bool_]
    independent: NDArray[np.bool_]
    g: Array
    n_discarded: int


def correlation(samples: WindowSamples) -> Correlation:
    """Return the equilibrated and the independent rows of every (repeat, state).

    g is the maximum over dV/dλ (only components that change next to the state: on the LJ leg
    ∂V/∂λ_elec jumps where water overlaps an uncharged atom) and Δu to neighbouring states. The
    unequilibrated start is determined by pymbar's `detect_equilibration` on dV/dλ, and discarded
    only if it is at most a quarter of the series and discarding increases the number of
    independent rows by a factor of 1.5 or more: on stationary data the detection responds to noise.

    With exchange the series is that of a *state*, not of a replica; slow returning replicas show up
    in the blocks and in the scatter of repeats.
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
    """Return whether λ_elec and λ_sterics change next to each state, shape (K, 2)."""
    values = np.array(states, dtype=np.float64)
    steps = np.diff(values, axis=0) != 0.0
    parts = np.zeros(values.shape, dtype=bool)
    parts[:-1] |= steps
    parts[1:] |= steps
    return parts


def split(values: Array, groups: IntArray | None) -> list[Array]:
    """Return the time series of each group (walker, repeat), in the order of labels."""
    if groups is None:
        return [values]
    return [values[groups == label] for label in np.unique(groups)]


def thin(series: Sequence[Array], g: float) -> Array:
    """Return the values of all series at intervals of about g rows."""
    return np.concatenate([s[_stride(len(s), g)] for s in series])


def _stride(n: int, g: float) -> IntArray:
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(timeseries.subsample_correlated_data(np.zeros(n), g=g), dtype=np.int64)


def _start(series: Array) -> int:
    """Return the first equilibrated row; 0 unless discarding has a clear gain."""
    n = len(series)
    if n < 4 * MIN_SERIES or np.ptp(series) == 0.0:
        return 0
    t0, _, n_eff = timeseries.detect_equilibration(series, nskip=max(1, n // 20))
    if t0 == 0 or t0 > MAX_DISCARD * n:
        return 0
    return int(t0) if n_eff > DISCARD_GAIN * n / inefficiency([series]) else 0
