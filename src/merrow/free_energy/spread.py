# SPDX-License-Identifier: MIT
"""Errors of a path's estimate from blocks and repeats."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from merrow.errors import NumericsError
from merrow.free_energy.decorrelate import Correlation
from merrow.free_energy.estimate import ErrorParts, PathEstimate
from merrow.free_energy.schedule import legs
from merrow.free_energy.stored import Estimate
from merrow.samples import Array, IntArray, LambdaState, WindowSamples
from merrow.uncertainty import between_repeats, within_repeats
from merrow.units import KCAL_PER_KJ, thermal_energy

N_BLOCKS = 10
"""Target number of blocks; at least half of them are needed for an error."""
MIN_BLOCK_ROWS = 5
"""Minimum number of rows per state and block."""

Values = Callable[[WindowSamples], Array]
"""Function from rows to the free energies [kT] of (total, leg, …), shape (1 + n_legs,)."""


def chains(states: Sequence[LambdaState]) -> dict[str, tuple[int, int]]:
    """Return the (coupled, decoupled) end states of the whole path and of each leg."""
    ends = {name: (int(index[0]), int(index[-1])) for name, index in legs(states).items()}
    return {"total": (0, len(states) - 1), **ends}


def differences(delta: Array, ends: Mapping[str, tuple[int, int]]) -> Array:
    """Return F(coupled) − F(decoupled) of each chain from the matrix delta[i, j] = F_j − F_i."""
    return np.array([delta[low, high] for high, low in ends.values()])


def check_rows(samples: WindowSamples, used: IntArray | None = None, *, minimum: int = 2) -> None:
    """Refuse samples in which a state has too few rows.

    Raises:
        NumericsError: A used state has fewer than `minimum` rows.
    """
    n_k = np.bincount(samples.state, minlength=len(samples.states))
    for k in range(len(samples.states)) if used is None else used:
        if n_k[k] < minimum:
            elec, lj = samples.states[k]
            raise NumericsError(
                f"state {k} (elec {elec:g}, lj {lj:g}) has {n_k[k]} samples, {minimum} are needed "
                "for a free energy; sample it longer."
            )


def blocks(kept: WindowSamples, used: IntArray) -> list[list[WindowSamples]]:
    """Divide every repeat into consecutive blocks, about ten in all; none if they are too short.

    Ten repeats need no blocks, since their scatter is sufficient.
    """
    repeats = np.unique(kept.repeat)
    part, smallest = np.zeros(len(kept)), len(kept)
    for repeat in repeats:
        for k in used:
            rows = np.flatnonzero((kept.repeat == repeat) & (kept.state == k))
            smallest = min(smallest, len(rows))
            rows = rows[np.argsort(kept.time[rows], kind="stable")]
            part[rows] = np.arange(len(rows)) / max(len(rows), 1)
    per_repeat = min(math.ceil(N_BLOCKS / len(repeats)), smallest // MIN_BLOCK_ROWS)
    if per_repeat < 2 or per_repeat * len(repeats) < N_BLOCKS // 2:
        return []
    label = np.floor(part * per_repeat)
    return [
        [kept.select((kept.repeat == r) & (label == b)) for b in range(per_repeat)] for r in repeats
    ]


def path_estimate(
    method: str,
    samples: WindowSamples,
    rows: Correlation,
    *,
    center: Array,
    analytic: Array,
    values: Values,
    profile: Array,
    overlap: Array | None = None,
    used: IntArray | None = None,
) -> PathEstimate:
    """Return the estimate with its errors, for the total and each leg.

    Args:
        method: Name of the estimator.
        samples: All rows.
        rows: Their equilibrated and independent rows.
        center: Free energies of (total, leg, …) [kT].
        analytic: Their analytic standard errors [kT].
        values: The same estimator as a function of rows.
        profile: Free energy of each state relative to the last [kT].
        overlap: Overlap matrix, shape (K, K).
        used: Indices of the states that are used; None for all.

    Raises:
        NumericsError: The value or its analytic error is not finite, or a repeat has no estimate.
    """
    _check_finite(method, center, analytic)
    kt = thermal_energy(samples.temperature) * KCAL_PER_KJ
    kept = samples.select(rows.equilibrated)
    used = np.arange(len(samples.states)) if used is None else used
    by_block = _blocks(values, blocks(kept, used))
    by_repeat = _repeats(values, kept)
    entries, errors = {}, {}
    for i, name in enumerate(chains(samples.states)):
        errors[name] = ErrorParts(
            analytic=float(analytic[i]),
            blocks=within_repeats([[b[i] for b in own] for own in by_block]),
            repeats=between_repeats([r[i] for r in by_repeat.values()]),
            freedom=max(len(by_repeat) - 1, 1),
        ).scaled(kt)
        alone = {r: float(v[i]) * kt for r, v in by_repeat.items()}
        entries[name] = Estimate(float(center[i]) * kt, errors[name].reported, alone)
    total = entries.pop("total")
    return PathEstimate(
        total.value_kcal,
        total.stderr_kcal,
        total.by_repeat,
        method=method,
        states=samples.states,
        errors=errors["total"],
        legs=entries,
        profile_kcal=profile * kt,
        overlap=overlap,
        n_independent=int(rows.independent.sum()),
    )


def _check_finite(method: str, center: Array, analytic: Array) -> None:
    if not np.isfinite(center).all() or not np.isfinite(analytic).all():
        raise NumericsError(
            f"{method} gives no finite free energy or error: neighbouring states hardly overlap "
            "or have too few samples; sample longer or add states."
        )


def _repeats(values: Values, kept: WindowSamples) -> dict[int, Array]:
    """Return the estimate of each repeat by its label; empty for a single one.

    Raises:
        NumericsError: One has no estimate of its own: without it the scatter is unknown.
    """
    labels = [int(r) for r in np.unique(kept.repeat)]
    if len(labels) < 2:
        return {}
    found = {}
    for label in labels:
        try:
            found[label] = values(kept.select(kept.repeat == label))
        except NumericsError as error:
            raise NumericsError(
                f"repeat {label} has no estimate of its own, so the error is unknown: {error}"
            ) from error
    return found


def _blocks(values: Values, parts: list[list[WindowSamples]]) -> list[list[Array]]:
    """Return the estimate of each block of each repeat; empty if one fails."""
    each = [_each(values, own) for own in parts]
    return each if all(each) else []


def _each(values: Values, parts: Sequence[WindowSamples]) -> list[Array]:
    """Return the estimate of each part; an empty list if one fails."""
    try:
        return [values(part) for part in parts]
    except NumericsError:
        return []
