# SPDX-License-Identifier: MIT
"""Recording a configuration: energies in all states, without another ML evaluation.

Under PME the energy is exactly quadratic in λ_elec, U = A + B λ + C λ², so three energies give
every charge state and its derivative. The soft core at each λ_sterics of the schedule, and its
derivatives by λ and σ, are a sum over its pairs, whose distances are the same for all states.
Our own nonbonded kernel gives all of that in one pass.
The energy of the potential is that of the last force evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import openmm as mm

from merrow.errors import NumericsError
from merrow.nonbonded.kernel import Couplings
from merrow.samples import COUPLED, LambdaState
from merrow.system.alchemy import (
    EDGE_POINT,
    LAMBDA_ELECTROSTATICS,
    LAMBDA_STERICS,
    SIGMA_SCALE,
)
from merrow.system.build import INTERNAL, NONBONDED, SOFT_CORE, HybridSystem
from merrow.system.soft_core import soft_core_sum
from merrow.units import thermal_energy

Array = np.ndarray

LARGEST_U = 1e6
"""Upper limit of reduced potentials [kT]: a charge on a decoupled atom may overflow."""


@dataclass(frozen=True)
class Record:
    """One recorded configuration.

    Attributes:
        u: Reduced potential in all K states [kT], shape (K,).
        dvdl: ∂V/∂λ_elec, ∂V/∂λ_sterics at the generating state [kJ/mol], shape (2,).
        internal: Internal energy of the region, absolute [kJ/mol].
        spread: Its ensemble spread [kJ/mol], or nan.
        volume: Box volume [nm³].
        size_slope: ∂V/∂ln σ of all region-environment pairs [kJ/mol] in the coupled state, else
            nan.
        positions: Positions of the region [nm], shape (n, 3).
    """

    u: Array
    dvdl: Array
    internal: float
    spread: float
    volume: float
    size_slope: float
    positions: Array


def set_state(context: mm.Context, state: LambdaState) -> None:
    """Set a Context to an alchemical state."""
    context.setParameter(LAMBDA_ELECTROSTATICS, state.lambda_electrostatics)
    context.setParameter(LAMBDA_STERICS, state.lambda_sterics)


def coulomb_coefficients(context: mm.Context) -> tuple[float, float, float]:
    """Return A, B, C of U = A + B λ_elec + C λ_elec² [kJ/mol]; λ_elec is restored."""
    before = context.getParameter(LAMBDA_ELECTROSTATICS)
    energies = []
    for value in (0.0, 0.5, 1.0):
        context.setParameter(LAMBDA_ELECTROSTATICS, value)
        energies.append(_energy(context, NONBONDED))
    context.setParameter(LAMBDA_ELECTROSTATICS, before)
    zero, half, one = energies
    quadratic = 2 * (zero + one - 2 * half)
    return zero, one - zero - quadratic, quadratic


def sterics_slope(context: mm.Context) -> float:
    """Return ∂V/∂λ_sterics of the soft core [kJ/mol] from OpenMM."""
    state = context.getState(getParameterDerivatives=True, groups={SOFT_CORE})
    return float(state.getEnergyParameterDerivatives()[LAMBDA_STERICS])


def size_slope(hybrid: HybridSystem, volume: float, measured: Couplings) -> float:
    """Return ∂V/∂ln σ of the coupled state [kJ/mol] at a fixed cutoff.

    The tail contribution follows from two energies: V = s¹² A − s⁶ B with all σ scaled by s.

    Args:
        hybrid: The Hamiltonian.
        volume: Volume of its box [nm³]; nan without one.
        measured: Measured quantities of all but the tail.
    """
    if not hybrid.periodic:
        return measured.size_slope
    energy, stretched = hybrid.tail / volume, hybrid.stretched_tail / volume
    repulsion = (stretched - SIGMA_SCALE**6 * energy) / (SIGMA_SCALE**12 - SIGMA_SCALE**6)
    return measured.size_slope + 6 * (repulsion + energy)


def take_record(
    context: mm.Context,
    hybrid: HybridSystem,
    states: tuple[LambdaState, ...],
    *,
    here: LambdaState,
    temperature: float,
) -> Record:
    """Record the configuration of a Context in state `here`."""
    state = context.getState(getPositions=True)
    positions = state.getPositions(asNumpy=True)._value[list(hybrid.region.atoms)]
    volume = float(state.getPeriodicBoxVolume()._value) if hybrid.periodic else float("nan")
    require_edges(hybrid, state.getPeriodicBoxVectors(asNumpy=True)._value)
    measured = _measured(context, hybrid, sterics_grid(states), here)
    u, dvdl = reduced(measured, hybrid, states, here=here, temperature=temperature, volume=volume)
    if hybrid.bridge is not None:
        internal, _, spread = hybrid.bridge.evaluate(positions)
    else:
        internal, spread = _energy(context, INTERNAL), float("nan")
    slope = float("nan")
    if here == COUPLED:
        slope = size_slope(hybrid, volume, measured)
    return Record(
        u=u,
        dvdl=dvdl,
        internal=internal,
        spread=spread,
        volume=volume,
        size_slope=slope,
        positions=np.array(positions),
    )


def require_edges(hybrid: HybridSystem, box: Array) -> None:
    """Check that the System's tail correction is valid for a box.

    Args:
        hybrid: The System.
        box: Box vectors [nm], shape (3, 3).

    Raises:
        NumericsError: An edge differs too much from its initial length.
    """
    if hybrid.edges is None:
        return
    ratio = np.diag(box) / np.array(hybrid.edges)
    if not np.all((ratio > EDGE_POINT) & (ratio < 2 * EDGE_POINT)):
        raise NumericsError(
            "an edge of the box has changed by more than a quarter since the run began: begin "
            "with a box whose density is nearer to that of water."
        )


def couplings(
    context: mm.Context,
    hybrid: HybridSystem,
    states: tuple[LambdaState, ...],
    *,
    here: LambdaState,
    temperature: float,
) -> tuple[Array, Array]:
    """Return the λ-dependent quantities, without evaluating the potential.

    Args:
        context: A Context in state `here`.
        hybrid: Its Hamiltonian.
        states: The K states of the schedule.
        here: The generating state.
        temperature: Temperature [K].

    Returns:
        Reduced potentials [kT], shape (K,), and ∂V/∂λ_elec, ∂V/∂λ_sterics [kJ/mol], shape (2,).

    Raises:
        NumericsError: The energy or its derivative in the generating state is not finite, or
            impossibly large.
    """
    measured = _measured(context, hybrid, sterics_grid(states), here)
    volume = float(context.getState().getPeriodicBoxVolume()._value)
    return reduced(measured, hybrid, states, here=here, temperature=temperature, volume=volume)


def sterics_grid(states: tuple[LambdaState, ...]) -> tuple[float, ...]:
    """Return the distinct λ_sterics of some states, ascending."""
    return tuple(sorted({s.lambda_sterics for s in states}))


def _measured(
    context: mm.Context, hybrid: HybridSystem, grid: tuple[float, ...], here: LambdaState
) -> Couplings:
    """Measure a Context in state `here`, with the soft core at the λ_sterics of a grid.

    Our kernel gives everything at once; OpenMM needs three energies for the charges.
    """
    state = context.getState(getPositions=True)
    if hybrid.native is not None:
        return hybrid.native.kernel.couplings(
            state.getPositions(asNumpy=True)._value,
            state.getPeriodicBoxVectors(asNumpy=True)._value,
            sterics=here.lambda_sterics,
            grid=grid,
        )
    _, linear, quadratic = coulomb_coefficients(context)
    soft = (hybrid.soft_core or soft_core_sum(hybrid.couplable)).at(
        state.getPositions(asNumpy=True)._value,
        state.getPeriodicBoxVectors(asNumpy=True)._value,
        here=here.lambda_sterics,
        grid=grid,
    )
    return Couplings(linear, quadratic, soft.energies, soft.slope, soft.size_slope)


def reduced(
    measured: Couplings,
    hybrid: HybridSystem,
    states: tuple[LambdaState, ...],
    *,
    here: LambdaState,
    temperature: float,
    volume: float,
) -> tuple[Array, Array]:
    """Return reduced potentials [kT] and both ∂V/∂λ [kJ/mol] from measured energies.

    Args:
        measured: Energies of a configuration.
        hybrid: The Hamiltonian.
        states: The K states of the schedule.
        here: The generating state.
        temperature: Temperature [K].
        volume: Volume of the box [nm³]; ignored without one.

    Raises:
        NumericsError: As in `couplings`.
    """
    tail = hybrid.tail / volume if hybrid.periodic else 0.0
    linear, quadratic = measured.linear, measured.quadratic
    soft = dict(zip(sterics_grid(states), measured.soft_core, strict=True))
    potential = np.array(
        [
            linear * s.lambda_electrostatics
            + quadratic * s.lambda_electrostatics**2
            + soft[s.lambda_sterics]
            + s.lambda_sterics * tail
            for s in states
        ]
    )
    u = potential / thermal_energy(temperature)
    slope = linear + 2 * quadratic * here.lambda_electrostatics
    dvdl = np.array([slope, measured.sterics_slope + tail])
    own = u[[k for k, state in enumerate(states) if state == here]]
    if not (np.all(np.abs(own) < LARGEST_U) and np.isfinite(dvdl).all()):
        raise NumericsError(
            "a configuration has no finite energy in the state that it was sampled in, λ = "
            f"({here.lambda_electrostatics:g}, {here.lambda_sterics:g}): the simulation blew up; "
            "look at the starting structure or shorten the time step."
        )
    u = np.clip(np.nan_to_num(u, nan=LARGEST_U, posinf=LARGEST_U), -LARGEST_U, LARGEST_U)
    return u, dvdl


def _energy(context: mm.Context, group: int) -> float:
    return float(context.getState(getEnergy=True, groups={group}).getPotentialEnergy()._value)
