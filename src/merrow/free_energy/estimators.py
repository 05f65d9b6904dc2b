# SPDX-License-Identifier: MIT
"""Free energy of a sampled path by MBAR and thermodynamic integration.

alchemlyb and pymbar do the work. Every result is coupled minus decoupled (first state minus last),
that is gas → water; its error combines the analytic error of independent rows, the scatter of
blocks, and the scatter of repeats (`uncertainty`).

References:
    MBAR: 10.1063/1.2978177; TI: 10.1063/1.1749657.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from merrow.errors import NumericsError
from merrow.free_energy.decorrelate import Correlation, correlation
from merrow.free_energy.estimate import PathEstimate
from merrow.free_energy.frames import dhdl, u_nk
from merrow.free_energy.schedule import COMPONENT, Rule, weights
from merrow.free_energy.spread import chains, check_rows, differences, path_estimate
from merrow.mbar_libraries import (
    ALCHEMLYB_MBAR,
    BAR,
    TI,
    TI_GQ,
    BoundsError,
    ConvergenceError,
    ParameterError,
)
from merrow.samples import Array, WindowSamples
from merrow.units import KCAL_PER_KJ, thermal_energy

AWAY_FROM_ZERO = 10.0
"""Smallest free energy relative to the first state that is passed to pymbar [kT]: its tolerance is
relative, so that it would iterate to its limit on a free energy of about zero."""


@dataclass(frozen=True)
class MbarFit:
    """A solution of the MBAR equations, states in their order.

    Attributes:
        delta: F_j − F_i [kT], shape (K, K).
        stderr: Their standard errors for independent rows [kT], shape (K, K).
        estimator: alchemlyb's estimator, of free energies with a constant added.
    """

    delta: Array
    stderr: Array
    estimator: ALCHEMLYB_MBAR

    @cached_property
    def overlap(self) -> Array:
        """Overlap of the states, shape (K, K)."""
        return np.asarray(self.estimator.overlap_matrix)


def mbar(samples: WindowSamples, *, rows: Correlation | None = None) -> PathEstimate:
    """Return the free energy of the path by MBAR on all equilibrated rows.

    Raises:
        NumericsError: A state has too few rows, or the equations have no solution.
    """
    check_rows(samples)
    rows = rows or correlation(samples)
    ends = chains(samples.states)
    full = fit_mbar(samples.select(rows.equilibrated))
    guess = full.delta[0]
    thinned = fit_mbar(samples.select(rows.independent), guess)

    def values(part: WindowSamples) -> Array:
        return differences(fit_mbar(part, guess).delta, ends)

    estimate = path_estimate(
        "MBAR",
        samples,
        rows,
        center=differences(full.delta, ends),
        analytic=differences(thinned.stderr, ends),
        values=values,
        profile=full.delta[-1],
        overlap=full.overlap,
    )
    kt = thermal_energy(samples.temperature) * KCAL_PER_KJ
    return replace(estimate, profile_stderr_kcal=thinned.stderr[-1] * kt)


def thermodynamic_integration(
    samples: WindowSamples, rule: Rule = "trapezoid", *, rows: Correlation | None = None
) -> PathEstimate:
    """Return the free energy of the path by integration of ⟨∂V/∂λ⟩, leg by leg.

    Args:
        rule: "trapezoid" over all states (alchemlyb's TI), or "gauss-legendre" over the inner
            states of each leg, which must be its nodes (alchemlyb's TI_GQ, whose weights have five
            digits, an error of at most 2e-5 of the slope).

    Raises:
        InputError: The states do not fit the rule.
        NumericsError: A state has too few rows, or a derivative is not finite.
    """
    w = weights(samples.states, rule)
    used = np.flatnonzero(w.any(axis=1))
    check_rows(samples, used)
    rows = rows or correlation(samples)
    ends = chains(samples.states)

    def values(part: WindowSamples) -> Array:
        check_rows(part, used, minimum=1)
        if rule == "trapezoid":
            return differences(_trapezoid(part), ends)
        return _gauss_legendre(part, list(ends))

    kept = samples.select(rows.equilibrated)
    return path_estimate(
        f"TI ({rule})",
        samples,
        rows,
        center=values(kept),
        analytic=np.array([_slope_error(samples, rows, w, name) for name in ends]),
        values=values,
        profile=_trapezoid(kept)[-1] if rule == "trapezoid" else np.full(len(w), np.nan),
        used=used,
    )


def fit_mbar(samples: WindowSamples, guess: Array | None = None) -> MbarFit:
    """Solve the MBAR equations with alchemlyb.

    Args:
        samples: Rows, at least one per state.
        guess: Initial free energies of the states [kT], shape (K,); None to start from BAR.

    Raises:
        NumericsError: A state has no row, or the equations have no solution.
    """
    check_rows(samples, minimum=1)
    table = u_nk(samples)
    if guess is None:
        guess = _fit(BAR(), table).delta_f_.iloc[0].to_numpy()
    added = np.full(len(guess), AWAY_FROM_ZERO - min(guess[1:], default=0.0))
    added[0] = 0.0
    fitted = _fit(ALCHEMLYB_MBAR(initial_f_k=guess + added), table + added)
    delta = fitted.delta_f_.to_numpy() - (added - added[:, None])
    return MbarFit(delta, fitted.d_delta_f_.to_numpy(), fitted)


def _fit(estimator: Any, table: pd.DataFrame) -> Any:
    try:
        return estimator.fit(table)
    except (ParameterError, BoundsError, ConvergenceError, ValueError, ArithmeticError) as error:
        raise NumericsError(
            f"{type(estimator).__name__} found no solution for {len(table)} samples ({error}); "
            "neighbouring states do not overlap: sample longer or add states."
        ) from error


def _trapezoid(samples: WindowSamples) -> Array:
    """Return delta[i, j] = F_j − F_i [kT]; alchemlyb sorts decoupled first, we coupled first."""
    return np.asarray(_fit(TI(), dhdl(samples)).delta_f_)[::-1, ::-1]


def _gauss_legendre(samples: WindowSamples, names: list[str]) -> Array:
    """Return the free energies [kT] of the named chains; alchemlyb adds charges first, then LJ."""
    sums = np.asarray(_fit(TI_GQ(), dhdl(samples)).delta_f_)[0]
    n_charging = sum(0.0 < s.lambda_electrostatics < 1.0 for s in samples.states)
    parts = {"charging": sums[n_charging], "lj": sums[-1] - sums[n_charging], "total": sums[-1]}
    return np.array([parts[name] for name in names])


def _slope_error(samples: WindowSamples, rows: Correlation, w: Array, name: str) -> float:
    """Return the error [kT] of Σ_k w_k·⟨∂V/∂λ⟩_k; both slopes of the corner are from one row."""
    if name in COMPONENT:
        w = w * (np.arange(2) == COMPONENT[name])
    y = (w[samples.state] * samples.dvdl).sum(axis=1) / thermal_energy(samples.temperature)
    repeats = np.unique(samples.repeat)
    variance = 0.0
    for k in np.flatnonzero(w.any(axis=1)):
        mine = rows.equilibrated & (samples.state == k)
        n_eff = sum(
            np.count_nonzero(mine & (samples.repeat == repeat)) / rows.g[r, k]
            for r, repeat in enumerate(repeats)
            if np.isfinite(rows.g[r, k])
        )
        variance += float(np.var(y[mine], ddof=1)) / max(n_eff, 1.0)
    return float(np.sqrt(variance))
