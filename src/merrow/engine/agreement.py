# SPDX-License-Identifier: MIT
"""Comparison of our nonbonded kernel, in a Context or in our loop, with OpenMM's forces.

It is made for the first configuration of each segment, by one evaluation of OpenMM's forces. An
error of the kernel would bias all results and show nowhere else, so a difference ends the run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
import openmm as mm

from merrow.engine.record import couplings, reduced, set_state
from merrow.engine.simulation import choose_platform
from merrow.errors import NumericsError
from merrow.nonbonded.kernel import Couplings
from merrow.nonbonded.loop import NativeLoop
from merrow.samples import LambdaState
from merrow.system.build import (
    ENVIRONMENT,
    INTERNAL,
    NONBONDED,
    SOFT_CORE,
    TAIL,
    HybridSystem,
    NativeForces,
)

ENERGY = 1e-5
"""Relative tolerance of energies; rounding of both is 2e-6."""
FORCES = 1e-4
"""Relative tolerance of forces (RMS); rounding gives 2e-6, and a pair at the cutoff that only one
of the two includes 1e-5."""
COUPLING = 0.005
"""Tolerance of u between states with a weight here [kT]; observed differences are up to 2e-4."""
STEEP = 1e-4
"""The same relative to u above its minimum, for overlapping atoms: r⁻¹² at 0.2 nm changes by 2e-5
of itself when float32 rounds a position in the box."""
LARGE = 1e3
"""Largest u that is compared [kT]."""

ROOM = 298.15
"""Temperature at which u is compared [K]."""

REPLACED = {NONBONDED, SOFT_CORE}
"""Force groups of OpenMM that our kernel replaces."""
OTHERS = {ENVIRONMENT, TAIL, INTERNAL}
"""Force groups that our loop computes besides."""
Answer = tuple[float, np.ndarray]

_judges: WeakKeyDictionary[NativeForces, mm.Context] = WeakKeyDictionary()
_wholes: WeakKeyDictionary[NativeForces, mm.Context] = WeakKeyDictionary()


def require_agreement(
    hybrid: HybridSystem,
    context: mm.Context,
    states: tuple[LambdaState, ...],
    *,
    here: LambdaState,
) -> None:
    """Compare energy, forces and couplings of a Context with OpenMM's own forces.

    Args:
        hybrid: Its Hamiltonian; nothing is compared if it uses OpenMM's forces.
        context: A Context in state `here`.
        states: The states of the schedule.
        here: The state.

    Raises:
        NumericsError: They differ by more than rounding.
    """
    if hybrid.native is None:
        return
    state = context.getState(getPositions=True)
    judge = _judge(hybrid.native, state.getPositions(asNumpy=True), state.getPeriodicBoxVectors())
    set_state(judge, here)
    u, _ = couplings(context, hybrid, states, here=here, temperature=ROOM)
    _require(hybrid, _asked(context, REPLACED), u, judge, states, here)


def require_same_motion(
    hybrid: HybridSystem,
    loop: NativeLoop,
    measured: Couplings,
    states: tuple[LambdaState, ...],
    *,
    here: LambdaState,
) -> None:
    """Compare energies, forces and couplings of our loop at its current configuration with OpenMM.

    Nonbonded and internal terms are compared separately, so that an error in one is not hidden by
    the size of the other.

    Args:
        hybrid: Its Hamiltonian, on our kernel.
        loop: The loop at some configuration.
        measured: Couplings from its kernel there, at the λ_sterics of the states.
        states: The states of the schedule.
        here: The current state.

    Raises:
        NumericsError: They differ by more than rounding.
    """
    if hybrid.native is None:
        raise NumericsError("our loop needs our nonbonded kernel.")
    vectors, volume = loop.box, float(np.diag(loop.box).prod())
    judge = _judge(hybrid.native, loop.positions, vectors)
    others = _whole(hybrid, hybrid.native, loop.positions, vectors)
    for context in (judge, others):
        set_state(context, here)
    energy, internal = loop.evaluate(here)
    tail = here.lambda_sterics * hybrid.tail / volume
    right, right_forces = _asked(others, OTHERS)
    solute = list(hybrid.region.atoms)
    apart = _rms(loop.internal_forces[solute] - right_forces[solute])
    size = _rms(right_forces[solute])
    off = abs(internal + tail - right) / max(abs(right), 1.0)
    if not (off < ENERGY and apart <= FORCES * size):
        raise NumericsError(
            f"the native loop and OpenMM differ in what acts within the solute: energy by {off:.1e}"
            f", forces by {apart:.1e} of {size:.1e} kJ/mol/nm. This is a fault of merrow: please "
            "report it; a new folder with engine: openmm does without the loop."
        )
    u, _ = reduced(measured, hybrid, states, here=here, temperature=ROOM, volume=volume)
    nonbonded = energy - tail, loop.forces - loop.internal_forces
    _require(hybrid, nonbonded, u, judge, states, here)


def _require(
    hybrid: HybridSystem,
    found: Answer,
    u: np.ndarray,
    judge: mm.Context,
    states: tuple[LambdaState, ...],
    here: LambdaState,
) -> None:
    """Raise if nonbonded energy, forces or reduced potentials differ from the reference."""
    energy, forces = found
    right, right_forces = _asked(judge, REPLACED)
    off = abs(energy - right) / abs(right)
    rms = _rms(forces - right_forces) / _rms(right_forces)
    native = hybrid.native
    judged = hybrid.system if native is None else native.replaced
    on_openmm = replace(hybrid, system=judged, native=None)
    right_u, _ = couplings(judge, on_openmm, states, here=here, temperature=ROOM)
    above = right_u - right_u.min()
    near = above < LARGE
    apart = np.abs(u - right_u)[near]
    if not (off < ENERGY and rms < FORCES and np.all(apart < COUPLING + STEEP * above[near])):
        isa = "" if native is None else native.kernel.isa
        raise NumericsError(
            f"the native kernel ({isa}) and OpenMM differ: energy by "
            f"{off:.1e}, forces by {rms:.1e} of themselves, reduced potentials by "
            f"{apart.max():.1e} kT. This is a fault of merrow: please report it; a new folder "
            "with mm_kernel: openmm does without the kernel."
        )


def _judge(native: NativeForces, positions: object, vectors: Iterable[object]) -> mm.Context:
    """Return a Context with OpenMM's nonbonded forces at a configuration, made once per process."""
    if native not in _judges:
        _judges[native] = _still(native.replaced)
    return _put(_judges[native], positions, vectors)


def _whole(
    hybrid: HybridSystem, native: NativeForces, positions: object, vectors: Iterable[object]
) -> mm.Context:
    """Return a Context with all forces of a hybrid system there, made once per process."""
    if native not in _wholes:
        _wholes[native] = _still(hybrid.system)
    return _put(_wholes[native], positions, vectors)


def _still(system: mm.System) -> mm.Context:
    return mm.Context(system, mm.VerletIntegrator(0.001), *choose_platform("CPU"))


def _put(context: mm.Context, positions: object, vectors: Iterable[object]) -> mm.Context:
    context.setPeriodicBoxVectors(*vectors)
    context.setPositions(positions)
    return context


def _asked(context: mm.Context, groups: set[int]) -> Answer:
    """Return energy [kJ/mol] and forces [kJ/mol/nm], shape (N, 3), of some force groups."""
    found = context.getState(getEnergy=True, getForces=True, groups=groups)
    return float(found.getPotentialEnergy()._value), found.getForces(asNumpy=True)._value


def _rms(forces: np.ndarray) -> float:
    return float(np.sqrt(np.mean(forces**2)))
