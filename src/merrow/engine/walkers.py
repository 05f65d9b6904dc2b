# SPDX-License-Identifier: MIT
"""Walkers that propagate a configuration by OpenMM or by our own loop, with the same records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import openmm as mm

from merrow.engine.agreement import require_agreement, require_same_motion
from merrow.engine.plans import LegPlan
from merrow.engine.record import (
    Record,
    couplings,
    reduced,
    set_state,
    size_slope,
    sterics_grid,
    take_record,
)
from merrow.engine.seeds import derive_seed
from merrow.engine.simulation import (
    Snapshot,
    get_snapshot,
    heed_interrupt,
    open_context,
    require_finite,
    set_snapshot,
)
from merrow.errors import MerrowError, NumericsError, UnsupportedPhysicsError, first_line
from merrow.nonbonded.kernel import Couplings
from merrow.nonbonded.loop import LoopPlan, NativeLoop, Potential
from merrow.samples import COUPLED, LambdaState
from merrow.system.build import HybridSystem
from merrow.system.force import PotentialBridge
from merrow.system.native_loop import loop_parameters

Array = np.ndarray

OF_DEVICE = re.compile(r"CUDA|cuda|OpenCL|HIP|hip[A-Z]|out of memory|cuFFT|NVRTC")
"""Words in errors of OpenMM and torch that indicate a device failure."""


class Walker(Protocol):
    """A configuration in an alchemical state."""

    def place(self, snapshot: Snapshot, state: LambdaState) -> None:
        """Set the configuration and the state."""

    def require_agreement(self) -> None:
        """Compare energy and forces of our own code, if used, with OpenMM's.

        Raises:
            NumericsError: They differ by more than rounding.
        """

    def advance(self, steps: int) -> None:
        """Advance by some steps.

        Raises:
            NumericsError: A number is not finite.
        """

    def record(self) -> Record:
        """Return the record of the configuration."""

    def couplings(self) -> Array:
        """Return reduced potentials of all states [kT], shape (K,), without a potential call."""

    def snapshot(self) -> Snapshot:
        """Return the current snapshot.

        Raises:
            NumericsError: A coordinate is not finite.
        """


def open_walker(hybrid: HybridSystem, plan: LegPlan, *labels: str | int) -> Walker:
    """Return a walker of the plan's engine, with its own seeds.

    Args:
        hybrid: The Hamiltonian.
        plan: Engine, ensemble, states, seed.
        labels: Labels that make the seeds unique.

    Raises:
        InputError: The engine cannot propagate the system; the message says why.
    """
    kind = LoopWalker if plan.engine == "native" else ContextWalker
    return kind(hybrid, plan, derive_seed(plan.seed, *labels))


class ContextWalker:
    """A walker in an OpenMM Context."""

    def __init__(self, hybrid: HybridSystem, plan: LegPlan, seed: int) -> None:
        self.hybrid, self.plan, self.here = hybrid, plan, plan.states[0]
        self.context = open_context(hybrid, plan.ensemble, platform=plan.platform, seed=seed)

    def place(self, snapshot: Snapshot, state: LambdaState) -> None:
        """Set the configuration and the state."""
        self.here = state
        set_snapshot(self.context, snapshot)
        set_state(self.context, state)

    def require_agreement(self) -> None:
        """Compare the nonbonded kernel, if used, with OpenMM's forces."""
        require_agreement(self.hybrid, self.context, self.plan.states, here=self.here)

    def advance(self, steps: int) -> None:
        """Advance by some steps."""
        with failures_told():
            self.context.getIntegrator().step(steps)

    def record(self) -> Record:
        """Return the record of the configuration."""
        with failures_told():
            return take_record(
                self.context,
                self.hybrid,
                self.plan.states,
                here=self.here,
                temperature=self.plan.ensemble.temperature,
            )

    def couplings(self) -> Array:
        """Return reduced potentials of all states [kT], shape (K,)."""
        with failures_told():
            u, _ = couplings(
                self.context,
                self.hybrid,
                self.plan.states,
                here=self.here,
                temperature=self.plan.ensemble.temperature,
            )
        return u

    def snapshot(self) -> Snapshot:
        """Return the current snapshot."""
        with failures_told():
            return get_snapshot(self.context)


@contextmanager
def failures_told() -> Iterator[None]:
    """Tell a failure of OpenMM; a GPU reports that of an earlier call."""
    try:
        yield
    except mm.OpenMMException as error:
        heed_interrupt(error)
        if OF_DEVICE.search(str(error)):
            raise MerrowError(
                f"the GPU or its driver failed ({first_line(error)}); what was finished is kept: "
                "run the same command again, or with --continue-on CPU to continue on the "
                "processor."
            ) from error
        raise NumericsError(
            f"OpenMM stopped: {error}; look at the starting structure, the box or the time step."
        ) from error


class LoopWalker:
    """A walker in our own loop, with the potential or the MM terms of the solute."""

    def __init__(self, hybrid: HybridSystem, plan: LegPlan, seed: int) -> None:
        if hybrid.native is None or plan.ensemble.anisotropic:
            raise UnsupportedPhysicsError(
                "the native loop needs the native nonbonded kernel and an isotropic barostat."
            )
        self.hybrid, self.plan, self.here = hybrid, plan, plan.states[0]
        ensemble = plan.ensemble
        self.loop = NativeLoop(
            hybrid.native.kernel,
            loop_parameters(hybrid),
            LoopPlan(
                timestep=ensemble.timestep,
                friction=ensemble.friction,
                temperature=ensemble.temperature,
                pressure=ensemble.pressure,
                barostat_interval=ensemble.barostat_interval,
                key=(derive_seed(seed, "integrator"), derive_seed(seed, "barostat")),
            ),
            None if hybrid.bridge is None else _driver(hybrid.bridge),
        )

    @property
    def volume(self) -> float:
        """Volume of the box [nm³]."""
        return float(np.diag(self.loop.box).prod())

    def place(self, snapshot: Snapshot, state: LambdaState) -> None:
        """Set the configuration and the state."""
        self.here = state
        self.loop.place(snapshot.positions, snapshot.velocities, snapshot.box)

    def require_agreement(self) -> None:
        """Compare all energies and forces, and the kernel's couplings, with OpenMM's."""
        require_same_motion(
            self.hybrid, self.loop, self._couplings(), self.plan.states, here=self.here
        )

    def advance(self, steps: int) -> None:
        """Advance by some steps."""
        self.loop.run(steps, self.here)

    def record(self) -> Record:
        """Return the record of the configuration."""
        solute = np.array(self.loop.positions[list(self.hybrid.region.atoms)])
        measured, bridge = self._couplings(), self.hybrid.bridge
        u, dvdl = self._reduced(measured)
        internal, spread, slope = self.loop.internal_energy(), float("nan"), float("nan")
        if bridge is not None:
            internal, _, spread = bridge.evaluate(solute)
        if self.here == COUPLED:
            slope = size_slope(self.hybrid, self.volume, measured)
        return Record(u, dvdl, internal, spread, self.volume, slope, solute)

    def couplings(self) -> Array:
        """Return reduced potentials of all states [kT], shape (K,)."""
        return self._reduced(self._couplings())[0]

    def snapshot(self) -> Snapshot:
        """Return the current snapshot."""
        require_finite(self.loop.positions)
        return Snapshot(
            self.loop.positions.copy(), self.loop.velocities.copy(), self.loop.box.copy()
        )

    def _couplings(self) -> Couplings:
        return self.loop.kernel.couplings(
            self.loop.positions,
            self.loop.box,
            sterics=self.here.lambda_sterics,
            grid=sterics_grid(self.plan.states),
        )

    def _reduced(self, measured: Couplings) -> tuple[Array, Array]:
        return reduced(
            measured,
            self.hybrid,
            self.plan.states,
            here=self.here,
            temperature=self.plan.ensemble.temperature,
            volume=self.volume,
        )


def _driver(bridge: PotentialBridge) -> Potential:
    """Return a potential in the form that the loop needs: OpenMM's energy, and forces."""

    def energy_and_forces(positions: Array) -> tuple[float, Array]:
        energy, forces, _ = bridge.evaluate(positions)
        return energy - bridge.reference, forces

    return energy_and_forces
