# SPDX-License-Identifier: MIT
"""Setting the coupling of a run, and ∂V/∂λ there."""

from __future__ import annotations

import openmm as mm

from merrow.engine.record import coulomb_coefficients, set_state, sterics_slope
from merrow.engine.simulation import Snapshot, choose_platform, set_snapshot
from merrow.errors import UnsupportedPhysicsError
from merrow.samples import COUPLED, LambdaState
from merrow.system.alchemy import LAMBDA_ELECTROSTATICS, LAMBDA_STERICS
from merrow.system.build import HybridSystem


def couple(hybrid: HybridSystem, state: LambdaState) -> None:
    """Set the default alchemical state of a hybrid system in place.

    Raises:
        UnsupportedPhysicsError: The region is covalently bonded and cannot be decoupled.
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
    """Computes ∂V/∂λ in one state, for any number of configurations."""

    def __init__(self, hybrid: HybridSystem, state: LambdaState, *, platform: str) -> None:
        """Prepare the calculation.

        Args:
            hybrid: The system.
            state: State of the derivatives; 1 is coupled.
            platform: OpenMM platform.
        """
        integrator = mm.VerletIntegrator(0.001)
        self._context = mm.Context(hybrid.couplable, integrator, *choose_platform(platform))
        self._hybrid, self._state = hybrid, state

    def at(self, snapshot: Snapshot) -> tuple[float, float]:
        """Return ∂V/∂λ_elec and ∂V/∂λ_sterics [kJ/mol] of a configuration."""
        set_snapshot(self._context, snapshot)
        set_state(self._context, self._state)
        _, linear, quadratic = coulomb_coefficients(self._context)
        lj = sterics_slope(self._context)
        if self._hybrid.periodic:
            lj += self._hybrid.tail / float(self._context.getState().getPeriodicBoxVolume()._value)
        return linear + 2 * quadratic * self._state.lambda_electrostatics, lj
