# SPDX-License-Identifier: MIT
"""GB energies of MMPBSA, checked against OpenMM on some of the frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from merrow.binding.mmpbsa_program import Energies, Settings, Topologies
from merrow.system.implicit import gb_energies

Array = NDArray[np.float64]

FRAMES: Final = 3
"""Frames that are computed twice: the first, the middle and the last."""
RELATIVE: Final = 1e-5
"""Largest relative difference of EGB of a species."""
ROUNDING: Final = 5e-5
"""Half of the last digit that sander prints [kcal/mol]."""
DELTA: Final = 0.05
"""Largest difference of ΔEGB [kcal/mol]."""


@dataclass(frozen=True)
class GbCheck:
    """How far two programs are apart.

    Attributes:
        frames: Frames that were computed by both, counted from 0.
        relative: Largest relative difference of EGB, beyond sander's rounding, by species.
        delta: Largest difference of ΔEGB [kcal/mol].
        agree: Whether all are within their bars.
    """

    frames: tuple[int, ...]
    relative: dict[str, float]
    delta: float
    agree: bool

    def sentence(self) -> str:
        """Return what a reader must know."""
        worst = max(self.relative, key=lambda name: self.relative[name])
        numbers = (
            f"EGB of the {worst} differs by {self.relative[worst]:.1e} of itself, ΔEGB by "
            f"{self.delta:.4f} kcal/mol"
        )
        if self.agree:
            return f"OpenMM and sander agree on GB in {len(self.frames)} frames: {numbers} at most."
        return (
            f"OpenMM and sander do NOT agree on GB in {len(self.frames)} frames: {numbers}; do not "
            "use these numbers before the reason is known."
        )


def gb_check(
    species: Topologies, parts: dict[str, Array], tables: Energies, settings: Settings
) -> GbCheck:
    """Compute EGB of a few frames with OpenMM and compare.

    Args:
        species: The files that MMPBSA had.
        parts: Positions of complex, receptor and ligand [Å], each shape (F, atoms, 3).
        tables: What MMPBSA made of them.
        settings: How the solvent is described.
    """
    total = len(tables["complex"]["EGB"])
    frames = tuple(sorted({round(x) for x in np.linspace(0, total - 1, FRAMES)}))
    paths = {"complex": species.complex, "receptor": species.receptor, "ligand": species.ligand}
    ours, apart = {}, {}
    for name, path in paths.items():
        # MMPBSA reads single precision
        place = parts[name][list(frames)].astype(np.float32).astype(np.float64)
        ours[name] = gb_energies(path, place, igb=settings.igb, salt=settings.salt)
        theirs = tables[name]["EGB"][list(frames)]
        beyond = np.maximum(np.abs(ours[name] - theirs) - ROUNDING, 0.0)
        apart[name] = float((beyond / np.maximum(np.abs(theirs), 1.0)).max())
    difference = ours["complex"] - ours["receptor"] - ours["ligand"]
    delta = float(np.abs(difference - tables["delta"]["EGB"][list(frames)]).max())
    agree = max(apart.values()) <= RELATIVE and delta <= DELTA
    return GbCheck(frames, apart, delta, agree)
