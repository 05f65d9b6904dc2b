# SPDX-License-Identifier: MIT
"""Preparation of a run: settings + prmtop + coordinates → a checked start.

All input is read and checked here, before any output is opened.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import openmm as mm

from merrow.amber.coordinates import Coordinates
from merrow.amber.mask import select_atoms
from merrow.amber.topology import AmberTopology, atom_label
from merrow.amber.trajectory import RestartMetadata, read_restart_metadata
from merrow.engine.dynamics import DynamicsPlan, check_plan, draw_velocities
from merrow.engine.platforms import chosen_platform
from merrow.engine.simulation import (
    GPU_PLATFORMS,
    Snapshot,
    check_platform,
    check_reference,
    gpu_edges,
    overlaps,
)
from merrow.engine.slope import couple
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.executor import core_count
from merrow.md.box import NO_BOX, Cell, box_of, nonbonded_of
from merrow.md.ensemble_spread import check_members
from merrow.md.notes import NO_WRAP, noted
from merrow.md.restraints import restraint_forces, wall_force
from merrow.md.settings import MdSettings, drift_removal
from merrow.native import MmKernel
from merrow.potentials.device import is_found
from merrow.potentials.interface import Array, Potential
from merrow.potentials.placement import Placed, on_fastest
from merrow.samples import COUPLED, LambdaState
from merrow.settings import Placement
from merrow.system.box import box_vectors
from merrow.system.build import HybridSystem, hybrid_system
from merrow.system.configuration import overlap, read_configuration
from merrow.system.internal import ClassicalPotential
from merrow.system.lengths import placed
from merrow.system.native_forces import on_kernel
from merrow.system.pme import Nonbonded
from merrow.system.potentials import open_potential
from merrow.system.region import MLRegion, capped, select_region
from merrow.units import KJ_PER_KCAL, NM_PER_ANGSTROM

logger = logging.getLogger(__name__)

CLOSEST, LONGEST_BOND = 0.1, 3.0
"""[Å]; atoms closer than this overlap, bonds longer than this are broken."""


@dataclass(frozen=True)
class MdInputs:
    """Inputs of a run besides its settings.

    Attributes:
        topology: The prmtop.
        inpcrd: Coordinate file.
        refc: Reference coordinate file, for restraints.
        placed: The potential of the settings, if already loaded.
        kept: Device of its networks, if already chosen.
    """

    topology: AmberTopology
    inpcrd: Path
    refc: Path | None = None
    placed: Placed | None = None
    kept: Placement | None = None


@dataclass(frozen=True)
class MdOutputs:
    """The output files of a run.

    mdcrd is written only with ntwx, mdvel with ntwv, and mdspread if on_spread='save' found frames
    on which the ensemble members of the potential disagree.
    """

    mdout: Path = Path("mdout")
    restrt: Path = Path("restrt")
    mdcrd: Path = Path("mdcrd")
    mdinfo: Path = Path("mdinfo")
    mdvel: Path = Path("mdvel")
    mdspread: Path = Path("mdspread")


@dataclass(frozen=True)
class MdSetup:
    """A prepared run.

    Attributes:
        settings: Settings, without those that have no effect.
        inputs: Inputs.
        hybrid: The hybrid system.
        placed: The potential of the ML region, without link atoms, and its device.
        nonbonded: Cutoff and Ewald settings.
        plan: Settings of the dynamics.
        snapshot: Initial configuration.
        restart: Start time, and metadata of the restart file.
        state: Coupling of the ML region to its environment.
        cell: The box, or None.
    """

    settings: MdSettings
    inputs: MdInputs
    hybrid: HybridSystem
    placed: Placed
    nonbonded: Nonbonded
    plan: DynamicsPlan
    snapshot: Snapshot
    restart: RestartMetadata
    state: LambdaState
    cell: Cell | None

    @property
    def potential(self) -> Potential:
        """The potential of the ML region, without link atoms."""
        return self.placed.potential


def prepare_md(
    settings: MdSettings, inputs: MdInputs, *, platform: str, kernel: MmKernel = "auto"
) -> MdSetup:
    """Read and check all inputs and build the hybrid system with the requested kernel.

    Raises:
        InputError: The files are inconsistent with each other or with the settings.
        UnsupportedPhysicsError: The method cannot treat this system.
    """
    topology, ml = inputs.topology, settings.ml
    coordinates = read_configuration(inputs.inpcrd, topology)
    restart = _read_restart(settings, inputs, coordinates)
    cell = box_of(settings, topology, inputs.inpcrd, coordinates)
    if cell is None and settings.wrap:
        notes = (*settings.notes, NO_WRAP)
        settings = settings.model_copy(update={"wrap": False, "notes": notes})
    box, periodic = NO_BOX if cell is None else cell.vectors, cell is not None
    nonbonded = nonbonded_of(settings, box if periodic else None, restart.grid)
    platform = chosen_platform(platform)
    check_platform(platform)
    check_reference(platform, box, nonbonded.cutoff)
    region, coordinates = _region(settings, inputs, coordinates, periodic=periodic)
    placed, restart = _placed(settings, inputs, nonbonded, region, coordinates, restart)
    seen = coordinates.positions[list(region.model_atoms)]
    model = capped(placed.potential, region)
    check_members(ml, model, seen)
    reference = _reference(model, seen, restart)
    springs = restraint_forces(settings, topology, refc=inputs.refc, cell=cell)
    wall, centre = _wall(settings, region, coordinates.positions, restart, periodic=periodic)
    state = _state(settings, topology, region)
    hybrid = hybrid_system(
        topology,
        region,
        model,
        nonbonded=nonbonded,
        rigid=settings.constraints,
        solute_constraints=ml.constraints,
        reference=reference * KJ_PER_KCAL,
        overlap=overlaps(platform, core_count()),
        gpu_edges=gpu_edges(platform, box) if periodic and settings.coupling is None else None,
    )
    for force in (*springs, *wall):
        hybrid.system.addForce(force)
    if platform in GPU_PLATFORMS and periodic:  # takes the shape of the cell from the System
        hybrid.system.setDefaultPeriodicBoxVectors(*box)
    couple(hybrid, state)
    hybrid = _on_kernel(hybrid, kernel, platform, box)
    plan = _plan(settings, restart, platform=platform)
    if not settings.minimise:
        check_plan(plan, hybrid)
    settings = noted(settings, hybrid, coordinates, restart)
    snapshot = _first_snapshot(settings, hybrid, plan, coordinates, box)
    restart = replace(restart, reference=reference, centre=centre, grid=nonbonded.grid)
    return MdSetup(
        settings, inputs, hybrid, placed, nonbonded, plan, snapshot, restart, state, cell
    )


def _placed(
    settings: MdSettings,
    inputs: MdInputs,
    nonbonded: Nonbonded,
    region: MLRegion,
    coordinates: Coordinates,
    restart: RestartMetadata,
) -> tuple[Placed, RestartMetadata]:
    """Return the potential on its fastest device, and metadata valid for it.

    The device is chosen once: a continued run keeps it if it is available.
    """
    ml = settings.ml
    load = partial(
        open_potential,
        ml.potential,
        inputs.topology,
        region,
        weights=ml.weights,
        precision=ml.precision,
        charge_scale=nonbonded.charge_scale,
    )
    placed = inputs.placed
    potential = load() if placed is None else placed.potential
    _check_structure(inputs, region, coordinates)
    restart = _own(restart, potential, region)
    if placed is None:
        kept, device = inputs.kept, restart.ml_device
        if kept is None and device is not None and is_found(device):
            kept = Placement(device=device)
        seen = coordinates.positions[None, list(region.model_atoms)]
        placed = on_fastest(
            potential, load, lambda loaded: capped(loaded, region).evaluate(seen), kept
        )
    if placed.where.call_ms:
        restart = replace(restart, ml_device=placed.where.device)
    return placed, restart


def _on_kernel(hybrid: HybridSystem, kernel: MmKernel, platform: str, box: Array) -> HybridSystem:
    if platform != "CPU" or not hybrid.periodic:
        if kernel == "native":
            raise UnsupportedPhysicsError(
                "--mm-kernel native is for a periodic box on OpenMM's platform CPU; leave it out."
            )
        return hybrid
    chosen = on_kernel(hybrid, kernel, box=box)
    if chosen.why_not:
        logger.info("nonbonded forces by OpenMM: %s", chosen.why_not)  # mdout names the kernel
    return chosen.hybrid


def _read_restart(
    settings: MdSettings, inputs: MdInputs, coordinates: Coordinates
) -> RestartMetadata:
    if not settings.goes_on:
        return RestartMetadata(settings.start_time_ps)
    if coordinates.velocities is None:
        raise InputError(
            f"irest=1 in {settings.source.name} continues with velocities, but {inputs.inpcrd} has "
            "none; use irest=0, ntx=1 and tempi, or a restart file."
        )
    return read_restart_metadata(inputs.inpcrd)


def _region(
    settings: MdSettings, inputs: MdInputs, coordinates: Coordinates, *, periodic: bool
) -> tuple[MLRegion, Coordinates]:
    """Return the ML region, and coordinates with its molecules in one image."""
    ml = settings.ml
    if settings.goes_on and set("<>") & set(ml.mask):
        raise InputError(
            f"animask={ml.mask!r} selects by distance, which has changed since the run "
            "began; to continue, name the atoms themselves."
        )
    x = coordinates.positions
    region = select_region(
        inputs.topology, ml.mask, positions=x, link_atoms=ml.link_atoms, several=True
    )
    box = box_vectors(coordinates) if periodic else None
    near = placed(x, box, inputs.topology, region, source=str(inputs.inpcrd))
    return region, replace(coordinates, positions=near)


def _state(settings: MdSettings, topology: AmberTopology, region: MLRegion) -> LambdaState:
    """Return the coupling state, whose masks must select the ML region."""
    coupling = settings.coupling
    if coupling is None:
        return COUPLED
    if not coupling.charges_mask:
        raise InputError(
            "icfe=1 needs crgmask='...', the ML region: one input holds the whole leg here, so "
            "give the file of V1, or add crgmask to this one."
        )
    for mask in (coupling.charges_mask, coupling.lj_mask):
        if mask and select_atoms(topology, mask) != region.atoms:
            raise InputError(
                f"icfe=1 decouples the ML region, but the mask {mask!r} selects other atoms; "
                "give it the mask of animask."
            )
    left = 1.0 - coupling.clambda
    return LambdaState(0.0, left) if coupling.lj_mask else LambdaState(left, 1.0)


def _own(restart: RestartMetadata, potential: Potential, region: MLRegion) -> RestartMetadata:
    """Return metadata without the values of another potential or region.

    The centre of a wall belongs to the region alone.
    """
    atoms = hashlib.sha256(repr(region.model_atoms).encode()).hexdigest()[:16]
    owner = f"{potential.identity} of atoms {atoms}"
    if restart.owner == owner:
        return restart
    same = restart.owner is not None and restart.owner.endswith(f" of atoms {atoms}")
    centre = restart.centre if same else None
    return replace(restart, reference=None, centre=centre, owner=owner, ml_device=None)


def _reference(potential: Potential, region: Array, restart: RestartMetadata) -> float:
    """Return the zero of E_ML [kcal/mol]: that of the previous run, or E_ML at the start."""
    if restart.reference is not None:
        return restart.reference
    if isinstance(potential, ClassicalPotential):
        return 0.0
    return float(potential.evaluate(region[None]).energies[0])


def _wall(
    settings: MdSettings,
    region: MLRegion,
    positions: Array,
    restart: RestartMetadata,
    *,
    periodic: bool,
) -> tuple[list[mm.Force], tuple[float, ...] | None]:
    """Return the confining wall, and its centre [Å] if that is fixed.

    The centre is that of the previous run, or the current centroid of the region.
    """
    wall, centre = settings.ml.confinement, None
    if wall is None:
        return [], None
    if not wall.follow:
        centroid = positions[list(region.atoms)].mean(axis=0).tolist()
        centre = tuple(centroid) if restart.centre is None else restart.centre
    at = None if centre is None else np.array(centre)
    return [wall_force(wall, region.atoms, at, periodic=periodic)], centre


def _check_structure(inputs: MdInputs, region: MLRegion, coordinates: Coordinates) -> None:
    """Refuse overlapping atoms, and broken bonds in the ML region."""
    topology, path = inputs.topology, inputs.inpcrd
    pair = overlap(coordinates, topology, within=CLOSEST)
    if pair is not None:
        i, j, gap = pair
        raise InputError(
            f"atoms {i + 1} and {j + 1} in {path} lie on each other ({gap:.3f} Å); "
            "repair the structure."
        )
    inside, positions = set(region.atoms), coordinates.positions
    for i, j in topology.bonds:
        gap = float(np.linalg.norm(positions[i] - positions[j]))
        if (i in inside or j in inside) and gap > LONGEST_BOND:
            raise InputError(
                f"the bond {atom_label(topology, i)}-{atom_label(topology, j)} of the ML region is "
                f"{gap:.2f} Å long in {path}; repair the structure."
            )


def _plan(settings: MdSettings, restart: RestartMetadata, *, platform: str) -> DynamicsPlan:
    told = restart.step > 0 or not settings.goes_on
    return DynamicsPlan(
        timestep=settings.timestep_ps,
        thermostat=settings.thermostat,
        temperature=settings.temperature_k,
        friction=settings.friction_per_ps,
        coupling_time=settings.coupling_time_ps,
        collision_interval=settings.collision_interval,
        pressure=settings.pressure_bar,
        anisotropic=settings.anisotropic,
        barostat_interval=settings.barostat_interval,
        com_removal_interval=drift_removal(settings),
        constraint_tolerance=settings.constraint_tolerance,
        platform=platform,
        seed=settings.seed if settings.seed != -1 else time.time_ns() % 2**31,
        origin=0.0 if told else restart.time,
    )


def _first_snapshot(
    settings: MdSettings,
    hybrid: HybridSystem,
    plan: DynamicsPlan,
    coordinates: Coordinates,
    box: Array,
) -> Snapshot:
    positions = coordinates.positions * NM_PER_ANGSTROM
    if settings.goes_on and coordinates.velocities is not None:
        return Snapshot(positions, coordinates.velocities * NM_PER_ANGSTROM, box)
    snapshot = Snapshot(positions, np.zeros_like(positions), box)
    if settings.minimise or settings.initial_temperature_k == 0.0:
        return snapshot
    return draw_velocities(
        hybrid,
        snapshot,
        temperature=settings.initial_temperature_k,
        seed=plan.seed,
        platform=plan.platform,
    )
