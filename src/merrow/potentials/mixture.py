# SPDX-License-Identifier: MIT
"""Linear mixture of two potentials of the same molecule: E_A + s (E_B − E_A).

Ensembles of such energies connect an MM and an ML solute in overlapping steps (endpoint route).
This does not scale E_ML like the coupling to the solvent: at s = 0 and 1 the energy is A and B.
"""

from __future__ import annotations

from dataclasses import replace

from merrow.potentials.interface import Array, Capabilities, Evaluation, Potential


class Mixture:
    """A linear mixture of two potentials.

    Args:
        first: A, the energy at s = 0.
        second: B, the energy at s = 1.
        lambda_interpolate: s, between 0 and 1.
    """

    def __init__(self, first: Potential, second: Potential, lambda_interpolate: float) -> None:
        if not 0.0 < lambda_interpolate < 1.0:
            raise ValueError(
                f"a mixture has lambda_interpolate between 0 and 1, not {lambda_interpolate}"
            )
        self._first, self._second, self._s = first, second, lambda_interpolate

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of B under another name, since A, of the prmtop, supports any molecule."""
        name = f"{self._s:g} {self._second.capabilities.name}"
        return replace(self._second.capabilities, name=name, ensemble_size=1)

    @property
    def identity(self) -> str:
        """s and the identities of both."""
        return f"{self._first.identity}+{self._s!r}*{self._second.identity}"

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies and forces of positions [Å], shape (R, N, 3), float64."""
        a, b = self._first.evaluate(positions), self._second.evaluate(positions)
        return Evaluation(
            a.energies + self._s * (b.energies - a.energies),
            a.forces + self._s * (b.forces - a.forces),
        )
