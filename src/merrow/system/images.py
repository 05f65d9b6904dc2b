# SPDX-License-Identifier: MIT
"""Periodic images of an ML region of several molecules.

Such a region has one image in which all of its atoms are within half the box width of each other.
There the minimum image of every pair is the pair itself, so E_ML, which has no box, and the
excluded pairs within the region refer to the same distances. OpenMM treats the region as one
molecule and never moves its parts into different images.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.spatial import cKDTree

from merrow.errors import InputError
from merrow.geometry import beside
from merrow.potentials.interface import Array
from merrow.system.region import MLRegion


@dataclass(frozen=True)
class Reach:
    """The two atoms of a region that are farthest apart.

    Attributes:
        first, second: Their labels.
        distance: Their distance [Å].
        limit: Half the width of the box [Å], which the distance must not reach.
    """

    first: str
    second: str
    distance: float
    limit: float

    @property
    def too_far(self) -> bool:
        """Whether the region has no common image."""
        return not self.distance < self.limit

    def __str__(self) -> str:
        """Return a description."""
        return (
            f"{self.first} and {self.second} are {self.distance:.1f} Å from each other, and half "
            f"the box is {self.limit:.1f} Å"
        )


def together(positions: Array, box: Array | None, region: MLRegion, *, source: str) -> Array:
    """Return positions with the molecules of the region in one image.

    Args:
        positions: Positions of all atoms [Å], shape (N, 3), molecules whole.
        box: Box vectors in reduced form [Å], shape (3, 3), or None.
        region: The ML region.
        source: Name of the positions in messages.

    Raises:
        InputError: Two of its atoms are farther apart than half the box.
    """
    if box is None or not region.parts:
        return positions
    moved: Array = beside(positions[None], region.parts, box[None])[0]
    reach = reach_of(moved, box, region)
    if reach is not None and reach.too_far:
        raise InputError(
            f"the molecules of the ML region are too far apart in {source}: {reach}; put them "
            "together, or take a larger box."
        )
    return moved


def reach_of(positions: Array, box: Array, region: MLRegion) -> Reach | None:
    """Return the extent of a region of several molecules; None for one molecule.

    Args:
        positions: Positions of all atoms [Å], shape (N, 3).
        box: Box vectors in reduced form [Å], shape (3, 3).
        region: The ML region.
    """
    if not region.parts:
        return None
    own = positions[list(region.model_atoms)]
    distance = np.linalg.norm(own[:, None] - own[None], axis=-1)
    i, j = divmod(int(np.argmax(distance)), len(own))
    names = region.labels
    return Reach(names[i], names[j], float(distance[i, j]), float(np.diag(box).min()) / 2)


def to_own_image(positions: Array, box: Array, region: MLRegion) -> float:
    """Return the shortest distance [Å] of an atom of the region to an image of the region.

    Args:
        positions: Positions of all atoms [Å], shape (N, 3), the region in one image.
        box: Box vectors in reduced form [Å], shape (3, 3).
        region: The ML region.
    """
    own = positions[list(region.atoms)]
    tree = cKDTree(own)
    moves = [move for move in product((-1, 0, 1), repeat=3) if any(move)]
    return min(float(tree.query(own + np.array(move) @ box)[0].min()) for move in moves)


def image_note(positions: Array, box: Array, region: MLRegion, cutoff: float) -> tuple[str, ...]:
    """Return a note if the region would feel its own image, which is excluded as its own atoms are.

    Args:
        positions, box, region: As for `to_own_image`.
        cutoff: Direct-space cutoff [Å].
    """
    gap = to_own_image(positions, box, region)
    if gap >= cutoff:
        return ()
    return (
        f"the ML region comes within {gap:.1f} Å of its own image in the next box, below the "
        f"cutoff of {cutoff:g} Å: pairs of the two have no Lennard-Jones terms here, and charges "
        "no direct sum, so the box is too small for it.",
    )
