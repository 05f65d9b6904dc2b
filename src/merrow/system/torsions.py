# SPDX-License-Identifier: MIT
"""Rotatable torsions, which distinguish the conformers of a molecule, and rings that pucker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from merrow.amber.topology import AmberTopology
from merrow.geometry import Array, Quadruple, in_ring, neighbours

BORON, CARBON, NITROGEN, OXYGEN = 5, 6, 7, 8
"""Atomic numbers."""
PYRAMIDS = (15, 16)
"""Elements whose three bonds do not invert."""
LINEAR, PLANAR = 2, 3
"""Neighbours of a linear and of a planar carbon."""


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


def conformer_torsions(
    topology: AmberTopology, atoms: Sequence[int]
) -> tuple[tuple[Quadruple, ...], ...]:
    """Return the bonds of `rotatable_torsions` that tell conformers apart, each by its torsions.

    A bond has one torsion, or several if an end has equivalent atoms (both fluorines of CHF2):
    which atoms are taken does not depend on their order, and a mirror image has the same ones.

    Not among them are bonds of linear ends (nitriles), and those where a turn exchanges equivalent
    groups: a third of a turn of CF3 or C(CH3)3, half a turn of a phenyl ring, of NO2, or of NH2 and
    CH2 at a planar carbon (amides, anilines).
    """
    near = neighbours(topology.bonds_among(atoms), range(len(atoms)))
    numbers = [topology.numbers[atom] for atom in atoms]
    classes = equivalence_classes(topology, atoms)

    def exchanges(here: int, there: int) -> bool:
        others = [i for i in near[here] if i != there]
        equal = len({classes[i] for i in others}) == 1
        planar = _is_planar(near, numbers, here, there)
        return equal and (len(others) == 3 or (len(others) == 2 and planar))

    def ends(here: int, there: int) -> list[int]:
        others = [i for i in near[here] if i != there]
        heavy = [i for i in others if numbers[i] > 1] or others
        last = max(classes[i] for i in heavy)
        return [i for i in heavy if classes[i] == last]

    found = []
    for _, b, c, _ in rotatable_torsions(topology, atoms):
        linear = any(numbers[i] == CARBON and len(near[i]) == LINEAR for i in (b, c))
        if not linear and not exchanges(b, c) and not exchanges(c, b):
            found.append(tuple((a, b, c, d) for a in ends(b, c) for d in ends(c, b)))
    return tuple(found)


def _is_planar(
    near: Mapping[int, Sequence[int]], numbers: Sequence[int], here: int, there: int
) -> bool:
    """Tell whether three neighbours of an atom lie in a plane, as far as the elements tell."""
    if len(near[here]) != PLANAR or numbers[here] in PYRAMIDS:
        return False
    if numbers[here] == NITROGEN:
        nitro = sum(numbers[i] == OXYGEN and len(near[i]) == 1 for i in near[here]) == 2
        conjugated = numbers[there] == CARBON and len(near[there]) == PLANAR
        return nitro or conjugated or (numbers[there] == NITROGEN and len(near[there]) == LINEAR)
    return numbers[here] in (BORON, CARBON)


def has_stereocentre(topology: AmberTopology, atoms: Sequence[int]) -> bool:
    """Tell whether an atom has neighbours that are all different: four, or three of S or P.

    Nitrogen is not counted, since it inverts.
    """
    near = neighbours(topology.bonds_among(atoms), range(len(atoms)))
    classes = equivalence_classes(topology, atoms)
    for here, around in near.items():
        pyramid = len(around) == 3 and topology.numbers[atoms[here]] in PYRAMIDS
        different = len({classes[i] for i in around}) == len(around)
        if different and (len(around) == 4 or pyramid):
            return True
    return False


def equivalence_classes(topology: AmberTopology, atoms: Sequence[int]) -> tuple[int, ...]:
    """Return the class of each atom; equivalent atoms have the same.

    Atoms start with their element and are told apart by the classes of their neighbours until
    nothing changes (Morgan, J. Chem. Doc. 1965, 5, 107).
    """
    near = neighbours(topology.bonds_among(atoms), range(len(atoms)))
    classes = [topology.numbers[atom] for atom in atoms]
    while True:
        described = [(classes[i], *sorted(classes[j] for j in near[i])) for i in range(len(near))]
        order = {found: n for n, found in enumerate(sorted(set(described)))}
        if len(order) == len(set(classes)):
            return tuple(classes)
        classes = [order[found] for found in described]


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
