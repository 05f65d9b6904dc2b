# SPDX-License-Identifier: MIT
"""Molecular dynamics of a hybrid system, with reports.

Without a thermostat, with the Bussi thermostat (10.1063/1.2408420) and with the Andersen thermostat
(10.1063/1.439486, all velocities redrawn at intervals), positions and velocities refer to the same
time: velocity Verlet with RATTLE constraints, so that E = K + V needs no interpolation. Langevin
dynamics uses OpenMM's leap-frog middle scheme (10.1021/acs.jpca.9b02771), whose velocities, and
so the kinetic energy, are half a step before the positions.

Every call opens a new Context with seeds from (seed, first step): a run with the same segments is
identical whether or not it was interrupted. OpenMM's barostat draws from a random stream that all
Contexts of a process share, so a process propagates one system at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import openmm as mm

from merrow.engine.agreement import require_agreement
from merrow.engine.blowup import StabilityMonitor
from merrow.engine.decompose import HybridDecomposition
from merrow.engine.motion import (
    degrees_of_freedom,
    holds_constraints,
    kinetic_energy,
    kinetic_temperature,
    particle_masses,
    without_drift,
)
from merrow.engine.plans import Ensemble
from merrow.engine.seeds import derive_seed, generator
from merrow.engine.simulation import (
    BAROSTATS,
    Snapshot,
    choose_platform,
    get_snapshot,
    heed_interrupt,
    set_barostat,
    set_snapshot,
)
from merrow.engine.step_counter import StepCounter
from merrow.errors import InputError, NumericsError, first_line
from merrow.samples import LambdaState
from merrow.system.alchemy import LAMBDA_ELECTROSTATICS, LAMBDA_STERICS
from merrow.system.build import HybridSystem
from merrow.units import GRAM_CM3_PER_DALTON_NM3, thermal_energy

Array = np.ndarray

BUSSI_INTERVAL = 10
"""Steps between velocity rescalings; the canonical ensemble does not depend on it."""
LAMBDAS = (LAMBDA_ELECTROSTATICS, LAMBDA_STERICS)
EXACT = 1e-10
"""Relative tolerance of constraints when a snapshot is prepared."""


@dataclass(frozen=True, kw_only=True)
class DynamicsPlan(Ensemble):
    """Settings of the dynamics, in OpenMM's units.

    Attributes:
        thermostat: "none" (constant energy), "langevin", "bussi" or "andersen".
        coupling_time: Relaxation time of the Bussi thermostat [ps].
        com_removal_interval: Steps between removals of centre-of-mass motion, and without a box of
            overall rotation; 0 for never. Not used with Langevin and Andersen.
        constraint_tolerance: Relative tolerance of constraints.
        platform: Name of the OpenMM platform.
        seed: Seed of the run.
        collision_interval: Steps between velocity randomisations by the Andersen thermostat.
        origin: Time of step 0 [ps], which enters the seeds: a run continued from a file without a
            step number starts at step 0 again, but with other random numbers.
    """

    thermostat: Literal["none", "langevin", "bussi", "andersen"]
    coupling_time: float
    com_removal_interval: int
    constraint_tolerance: float
    platform: str
    seed: int
    collision_interval: int = 1000
    origin: float = 0.0

    def seed_of(self, *words: str | int) -> int:
        """Return the seed for a purpose."""
        return derive_seed(self.seed, *words, *self._origin())

    def generator_of(self, *words: str | int) -> np.random.Generator:
        """Return the random generator for a purpose."""
        return generator(self.seed, *words, *self._origin())

    def _origin(self) -> tuple[str, ...]:
        return (f"from {self.origin:.6f} ps",) if self.origin else ()

    @property
    def collisions(self) -> int:
        """Steps between velocity randomisations; 0 for never."""
        return self.collision_interval if self.thermostat == "andersen" else 0


@dataclass(frozen=True)
class StepReport:
    """Properties at one step, in OpenMM's units.

    Attributes:
        step: Number of steps since the beginning of the run.
        time: Time since then [ps].
        kinetic: Kinetic energy [kJ/mol], at the time defined by the integration scheme.
        potential: Potential energy with absolute E_ML [kJ/mol].
        terms: Potential energy by AMBER's terms [kJ/mol] in the System; "ml" is absolute.
        temperature: Kinetic temperature [K].
        pressure: Instantaneous molecular pressure [bar]; None at constant volume.
        volume: Volume [nm³]; None without a box.
        density: Density [g/cm³]; None without a box.
        spread: Ensemble spread of E_ML [kJ/mol]; None without an ensemble.
        snapshot: The configuration, from which a new call can continue.
    """

    step: int
    time: float
    kinetic: float
    potential: float
    terms: dict[str, float]
    temperature: float
    pressure: float | None
    volume: float | None
    density: float | None
    spread: float | None
    snapshot: Snapshot


def run_dynamics(
    hybrid: HybridSystem,
    plan: DynamicsPlan,
    start: Snapshot,
    *,
    first_step: int,
    steps: int,
    report_interval: int,
    frame_interval: int = 0,
    frame: Callable[[int, Snapshot], None] | None = None,
    decomposition: HybridDecomposition | None = None,
) -> Iterator[StepReport]:
    """Propagate a hybrid system and yield reports at the start, at intervals and at the end.

    Args:
        hybrid: The hybrid system.
        plan: Settings of the dynamics.
        start: Initial configuration; at step 0, or where a run before it had other constraints,
            they are satisfied first.
        first_step: Number of steps already done.
        steps: Number of steps to go.
        report_interval: Steps between reports.
        frame_interval: Steps between calls of `frame`, made where no report is due and without
            energies; 0 for never.
        frame: Called with step and snapshot.
        decomposition: Of this system and platform, if there is one.

    Raises:
        InputError: The plan is inconsistent with itself or the system.
        NumericsError: The simulation blew up; the message names step, atom and term.
    """
    check_plan(plan, hybrid)
    rescaling = BUSSI_INTERVAL if plan.thermostat == "bussi" else 0
    strides = (plan.com_removal_interval, plan.collisions, rescaling, frame_interval)
    counter = StepCounter(first_step, first_step + steps, report_interval, strides)
    run = _open(hybrid, plan, start, first_step, decomposition)
    monitor = StabilityMonitor(hybrid, plan.temperature, run.context)
    thermostat = plan.generator_of("dynamics", first_step, "bussi")
    while True:
        if counter.is_report():
            report = _report(run, counter.step)
            monitor.report(counter.step, report.terms["ml"])
            yield report
        elif frame is not None and counter.is_multiple(frame_interval):
            frame(counter.step, get_snapshot(run.context))
        if counter.step == counter.last:
            return
        if counter.is_multiple(plan.com_removal_interval):
            _stop_drift(run)
        if counter.is_multiple(rescaling):
            _rescale(run, thermostat)
        if counter.step and counter.is_multiple(plan.collisions):
            seed = plan.seed_of("collision", counter.step)
            run.context.setVelocitiesToTemperature(plan.temperature, seed)
        target = counter.next()
        monitor.advance(target - counter.step, counter.step)
        counter.step = target


def check_plan(plan: DynamicsPlan, hybrid: HybridSystem) -> None:
    """Check a plan against itself and its system.

    Raises:
        InputError: The plan is inconsistent; the message says where.
    """
    if not plan.timestep > 0:
        raise InputError(f"the time step is {plan.timestep} ps; it must be positive.")
    if plan.thermostat != "none" and not plan.temperature > 0:
        raise InputError(f"the thermostat's temperature is {plan.temperature} K; give one above 0.")
    if plan.thermostat == "langevin" and not plan.friction > 0:
        raise InputError("Langevin dynamics needs a friction above 0 (gamma_ln).")
    if plan.thermostat in ("langevin", "andersen") and plan.com_removal_interval:
        raise InputError(
            f"the {plan.thermostat} thermostat heats the motion of the whole, which must not be "
            "removed then (nscm = 0)."
        )
    if plan.thermostat == "bussi" and freedom_of(hybrid, plan) < 1:
        raise InputError(
            "nothing moves here but as a whole, which leaves Bussi's thermostat (ntt = 11) nothing "
            "to heat; use ntt = 3."
        )
    if plan.thermostat == "bussi" and not plan.coupling_time > 0:
        raise InputError("Bussi's thermostat needs a coupling time above 0 (tautp).")
    if plan.pressure is not None and not hybrid.periodic:
        raise InputError("constant pressure needs a periodic box, and there is none.")
    if plan.pressure is not None and plan.thermostat == "none":
        raise InputError("the Monte Carlo barostat needs a thermostat (ntt = 2, 3 or 11).")
    system = hybrid.system
    if plan.thermostat != "langevin" and any(
        system.isVirtualSite(i) for i in range(system.getNumParticles())
    ):
        raise InputError(
            "water with extra points (TIP4P, OPC) needs the Langevin thermostat: velocity Verlet "
            "would compute forces before the points have followed (use ntt = 3)."
        )


def freedom_of(hybrid: HybridSystem, plan: DynamicsPlan) -> int:
    """Return the degrees of freedom of the kinetic energy of a run."""
    at_rest = bool(plan.com_removal_interval)
    return degrees_of_freedom(hybrid.system, at_rest=at_rest, periodic=hybrid.periodic)


def draw_velocities(
    hybrid: HybridSystem, start: Snapshot, *, temperature: float, seed: int, platform: str
) -> Snapshot:
    """Return a snapshot with Maxwell-Boltzmann velocities [nm/ps] that satisfy the constraints."""
    context = _constrained(hybrid, start, platform)
    context.setVelocitiesToTemperature(temperature, derive_seed(seed, "velocities"))
    return get_snapshot(context)


def at_rest_as_a_whole(hybrid: HybridSystem, start: Snapshot, *, platform: str) -> Snapshot:
    """Return a snapshot that satisfies the constraints, without drift or (no box) rotation."""
    snapshot = get_snapshot(_constrained(hybrid, start, platform))
    velocities = without_drift(
        snapshot.positions,
        snapshot.velocities,
        particle_masses(hybrid.system),
        rotation=not hybrid.periodic,
    )
    return Snapshot(snapshot.positions, velocities, snapshot.box)


def _constrained(hybrid: HybridSystem, start: Snapshot, platform: str) -> mm.Context:
    context = mm.Context(hybrid.system, velocity_verlet(0.001, EXACT), *choose_platform(platform))
    set_snapshot(context, start)
    context.applyConstraints(EXACT)
    context.applyVelocityConstraints(EXACT)
    return context


def velocity_verlet(timestep: float, tolerance: float) -> mm.CustomIntegrator:
    """Return a velocity Verlet integrator with RATTLE; the global `scale` multiplies v once."""
    integrator = mm.CustomIntegrator(timestep)
    integrator.addGlobalVariable("scale", 1.0)
    integrator.addPerDofVariable("before", 0.0)
    integrator.addUpdateContextState()
    integrator.addComputePerDof("v", "scale*v + 0.5*dt*f/m")
    integrator.addComputeGlobal("scale", "1")
    integrator.addComputePerDof("x", "x + dt*v")
    integrator.addComputePerDof("before", "x")
    integrator.addConstrainPositions()
    integrator.addComputePerDof("v", "v + 0.5*dt*f/m + (x - before)/dt")
    integrator.addConstrainVelocities()
    integrator.setConstraintTolerance(tolerance)
    return integrator


@dataclass(frozen=True)
class _Run:
    """A Context with the constant data that its reports need."""

    hybrid: HybridSystem
    plan: DynamicsPlan
    context: mm.Context
    decomposition: HybridDecomposition
    masses: Array
    freedom: int


def _open(
    hybrid: HybridSystem,
    plan: DynamicsPlan,
    start: Snapshot,
    first_step: int,
    decomposition: HybridDecomposition | None,
) -> _Run:
    seed = plan.seed_of("dynamics", first_step)
    if plan.thermostat == "langevin":
        integrator = mm.LangevinMiddleIntegrator(plan.temperature, plan.friction, plan.timestep)
        integrator.setConstraintTolerance(plan.constraint_tolerance)
    else:
        integrator = velocity_verlet(plan.timestep, plan.constraint_tolerance)
    # On the CPU a CustomIntegrator and the barostat share one random stream per process, which
    # the integrator seeds last, and from the clock unless it has a seed of its own.
    integrator.setRandomNumberSeed(derive_seed(seed, "integrator"))
    set_barostat(hybrid.system, plan, derive_seed(seed, "barostat"))
    context = mm.Context(hybrid.system, integrator, *choose_platform(plan.platform))
    set_snapshot(context, start)
    if first_step == 0 or not holds_constraints(
        hybrid.system, start.positions, plan.constraint_tolerance
    ):
        context.applyConstraints(plan.constraint_tolerance)
        context.applyVelocityConstraints(plan.constraint_tolerance)
    if hybrid.native is not None:
        here = LambdaState(*map(context.getParameter, LAMBDAS))
        require_agreement(hybrid, context, (here,), here=here)
    if decomposition is None:
        decomposition = HybridDecomposition(hybrid, start.box, platform=plan.platform)
    masses = particle_masses(hybrid.system)
    return _Run(hybrid, plan, context, decomposition, masses, freedom_of(hybrid, plan))


def _stop_drift(run: _Run) -> None:
    snapshot = get_snapshot(run.context)
    rotation = not run.hybrid.periodic
    run.context.setVelocities(
        without_drift(snapshot.positions, snapshot.velocities, run.masses, rotation=rotation)
    )


def _rescale(run: _Run, random: np.random.Generator) -> None:
    """Rescale all velocities by the factor of Bussi et al., eq. (A7), in the integrator."""
    velocities = run.context.getState(getVelocities=True).getVelocities(asNumpy=True)._value
    kinetic = kinetic_energy(velocities, run.masses)
    first, others = random.standard_normal(), 2 * random.standard_gamma((run.freedom - 1) / 2)
    if kinetic <= 0.0:
        return
    keep = math.exp(-BUSSI_INTERVAL * run.plan.timestep / run.plan.coupling_time)
    share = (1 - keep) * 0.5 * thermal_energy(run.plan.temperature) / kinetic
    square = keep + share * (first**2 + others) + 2 * first * math.sqrt(keep * share)
    sign = -1.0 if first + math.sqrt(keep / share) < 0 else 1.0
    run.context.getIntegrator().setGlobalVariableByName("scale", sign * math.sqrt(square))


def _report(run: _Run, step: int) -> StepReport:
    snapshot, periodic = get_snapshot(run.context), run.hybrid.periodic
    state = run.context.getState(getEnergy=True)
    kinetic = float(state.getKineticEnergy()._value)
    energies = run.decomposition.at(snapshot)
    volume = float(abs(np.linalg.det(snapshot.box))) if periodic else None
    mass = float(run.masses.sum())
    return StepReport(
        step=step,
        time=step * run.plan.timestep,
        kinetic=kinetic,
        potential=float(state.getPotentialEnergy()._value) + energies.shift,
        terms=energies.terms,
        temperature=kinetic_temperature(kinetic, run.freedom),
        pressure=_pressure(run),
        volume=volume,
        density=None if volume is None else mass / volume * GRAM_CM3_PER_DALTON_NM3,
        spread=energies.spread,
        snapshot=snapshot,
    )


def _pressure(run: _Run) -> float | None:
    if run.plan.pressure is None:
        return None
    forces = run.hybrid.system.getForces()
    barostat = next(f for f in forces if isinstance(f, BAROSTATS))
    try:
        return float(np.mean(barostat.computeCurrentPressure(run.context)._value))
    except mm.OpenMMException as error:
        heed_interrupt(error)
        raise NumericsError(
            "the pressure, for which the box is made smaller by 0.1 %, cannot be computed "
            f"({first_line(error)}): take a larger box, or a shorter cutoff."
        ) from error
