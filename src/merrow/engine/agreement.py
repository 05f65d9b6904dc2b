# SPDX-License-Identifier: MIT
"""Is our nonbonded kernel, inside a Context, what OpenMM's own forces say there?

Asked of the first configuration of each segment: one evaluation of OpenMM's forces. A fault of the
kernel would bias every number and show nowhere else, so a difference ends the run.
"""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
import openmm as mm

from merrow.engine.record import couplings, set_state
from merrow.engine.simulation import choose_platform
from merrow.errors import NumericsError
from merrow.samples import LambdaState
from merrow.system.build import NONBONDED, SOFT_CORE, HybridSystem, NativeForces

ENERGY = 1e-5
"""Largest difference of the energies, as a part of them: both round to 2e-6."""
FORCES = 1e-4
"""Largest RMS difference of the forces, as a part of them: 2e-6, and 1e-5 for a pair that one of
the two sees at the cutoff."""
COUPLING = 0.005
"""Largest difference of u between states [kT], where u is below `LARGE`; it is 2e-4 at most."""
LARGE = 1e3
"""Beyond this [kT] a state has no weight here."""

ROOM = 298.15
"""Temperature that u is compared at [K]."""

_contexts: WeakKeyDictionary[NativeForces, mm.Context] = WeakKeyDictionary()


def require_agreement(
    hybrid: HybridSystem,
    context: mm.Context,
    states: tuple[LambdaState, ...],
    *,
    here: LambdaState,
) -> None:
    """Compare energy, forces and couplings of a Context with those of OpenMM's forces.

    Args:
        hybrid: Its Hamiltonian; nothing is asked where that is on OpenMM's forces.
        context: Stands in state `here`.
        states: The states of the schedule.
        here: The state.

    Raises:
        NumericsError: They differ by more than rounding.
    """
    if hybrid.native is None:
        return
    state = context.getState(getPositions=True)
    judge = _context(hybrid.native)
    judge.setPeriodicBoxVectors(*state.getPeriodicBoxVectors())
    judge.setPositions(state.getPositions(asNumpy=True))
    set_state(judge, here)
    energy, forces = _nonbonded(context)
    right, right_forces = _nonbonded(judge)
    off = abs(energy - right) / abs(right)
    rms = float(np.sqrt(np.mean((forces - right_forces) ** 2) / np.mean(right_forces**2)))
    u, _ = couplings(context, hybrid, states, here=here, temperature=ROOM)
    on_openmm = replace(hybrid, system=hybrid.native.replaced, native=None)
    right_u, _ = couplings(judge, on_openmm, states, here=here, temperature=ROOM)
    near = np.abs(right_u) < LARGE
    difference = u[near] - right_u[near]
    apart = float(np.max(np.abs(difference), initial=0.0))
    if not (off < ENERGY and rms < FORCES and apart < COUPLING):
        raise NumericsError(
            f"the native kernel ({hybrid.native.kernel.isa}) and OpenMM differ: energy by "
            f"{off:.1e}, forces by {rms:.1e} of themselves, reduced potentials by {apart:.1e} kT. "
            "This is a fault of merrow: please report it; a new folder with mm_kernel: openmm "
            "does without the kernel."
        )


def _context(native: NativeForces) -> mm.Context:
    """Return a Context of OpenMM's forces, made once in this process."""
    if native not in _contexts:
        integrator = mm.VerletIntegrator(0.001)
        _contexts[native] = mm.Context(native.replaced, integrator, *choose_platform("CPU"))
    return _contexts[native]


def _nonbonded(context: mm.Context) -> tuple[float, np.ndarray]:
    found = context.getState(getEnergy=True, getForces=True, groups={NONBONDED, SOFT_CORE})
    return float(found.getPotentialEnergy()._value), found.getForces(asNumpy=True)._value
