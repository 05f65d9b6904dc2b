# SPDX-License-Identifier: MIT
"""Pairs of atoms within a cutoff, in a batch of conformers of one molecule.

The search is over pairs that were close enough when it was last made in full; it is made in full
again when an atom has moved by half the skin. The answer is the same, bit for bit and in the same
order, as that of a full search.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from merrow.potentials.interface import Array

Index = NDArray[np.intp]

SKIN: Final = 1.0
"""How much further than the cutoff a full search looks [Å]."""


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


@dataclass(frozen=True)
class _Candidates:
    """Pairs within cutoff and skin of the positions of a full search."""

    positions: Array
    conformer: Index
    i: Index
    j: Index


class NeighbourList:
    """The pairs within a cutoff; it remembers its last full search, never an answer."""

    def __init__(self, cutoff: float, skin: float = SKIN) -> None:
        """Remember nothing yet.

        Args:
            cutoff: Largest distance of a pair [Å]; a pair at the cutoff is left out.
            skin: How much further a full search looks [Å]; 0 searches in full every time.
        """
        self._cutoff, self._skin = cutoff, skin
        self._candidates: _Candidates | None = None

    def pairs(self, positions: Array) -> Pairs:
        """Return all directed pairs.

        Args:
            positions: Positions [Å], shape (R, N, 3).
        """
        known = self._candidates
        if known is None or self._outdated(known, positions):
            known = self._candidates = _search(positions, self._cutoff + self._skin)
        vectors = positions[known.conformer, known.j] - positions[known.conformer, known.i]
        near = np.einsum("kx,kx->k", vectors, vectors) < self._cutoff**2
        return Pairs(known.conformer[near], known.i[near], known.j[near], vectors[near])

    def _outdated(self, known: _Candidates, positions: Array) -> bool:
        if known.positions.shape != positions.shape:
            return True
        moved = positions - known.positions
        return bool(np.einsum("rnx,rnx->rn", moved, moved).max() >= (0.5 * self._skin) ** 2)


def _search(positions: Array, reach: float) -> _Candidates:
    n = positions.shape[1]
    between = positions[:, None] - positions[:, :, None]
    near = np.einsum("rijx,rijx->rij", between, between) < reach**2
    near[:, np.arange(n), np.arange(n)] = False
    return _Candidates(positions.copy(), *np.nonzero(near))
