# SPDX-License-Identifier: MIT
"""How much does each atom move about its mean place, and do crystal B-factors show the same?

B = 8π²/3 ⟨u²⟩. A crystal's B holds more than thermal motion: disorder between cells, refinement,
contacts of neighbours; so the pattern along the chain is compared, not the size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mlmm.analysis.rmsd import Array, IntArray, superposed
from mlmm.analysis.stats import BLOCKS, Agreement, agreement

PREFACTOR = 8.0 * math.pi**2 / 3.0
SHORTEST = 1000.0
"""Time below which no correlation with a crystal is a result [ps]: loops move in nanoseconds."""


@dataclass(frozen=True, eq=False)
class BFactors:
    """B-factors of n atoms.

    Attributes:
        values: From all frames [Å²], shape (n,).
        stderr: One standard error from blocks [Å²], shape (n,).
    """

    values: Array
    stderr: Array


def mean_superposed(frames: Array, fit: IntArray, rounds: int = 5) -> Array:
    """Return frames superposed on their own mean structure.

    Args:
        frames: Positions [Å], shape (F, N, 3).
        fit: Atoms that are fitted.
        rounds: Superpositions; the mean changes by less than 1e-3 Å after three.
    """
    reference = frames[0]
    for _ in range(rounds):
        turned = superposed(frames, reference, fit)
        reference = turned.mean(axis=0)
    return turned


def b_of(turned: Array) -> Array:
    """Return B = 8π²/3 ⟨u²⟩ [Å²] of superposed frames (F, n, 3), shape (n,)."""
    spread = turned - turned.mean(axis=0)
    found: Array = PREFACTOR * (spread**2).sum(axis=2).mean(axis=0)
    return found


def typical_frame(turned: Array) -> int:
    """Return the frame, of superposed ones (F, n, 3), that is nearest to their mean."""
    return int(((turned - turned.mean(axis=0)) ** 2).sum(axis=(1, 2)).argmin())


def b_factors(frames: Array, fit: IntArray, atoms: IntArray, blocks: int = BLOCKS) -> BFactors:
    """Return B-factors of some atoms; each block is superposed for the error by itself.

    Args:
        frames: Positions [Å], shape (F, N, 3), F at least twice the blocks.
        fit: Atoms that are fitted.
        atoms: The atoms wanted.
        blocks: Number of blocks for the error.

    Raises:
        ValueError: There are too few frames for the blocks.
    """
    if len(frames) < 2 * blocks:
        raise ValueError(f"{len(frames)} frames do not make {blocks} blocks of two.")
    values = _of(frames, fit, atoms)
    parts = np.array([_of(part, fit, atoms) for part in np.array_split(frames, blocks)])
    return BFactors(values, parts.std(axis=0, ddof=1) / math.sqrt(blocks))


def block_correlations(
    frames: Array, fit: IntArray, atoms: IntArray, crystal: Array, blocks: int = BLOCKS
) -> Array:
    """Return Pearson's correlation of each block's B-factors with the crystal's, shape (blocks,).

    Args:
        frames: Positions [Å], shape (F, N, 3).
        fit: Atoms that are fitted.
        atoms: Atoms whose B-factors are compared.
        crystal: The crystal's B-factors of these atoms [Å²].
        blocks: Number of blocks.
    """
    return np.array(
        [
            agreement(_of(part, fit, atoms), crystal).pearson
            for part in np.array_split(frames, blocks)
        ]
    )


def compare(simulated: Array, crystal: Array, inner: np.ndarray) -> tuple[Agreement, Agreement]:
    """Return the agreement of all residues, and of those that are not at the ends of a chain.

    Args:
        simulated, crystal: B-factors [Å²], shape (n,).
        inner: Whether a residue counts as inside its chain, shape (n,).
    """
    return agreement(simulated, crystal), agreement(simulated[inner], crystal[inner])


def _of(frames: Array, fit: IntArray, atoms: IntArray) -> Array:
    used = np.union1d(fit, atoms)
    part = mean_superposed(frames[:, used], np.searchsorted(used, fit))
    return b_of(part[:, np.searchsorted(used, atoms)])
