# SPDX-License-Identifier: MIT
"""Pairs of atoms within a cutoff, in a batch of conformers of one molecule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merrow.potentials.interface import Array

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Pairs:
    """Directed pairs of a batch, by conformer, then first, then second atom.

    Attributes:
        conformer, i, j: Who, each of shape (pairs,).
        vectors: From i to j [Å], shape (pairs, 3).
    """

    conformer: Index
    i: Index
    j: Index
    vectors: Array


def pairs_within(cutoff: float, positions: Array) -> Pairs:
    """Return all directed pairs.

    Every pair is looked at: up to some hundred atoms that takes no longer than a list to be kept.

    Args:
        cutoff: Largest distance of a pair [Å]; a pair at the cutoff is left out.
        positions: Positions [Å], shape (R, N, 3).
    """
    n = positions.shape[1]
    between = positions[:, None] - positions[:, :, None]
    near = np.einsum("rijx,rijx->rij", between, between) < cutoff**2
    near[:, np.arange(n), np.arange(n)] = False
    conformer, i, j = np.nonzero(near)
    return Pairs(conformer, i, j, between[conformer, i, j])
