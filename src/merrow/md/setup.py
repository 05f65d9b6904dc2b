# SPDX-License-Identifier: MIT
"""What will a dynamics run simulate, from which point on? mdin + prmtop + inpcrd → a checked start.

Everything is read and judged here, before any output is opened.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from merrow.amber.coordinates import Coordinates
from merrow.amber.mask import select_atoms
from merrow.amber.topology import AmberTopology, atom_label, read_topology
from merrow.amber.trajectory import RestartMetadata, read_restart_metadata
from merrow.engine.dynamics import DynamicsPlan, check_plan, draw_velocities
from merrow.engine.simulation import Snapshot, check_platform, check_reference
from merrow.engine.slope import couple
from merrow.errors import InputError
from merrow.executor import core_count
from merrow.md.box import NO_BOX, Cell, box_of, cell_of, nonbonded_of
from merrow.md.ensemble_spread import check_members
from merrow.md.restraints import restraint_forces, wall_force
from merrow.md.settings import Confinement, MdConfig, MlSettings, resolve
from merrow.mdin.namelist import parse_mdin
from merrow.potentials.interface import Array, Potential
from merrow.samples import COUPLED, LambdaState
from merrow.system.box import box_vectors
from merrow.system.build import HybridSystem, hybrid_system
from merrow.system.configuration import read_configuration
from merrow.system.images import together
from merrow.system.internal import ClassicalPotential
from merrow.system.pme import Nonbonded
from merrow.system.potentials import check_potential, open_potential
from merrow.system.region import MLRegion, capped, select_region
from merrow.units import (
    KJ_PER_KCAL,
    NM_PER_ANGSTROM,
)

NO_WRAP = "iwrap does nothing here: it needs a box."
CLOSEST, LONGEST_BOND = 0.1, 3.0
"""Å; two atoms closer than this lie on each other, a bond longer than this is broken."""


@dataclass(frozen=True)
class MdInputs:
    """The files of a run that are read."""

    mdin: Path
    prmtop: Path
    inpcrd: Path
    refc: Path | None = None


@dataclass(frozen=True)
class MdSetup:
    """A run that is ready to begin.

    Attributes:
        config: What was asked.
        mdin: The input as it was given.
        topology: The prmtop.
        hybrid: What is simulated.
        potential: The potential of the ML region.
        nonbonded: Cutoff and Ewald settings.
        plan: How it is propagated.
        snapshot: Where it begins.
        moment: When it begins.
        state: Coupling of the ML region to its environment.
        cell: Its box, or None.
    """

    config: MdConfig
    mdin: str
    topology: AmberTopology
    hybrid: HybridSystem
    potential: Potential
    nonbonded: Nonbonded
    plan: DynamicsPlan
    snapshot: Snapshot
    moment: RestartMetadata
    state: LambdaState
    cell: Cell | None


def read_config(path: Path) -> tuple[MdConfig, str]:
    """Read a sander input; return what it asks for, and its text.

    Raises:
        InputError: It cannot be read or understood.
    """
    if not path.is_file():
        raise InputError(f"there is no input file {path}; give one with -i.")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file; give a sander input with -i.") from error
    return resolve(parse_mdin(text, source=path.name)), text


def prepare_md(inputs: MdInputs, *, platform: str) -> MdSetup:
    """Read and judge all inputs and build the hybrid system.

    Raises:
        InputError: The files do not fit together or to the input.
        UnsupportedPhysicsError: The method cannot treat what is asked.
    """
    config, text = read_config(inputs.mdin)
    ml = _ml_of(config, inputs.mdin)
    check_platform(platform)
    topology = read_topology(inputs.prmtop)
    coordinates = read_configuration(inputs.inpcrd, topology)
    moment = _first_moment(config, inputs, coordinates)
    box = box_of(config, inputs.mdin, inputs.inpcrd, topology, coordinates)
    if box is None:
        config = _unwrapped(config)
    nonbonded = nonbonded_of(config, box, moment.grid)
    check_reference(platform, box, nonbonded.cutoff)
    region = _region(config, ml, topology, coordinates)
    coordinates = _together(coordinates, region, inputs.inpcrd, periodic=box is not None)
    potential = _potential(ml, topology, region, nonbonded)
    _check_structure(topology, region, coordinates, inputs.inpcrd)
    seen = coordinates.positions[list(region.model_atoms)]
    asked = capped(potential, region)
    check_members(ml, asked, seen)
    moment = _own(moment, potential, region)
    reference = _reference(asked, seen, moment)
    hybrid = hybrid_system(
        topology,
        region,
        potential,
        nonbonded=nonbonded,
        rigid=config.constraints,
        solute_constraints=ml.constraints,
        reference=reference * KJ_PER_KCAL,
        overlap=core_count() > 1,
    )
    state = _state(config, topology, region)
    couple(hybrid, state)
    centre = _wall_centre(ml.confinement, coordinates, region, moment)
    _add_forces(config, inputs, topology, hybrid, centre)
    plan = _plan(config, moment, platform=platform)
    check_plan(plan, hybrid)
    snapshot = _first_phase(config, hybrid, plan, coordinates, NO_BOX if box is None else box)
    return MdSetup(
        config,
        text,
        topology,
        hybrid,
        potential,
        nonbonded,
        plan,
        snapshot,
        replace(moment, reference=reference, centre=centre, grid=nonbonded.grid),
        state,
        None if box is None else cell_of(coordinates),
    )


def _ml_of(config: MdConfig, mdin: Path) -> MlSettings:
    if config.ml is None:
        raise InputError(
            f"{mdin.name}: ifmlp=0 is molecular mechanics alone, which sander runs; for the "
            "prmtop's own terms in this program give ifmlp=1 and potential='mm' in &mlp."
        )
    return config.ml


def _unwrapped(config: MdConfig) -> MdConfig:
    """Return a configuration that does not wrap, and says so where it was asked to."""
    if not config.wrap:
        return config
    return config.model_copy(update={"wrap": False, "notes": (*config.notes, NO_WRAP)})


def _first_moment(config: MdConfig, inputs: MdInputs, coordinates: Coordinates) -> RestartMetadata:
    if not config.goes_on:
        return RestartMetadata(config.start_time)
    if coordinates.velocities is None:
        raise InputError(
            f"irest=1 in {inputs.mdin.name} goes on with velocities, but {inputs.inpcrd} has none; "
            "use irest=0, ntx=1 and tempi, or a restart file."
        )
    return read_restart_metadata(inputs.inpcrd)


def _region(
    config: MdConfig, ml: MlSettings, topology: AmberTopology, coordinates: Coordinates
) -> MLRegion:
    if config.goes_on and set("<>") & set(ml.mask):
        raise InputError(
            f"animask={ml.mask!r} asks for distances, which are others now than when the run "
            "began; to go on, name the atoms themselves."
        )
    positions = coordinates.positions
    return select_region(
        topology, ml.mask, positions=positions, link_atoms=ml.link_atoms, several=True
    )


def _together(
    coordinates: Coordinates, region: MLRegion, path: Path, *, periodic: bool
) -> Coordinates:
    """Return coordinates with the molecules of the region in one image."""
    box = box_vectors(coordinates) if periodic else None
    near = together(coordinates.positions, box, region, source=str(path))
    return replace(coordinates, positions=near)


def _state(config: MdConfig, topology: AmberTopology, region: MLRegion) -> LambdaState:
    """Return the coupling state, whose masks must be the ML region."""
    coupling = config.coupling
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


def _potential(
    ml: MlSettings, topology: AmberTopology, region: MLRegion, nonbonded: Nonbonded
) -> Potential:
    check_potential(ml.potential, region.molecule, region.labels)
    return open_potential(
        ml.potential,
        topology,
        region,
        weights=ml.weights,
        precision=ml.precision,
        charge_scale=nonbonded.charge_scale,
    )


def _own(moment: RestartMetadata, potential: Potential, region: MLRegion) -> RestartMetadata:
    """Return a moment without the zero of another potential and the place of another region."""
    atoms = hashlib.sha256(repr(region.model_atoms).encode()).hexdigest()[:16]
    owner = f"{potential.identity} of atoms {atoms}"
    if moment.owner == owner:
        return moment
    return replace(moment, reference=None, centre=None, owner=owner)


def _reference(potential: Potential, region: Array, moment: RestartMetadata) -> float:
    """Return the zero of E_ML [kcal/mol]: that of the run before, or E_ML at the start."""
    if moment.reference is not None:
        return moment.reference
    if isinstance(potential, ClassicalPotential):
        return 0.0
    return float(potential.evaluate(region[None]).energies[0])


def _add_forces(
    config: MdConfig,
    inputs: MdInputs,
    topology: AmberTopology,
    hybrid: HybridSystem,
    centre: tuple[float, ...] | None,
) -> None:
    """Add restraints and the confining wall to a system."""
    forces = restraint_forces(
        config,
        topology,
        folder=inputs.mdin.parent,
        refc=inputs.refc,
        periodic=hybrid.periodic,
    )
    if config.ml is not None and config.ml.confinement is not None:
        at = None if centre is None else np.array(centre)
        forces.append(wall_force(config.ml.confinement, hybrid.region.atoms, at))
    for force in forces:
        hybrid.system.addForce(force)


def _wall_centre(
    wall: Confinement | None, coordinates: Coordinates, region: MLRegion, moment: RestartMetadata
) -> tuple[float, ...] | None:
    """Return the fixed centre [Å]: that of the run before, or the region's centroid now."""
    if wall is None or wall.follow:
        return None
    if moment.centre is not None:
        return moment.centre
    return tuple(coordinates.positions[list(region.atoms)].mean(axis=0).tolist())


def _check_structure(
    topology: AmberTopology, region: MLRegion, coordinates: Coordinates, path: Path
) -> None:
    """Refuse atoms that lie on each other, and an ML region that is broken across the box."""
    positions = coordinates.positions
    real = np.flatnonzero(np.array(topology.numbers) > 0)
    pairs = cKDTree(positions[real]).query_pairs(CLOSEST)
    if pairs:
        i, j = (int(real[k]) for k in min(pairs))
        gap = float(np.linalg.norm(positions[i] - positions[j]))
        raise InputError(
            f"atoms {i + 1} and {j + 1} in {path} lie on each other ({gap:.3f} Å); "
            "repair the structure."
        )
    inside = set(region.atoms)
    for i, j in topology.bonds:
        gap = float(np.linalg.norm(positions[i] - positions[j]))
        if (i in inside or j in inside) and gap > LONGEST_BOND:
            raise InputError(
                f"the bond {atom_label(topology, i)}-{atom_label(topology, j)} of the ML region is "
                f"{gap:.2f} Å long in {path}; make molecules whole (cpptraj: autoimage), or repair "
                "the structure."
            )


def _plan(config: MdConfig, moment: RestartMetadata, *, platform: str) -> DynamicsPlan:
    told = moment.step > 0 or not config.goes_on
    draws = config.thermostat in ("langevin", "andersen")
    return DynamicsPlan(
        timestep=config.timestep,
        thermostat=config.thermostat,
        temperature=config.temperature,
        friction=config.friction,
        coupling_time=config.coupling_time,
        collision_interval=config.collision_interval,
        pressure=config.pressure,
        anisotropic=config.anisotropic,
        barostat_interval=config.volume_interval,
        com_removal_interval=0 if draws else config.com_interval,
        constraint_tolerance=config.tolerance,
        platform=platform,
        seed=config.seed if config.seed != -1 else time.time_ns() % 2**31,
        origin=0.0 if told else moment.time,
    )


def _first_phase(
    config: MdConfig,
    hybrid: HybridSystem,
    plan: DynamicsPlan,
    coordinates: Coordinates,
    box: Array,
) -> Snapshot:
    positions = coordinates.positions * NM_PER_ANGSTROM
    if config.goes_on and coordinates.velocities is not None:
        return Snapshot(positions, coordinates.velocities * NM_PER_ANGSTROM, box)
    snapshot = Snapshot(positions, np.zeros_like(positions), box)
    if config.minimise or config.first_temperature == 0.0:
        return snapshot
    return draw_velocities(
        hybrid,
        snapshot,
        temperature=config.first_temperature,
        seed=plan.seed,
        platform=plan.platform,
    )
