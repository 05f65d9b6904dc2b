# SPDX-License-Identifier: MIT
"""NVE trajectories from a common start, one per time step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm as mm

from merrow.amber.topology import AmberTopology, read_topology
from merrow.analysis import nve
from merrow.engine.dynamics import DynamicsPlan, at_rest_as_a_whole, draw_velocities, run_dynamics
from merrow.engine.motion import force_probe, forces_at, particle_masses, unconstrained
from merrow.engine.simulation import GPU_PLATFORMS, Snapshot, check_reference
from merrow.potentials.device import CPU, on_device
from merrow.potentials.interface import Array, Potential
from merrow.system.box import USUAL_CUTOFF, box_for_cutoff, refuse_idle, refuse_lone_box
from merrow.system.build import HybridSystem, hybrid_system
from merrow.system.configuration import read_configuration
from merrow.system.lengths import placed
from merrow.system.pme import Nonbonded, pme_parameters
from merrow.system.potentials import open_potential
from merrow.system.region import MLRegion, select_region
from merrow.units import NM_PER_ANGSTROM, PS_PER_FS

NUDGE = 1e-4
"""Displacement along the velocities for finite differences of forces [ps]."""
SAMPLING = 5.0
"""Sampling interval [fs]."""


@dataclass(frozen=True)
class NveRequest:
    """Settings of the test.

    Attributes:
        prmtop, inpcrd: The AMBER files.
        ml_mask: Mask of the ML region.
        potential: Name of the potential.
        weights: Weights file, or None to search for it.
        time_ps: Length of each trajectory [ps].
        timesteps_fs: Time steps [fs], each once.
        rigid_water: Whether water is rigid; if not, nothing is constrained.
        precision: Precision of the networks, "float32" or "float64".
        platform: OpenMM platform; Reference is double precision throughout.
        temperature_k: Temperature of the velocities [K], if the coordinates have none.
        cutoff_angstrom: Direct-space cutoff [Å] in a box; None for `USUAL_CUTOFF`, or without one.
        seed: Seed of velocities.
    """

    prmtop: Path
    inpcrd: Path
    ml_mask: str
    potential: str
    weights: Path | None = None
    time_ps: float = 5.0
    timesteps_fs: tuple[float, ...] = (0.25, 0.5, 1.0)
    rigid_water: bool = True
    precision: str = "float32"
    platform: str = "Reference"
    temperature_k: float = 300.0
    cutoff_angstrom: float | None = None
    seed: int = 1


@dataclass(frozen=True)
class Trajectory:
    """Records of an NVE trajectory, in OpenMM's units, each of shape (n,).

    Attributes:
        time: Time [ps].
        total, kinetic: Energies [kJ/mol].
        translation, rotation: Kinetic energies of the ML region as a rigid body [kJ/mol].
        translation_share, rotation_share: Their ratio to 3/2 kT.
        speed, spin: Velocity [nm/ps] and angular velocity [rad/ps] of the whole system.
        curvature: Coefficient of dt² in the difference between the shadow Hamiltonian of velocity
            Verlet and H, for the atoms without constraints [kJ/mol/ps²].
    """

    time: Array
    total: Array
    kinetic: Array
    translation: Array
    rotation: Array
    translation_share: Array
    rotation_share: Array
    speed: Array
    spin: Array
    curvature: Array


@dataclass(frozen=True)
class NveSetup:
    """The common setup of all trajectories.

    Attributes:
        hybrid: The system.
        start: The common start, without overall motion.
        topology, region: The topology and the ML region.
        probe: A Context for force evaluations.
        free: Indices of the atoms without constraints.
    """

    hybrid: HybridSystem
    start: Snapshot
    topology: AmberTopology
    region: MLRegion
    probe: mm.Context
    free: tuple[int, ...]


def open_nve_setup(request: NveRequest) -> NveSetup:
    """Build the system and its start.

    Raises:
        InputError: The files are inconsistent.
    """
    topology = read_topology(request.prmtop)
    coordinates = read_configuration(request.inpcrd, topology)
    region = select_region(topology, request.ml_mask, positions=coordinates.positions, several=True)
    box, nonbonded, cell = np.eye(3), Nonbonded(cutoff=None), None
    if topology.has_box:
        given = USUAL_CUTOFF if request.cutoff_angstrom is None else request.cutoff_angstrom
        cell = box_for_cutoff(topology, coordinates, given, source=request.inpcrd)
        box, cutoff = cell * NM_PER_ANGSTROM, given * NM_PER_ANGSTROM
        edges = tuple(float(edge) for edge in np.diag(box))
        nonbonded = Nonbonded(cutoff=cutoff, pme=pme_parameters(edges, cutoff, 5e-4))
        check_reference(request.platform, box, cutoff)
    elif coordinates.lengths is not None:
        refuse_lone_box(topology, request.inpcrd)
    elif request.cutoff_angstrom is not None:
        refuse_idle("--cutoff", request.prmtop)
    hybrid = hybrid_system(
        topology,
        region,
        open_region_potential(request, topology, region, request.precision),
        nonbonded=nonbonded,
        rigid=request.rigid_water,
    )
    near = placed(coordinates.positions, cell, topology, region, source=str(request.inpcrd))
    positions = near * NM_PER_ANGSTROM
    velocities = coordinates.velocities
    if velocities is not None:
        start = Snapshot(positions, velocities * NM_PER_ANGSTROM, box)
    else:
        start = draw_velocities(
            hybrid,
            Snapshot(positions, np.zeros_like(positions), box),
            temperature=request.temperature_k,
            seed=request.seed,
            platform=request.platform,
        )
    start = at_rest_as_a_whole(hybrid, start, platform=request.platform)
    probe = force_probe(hybrid.system, start, platform=request.platform)
    return NveSetup(hybrid, start, topology, region, probe, unconstrained(hybrid.system))


def open_region_potential(
    request: NveRequest, topology: AmberTopology, region: MLRegion, precision: str
) -> Potential:
    """Return the tested potential in one precision; on a GPU only with a GPU platform."""
    weights = None if request.weights is None else str(request.weights)
    with on_device("" if request.platform in GPU_PLATFORMS else CPU):
        return open_potential(
            request.potential, topology, region, weights=weights, precision=precision
        )


def nve_plan(request: NveRequest, timestep: float) -> DynamicsPlan:
    """Return the settings of NVE dynamics with a time step [fs]."""
    return DynamicsPlan(
        timestep=timestep * PS_PER_FS,
        thermostat="none",
        temperature=request.temperature_k,
        friction=0.0,
        coupling_time=0.0,
        pressure=None,
        barostat_interval=0,
        com_removal_interval=0,
        constraint_tolerance=1e-10,
        platform=request.platform,
        seed=request.seed,
    )


def record(
    setup: NveSetup,
    request: NveRequest,
    timestep: float,
    tell: Callable[[int], None] = lambda _: None,
) -> Trajectory:
    """Run one trajectory and return its records.

    Args:
        setup: The system and its start.
        request: Settings of the test.
        timestep: Time step [fs].
        tell: Called from time to time with the number of finished steps.
    """
    plan = nve_plan(request, timestep)
    rows = []
    for report in run_dynamics(
        setup.hybrid,
        plan,
        setup.start,
        first_step=0,
        steps=round(request.time_ps / plan.timestep),
        report_interval=max(1, round(SAMPLING / timestep)),
    ):
        tell(report.step)
        rows.append(measure(setup, report.time, report.snapshot, report.kinetic, report.potential))
    return Trajectory(*np.array(rows).T)


def measure(
    setup: NveSetup, time: float, snapshot: Snapshot, kinetic: float, potential: float
) -> tuple[float, ...]:
    """Return one row of a `Trajectory`."""
    hybrid = setup.hybrid
    masses = particle_masses(hybrid.system)
    positions, velocities = snapshot.positions, snapshot.velocities
    whole = nve.rigid_basis(positions, masses, range(len(masses)))
    body = nve.rigid_basis(positions, masses, hybrid.region.atoms)
    shares = nve.equipartition_share(body, whole[:, :3] if hybrid.periodic else whole)
    drifting, spinning = nve.rigid_energies(whole, velocities, masses)
    arms = positions - masses @ positions / masses.sum()
    inertia = float(masses @ np.sum(arms**2, axis=1)) * 2 / 3
    return (
        time,
        kinetic + potential,
        kinetic,
        *nve.rigid_energies(body, velocities, masses),
        *shares,
        float(np.sqrt(2 * drifting / masses.sum())),
        float(np.sqrt(2 * spinning / inertia)),
        _curvature(setup, snapshot, masses),
    )


def _curvature(setup: NveSetup, snapshot: Snapshot, masses: Array) -> float:
    """Return v·V''·v/12 − F·M⁻¹·F/24 of the unconstrained atoms [kJ/mol/ps²].

    Velocity Verlet conserves H plus dt² times this, up to terms of dt⁴ (Hairer, Lubich and
    Wanner, 10.1017/S0962492902000144). The Hessian is a finite difference of forces.
    """
    free = list(setup.free)
    moving = np.zeros_like(snapshot.velocities)
    moving[free] = snapshot.velocities[free]
    here, ahead, behind = (
        forces_at(setup.probe, snapshot.positions + t * moving, snapshot.box)[free]
        for t in (0.0, NUDGE, -NUDGE)
    )
    bent = -float(np.sum((ahead - behind) * moving[free])) / (2 * NUDGE)
    return bent / 12 - float(np.sum(here**2 / masses[free, None])) / 24
