# SPDX-License-Identifier: MIT
"""Trajectories at constant energy: one start, one trajectory for each time step."""

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
from merrow.system.box import box_for_cutoff, refuse_lone_box
from merrow.system.build import HybridSystem, hybrid_system
from merrow.system.configuration import read_configuration
from merrow.system.images import together
from merrow.system.pme import Nonbonded, pme_parameters
from merrow.system.potentials import open_potential
from merrow.system.region import MLRegion, select_region
from merrow.units import NM_PER_ANGSTROM, PS_PER_FS

NUDGE = 1e-4
"""Time by which atoms are moved along their velocities for a difference of forces [ps]."""
SAMPLING = 5.0
"""Time between two samples [fs]."""


@dataclass(frozen=True)
class NveRequest:
    """What is put to the test.

    Attributes:
        prmtop, inpcrd: The AMBER files.
        ml_mask: Mask of the ML region.
        potential: Name of the potential.
        weights: File of its weights, or None to search.
        time_ps: Length of each trajectory [ps].
        timesteps_fs: Time steps [fs], each once.
        rigid_water: Whether water is rigid; if not, nothing is constrained.
        precision: Arithmetic of the networks, "float32" or "float64".
        platform: OpenMM platform; Reference is double precision throughout.
        temperature_k: Temperature of the velocities [K], where the coordinates have none.
        cutoff_angstrom: Direct-space cutoff, used where there is a box.
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
    cutoff_angstrom: float = 9.0
    seed: int = 1


@dataclass(frozen=True)
class Trajectory:
    """What one trajectory at constant energy recorded, in OpenMM's units, shape (n,) each.

    Attributes:
        time: Time [ps].
        total, kinetic: Energies [kJ/mol].
        translation, rotation: Kinetic energies of the ML region as a rigid body [kJ/mol].
        translation_share, rotation_share: Their part of 3/2 kT.
        speed, spin: Velocity [nm/ps] and angular velocity [rad/ps] of the whole.
        curvature: What times dt² leads from H to the Hamiltonian that velocity Verlet really
            follows, for the atoms without constraints [kJ/mol/ps²].
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
    """What all trajectories share.

    Attributes:
        hybrid: The system.
        start: The common start, at rest as a whole.
        topology, region: What the files say.
        probe: A Context to ask for forces.
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
        InputError: The files do not fit together.
    """
    topology = read_topology(request.prmtop)
    coordinates = read_configuration(request.inpcrd, topology)
    region = select_region(topology, request.ml_mask, positions=coordinates.positions, several=True)
    box, nonbonded, cell = np.eye(3), Nonbonded(cutoff=None), None
    if topology.has_box:
        cell = box_for_cutoff(topology, coordinates, request.cutoff_angstrom, source=request.inpcrd)
        box, cutoff = cell * NM_PER_ANGSTROM, request.cutoff_angstrom * NM_PER_ANGSTROM
        edges = tuple(float(edge) for edge in np.diag(box))
        nonbonded = Nonbonded(cutoff=cutoff, pme=pme_parameters(edges, cutoff, 5e-4))
        check_reference(request.platform, box, cutoff)
    elif coordinates.lengths is not None:
        refuse_lone_box(topology, request.inpcrd)
    hybrid = hybrid_system(
        topology,
        region,
        open_region_potential(request, topology, region, request.precision),
        nonbonded=nonbonded,
        rigid=request.rigid_water,
    )
    near = together(coordinates.positions, cell, region, source=str(request.inpcrd))
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
    """Return the potential under test in one precision; on a GPU only with such a platform."""
    weights = None if request.weights is None else str(request.weights)
    with on_device("" if request.platform in GPU_PLATFORMS else CPU):
        return open_potential(
            request.potential, topology, region, weights=weights, precision=precision
        )


def nve_plan(request: NveRequest, timestep: float) -> DynamicsPlan:
    """Return constant energy at a time step [fs]."""
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
    """Run one trajectory and return what it recorded.

    Args:
        setup: The system and its start.
        request: How long, and how.
        timestep: Time step [fs].
        tell: Called now and then with the number of steps that are done.
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

    Velocity Verlet conserves H plus dt² times this, but for terms of dt⁴ (Hairer, Lubich and
    Wanner, 10.1017/S0962492902000144). The Hessian is a difference of forces.
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
