# SPDX-License-Identifier: MIT
"""Do coordinates belong to the prmtop? The bonds of the ML region tell.

MM terms of bonds show at once that atoms are in another order or not in Å, but a network knows no
bonds: its energy of such positions is a number like any other.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from merrow.amber.topology import AmberTopology, atom_label
from merrow.errors import InputError
from merrow.potentials.interface import Array
from merrow.system.images import together
from merrow.system.region import MLRegion

SHORTEST, LONGEST = 0.5, 1.8
"""Allowed range of a bond length relative to the sum of the covalent radii."""
_ELEMENTS: Final = (1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 34, 35, 53)
_RADII: Final = (0.31, 0.84, 0.76, 0.71, 0.66, 0.57, 1.11, 1.07, 1.05, 1.02, 1.20, 1.20, 1.39)
RADII: Final = dict(zip(_ELEMENTS, _RADII, strict=True))
"""Covalent radii by atomic number [Å], Cordero *et al.* (2008), doi:10.1039/b801115j; bonds of
other elements, and of extra points, are not judged."""


def check_lengths(
    positions: Array, topology: AmberTopology, region: MLRegion, *, source: str
) -> None:
    """Check by bond lengths that positions are in Å and in the order of the prmtop.

    Args:
        positions: Positions of all atoms [Å], shape (N, 3), molecules whole.
        topology: The prmtop.
        region: The ML region.
        source: Name of the positions in the message.

    Raises:
        InputError: A bond of the region is much longer or shorter than is usual.
    """
    for pair in topology.bonds_among(region.atoms):
        i, j = (region.atoms[k] for k in pair)
        radii = [RADII[n] for n in (topology.numbers[i], topology.numbers[j]) if n in RADII]
        if len(radii) < 2:
            continue
        usual = sum(radii)
        length = float(np.linalg.norm(positions[i] - positions[j]))
        if not SHORTEST * usual < length < LONGEST * usual:
            raise InputError(
                f"{atom_label(topology, i)} and {atom_label(topology, j)} are bonded in "
                f"{topology.path.name}, but {length:.2f} Å apart in {source}, where {usual:.2f} Å "
                "is usual: give coordinates of this prmtop, in its order of atoms and in Å, or a "
                "prmtop with the bonds of these."
            )


def placed(
    positions: Array, box: Array | None, topology: AmberTopology, region: MLRegion, *, source: str
) -> Array:
    """Return positions with the region in one image (`together`), after `check_lengths`."""
    check_lengths(positions, topology, region, source=source)
    return together(positions, box, region, source=source)
