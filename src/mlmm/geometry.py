# SPDX-License-Identifier: MIT
"""What do bonds and positions say by themselves? Neighbours, rings, torsion angles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Quadruple = tuple[int, int, int, int]


def neighbours(
    bonds: Iterable[tuple[int, int]], atoms: Collection[int]
) -> dict[int, tuple[int, ...]]:
    """Return the bonded neighbours of each atom, in ascending order.

    Args:
        bonds: Pairs of atoms; those with an atom that is not asked about are left out.
        atoms: The atoms that are asked about.
    """
    near: dict[int, set[int]] = {i: set() for i in atoms}
    for i, j in bonds:
        if i in near and j in near:
            near[i].add(j)
            near[j].add(i)
    return {i: tuple(sorted(around)) for i, around in near.items()}


def in_ring(near: Mapping[int, Sequence[int]], i: int, j: int) -> bool:
    """Tell whether a bond is part of a ring: j is reached from i without it.

    Args:
        near: The neighbours of each atom.
        i: One atom of the bond.
        j: The other.
    """
    seen, todo = {i}, [k for k in near[i] if k != j]
    while todo:
        here = todo.pop()
        if here == j:
            return True
        if here not in seen:
            seen.add(here)
            todo.extend(near[here])
    return False


def torsion_angles(positions: Array, torsions: Sequence[Quadruple]) -> Array:
    """Return torsion angles [degree] in (−180, 180], shape (frames, torsions).

    Args:
        positions: Positions in any unit, shape (frames, N, 3).
        torsions: The four atoms of each torsion.
    """
    angles = np.empty((len(positions), len(torsions)))
    for k, (a, b, c, d) in enumerate(torsions):
        first = positions[:, b] - positions[:, a]
        axis = positions[:, c] - positions[:, b]
        last = positions[:, d] - positions[:, c]
        left, right = np.cross(first, axis), np.cross(axis, last)
        length = np.linalg.norm(axis, axis=1)
        sine = length * np.sum(first * right, axis=1)
        angles[:, k] = np.degrees(np.arctan2(sine, np.sum(left * right, axis=1)))
    return angles
