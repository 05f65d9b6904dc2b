# SPDX-License-Identifier: MIT
"""A potential inside OpenMM: the one door between PyTorch and OpenMM."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import openmm as mm

from merrow.errors import NumericsError
from merrow.potentials.interface import Array, Potential
from merrow.units import ANGSTROM_PER_NM, KJ_PER_KCAL

Answer = tuple[float, Array, float]
"""E_ML [kJ/mol, absolute], forces [kJ/mol/nm], ensemble spread [kJ/mol]."""


class PotentialBridge:
    """Calls a potential for one conformer at a time and remembers the last answer.

    OpenMM asks again for the energy that it has just used for forces when a frame is recorded;
    the memory answers without a second evaluation.

    An evaluation can be begun before it is wanted, in a thread of its own. OpenMM computes its
    forces in the order of the System and frees the interpreter meanwhile: with a `PrefetchForce`
    first and the potential last, MM and ML work at the same time, and every number stays the same.

    Attributes:
        reference: Energy subtracted before OpenMM sees it [kJ/mol]. Absolute E_ML is of the order
            of 1e5..1e6 kJ/mol: without it a GPU in single precision would lose the digits that
            the barostat decides on.
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
        """Begin to evaluate positions [nm], shape (N, 3), in the background."""
        if self._positions is not None and np.array_equal(positions, self._positions):
            return
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="potential")
        own = positions.copy()
        self._begun = own, self._worker.submit(self._compute, own)

    def evaluate(self, positions: Array) -> Answer:
        """Return E_ML [kJ/mol, absolute], forces [kJ/mol/nm] and spread [kJ/mol] of one conformer.

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
        else:
            answer = self._compute(positions)
        self._positions, self._answer = positions.copy(), answer
        return answer

    def _compute(self, positions: Array) -> Answer:
        result = self.potential.evaluate(positions[None] * ANGSTROM_PER_NM)
        energy = float(result.energies[0]) * KJ_PER_KCAL
        if not np.isfinite(energy):
            name = self.potential.capabilities.name
            raise NumericsError(f"{name} returned an energy that is not finite.")
        spread = float("nan") if result.spread is None else float(result.spread[0]) * KJ_PER_KCAL
        forces = result.forces[0] * (KJ_PER_KCAL * ANGSTROM_PER_NM)
        return energy, forces, spread

    def __call__(self, state: mm.State) -> tuple[float, Array]:
        """Answer OpenMM: energy less the reference [kJ/mol], forces [kJ/mol/nm], shape (N, 3).

        Raises:
            NumericsError: The potential failed without a word; OpenMM keeps no more of an exception
                than its words, and one without any is Ctrl-C (`engine/simulation.py`).
        """
        try:
            energy, forces, _ = self.evaluate(state.getPositions(asNumpy=True)._value)
        except Exception as error:
            if str(error):
                raise
            raise NumericsError(f"the potential raised {type(error).__name__}.") from error
        return energy - self.reference, forces


class PrefetchForce:
    """Begins the evaluation whose result is collected by the bridge; adds nothing itself."""

    def __init__(self, bridge: PotentialBridge) -> None:
        self.bridge = bridge

    def __call__(self, state: mm.State) -> tuple[float, Array]:
        """Answer OpenMM with no energy and no force."""
        positions = state.getPositions(asNumpy=True)._value
        self.bridge.begin(positions)
        return 0.0, np.zeros_like(positions)


def potential_force(
    bridge: PotentialBridge | PrefetchForce, atoms: Sequence[int], *, group: int
) -> mm.PythonForce:
    """Return the OpenMM force of a potential on the region's atoms.

    Positions arrive unwrapped, so the molecule is whole as long as OpenMM sees it as one molecule.
    """
    force = mm.PythonForce(bridge, {})
    force.setParticles(list(atoms))
    force.setUsesPeriodicBoundaryConditions(False)
    force.setForceGroup(group)
    force.setName(type(bridge).__name__)
    return force
