# SPDX-License-Identifier: MIT
"""Checks of potentials of other people's code at their first evaluation.

A wrong unit or sign, forces predicted beside the energy, or conformers of a batch that are mixed
would simulate another molecule without any sign of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from merrow.errors import UnsupportedPhysicsError
from merrow.potentials.device import CONFORMERS, ENERGY, FORCE, SLOPE, Engine
from merrow.potentials.interface import Array, Evaluation

STRIDE: Final = 0.1
"""Length of the displacement of all atoms for the test of forces [Å]: about 2 kcal/mol of
curvature even at a minimum."""
FORGIVEN: Final = 0.1
"""Relative tolerance of the work of the forces; a wrong unit deviates by 0.9."""


@dataclass
class Proven:
    """An engine whose forces are compared with its energy, and its first batch with single calls.

    Attributes:
        engine: The engine.
        told: Its name in the message.
        instead: What to do, for the message.
    """

    engine: Engine
    told: str
    instead: str
    _done: bool = field(default=False, init=False)
    _batched: bool = field(default=False, init=False)

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies and forces of positions [Å], shape (R, N, 3).

        Raises:
            UnsupportedPhysicsError: The forces are not the slope of the energy, or the result of a
                conformer depends on the others in its batch.
        """
        answer = self.engine.evaluate(positions)
        finite = np.isfinite(answer.energies).all() and np.isfinite(answer.forces).all()
        if not self._done and finite:  # others are refused by the caller
            self._prove(positions[0])
            self._done = True
        if not self._batched and finite and len(positions) > 1:
            self._compare(positions[-CONFORMERS:], answer)
            self._batched = True
        return answer

    def _compare(self, positions: Array, answer: Evaluation) -> None:
        """Compare the last conformers of a batch with the same alone."""
        alone = [self.engine.evaluate(one[None]) for one in positions]
        energies = np.concatenate([one.energies for one in alone])
        forces = np.concatenate([one.forces for one in alone])
        last = slice(-len(positions), None)
        off = float(np.abs(answer.energies[last] - energies).max())
        pulled = float(np.abs(answer.forces[last] - forces).max())
        allowed = ENERGY + 4 * float(np.finfo(np.float32).eps) * float(np.abs(energies).max())
        if not (off <= allowed and pulled <= FORCE + SLOPE * float(np.abs(forces).max())):
            raise UnsupportedPhysicsError(
                f"{self.told} gives conformers in a batch other energies or forces than alone (by "
                f"{off:.2g} kcal/mol and {pulled:.2g} kcal/mol/Å), so it mixes them; correct it."
            )

    def _prove(self, geometry: Array) -> None:
        """Compare the work of the forces with the energy difference, one stride back and forth.

        At a minimum both are ½kx², on a slope ±gx + ½kx²: one of the two is never small.
        """
        path = np.sin(np.arange(1.0, geometry.size + 1.0) ** 2).reshape(geometry.shape)
        path *= STRIDE / np.linalg.norm(path)
        t = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
        # one by one, since a file of the user may take no batch
        answers = [self.engine.evaluate((geometry + step * path)[None]) for step in t]
        f = np.array([-(answer.forces[0] * path).sum() for answer in answers])
        back, forth = (f[0] + 4 * f[1] + f[2]) / 6, (f[2] + 4 * f[3] + f[4]) / 6  # Simpson
        e = np.array([answer.energies[0] for answer in answers])
        wanted = np.array([e[2] - e[0], e[4] - e[2]])
        work = np.array([back, forth])
        rounding = 4 * float(np.finfo(np.float32).eps) * float(np.abs(e).max())
        missed, size = np.abs(work - wanted).sum(), np.abs(wanted).sum()
        if not missed <= FORGIVEN * size + rounding:
            ratio = float(work @ wanted / (wanted @ wanted)) if size else np.inf
            raise UnsupportedPhysicsError(
                f"the forces of {self.told} are not the slope of its energy but {ratio:.2g} times "
                f"it, so that it would simulate another molecule; {self.instead}."
            )
