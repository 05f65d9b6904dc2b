# SPDX-License-Identifier: MIT
"""Choice of waters to replace by ions, seeded so that the same input gives the same box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from merrow.errors import InputError

Array = NDArray[np.float64]

APART: Final = 5.0
"""Minimum distance of an ion from the solute and from other ions [Å]."""


def choose_waters(
    oxygens: Array, solute: Array, box: Array, n_ions: int, rng: np.random.Generator
) -> list[int]:
    """Return the indices of the waters to replace by ions, in random order.

    Args:
        oxygens: Positions of the water oxygens [Å], shape (n, 3).
        solute: Positions of the solute [Å], shape (m, 3).
        box: Edges of the rectangular box [Å], shape (3,).
        n_ions: Number of ions.
        rng: Random generator.

    Raises:
        InputError: There is no room for all ions.
    """
    distance, _ = cKDTree(solute).query(oxygens)
    taken: list[int] = []
    for i in rng.permutation(np.flatnonzero(distance > APART)):
        if len(taken) == n_ions:
            break
        apart = oxygens[taken] - oxygens[i]
        apart -= box * np.round(apart / box)
        if (np.linalg.norm(apart, axis=1) > APART).all():
            taken.append(int(i))
    if len(taken) < n_ions:
        raise InputError(
            f"the box has room for {len(taken)} of {n_ions} ions: give a larger --buffer or "
            "less salt with --ions."
        )
    return taken


def ion_pdb(names: Sequence[str], places: Array) -> str:
    """Return PDB text of single ions, one residue each."""
    lines: list[str] = []
    for i, (name, (x, y, z)) in enumerate(zip(names, places, strict=True), 1):
        lines += [_line(i, name, name, i, x, y, z), "TER"]
    return "\n".join([*lines, "END", ""])


def water_pdb(places: Array) -> str:
    """Return PDB text of waters.

    Args:
        places: Positions [Å], shape (n, k, 3), of O or of O, H1 and H2.
    """
    lines: list[str] = []
    for i, water in enumerate(places, 1):
        names = ("O", "H1", "H2")[: len(water)]
        lines += [_line(i, a, "WAT", i, *p) for a, p in zip(names, water, strict=True)] + ["TER"]
    return "\n".join([*lines, "END", ""])


def _line(serial: int, atom: str, residue: str, number: int, x: float, y: float, z: float) -> str:
    return (
        f"HETATM{serial % 100000:5d} {atom:^4} {residue:<3} S{number % 10000:4d}    "
        f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00"
    )
