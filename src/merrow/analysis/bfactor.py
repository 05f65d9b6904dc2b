# SPDX-License-Identifier: MIT
"""B-factors from atomic fluctuations, and their correlation with crystal B-factors.

B = 8π²/3 ⟨u²⟩. Crystal B-factors contain more than thermal motion: disorder between cells,
refinement, crystal contacts; so the pattern along the chain is compared, not the magnitude.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from merrow.analysis.rmsd import Array, IntArray, superposed
from merrow.uncertainty import central_interval, mean, pearson, resample

PREFACTOR = 8.0 * math.pi**2 / 3.0
SHORTEST = 1000.0
"""Minimum time for a correlation with a crystal [ps]: loops move in nanoseconds."""
ROUNDS = 5
"""Iterations of superposition on the mean, which changes by less than 1e-3 Å after three."""
BLOCKS = 5
"""Number of blocks of a run that are compared with the crystal."""


@dataclass(frozen=True, eq=False)
class BFactors:
    """B-factors of n atoms.

    Attributes:
        values: B-factors from all frames [Å²], shape (n,).
        stderr: One standard error, from blocks or autocorrelation [Å²], shape (n,).
    """

    values: Array
    stderr: Array


def mean_superposed(frames: Array, fit: IntArray) -> Array:
    """Return frames superposed on their mean structure.

    Args:
        frames: Positions [Å], shape (F, N, 3).
        fit: Indices of the fitted atoms.
    """
    reference = frames[0]
    for _ in range(ROUNDS):
        turned = superposed(frames, reference, fit)
        reference = turned.mean(axis=0)
    return turned


def squares(turned: Array) -> Array:
    """Return u² about the mean position in superposed frames (F, n, 3) [Å²], shape (F, n)."""
    found: Array = ((turned - turned.mean(axis=0)) ** 2).sum(axis=2)
    return found


def b_of(moved: Array) -> Array:
    """Return B = 8π²/3 ⟨u²⟩ [Å²], shape (n,), from u² of every frame [Å²], shape (F, n)."""
    found: Array = PREFACTOR * moved.mean(axis=0)
    return found


def typical_frame(turned: Array) -> int:
    """Return the index of the superposed frame, of (F, n, 3), nearest to their mean."""
    return int(squares(turned).sum(axis=1).argmin())


def b_factors(moved: Array) -> BFactors:
    """Return B-factors with errors corrected for correlation, from u² about the overall mean.

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


def correlation_interval(values: Array, crystal: Array) -> tuple[float, float] | None:
    """Return the 95 % bootstrap interval over residues of Pearson's correlation.

    None if there are too few residues: of three, a ninth of the resamples repeat a single one.
    """
    rng = np.random.default_rng(len(values))
    return central_interval(pearson(*resample(values, crystal, rng=rng)))
