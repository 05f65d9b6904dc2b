# SPDX-License-Identifier: MIT
"""⟨E_ML⟩ in water − ⟨E_ML⟩ in gas from all samples, not only those of the end states.

direct: MBAR expectations in the coupled and the decoupled state from the rows of all windows, with
    their covariance (10.1063/1.2978177). The decoupled solute is that of the gas phase.
endpoint: in each phase the MM frames are reweighted to ML and combined with the ML frames, which is
    MBAR of two states; the weights need only the energy difference D and its BAR result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merrow.errors import NumericsError
from merrow.free_energy.decorrelate import Correlation, correlation, split
from merrow.free_energy.estimate import ErrorParts
from merrow.free_energy.estimators import fit_mbar
from merrow.free_energy.frames import relative_potential
from merrow.free_energy.spread import blocks, check_rows
from merrow.free_energy.stored import Estimate
from merrow.mbar_libraries import MBAR, BoundsError, ConvergenceError, ParameterError
from merrow.samples import Array, IntArray, WindowSamples
from merrow.uncertainty import between_repeats, standard_error_of_mean, within_repeats
from merrow.units import KCAL_PER_KJ, thermal_energy


def reorganization_mbar(samples: WindowSamples, *, rows: Correlation | None = None) -> Estimate:
    """Return ⟨E⟩_coupled − ⟨E⟩_decoupled [kcal/mol] from the rows of all windows.

    Raises:
        NumericsError: A state has too few rows, or an energy is not finite.
    """
    if not np.isfinite(samples.internal).all():
        raise NumericsError("an internal energy of the solute is not finite; the dynamics failed.")
    rows = rows or correlation(samples)
    zero = float(samples.internal[0])  # absolute energies are ~1e5: subtract before averaging
    kept = samples.select(rows.equilibrated)
    f = fit_mbar(kept).delta[0]
    value = _difference(kept, f, zero)[0]
    analytic = _difference(samples.select(rows.independent), f, zero)[1]
    repeats = [kept.select(kept.repeat == r) for r in np.unique(kept.repeat)]
    alone = [_difference(part, f, zero)[0] for part in repeats] if len(repeats) > 1 else []
    by_block = [
        [_reweighted(part, f, zero) for part in own]
        for own in blocks(kept, np.arange(len(samples.states)))
    ]
    errors = ErrorParts(
        analytic, within_repeats(by_block), between_repeats(alone), max(len(alone) - 1, 1)
    ).scaled(KCAL_PER_KJ)
    labels = [int(r) for r in np.unique(kept.repeat)]
    by_repeat = {r: v * KCAL_PER_KJ for r, v in zip(labels, alone, strict=False)}
    return Estimate(value * KCAL_PER_KJ, errors.reported, by_repeat)


@dataclass(frozen=True)
class EndEnsemble:
    """Frames of the MM and the ML ensemble of a phase, each in order of time.

    Attributes:
        d: E_ML − E_MM of each frame [kJ/mol], shape (n,).
        energy: E_ML of each frame [kJ/mol], shape (n,).
        ml: Whether a frame belongs to the ML ensemble, shape (n,).
        group: Repeat or walker of each frame, shape (n,).
    """

    d: Array
    energy: Array
    ml: NDArray[np.bool_]
    group: IntArray

    def weights(self, df: float, temperature: float) -> Array:
        """Return the normalised weight of each frame in the ML ensemble, shape (n,).

        Args:
            df: F_ML − F_MM of this phase [kJ/mol].
            temperature: Temperature [K].
        """
        n_ml = int(np.sum(self.ml))
        gap = np.clip((df - self.d) / thermal_energy(temperature), -700.0, 700.0)
        w = np.exp(gap) / (len(self.d) - n_ml + n_ml * np.exp(gap))
        return np.asarray(w / w.sum())


def reorganization_reweighted(
    water: EndEnsemble, gas: EndEnsemble, *, df: tuple[float, float], temperature: float
) -> Estimate:
    """Return ⟨E_ML⟩_water − ⟨E_ML⟩_gas [kcal/mol] from MM and ML frames of both phases.

    Args:
        water: Frames of the coupled state.
        gas: Frames of the gas phase.
        df: F_ML − F_MM in water and in gas [kJ/mol].
        temperature: Temperature [K].

    Raises:
        NumericsError: An energy is not finite.
    """
    for phase, end in (("water", water), ("gas", gas)):
        if not np.isfinite(end.energy).all() or not np.isfinite(end.d).all():
            raise NumericsError(f"an energy of the solute in {phase} is not finite; sample again.")
    zero, means, errors = float(gas.energy[0]), [], []
    for end, f in zip((water, gas), df, strict=True):
        w = end.weights(f, temperature)
        mean, error = weighted_mean(end.energy - zero, w, end.group, end.ml)
        means.append(mean)
        errors.append(error)
    return Estimate((means[0] - means[1]) * KCAL_PER_KJ, math.hypot(*errors) * KCAL_PER_KJ)


def weighted_mean(
    values: Array,
    weights: Array,
    groups: IntArray | None,
    drawn_from: NDArray[np.generic] | None = None,
) -> tuple[float, float]:
    """Return a weighted mean and its standard error from within and between groups.

    Args:
        values: Values, shape (n,), in order of time within each group.
        weights: Their weights, shape (n,).
        groups: Group of each row; None for one series.
        drawn_from: Ensemble of each row; each has a fixed number of rows, so that only the scatter
            about its own mean is random. None for a single ensemble.
    """
    scaled = weights / weights.mean()
    mean = float(np.mean(scaled * values))
    part = scaled * (values - mean)
    origin = np.zeros(len(values)) if drawn_from is None else drawn_from
    variance = 0.0
    for label in np.unique(origin):
        mine = origin == label
        series = split(part[mine], None if groups is None else groups[mine])
        variance += (mine.mean() * standard_error_of_mean(series)) ** 2
    return mean, math.sqrt(variance)


def _difference(samples: WindowSamples, guess: Array, zero: float) -> tuple[float, float]:
    """Return ⟨E⟩ of the first state − ⟨E⟩ of the last, and its analytic error [kJ/mol]."""
    check_rows(samples, minimum=1)
    k_states = len(samples.states)
    order = np.argsort(samples.state, kind="stable")
    u, energy = relative_potential(samples)[order].T, samples.internal[order] - zero
    counts = np.bincount(samples.state, minlength=k_states)
    try:
        fitted = MBAR(u, counts, initial_f_k=guess)
        found = fitted.compute_expectations(energy, output="differences")
    except (ParameterError, BoundsError, ConvergenceError, ValueError, ArithmeticError) as error:
        raise NumericsError(
            f"MBAR gives no mean energy of the end states ({error}); sample longer or add states."
        ) from error
    # pymbar's differences are mu[i, j] = A_j − A_i
    return float(found["mu"][-1, 0]), float(found["sigma"][-1, 0])


def _reweighted(samples: WindowSamples, f: Array, zero: float) -> float:
    """Return ⟨E⟩ of the first state − ⟨E⟩ of the last [kJ/mol] for given free energies [kT]."""
    u, energy = relative_potential(samples), samples.internal - zero
    counts = np.bincount(samples.state, minlength=len(samples.states))
    log_mixture = np.log(np.exp(np.clip(f - u, -700.0, 700.0)) @ counts)
    ends = []
    for k in (0, -1):
        w = np.exp(-u[:, k] - log_mixture - np.max(-u[:, k] - log_mixture))
        ends.append(float(np.sum(w * energy) / np.sum(w)))
    return ends[0] - ends[1]
