# SPDX-License-Identifier: MIT
"""GB energies of MMPBSA, checked against OpenMM on a few frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from merrow.binding.mmpbsa_program import Energies, Settings, Topologies
from merrow.system.implicit import gb_energies

Array = NDArray[np.float64]

FRAMES: Final = 3
"""Number of frames computed twice: the first, the middle and the last."""
RELATIVE: Final = 1e-5
"""Tolerance for EGB of a species [relative]."""
ROUNDING: Final = 5e-5
"""Half of the last digit printed by sander [kcal/mol]."""
DELTA: Final = 0.05
"""Tolerance for ΔEGB [kcal/mol]."""


@dataclass(frozen=True)
class GbCheck:
    """Comparison of GB energies of two programs.

    Attributes:
        frames: Frames computed by both, counted from 0.
        relative: Largest relative difference of EGB, beyond sander's rounding, by species.
        delta: Largest difference of ΔEGB [kcal/mol].
        agree: Whether all are within their tolerances.
    """

    frames: tuple[int, ...]
    relative: dict[str, float]
    delta: float
    agree: bool

    def sentence(self) -> str:
        """Return the outcome as a sentence."""
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
    """Compute EGB of a few frames with OpenMM and compare it with MMPBSA.

    Args:
        species: Topologies used by MMPBSA.
        parts: Positions of complex, receptor and ligand [Å], each shape (F, atoms, 3).
        tables: Energies from MMPBSA.
        settings: Settings of the solvent model.
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
