# SPDX-License-Identifier: MIT
"""The interface between potentials and OpenMM."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import openmm as mm

from merrow.errors import MerrowError, NumericsError
from merrow.potentials.device import CPU, device_of
from merrow.potentials.interface import Array, Evaluation, Potential
from merrow.units import ANGSTROM_PER_NM, KJ_PER_KCAL

Answer = tuple[float, Array, float]
"""Absolute E_ML [kJ/mol], forces [kJ/mol/nm], ensemble spread [kJ/mol]."""


class PotentialBridge:
    """Calls a potential for one conformer at a time and caches the last answer.

    OpenMM requests the energy again after the forces when a frame is recorded; the cache answers
    without a second evaluation.

    An evaluation can be started in advance, in its own thread. OpenMM computes its forces in the
    order of the System and releases the interpreter lock: with a `PrefetchForce` first and the
    potential last, MM and ML run in parallel, with the same results.

    A network on a GPU is always evaluated in that thread: in some of its calls OpenMM leaves its
    own CUDA context current, and torch's is another.

    Attributes:
        reference: Energy subtracted before OpenMM sees it [kJ/mol]. Absolute E_ML is of the order
            of 1e5..1e6 kJ/mol, so that a GPU in single precision would lose the digits on which
            the barostat depends.
    """

    def __init__(self, potential: Potential, reference: float = 0.0) -> None:
        self.potential = potential
        self.reference = reference
        self._positions: Array | None = None
        self._answer: Answer = (0.0, np.zeros((0, 3)), float("nan"))
        self._worker: ThreadPoolExecutor | None = None
        self._begun: tuple[Array, Future[Answer]] | None = None

    def __reduce__(self) -> tuple[type[PotentialBridge], tuple[Potential, float]]:
        return PotentialBridge, (self.potential, self.reference)

    def begin(self, positions: Array) -> None:
        """Start to evaluate positions [nm], shape (N, 3), in the background."""
        if self._positions is not None and np.array_equal(positions, self._positions):
            return
        own = positions.copy()
        self._begun = own, self._aside(own)

    def _aside(self, positions: Array) -> Future[Answer]:
        """Evaluate positions in the thread."""
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="potential")
        return self._worker.submit(self._compute, positions)

    def evaluate(self, positions: Array) -> Answer:
        """Return absolute E_ML [kJ/mol], forces [kJ/mol/nm] and spread [kJ/mol] of a conformer.

        Args:
            positions: Positions of the region [nm], shape (N, 3).

        Raises:
            NumericsError: The energy is not finite.
        """
        if self._positions is not None and np.array_equal(positions, self._positions):
            return self._answer
        begun, self._begun = self._begun, None
        if begun is not None and np.array_equal(positions, begun[0]):
            answer = begun[1].result()
        elif device_of(self.potential) != CPU:
            answer = self._aside(positions).result()
        else:
            answer = self._compute(positions)
        self._positions, self._answer = positions.copy(), answer
        return answer

    def _compute(self, positions: Array) -> Answer:
        result = self.potential.evaluate(positions[None] * ANGSTROM_PER_NM)
        _check_shapes(result, len(positions), self.potential.capabilities.name)
        energy = float(result.energies[0]) * KJ_PER_KCAL
        if not np.isfinite(energy):
            name = self.potential.capabilities.name
            raise NumericsError(f"{name} returned an energy that is not finite.")
        spread = float("nan") if result.spread is None else float(result.spread[0]) * KJ_PER_KCAL
        forces = np.asarray(result.forces[0], dtype=np.float64) * (KJ_PER_KCAL * ANGSTROM_PER_NM)
        return energy, forces, spread

    def __call__(self, state: mm.State) -> tuple[float, Array]:
        """Return energy less the reference [kJ/mol] and forces [kJ/mol/nm], (N, 3), to OpenMM.

        Raises:
            NumericsError: The potential failed without a message; OpenMM keeps only the message of
                an exception, and an empty one means Ctrl-C (`engine/simulation.py`).
        """
        try:
            energy, forces, _ = self.evaluate(state.getPositions(asNumpy=True)._value)
        except Exception as error:
            if str(error):
                raise
            raise NumericsError(f"the potential raised {type(error).__name__}.") from error
        return energy - self.reference, forces


def _check_shapes(result: Evaluation, n_atoms: int, name: str) -> None:
    """Check the answer of a potential to one conformer, which a plug-in may give in another form.

    Raises:
        MerrowError: It is not an evaluation of one conformer.
    """
    parts: list[Any] = [getattr(result, key, None) for key in ("energies", "forces")]
    found = tuple(tuple(np.shape(part)) for part in parts)
    if found != ((1,), (1, n_atoms, 3)):
        raise MerrowError(
            f"{name} gave energies of shape {found[0]} and forces of shape {found[1]} for one "
            f"conformer, not (1,) and (1, {n_atoms}, 3); test the plug-in by "
            "`merrow.testing.check_potential`."
        )


class PrefetchForce:
    """Starts the evaluation whose result the bridge collects; has no energy itself."""

    def __init__(self, bridge: PotentialBridge) -> None:
        self.bridge = bridge

    def __call__(self, state: mm.State) -> tuple[float, Array]:
        """Return zero energy and forces to OpenMM."""
        positions = state.getPositions(asNumpy=True)._value
        self.bridge.begin(positions)
        return 0.0, np.zeros_like(positions)


def potential_force(
    bridge: PotentialBridge | PrefetchForce, atoms: Sequence[int], *, group: int
) -> mm.PythonForce:
    """Return the OpenMM force of a potential on the region's atoms.

    Positions arrive unwrapped, so the region is whole as long as OpenMM sees it as one molecule.
    """
    force = mm.PythonForce(bridge, {})
    force.setParticles(list(atoms))
    force.setUsesPeriodicBoundaryConditions(False)
    force.setForceGroup(group)
    force.setName(type(bridge).__name__)
    return force
