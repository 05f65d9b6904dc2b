# SPDX-License-Identifier: MIT
"""Which torsions tell the conformers of a molecule apart?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlmm.amber.topology import AmberTopology
from mlmm.potentials.interface import Array


def rotatable_torsions(
    topology: AmberTopology, atoms: Sequence[int]
) -> tuple[tuple[int, int, int, int], ...]:
    """Return one torsion for each bond between heavy atoms that is not in a ring.

    Both ends of the bond need another neighbour; a heavy one is preferred over a hydrogen, and
    ends that carry nothing but equal hydrogens (methyl) do not count.

    Args:
        topology: The prmtop.
        atoms: Atoms of the molecule.

    Returns:
        Local indices (positions in `atoms`) of the four atoms of each torsion.
    """
    local = {atom: i for i, atom in enumerate(atoms)}
    neighbours: dict[int, list[int]] = {i: [] for i in range(len(atoms))}
    for a, b in topology.bonds:
        if a in local and b in local:
            neighbours[local[a]].append(local[b])
            neighbours[local[b]].append(local[a])
    numbers = [topology.numbers[atom] for atom in atoms]
    found = []
    for b, around in neighbours.items():
        for c in around:
            if b >= c or numbers[b] == 1 or numbers[c] == 1 or _in_ring(neighbours, b, c):
                continue
            ends = [_end(neighbours, numbers, b, c), _end(neighbours, numbers, c, b)]
            if ends[0] is not None and ends[1] is not None:
                found.append((ends[0], b, c, ends[1]))
    return tuple(found)


def torsion_angles(positions: Array, torsions: Sequence[tuple[int, int, int, int]]) -> Array:
    """Return torsion angles [degree] in (−180, 180], shape (frames, torsions)."""
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


def most_different(angles: Array, count: int) -> list[int]:
    """Return frames that differ most in their torsions, the first frame being the first of them.

    Greedy: each next frame has the largest smallest distance (1 − cos, summed) to those taken.
    """
    taken = [0]
    while len(taken) < count:
        difference = np.radians(angles[:, None] - angles[None, taken])
        distance = np.sum(1 - np.cos(difference), axis=-1).min(axis=1)
        taken.append(int(np.argmax(distance)))
    return taken


def _end(neighbours: dict[int, list[int]], numbers: list[int], here: int, there: int) -> int | None:
    others = [i for i in neighbours[here] if i != there]
    heavy = [i for i in others if numbers[i] > 1]
    if heavy:
        return heavy[0]
    if len(others) == 3 or not others:
        return None
    return others[0]


def _in_ring(neighbours: dict[int, list[int]], b: int, c: int) -> bool:
    """Tell whether c can be reached from b without their bond."""
    seen, stack = {b}, [i for i in neighbours[b] if i != c]
    while stack:
        here = stack.pop()
        if here == c:
            return True
        if here not in seen:
            seen.add(here)
            stack.extend(neighbours[here])
    return False
