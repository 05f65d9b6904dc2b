# SPDX-License-Identifier: MIT
"""Rotatable torsions, which distinguish the conformers of a molecule, and rings that pucker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from merrow.amber.topology import AmberTopology
from merrow.geometry import Array, Quadruple, in_ring, neighbours

CARBON, PLANAR = 6, 3
"""Atomic number, and the neighbours of a planar atom."""


def rotatable_torsions(topology: AmberTopology, atoms: Sequence[int]) -> tuple[Quadruple, ...]:
    """Return one torsion for each acyclic bond between heavy atoms.

    Both ends of the bond need another neighbour; heavy neighbours are preferred over hydrogens, and
    ends with only equivalent hydrogens (methyl) do not count.

    Returns:
        Local indices (positions in `atoms`) of the four atoms of each torsion.
    """
    near = neighbours(topology.bonds_among(atoms), range(len(atoms)))
    numbers = [topology.numbers[atom] for atom in atoms]
    found = []
    for b, around in near.items():
        for c in around:
            if b >= c or numbers[b] == 1 or numbers[c] == 1 or in_ring(near, b, c):
                continue
            ends = [_end(near, numbers, b, c), _end(near, numbers, c, b)]
            if ends[0] is not None and ends[1] is not None:
                found.append((ends[0], b, c, ends[1]))
    return tuple(found)


def conformer_torsions(topology: AmberTopology, atoms: Sequence[int]) -> tuple[Quadruple, ...]:
    """Return those of `rotatable_torsions` that tell conformers apart.

    A third of a turn of CF3 exchanges equivalent atoms, and so does half a turn of NO2, or of NH2
    and CH2 at a planar carbon (amides, anilines).
    """
    near = neighbours(topology.bonds_among(atoms), range(len(atoms)))
    numbers = [topology.numbers[atom] for atom in atoms]

    def exchanges(end: int, here: int, there: int) -> bool:
        others = [i for i in near[here] if i != there]
        equal = all(numbers[i] == numbers[end] and len(near[i]) == 1 for i in others)
        flat = numbers[end] > 1 or (numbers[there] == CARBON and len(near[there]) == PLANAR)
        return equal and (len(others) == 3 or (len(others) == 2 and flat))

    return tuple(
        (a, b, c, d)
        for a, b, c, d in rotatable_torsions(topology, atoms)
        if not exchanges(a, b, c) and not exchanges(d, c, b)
    )


def has_saturated_ring(topology: AmberTopology, atoms: Sequence[int]) -> bool:
    """Tell whether some ring has an atom with four neighbours, so that it may pucker."""
    near = neighbours(topology.bonds_among(atoms), range(len(atoms)))
    return any(
        len(around) == 4 and any(in_ring(near, here, there) for there in around)
        for here, around in near.items()
    )


def heavy_torsions(topology: AmberTopology, atoms: Sequence[int]) -> tuple[Quadruple, ...]:
    """Return those of `rotatable_torsions` whose four atoms are all heavy."""
    heavy = [topology.numbers[atom] > 1 for atom in atoms]
    return tuple(q for q in rotatable_torsions(topology, atoms) if all(heavy[i] for i in q))


def most_different(angles: Array, count: int) -> list[int]:
    """Return the frames that differ most in their torsions, starting with the first frame.

    Greedy: each next frame has the largest minimum distance (sum of 1 − cos) to those chosen.
    """
    taken = [0]
    while len(taken) < count:
        difference = np.radians(angles[:, None] - angles[None, taken])
        distance = np.sum(1 - np.cos(difference), axis=-1).min(axis=1)
        taken.append(int(np.argmax(distance)))
    return taken


def _end(
    near: Mapping[int, Sequence[int]], numbers: Sequence[int], here: int, there: int
) -> int | None:
    others = [i for i in near[here] if i != there]
    heavy = [i for i in others if numbers[i] > 1]
    if heavy:
        return heavy[0]
    if len(others) == 3 or not others:
        return None
    return others[0]
