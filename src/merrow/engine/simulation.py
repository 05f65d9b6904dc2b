# SPDX-License-Identifier: MIT
"""Platform, integrator, barostat and their seeds for a System."""

from __future__ import annotations

import itertools
import os
import warnings
from dataclasses import dataclass

import numpy as np
import openmm as mm

from merrow.engine.plans import Ensemble
from merrow.engine.seeds import derive_seed
from merrow.errors import InputError, NumericsError, first_line
from merrow.process import OPENMM_THREADS
from merrow.system.build import HybridSystem
from merrow.system.native_forces import KernelForce

Array = np.ndarray

MARGIN = 1.05
"""Margin for the shrinking of the box during a simulation."""

GPU_PLATFORMS = ("CUDA", "OpenCL", "HIP")
"""OpenMM platforms that run on a GPU."""
BAROSTATS = (mm.MonteCarloBarostat, mm.MonteCarloAnisotropicBarostat)
"""Barostats."""


_fresh = itertools.count(1)
"""Unique number of each snapshot that a process sets in a Context; no energy depends on it."""


@dataclass(frozen=True)
class Snapshot:
    """A point in phase space: positions [nm] and velocities [nm/ps], (N, 3); box [nm], (3, 3)."""

    positions: Array
    velocities: Array
    box: Array


def open_context(
    hybrid: HybridSystem, ensemble: Ensemble, *, platform: str, seed: int
) -> mm.Context:
    """Return a new Context with its own integrator and barostat.

    OpenMM's checkpoints do not restore the random stream in a new Context, so every segment opens
    one with its own seeds: resumed and uninterrupted runs are then identical.

    Args:
        hybrid: The hybrid system, whose System gets the barostat of this Context.
        ensemble: Temperature, pressure, integrator.
        platform: Name of the OpenMM platform. CPU uses one thread and is deterministic.
        seed: Seed of this segment.

    Raises:
        InputError: The platform is not available.
    """
    integrator = mm.LangevinMiddleIntegrator(
        ensemble.temperature, ensemble.friction, ensemble.timestep
    )
    integrator.setRandomNumberSeed(derive_seed(seed, "integrator"))
    integrator.setConstraintTolerance(1e-6)
    if hybrid.periodic:
        set_barostat(hybrid.system, ensemble, derive_seed(seed, "barostat"))
    return mm.Context(hybrid.system, integrator, *choose_platform(platform))


def gpu_edges(platform: str, box: Array) -> tuple[float, ...] | None:
    """Return the box edges [nm] for `hybrid_system` on a GPU; None on the CPU.

    Args:
        platform: OpenMM platform.
        box: Box vectors [nm], shape (3, 3); None is also returned if it is not rectangular.
    """
    edges = np.diag(box)
    if platform not in GPU_PLATFORMS or not np.array_equal(box, np.diag(edges)):
        return None
    return tuple(edges.tolist())


def overlaps(platform: str, cores: int) -> bool:
    """Return whether the potential gets a thread of its own; beside MM on a GPU that costs time."""
    return cores > 1 and platform not in GPU_PLATFORMS


def choose_platform(name: str) -> tuple[mm.Platform, dict[str, str]]:
    """Return an OpenMM platform and its properties.

    CPU uses one thread and is deterministic; GPUs compute forces in single precision, and sum and
    integrate in double precision ("mixed").

    Raises:
        InputError: The platform is not available.
    """
    try:
        platform = mm.Platform.getPlatformByName(name)
    except mm.OpenMMException as error:
        names = [mm.Platform.getPlatform(i).getName() for i in range(mm.Platform.getNumPlatforms())]
        raise InputError(
            f"OpenMM platform {name!r} is not available here; choose one of {', '.join(names)}."
        ) from error
    if name in GPU_PLATFORMS:
        return platform, {"Precision": "mixed"}
    if name != "CPU":
        return platform, {}
    if os.environ.get(OPENMM_THREADS) != "1":
        warnings.warn(
            f"{OPENMM_THREADS} is not 1, so PME on the CPU is not the same to the last bit in two "
            "runs; call merrow.process.use_one_thread() first.",
            stacklevel=2,
        )
    return platform, {"Threads": "1", "DeterministicForces": "true"}


def exact_platform(box: Array | None, cutoff: float | None) -> str:
    """Return the platform for a single point in double precision.

    This is Reference, except in a triclinic box narrower than three cutoffs, where its neighbour
    list misses pairs (OpenMM 8.6); there it is CPU, in single precision with double sums.

    Args:
        box: Box vectors in reduced form [nm], shape (3, 3), or None.
        cutoff: Direct-space cutoff [nm], or None.
    """
    return "CPU" if misses_pairs(box, cutoff) else "Reference"


def misses_pairs(box: Array | None, cutoff: float | None) -> bool:
    """Tell whether the Reference platform misses pairs within the cutoff in this box."""
    if box is None or cutoff is None or np.count_nonzero(box - np.diag(np.diag(box))) == 0:
        return False
    return float(np.diag(box).min()) < MARGIN * 3.0 * cutoff


def check_reference(platform: str, box: Array | None, cutoff: float | None) -> None:
    """Refuse to simulate on the Reference platform if it misses pairs.

    Raises:
        InputError: The box is triclinic and narrower than three cutoffs.
    """
    if platform == "Reference" and misses_pairs(box, cutoff):
        raise InputError(
            "OpenMM's Reference platform misses pairs of atoms in a box that is not rectangular "
            "and narrower than three cutoffs; use --platform CPU, or a larger box."
        )


def set_barostat(system: mm.System, ensemble: Ensemble, seed: int) -> None:
    """Set the barostat of a System, or remove it at constant volume.

    The System is not copied instead: a copy would pickle the potential inside it.
    """
    wanted = mm.MonteCarloAnisotropicBarostat if ensemble.anisotropic else mm.MonteCarloBarostat
    found = next((k for k, f in enumerate(system.getForces()) if isinstance(f, BAROSTATS)), None)
    if found is not None and (
        ensemble.pressure is None or not isinstance(system.getForce(found), wanted)
    ):
        system.removeForce(found)
        found = None
    if ensemble.pressure is None:
        return
    pressure = mm.Vec3(*[ensemble.pressure] * 3) if ensemble.anisotropic else ensemble.pressure
    if found is None:
        found = system.addForce(wanted(pressure, 300.0))
    barostat = system.getForce(found)
    barostat.setDefaultPressure(pressure)
    barostat.setDefaultTemperature(ensemble.temperature)
    barostat.setFrequency(ensemble.barostat_interval)
    barostat.setRandomNumberSeed(seed)


def heed_interrupt(error: mm.OpenMMException) -> None:
    """Raise a Ctrl-C that occurred while OpenMM called a potential.

    OpenMM turns it into its own exception without a message; all others have one.

    Raises:
        KeyboardInterrupt: The exception was a Ctrl-C.
    """
    if not str(error):
        raise KeyboardInterrupt from error


def set_snapshot(context: mm.Context, snapshot: Snapshot) -> None:
    """Set a Context to a point in phase space, exactly."""
    context.setPeriodicBoxVectors(*(mm.Vec3(*map(float, row)) for row in snapshot.box))
    context.setPositions(snapshot.positions)
    context.setVelocities(snapshot.velocities)
    if KernelForce.FRESH in context.getParameters():
        context.setParameter(KernelForce.FRESH, float(next(_fresh)))


def get_snapshot(context: mm.Context) -> Snapshot:
    """Return the current snapshot of a Context, with unwrapped molecules.

    Raises:
        NumericsError: A coordinate is not finite.
    """
    state = context.getState(getPositions=True, getVelocities=True)
    positions = np.array(state.getPositions(asNumpy=True)._value)
    require_finite(positions)
    return Snapshot(
        positions,
        np.array(state.getVelocities(asNumpy=True)._value),
        np.array(state.getPeriodicBoxVectors(asNumpy=True)._value),
    )


def forces_in(context: mm.Context, *, groups: set[int] | None = None) -> Array:
    """Return the forces on the atoms [kJ/mol/nm], shape (N, 3), of all force groups or some.

    Virtual sites have none: OpenMM leaves what it has passed on to their atoms in their rows too.
    """
    options = {} if groups is None else {"groups": groups}
    forces = np.array(context.getState(getForces=True, **options).getForces(asNumpy=True)._value)
    system = context.getSystem()
    forces[[i for i in range(len(forces)) if system.isVirtualSite(i)]] = 0.0
    return forces


def require_finite(positions: Array) -> None:
    """Check that positions [nm], shape (N, 3), are finite.

    Raises:
        NumericsError: A coordinate is not finite.
    """
    if np.all(np.isfinite(positions)):
        return
    bad = int(np.argwhere(~np.isfinite(positions))[0][0])
    raise NumericsError(
        f"the simulation blew up: the position of atom {bad + 1} is not finite; "
        "look at the starting structure or shorten the time step."
    )


def check_platform(name: str) -> None:
    """Check that an OpenMM platform is installed and finds its device.

    Raises:
        InputError: The platform cannot be used.
    """
    system = mm.System()
    system.addParticle(1.0)
    try:
        platform = mm.Platform.getPlatformByName(name)
        mm.Context(system, mm.VerletIntegrator(0.001), platform)
    except mm.OpenMMException as error:
        advice = lost_plugins() or f"use --platform {'Reference' if name == 'CPU' else 'CPU'}"
        raise InputError(
            f"the OpenMM platform {name} cannot be used here ({first_line(error)}); {advice}."
        ) from error


def platform_names() -> list[str]:
    """Return the OpenMM platforms of this machine, in OpenMM's order."""
    return [mm.Platform.getPlatform(i).getName() for i in range(mm.Platform.getNumPlatforms())]


def lost_plugins() -> str:
    """Return what to do where OpenMM did not find its own platforms; empty where it did."""
    if "CPU" in platform_names():
        return ""
    place = mm.Platform.getDefaultPluginsDirectory()
    named = "unset OPENMM_PLUGIN_DIR, or " if "OPENMM_PLUGIN_DIR" in os.environ else ""
    return f"OpenMM finds no plugins of its own in {place}: {named}install OpenMM again"
