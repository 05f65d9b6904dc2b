# SPDX-License-Identifier: MIT
"""Which bonds and angles describe a molecule once each? Those of a tree through all its atoms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from merrow.samples import Array


def stiff_coordinates(positions: Array, bonds: Sequence[tuple[int, int]]) -> Array:
    """Return N − 1 bond lengths and N − 2 angles of every frame, shape (frames, 2N − 3).

    A tree is grown from an atom with the most neighbours; each atom has its bond to its parent and
    the angle to its grandparent (to an elder sibling next to the root). No coordinate follows from
    the others, as it would if all angles around an atom were taken.

    Args:
        positions: Positions, shape (frames, N, 3), in any unit, which the lengths share.
        bonds: Pairs of atoms; all atoms hang together.

    Returns:
        Lengths, then angles [radian].
    """
    pairs, triples = _tree(positions.shape[1], bonds)
    lengths = [np.linalg.norm(positions[:, a] - positions[:, b], axis=1) for a, b in pairs]
    angles = [_angle(positions[:, a], positions[:, b], positions[:, c]) for a, b, c in triples]
    columns = [*lengths, *angles]
    return np.stack(columns, axis=1) if columns else np.zeros((len(positions), 0))


def _tree(
    n: int, bonds: Sequence[tuple[int, int]]
) -> tuple[list[tuple[int, int]], list[tuple[int, int, int]]]:
    """Return (atom, parent) and (atom, parent, grandparent or elder sibling) of a spanning tree."""
    neighbours: list[list[int]] = [[] for _ in range(n)]
    for a, b in bonds:
        neighbours[a].append(b)
        neighbours[b].append(a)
    root = max(range(n), key=lambda atom: len(neighbours[atom]), default=0)
    parent, order = {root: root}, [root]
    for atom in order:  # grows while it is read: breadth first
        for other in sorted(neighbours[atom]):
            if other not in parent:
                parent[other] = atom
                order.append(other)
    pairs = [(atom, parent[atom]) for atom in order[1:]]
    triples = []
    for atom in order[2:]:
        middle = parent[atom]
        far = order[1] if middle == root else parent[middle]
        triples.append((atom, middle, far))
    return pairs, triples


def _angle(a: Array, b: Array, c: Array) -> Array:
    """Return the angle a-b-c [radian] of every frame."""
    left, right = a - b, c - b
    across = np.linalg.norm(np.cross(left, right), axis=1)
    return np.asarray(np.arctan2(across, np.sum(left * right, axis=1)))
