# SPDX-License-Identifier: MIT
"""Is the ML region still the molecule that it was?

Networks are trained near equilibrium. Where a line search or a wild step carries a molecule over a
barrier, some hold torn molecules for as stable as whole ones (ANI-1ccx: CH3 and OH of methanol,
2.9 Å apart, 6 kcal/mol below where they started at 300 K), and a simulation goes on there without
any other sign.
"""

from __future__ import annotations

import math

import numpy as np

from mlmm.errors import NumericsError
from mlmm.system.build import HybridSystem
from mlmm.units import ANGSTROM_PER_NM

Array = np.ndarray

STRETCH = 1.6
"""Factor between two lengths of a bond at which it is another molecule; heat makes 1.2 at most."""


TORN = 2.0
"""A bond that grew by the factor to more than this [Å] is torn, whatever the start was worth."""


def require_whole(
    hybrid: HybridSystem, before: Array, after: Array, *, when: str, from_any_start: bool = False
) -> None:
    """Refuse positions in which a bond of the region has torn or collapsed.

    Args:
        hybrid: Knows the region and its bonds.
        before: Earlier positions of the whole system [nm], shape (N, 3).
        after: Present positions, shape (N, 3).
        when: For the message: "during the minimisation".
        from_any_start: Whether the earlier positions may be bad ones that were mended; then only
            bonds that grew beyond `TORN` are refused.

    Raises:
        NumericsError: A bond is longer or shorter than before by the factor `STRETCH`.
    """
    pairs = np.array(hybrid.bonds, dtype=np.int64).reshape(-1, 2)
    if not len(pairs):
        return
    old, new = (_lengths(positions, pairs) for positions in (before, after))
    change = np.abs(np.log(new / old))
    if from_any_start:
        change[new < TORN] = 0.0
    worst = int(np.argmax(change))
    if change[worst] <= math.log(STRETCH):
        return
    names = dict(zip(hybrid.region.atoms, hybrid.region.labels, strict=False))
    i, j = (names[int(atom)] for atom in pairs[worst])
    raise NumericsError(
        f"the ML region came apart {when}: {i} and {j}, which are bonded, went from "
        f"{old[worst]:.2f} to {new[worst]:.2f} Å. The potential has no barrier there; begin from a "
        "relaxed structure, take a shorter time step, or another potential."
    )


def _lengths(positions: Array, pairs: Array) -> Array:
    """Return the lengths of bonds [Å]."""
    apart = positions[pairs[:, 0]] - positions[pairs[:, 1]]
    return np.asarray(np.linalg.norm(apart, axis=1) * ANGSTROM_PER_NM)
