# SPDX-License-Identifier: MIT
"""Conversion of samples to alchemlyb's `u_nk` and `dHdl` tables.

Both are in kT, with the row index (time, coul-lambda, vdw-lambda). Repeats share their times; for
time series, make one table per repeat: `u_nk(samples.select(samples.repeat == r))`.

On disk: `storable(table).to_parquet(path)` and
`alchemlyb.parsing.parquet.extract_u_nk(path, T)` or `extract_dHdl(path, T)`, which restore labels
and attributes; `pandas.read_parquet` alone leaves the column names of u_nk as strings.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from merrow.errors import NumericsError
from merrow.samples import Array, WindowSamples
from merrow.units import thermal_energy

LAMBDA_NAMES = ("coul-lambda", "vdw-lambda")
SLOPE_NAMES = ("coul", "vdw")
U_CLIP = 1.0e6
"""Upper limit of reduced potentials relative to the generating state [kT]."""


def relative_potential(samples: WindowSamples) -> Array:
    """Return u relative to the generating state, clipped to ±1e6 [kT], shape (n, K).

    An overflow (inf or nan) in another state, from overlapping atoms, becomes +1e6.

    Raises:
        NumericsError: The potential of a row in its own state is not finite.
    """
    own = samples.u[np.arange(len(samples)), samples.state]
    bad = np.flatnonzero(~np.isfinite(own))
    if len(bad):
        k = int(samples.state[bad[0]])
        raise NumericsError(
            f"{len(bad)} of {len(samples)} samples have no finite energy in the state that "
            f"generated them (first: state {k}, {samples.time[bad[0]]:g} ps); the dynamics failed."
        )
    u = np.nan_to_num(samples.u, nan=np.inf, posinf=np.inf, neginf=-np.inf) - own[:, None]
    return np.clip(u, -U_CLIP, U_CLIP)


def u_nk(samples: WindowSamples) -> pd.DataFrame:
    """Return reduced potentials [kT] as alchemlyb's u_nk; columns are (elec, lj) tuples.

    Raises:
        NumericsError: The potential of a row in its own state is not finite.
    """
    columns = pd.Index([tuple(map(float, s)) for s in samples.states], tupleize_cols=False)
    table = pd.DataFrame(relative_potential(samples), index=_index(samples), columns=columns)
    table.attrs = {"temperature": samples.temperature, "energy_unit": "kT"}
    return table


def dhdl(samples: WindowSamples) -> pd.DataFrame:
    """Return ∂H/∂λ [kT] as alchemlyb's dHdl; columns are coul and vdw.

    Raises:
        NumericsError: A derivative is not finite.
    """
    if not np.isfinite(samples.dvdl).all():
        n = int((~np.isfinite(samples.dvdl)).any(axis=1).sum())
        raise NumericsError(
            f"{n} of {len(samples)} samples have no finite dV/dlambda; the dynamics failed."
        )
    values = samples.dvdl / thermal_energy(samples.temperature)
    table = pd.DataFrame(values, index=_index(samples), columns=list(SLOPE_NAMES))
    table.attrs = {"temperature": samples.temperature, "energy_unit": "kT"}
    return table


def storable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with column names that alchemlyb's Parquet reader restores."""
    labels: list[object] = list(table.columns)
    names = [str(tuple(map(str, c))) if isinstance(c, tuple) else c for c in labels]
    stored = table.set_axis(names, axis="columns")
    stored.attrs = dict(table.attrs)
    return stored


def _index(samples: WindowSamples) -> pd.MultiIndex:
    states = np.array(samples.states, dtype=float)[samples.state].reshape(-1, 2)
    return pd.MultiIndex.from_arrays(
        [samples.time, states[:, 0], states[:, 1]], names=["time", *LAMBDA_NAMES]
    )
