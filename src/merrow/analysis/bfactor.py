# SPDX-License-Identifier: MIT
"""How much does each atom move about its mean place, and do crystal B-factors show the same?

B = 8π²/3 ⟨u²⟩. A crystal's B holds more than thermal motion: disorder between cells, refinement,
contacts of neighbours; so the pattern along the chain is compared, not the size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from merrow.analysis.rmsd import Array, IntArray, superposed
from merrow.uncertainty import central_interval, mean, pearson, resample

PREFACTOR = 8.0 * math.pi**2 / 3.0
SHORTEST = 1000.0
"""Time below which no correlation with a crystal is a result [ps]: loops move in nanoseconds."""
ROUNDS = 5
"""Superpositions on the mean, which changes by less than 1e-3 Å after three."""
BLOCKS = 5
"""Blocks of a run that are each compared with the crystal."""


@dataclass(frozen=True, eq=False)
class BFactors:
    """B-factors of n atoms.

    Attributes:
        values: From all frames [Å²], shape (n,).
        stderr: One standard error, from blocks or autocorrelation [Å²], shape (n,).
    """

    values: Array
    stderr: Array


def mean_superposed(frames: Array, fit: IntArray) -> Array:
    """Return frames superposed on their own mean structure.

    Args:
        frames: Positions [Å], shape (F, N, 3).
        fit: Atoms that are fitted.
    """
    reference = frames[0]
    for _ in range(ROUNDS):
        turned = superposed(frames, reference, fit)
        reference = turned.mean(axis=0)
    return turned


def squares(turned: Array) -> Array:
    """Return u² from the mean place in superposed frames (F, n, 3) [Å²], shape (F, n)."""
    found: Array = ((turned - turned.mean(axis=0)) ** 2).sum(axis=2)
    return found


def b_of(moved: Array) -> Array:
    """Return B = 8π²/3 ⟨u²⟩ [Å²] of u² of every frame [Å²], (F, n), shape (n,)."""
    found: Array = PREFACTOR * moved.mean(axis=0)
    return found


def typical_frame(turned: Array) -> int:
    """Return the frame, of superposed ones (F, n, 3), that is nearest to their mean."""
    return int(squares(turned).sum(axis=1).argmin())


def b_factors(moved: Array) -> BFactors:
    """Return B-factors with errors that know of correlation: u² is of the mean of all frames.

    Args:
        moved: u² of each frame [Å²], shape (F, n) with F ≥ 2.
    """
    means = [mean(series) for series in PREFACTOR * moved.T]
    return BFactors(np.array([m.value for m in means]), np.array([m.stderr for m in means]))


def block_correlations(moved: Array, crystal: Array) -> Array:
    """Return Pearson's correlation of each block's ⟨u²⟩ with the crystal's B, shape (blocks,).

    Args:
        moved: u² of each frame [Å²], shape (F, n).
        crystal: The crystal's B-factors of these atoms [Å²].
    """
    parts = np.array_split(moved, BLOCKS)
    return np.array([pearson(part.mean(axis=0), crystal) for part in parts])


def correlation_interval(values: Array, crystal: Array) -> tuple[float, float]:
    """Return the 95 % interval of Pearson's correlation, the residues resampled; nan of too few."""
    rng = np.random.default_rng(len(values))
    found = central_interval(pearson(*resample(values, crystal, rng=rng)))
    return found or (math.nan, math.nan)
