# SPDX-License-Identifier: MIT
"""A potential with scaled torsions: E + (f − 1) V_tors."""

from __future__ import annotations

from dataclasses import replace

from merrow.potentials.interface import Array, Capabilities, Evaluation, Potential


class ScaledTorsions:
    """A potential with a part of another one taken away.

    Args:
        whole: E.
        torsions: V_tors, torsion terms of the same molecule.
        scale: f, below 1.
    """

    def __init__(self, whole: Potential, torsions: Potential, scale: float) -> None:
        if not scale < 1.0:
            raise ValueError(f"scaled torsions have a scale below 1, not {scale}")
        self._whole, self._torsions, self._scale = whole, torsions, scale

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of E under another name."""
        name = f"{self._whole.capabilities.name} with torsions times {self._scale:g}"
        return replace(self._whole.capabilities, name=name, ensemble_size=1)

    @property
    def identity(self) -> str:
        """f and the identities of both."""
        return f"{self._whole.identity}+{self._scale - 1.0!r}*{self._torsions.identity}"

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies and forces of positions [Å], shape (R, N, 3), float64."""
        whole, torsions = (p.evaluate(positions) for p in (self._whole, self._torsions))
        factor = self._scale - 1.0
        return Evaluation(
            whole.energies + factor * torsions.energies, whole.forces + factor * torsions.forces
        )
