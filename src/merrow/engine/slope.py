# SPDX-License-Identifier: MIT
"""The coupling at which a run stands, and the slope of the energy there."""

from __future__ import annotations

import openmm as mm

from merrow.engine.record import coulomb_coefficients, set_state, sterics_slope
from merrow.engine.simulation import Snapshot, choose_platform, set_snapshot
from merrow.errors import UnsupportedPhysicsError
from merrow.samples import COUPLED, LambdaState
from merrow.system.alchemy import LAMBDA_ELECTROSTATICS, LAMBDA_STERICS
from merrow.system.build import HybridSystem


def couple(hybrid: HybridSystem, state: LambdaState) -> None:
    """Make every Context of a hybrid system begin in an alchemical state; changed in place.

    Raises:
        UnsupportedPhysicsError: A region that hangs on a covalent bond is to be decoupled.
    """
    if hybrid.region.links and state != COUPLED:
        raise UnsupportedPhysicsError(
            "the ML region has link atoms, so it is bound to its environment and cannot be "
            "decoupled from it (icfe=1); select whole molecules."
        )
    values = {
        LAMBDA_ELECTROSTATICS: state.lambda_electrostatics,
        LAMBDA_STERICS: state.lambda_sterics,
    }
    for force in hybrid.system.getForces():
        for k in range(getattr(force, "getNumGlobalParameters", int)()):
            name = force.getGlobalParameterName(k)
            if name in values:
                force.setGlobalParameterDefaultValue(k, values[name])


class Slope:
    """Measures ∂V/∂λ at one state, at as many configurations as one likes."""

    def __init__(self, hybrid: HybridSystem, state: LambdaState, *, platform: str) -> None:
        """Prepare the measurement.

        Args:
            hybrid: The system.
            state: Where its derivatives are wanted; 1 is coupled.
            platform: OpenMM platform.
        """
        integrator = mm.VerletIntegrator(0.001)
        self._context = mm.Context(hybrid.couplable, integrator, *choose_platform(platform))
        self._hybrid, self._state = hybrid, state

    def at(self, snapshot: Snapshot) -> tuple[float, float]:
        """Return ∂V/∂λ_elec and ∂V/∂λ_sterics [kJ/mol] at a configuration."""
        set_snapshot(self._context, snapshot)
        set_state(self._context, self._state)
        _, linear, quadratic = coulomb_coefficients(self._context)
        lj = sterics_slope(self._context)
        if self._hybrid.periodic:
            lj += self._hybrid.tail / float(self._context.getState().getPeriodicBoxVolume()._value)
        return linear + 2 * quadratic * self._state.lambda_electrostatics, lj
