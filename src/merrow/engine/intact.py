# SPDX-License-Identifier: MIT
"""Check that the bonds of the ML region are intact.

Networks are trained near equilibrium. If a line search or a bad step carries a molecule over a
barrier, some predict that dissociated molecules are stable (ANI-1ccx: CH3 and OH of methanol, 2.9 Å
apart, 6 kcal/mol below the start at 300 K), and a simulation continues there without any other
sign.
"""

from __future__ import annotations

import math

import numpy as np

from merrow.errors import NumericsError
from merrow.system.build import HybridSystem
from merrow.system.region import Bonds
from merrow.units import ANGSTROM_PER_NM

Array = np.ndarray

MAX_BOND_STRETCH = 1.6
"""Factor between two lengths of a bond at which it counts as broken.

Thermal motion stays far below: a C-H bond (340 kcal/mol/Å²) has a standard deviation of 0.03 Å at
300 K and 0.05 Å at 900 K, so lengths three deviations to either side differ by factors of 1.2 and
1.3.
"""

TORN = 2.0
"""Length [Å] above which a bond stretched by the factor is broken, even from a bad start."""


def require_whole(
    hybrid: HybridSystem, before: Array, after: Array, *, when: str, from_any_start: bool = False
) -> None:
    """Check that no bond of the region has broken or collapsed.

    Args:
        hybrid: The system with its region and bonds.
        before: Earlier positions of the whole system [nm], shape (N, 3).
        after: Current positions [nm], shape (N, 3).
        when: Phase for the message, such as "during the minimisation".
        from_any_start: Whether the earlier positions may have been bad; then only bonds longer than
            `TORN` are refused.

    Raises:
        NumericsError: A bond is longer or shorter than before by the factor `MAX_BOND_STRETCH`.
    """
    atoms = list(hybrid.region.atoms)
    require_bonds(
        hybrid.bonds, before[atoms], after[atoms], when=when, from_any_start=from_any_start
    )


def require_bonds(
    bonds: Bonds, before: Array, after: Array, *, when: str, from_any_start: bool = False
) -> None:
    """Check that no bond of conformers has broken or collapsed.

    Args:
        bonds: The bonds of the molecule.
        before: Earlier positions of the molecule [nm], shape (…, n, 3).
        after: Current positions [nm], same shape.
        when: As in `require_whole`.
        from_any_start: As in `require_whole`.

    Raises:
        NumericsError: As in `require_whole`.
    """
    if not bonds.pairs:
        return
    old, new = (_lengths(positions, bonds) for positions in (before, after))
    change = np.abs(np.log(new / old))
    if from_any_start:
        change[new < TORN] = 0.0
    worst = np.unravel_index(np.argmax(change), change.shape)
    if change[worst] <= math.log(MAX_BOND_STRETCH):
        return
    i, j = bonds.names[int(worst[-1])]
    raise NumericsError(
        f"the ML region came apart {when}: {i} and {j}, which are bonded, went from "
        f"{old[worst]:.2f} to {new[worst]:.2f} Å. The potential has no barrier there; begin from a "
        "relaxed structure, take a shorter time step, or another potential."
    )


def _lengths(positions: Array, bonds: Bonds) -> Array:
    """Return the lengths of bonds [Å], shape (…, b)."""
    pairs = np.array(bonds.pairs, dtype=np.int64)
    apart = positions[..., pairs[:, 0], :] - positions[..., pairs[:, 1], :]
    return np.asarray(np.linalg.norm(apart, axis=-1) * ANGSTROM_PER_NM)
