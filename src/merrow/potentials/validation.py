# SPDX-License-Identifier: MIT
"""Validation of the input and output of potentials."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merrow.errors import MerrowError, NumericsError
from merrow.potentials.device import CPU, Engine, FirstAnswer, full_float32
from merrow.potentials.elements import symbol
from merrow.potentials.ensemble import EnsembleEngine, MemberEnergies
from merrow.potentials.interface import Array, Capabilities, Evaluation


@dataclass(frozen=True)
class CheckedPotential:
    """An engine as a `Potential`, with validated input and output.

    Attributes:
        capabilities: What it supports.
        identity: Name and hash of the weights, or of whatever else determines the results.
        numbers: Atomic numbers, length N.
        engine: The engine, which can be pickled.
        proof: Comparison of its first results with the CPU, if it runs on another device.
    """

    capabilities: Capabilities
    identity: str
    numbers: tuple[int, ...]
    engine: Engine
    proof: FirstAnswer | None = None

    @property
    def device(self) -> str:
        """Name of the device in torch."""
        return CPU if self.proof is None else self.proof.device

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies and forces of positions [Å], shape (R, N, 3), float64.

        Raises:
            MerrowError: The shape is wrong.
            NumericsError: A position or a result is not finite, or the device and the CPU differ.
        """
        x = checked_positions(positions, self.numbers, self.capabilities.name)
        with self._exact():
            answer = self.engine.evaluate(x)
            check_answer(answer.energies, answer.forces, self.numbers)
            if self.proof is not None:
                self.proof.compare(self.engine, x, answer)
        return answer

    def member_energies(self, positions: Array) -> Array | None:
        """Return the energy of each member [kcal/mol], shape (R, M).

        None if the engine does not give them.

        Raises:
            MerrowError: The shape is wrong.
            NumericsError: A position is not finite.
        """
        if not isinstance(self.engine, MemberEnergies):
            return None
        x = checked_positions(positions, self.numbers, self.capabilities.name)
        with self._exact():
            return self.engine.member_energies(x)

    def member_forces(self, positions: Array) -> Array | None:
        """Return the forces of each member [kcal/mol/Å], shape (R, M, N, 3).

        None if the engine does not give them.

        Raises:
            MerrowError: The shape is wrong.
            NumericsError: A position is not finite.
        """
        if not isinstance(self.engine, EnsembleEngine):
            return None
        x = checked_positions(positions, self.numbers, self.capabilities.name)
        with self._exact():
            return self.engine.member_forces(x)

    def _exact(self) -> AbstractContextManager[None]:
        return nullcontext() if self.proof is None else full_float32()


def checked_positions(positions: Array, numbers: tuple[int, ...], name: str) -> Array:
    """Return positions [Å] as a contiguous array of shape (R, N, 3), float64.

    Raises:
        MerrowError: The shape is wrong.
        NumericsError: A position is not finite.
    """
    x = np.ascontiguousarray(positions, dtype=np.float64)
    if x.ndim != 3 or x.shape[1:] != (len(numbers), 3) or len(x) == 0:
        raise MerrowError(
            f"{name} needs positions of shape (conformers, {len(numbers)}, 3), not {x.shape}."
        )
    _refuse(~_finite(x), numbers, "has a position that is not finite")
    return x


def check_answer(energies: Array, forces: Array, numbers: tuple[int, ...]) -> None:
    """Check that energies, shape (R,), and forces, shape (R, N, 3), are finite.

    Raises:
        NumericsError: They are not; the message names the first atom and conformer.
    """
    lost = ~(_finite(forces) & np.isfinite(energies)[:, None])
    _refuse(lost, numbers, "gets no finite energy or force: look for atoms that lie on each other")


def _refuse(bad: NDArray[np.bool_], numbers: tuple[int, ...], what: str) -> None:
    if bad.any():
        conformer, atom = np.argwhere(bad)[0]
        raise NumericsError(
            f"atom {atom + 1} ({symbol(numbers[atom])}) of conformer {conformer + 1} {what}."
        )


def _finite(values: Array) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(values).all(axis=-1))
