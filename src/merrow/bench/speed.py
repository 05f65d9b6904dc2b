# SPDX-License-Identifier: MIT
"""Timing of ML/MM steps on this machine, and its best use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openmm as mm

from merrow.amber.topology import AmberTopology, read_topology
from merrow.ambertools.molecule import read_molecule
from merrow.ambertools.prepare import parametrize
from merrow.ambertools.solvent import n_waters_for, solvate
from merrow.bench.advice import BenchResult, BenchRow, advise
from merrow.engine.plans import Ensemble, LegPlan
from merrow.engine.platforms import AUTO, chosen_platform
from merrow.engine.relax import relax
from merrow.engine.simulation import (
    GPU_PLATFORMS,
    Snapshot,
    get_snapshot,
    gpu_edges,
    open_context,
    set_snapshot,
)
from merrow.engine.timing import Timing, ns_per_day, time_in_turn
from merrow.engine.walkers import open_walker
from merrow.errors import InputError
from merrow.executor import core_count, process_pool
from merrow.folders import check_place
from merrow.mps import shared_gpu
from merrow.native import Engine, MmKernel
from merrow.potentials.device import device_of
from merrow.potentials.interface import Array, Potential
from merrow.potentials.placement import Placed, on_fastest
from merrow.progress import Listener, say, silent
from merrow.samples import COUPLED
from merrow.system.box import box_for_cutoff
from merrow.system.build import HybridSystem, base_system, hybrid_system
from merrow.system.configuration import read_configuration
from merrow.system.lengths import placed
from merrow.system.native_forces import on_kernel
from merrow.system.pme import Nonbonded, pme_parameters
from merrow.system.potentials import check_name, check_potential, open_potential
from merrow.system.region import MLRegion, select_region
from merrow.units import NM_PER_ANGSTROM

BATCHES = (1, 4, 12)
"""Batch sizes of the potential."""
STEPS = 20
"""Number of steps per timed call."""
WIDTH = 26.0
"""Width of the boxes that are made here [Å]."""
TEMPERATURE, FRICTION = 298.15, 1.0


@dataclass(frozen=True)
class BenchRequest:
    """Settings of the benchmark.

    Attributes:
        potentials: Names of potentials.
        molecules: SMILES, each in a TIP3P box of 26 Å with AM1-BCC charges.
        prmtop, inpcrd, ml_mask: The user's system instead of molecules; all three or none.
        cutoff_angstrom: Direct-space cutoff [Å].
        timestep_fs: Time step [fs].
        minutes: Wall time of the benchmark [min].
        processes: Maximum number of processes and threads; None for the number of cores.
        platform: OpenMM platform; auto for the fastest that agrees with Reference.
    """

    potentials: tuple[str, ...] = ("ani2x",)
    molecules: tuple[str, ...] = ("CO", "Cc1ccccc1")
    prmtop: Path | None = None
    inpcrd: Path | None = None
    ml_mask: str | None = None
    cutoff_angstrom: float = 9.0
    timestep_fs: float = 1.0
    minutes: float = 3.0
    processes: int | None = None
    platform: str = AUTO


@dataclass(frozen=True)
class BenchSystem:
    """A solvated system; positions and box vectors in nm."""

    name: str
    topology: AmberTopology
    region: MLRegion
    positions: Array
    box: Array
    nonbonded: Nonbonded


def run_bench(request: BenchRequest, folder: Path, listen: Listener = silent) -> BenchResult:
    """Prepare the systems and time them.

    Args:
        request: Settings of the benchmark.
        folder: Folder for the prepared systems.
        listen: Called with the current step.

    Raises:
        InputError: The request or its files are wrong.
        UnsupportedPhysicsError: A potential does not support a molecule.
        MissingComponentError: AmberTools or weights are not installed.
    """
    _check_files(request)
    check_place(folder)
    for name in request.potentials:
        check_name(name)
    systems = [*_systems(request, folder, listen)]
    for system in systems:
        for name in request.potentials:
            check_potential(name, system.region.molecule, system.region.labels)
    request = replace(request, platform=chosen_platform(request.platform))
    limit = request.processes or core_count()
    seconds = 60 * request.minutes / (len(systems) * len(request.potentials) + 2)
    rows = []
    for system in systems:
        for name in request.potentials:
            say(listen, f"timing {name} on {system.name}")
            rows.append(_row(system, name, request, seconds))
    threads = {}
    if request.platform == "CPU":
        say(listen, "timing threads")
        threads = _threads(systems[0], limit, request, seconds)
    say(listen, "timing processes")
    processes = _processes(systems[0], request, limit, seconds)
    found = BenchResult(tuple(rows), threads, processes, request.timestep_fs, (), request.platform)
    return replace(found, advice=advise(found))


def open_system(name: str, prmtop: Path, inpcrd: Path, mask: str, cutoff: float) -> BenchSystem:
    """Read a solvated system from AMBER files.

    Args:
        name: Name of the system.
        prmtop, inpcrd: The files, with a box.
        mask: The ML region.
        cutoff: Direct-space cutoff [Å].

    Raises:
        InputError: The files do not fit together, have no box, or the box is too small.
    """
    topology = read_topology(prmtop)
    if not topology.has_box:
        raise InputError(
            f"bench times steps in a box, and {prmtop} has none; give a solvated system, or "
            "--smiles alone."
        )
    coordinates = read_configuration(inpcrd, topology)
    region = select_region(topology, mask)
    cell = box_for_cutoff(topology, coordinates, cutoff, source=inpcrd)
    positions = placed(coordinates.positions, cell, topology, region, source=str(inpcrd))
    box = cell * NM_PER_ANGSTROM
    lengths = tuple(float(np.linalg.norm(row)) for row in box)
    pme = pme_parameters(lengths, cutoff * NM_PER_ANGSTROM, 5e-4)
    nonbonded = Nonbonded(cutoff * NM_PER_ANGSTROM, pme=pme)
    return BenchSystem(name, topology, region, positions * NM_PER_ANGSTROM, box, nonbonded)


def solvated(smiles: str, folder: Path) -> tuple[Path, Path]:
    """Make AMBER files of a molecule in a TIP3P box of 26 Å, AM1-BCC charges; kept in `folder`."""
    prmtop, inpcrd = folder / "solvated.prmtop", folder / "solvated.inpcrd"
    if not inpcrd.exists():
        molecule = read_molecule(smiles)
        files = parametrize(molecule, folder=folder)
        heavy = sum(z > 1 for z in molecule.numbers)
        waters = n_waters_for(WIDTH, heavy)
        solvate(files.prmtop, files.inpcrd, folder=folder, n_waters=waters)
    return prmtop, inpcrd


def stepper(
    system: BenchSystem,
    hybrid: HybridSystem,
    timestep: float,
    steps: int,
    engine: Engine = "openmm",
    platform: str = "CPU",
) -> Callable[[], None]:
    """Return a function that advances a system by some steps, after a short relaxation.

    Args:
        system: The system with its start.
        hybrid: Its Hamiltonian; with our kernel for our loop.
        timestep: Time step [fs].
        steps: Number of steps per call.
        engine: Integrator.
        platform: OpenMM platform.
    """
    ensemble = Ensemble(TEMPERATURE, None, timestep * 1e-3, FRICTION)
    context = open_context(hybrid, ensemble, platform=platform, seed=1)
    set_snapshot(context, Snapshot(system.positions, np.zeros_like(system.positions), system.box))
    relax(context, hybrid)
    context.setVelocitiesToTemperature(TEMPERATURE, 1)
    if engine == "openmm":
        return partial(_step, context, steps)
    plan = LegPlan((COUPLED,), ensemble, 0, 0, steps, 1, 1, "CPU", 1, 0, engine)
    walker = open_walker(hybrid, plan, "speed")
    walker.place(get_snapshot(context), COUPLED)
    return partial(walker.advance, steps)


def _step(context: mm.Context, steps: int) -> None:
    context.getIntegrator().step(steps)
    if context.getPlatform().getName() in GPU_PLATFORMS:
        context.getState(getEnergy=True)  # waits for the device


def hybrid_of(
    system: BenchSystem,
    potential: Potential,
    *,
    overlap: bool = False,
    kernel: MmKernel = "auto",
    platform: str = "CPU",
    **changes: Any,
) -> HybridSystem:
    """Build the hybrid system of a benchmark system as for a run on a platform.

    On the CPU this uses our nonbonded kernel if possible.
    """
    if platform in GPU_PLATFORMS:
        kernel, changes["gpu_edges"] = "openmm", gpu_edges(platform, system.box)
    hybrid = hybrid_system(
        system.topology, system.region, potential, nonbonded=system.nonbonded, overlap=overlap,
        **changes,
    )  # fmt: skip
    return on_kernel(hybrid, kernel, box=system.box).hybrid


def plain_mm(system: BenchSystem) -> HybridSystem:
    """Return the whole system under MM, with rigid water and without λ, as a speed limit."""
    plain = base_system(system.topology, system.nonbonded, rigid_water=True)
    return HybridSystem(plain, system.region, 0.0, None, periodic=True)


def _check_files(request: BenchRequest) -> None:
    """Check that the user's system is given as a whole or not at all."""
    parts = {"-p": request.prmtop, "-c": request.inpcrd, "--ml-mask": request.ml_mask}
    given = [flag for flag, value in parts.items() if value is not None]
    absent = [flag for flag, value in parts.items() if value is None]
    if given and absent:
        raise InputError(
            f"bench has {' and '.join(given)} but not {' and '.join(absent)}: a system of yours "
            "needs -p, -c and --ml-mask together."
        )


def _systems(request: BenchRequest, folder: Path, listen: Listener) -> Iterable[BenchSystem]:
    if request.prmtop is not None and request.inpcrd is not None and request.ml_mask is not None:
        yield open_system(
            request.prmtop.stem,
            request.prmtop,
            request.inpcrd,
            request.ml_mask,
            request.cutoff_angstrom,
        )
        return
    for index, smiles in enumerate(request.molecules):
        say(listen, f"preparing {smiles}")
        files = solvated(smiles, folder / f"molecule-{index + 1}")
        yield open_system(smiles, *files, ":1", request.cutoff_angstrom)


def _row(system: BenchSystem, name: str, request: BenchRequest, seconds: float) -> BenchRow:
    found = _opened(system, name)
    potential = found.potential
    hybrids = {"mm": plain_mm(system)}
    for key, overlap in (("ml_mm", False), ("overlap", True)):
        hybrids[key] = hybrid_of(system, potential, overlap=overlap, platform=request.platform)
    calls = {
        key: stepper(system, hybrid, request.timestep_fs, STEPS, platform=request.platform)
        for key, hybrid in hybrids.items()
    }
    steps = time_in_turn(calls, rounds=25, units=STEPS, seconds=0.7 * seconds)
    alone = _alone(system, potential, 0.3 * seconds)
    ml_mm = steps["ml_mm"].wall
    return BenchRow(
        system=system.name,
        n_atoms=len(system.topology),
        n_ml_atoms=len(system.region.atoms),
        potential=name,
        mm_ms=steps["mm"].wall,
        ml_mm_ms=ml_mm,
        overlap_ms=steps["overlap"].wall,
        ml_ms={k: alone[str(k)].wall / k for k in BATCHES},
        ns_day=ns_per_day(ml_mm, request.timestep_fs),
        ratio_vs_mm=ml_mm / steps["mm"].wall,
        ml_device=device_of(potential),
        ml_device_ms=found.where.call_ms,
    )


def _opened(system: BenchSystem, name: str) -> Placed:
    """Return a potential on its fastest device, as in a run."""
    load = partial(open_potential, name, system.topology, system.region)
    own = system.positions[list(system.region.atoms)] / NM_PER_ANGSTROM
    return on_fastest(load(), load, lambda potential: potential.evaluate(own[None]))


def _alone(system: BenchSystem, potential: Potential, seconds: float) -> dict[str, Timing]:
    own = system.positions[list(system.region.atoms)] / NM_PER_ANGSTROM
    random = np.random.default_rng(1)
    noise = random.normal(0, 0.02, (max(BATCHES), *own.shape))
    return time_in_turn(
        {str(k): partial(potential.evaluate, (own + noise)[:k]) for k in BATCHES},
        rounds=50,
        seconds=seconds,
    )


def _threads(
    system: BenchSystem, limit: int, request: BenchRequest, seconds: float
) -> dict[int, float]:
    """Time plain MM with 1, 2, 4, … OpenMM threads [ms/step]."""
    plain = plain_mm(system).system
    platform = mm.Platform.getPlatformByName("CPU")
    calls: dict[str, Callable[[], object]] = {}
    contexts = []
    for count in _powers(limit):
        integrator = mm.LangevinMiddleIntegrator(TEMPERATURE, FRICTION, request.timestep_fs * 1e-3)
        context = mm.Context(plain, integrator, platform, {"Threads": str(count)})
        set_snapshot(
            context, Snapshot(system.positions, np.zeros_like(system.positions), system.box)
        )
        contexts.append(context)
        calls[str(count)] = partial(integrator.step, STEPS)
    times = time_in_turn(calls, rounds=15, units=STEPS, seconds=seconds)
    return {int(name): timing.wall for name, timing in times.items()}


def _processes(
    system: BenchSystem, request: BenchRequest, limit: int, seconds: float
) -> dict[int, float]:
    """Return the total speed of 1, 2, 4, … processes [ns/day]."""
    found = {}
    counts = _powers(limit)
    args = (system, request, seconds / (2 * len(counts)))
    for count in counts:
        with (
            shared_gpu(request.platform, count) as environments,
            process_pool(count, (), environments) as executor,
        ):
            for ready in [executor.submit(_pace, *args[:2], 0.0) for _ in range(count)]:
                ready.result()
            paces = [executor.submit(_pace, *args) for _ in range(count)]
            found[count] = sum(ns_per_day(p.result(), request.timestep_fs) for p in paces)
    return found


def _pace(system: BenchSystem, request: BenchRequest, seconds: float) -> float:
    """Return the time of one ML/MM step in this process [ms]."""
    potential = _opened(system, request.potentials[0]).potential
    hybrid = hybrid_of(system, potential, platform=request.platform)
    call = stepper(system, hybrid, request.timestep_fs, STEPS, platform=request.platform)
    return time_in_turn({"ml_mm": call}, rounds=200, units=STEPS, seconds=seconds)["ml_mm"].wall


def _powers(limit: int) -> tuple[int, ...]:
    counts = [1]
    while 2 * counts[-1] <= limit:
        counts.append(2 * counts[-1])
    return tuple(counts if counts[-1] == limit else [*counts, limit])
