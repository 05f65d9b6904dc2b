# SPDX-License-Identifier: MIT
"""Neighbour pairs of a batch of conformers of one molecule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merrow.potentials.interface import Array

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Pairs:
    """Directed pairs of a batch, ordered by conformer, first and second atom.

    Attributes:
        conformer, i, j: Indices of conformer and atoms, each of shape (pairs,).
        vectors: Vectors from i to j [Å], shape (pairs, 3).
    """

    conformer: Index
    i: Index
    j: Index
    vectors: Array


def pairs_within(cutoff: float, positions: Array) -> Pairs:
    """Return all directed pairs within a cutoff.

    All pairs are tested, which up to some hundred atoms is no slower than a neighbour list.

    Args:
        cutoff: Cutoff radius [Å], exclusive.
        positions: Positions [Å], shape (R, N, 3).
    """
    n = positions.shape[1]
    between = positions[:, None] - positions[:, :, None]
    near = np.einsum("rijx,rijx->rij", between, between) < cutoff**2
    near[:, np.arange(n), np.arange(n)] = False
    conformer, i, j = np.nonzero(near)
    return Pairs(conformer, i, j, between[conformer, i, j])
