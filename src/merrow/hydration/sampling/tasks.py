# SPDX-License-Identifier: MIT
"""Which pieces of work make up a hydration free energy? Each resumable, each in its own folder.

A worker process is told the run folder and the name of a task; everything else it reads there, so
any process on any machine that sees the folder can take the next piece.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from merrow.analysis.rmsd import superposed
from merrow.engine import gas, leg
from merrow.engine.frames import batched_energies, complete_frames, other_path
from merrow.engine.proposals import Proposals
from merrow.engine.reservoir import Reservoir
from merrow.engine.seeds import derive_seed
from merrow.engine.simulation import Ensemble, Snapshot
from merrow.engine.storage import load_arrays
from merrow.hydration.config import HydrationConfig
from merrow.hydration.prepare import Prepared, read_prepared
from merrow.hydration.protocol import Protocol
from merrow.hydration.run_folder import RUN_FILE, read_run_file, refined
from merrow.hydration.sampling.conformers import read_conformers
from merrow.hydration.sampling.intermediates import ML, share_of
from merrow.potentials.interface import Array, Potential
from merrow.potentials.mixture import Mixture
from merrow.samples import COUPLED, LambdaState
from merrow.system.build import HybridSystem, hybrid_system
from merrow.system.masses import region_masses
from merrow.system.pme import Nonbonded, pme_parameters
from merrow.system.potentials import MM, open_potential
from merrow.system.region import bonds_within
from merrow.system.torsions import rotatable_torsions
from merrow.units import KJ_PER_KCAL, NM_PER_ANGSTROM, PS_PER_FS, thermal_energy

END_RECORD_INTERVAL = 0.1
"""Time between records of an ML/MM end state [ps]; the energy difference to MM decays faster."""
END_EQUILIBRATION = 3.0
"""Equilibration of an ML/MM end state that starts from its MM neighbour [ps]."""
PILOT_SAMPLING = 8.0
"""Sampling of every state in the pilot run that judges the schedule [ps]."""
PILOT_EQUILIBRATION = (12.0, 4.0)
"""Equilibration of the pilot: coupled state, and every state [ps]."""
GAS_RECORD_INTERVAL = 0.05
GAS_EQUILIBRATION = 2.0
FIRST_FROM_GAS = 1
"""First segment of a path that takes conformers from the gas phase: the one before needs no gas, so
that a stop by time leaves something of everything."""
UNEQUILIBRATED = 4
"""One part in so many, the first, of a ladder's conformers or of a path's phases is not taken."""
PATH_PER_END = 4
"""Path segments for each further segment of an ML/MM end state that takes phases of the path."""


@dataclass(frozen=True)
class Task:
    """One resumable stream of segments.

    Attributes:
        phase: "path" (all states in water), "pilot" (the same, short, to judge the schedule),
            "end" (coupled state in water) or "gas".
        hamiltonian: Whose internal energy drives it: "mm", "ml", or what lies between them (see
            `ladder`).
        repeat: Independent repeat; gas has one, of several ladders.
    """

    phase: Literal["path", "pilot", "end", "gas"]
    hamiltonian: str
    repeat: int = 0

    @property
    def name(self) -> str:
        """Name of its folder under `tasks/`."""
        suffix = "" if self.phase == "gas" else f"-{self.repeat}"
        return f"{self.phase}-{self.hamiltonian}{suffix}"

    def folder(self, run: Path) -> Path:
        """Return its folder in a run."""
        return run / "tasks" / self.name


@dataclass(frozen=True)
class Bench:
    """What a worker keeps between two pieces of the same run; flexible: has rotatable torsions."""

    config: HydrationConfig
    prepared: Prepared
    classical: Potential
    potential: Potential
    conformers: Array
    flexible: bool

    def driver(self, hamiltonian: str) -> Potential:
        """Return the potential that drives a task."""
        share = share_of(hamiltonian)
        if 0.0 < share < 1.0:
            return Mixture(self.classical, self.potential, share)
        return self.potential if share else self.classical


@functools.lru_cache(maxsize=2)
def open_bench(run: Path) -> Bench:
    """Read a run folder and open its potentials; kept for the next call of this process."""
    config = refined(run, read_run_file(run / RUN_FILE))
    prepared = read_prepared(run, config)
    system = (prepared.topology, prepared.region)
    classical = open_potential(MM, *system)
    potential = classical
    if config.potential != MM:
        potential = open_potential(config.potential, *system, weights=config.weights, run=run)
    flexible = bool(rotatable_torsions(prepared.topology, prepared.region.atoms))
    return Bench(config, prepared, classical, potential, read_conformers(run), flexible)


def advance(run: Path, task: Task) -> int:
    """Do the next piece of a task (its equilibration or one segment); return segments complete."""
    bench = open_bench(run)
    folder = task.folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    done = leg.count_segments(folder)
    if count_finished(run, task) < done:  # a stop came between a segment and its other energies
        complete_frames(folder, _other(bench, task), gas=task.phase == "gas")
        return done
    if task.phase == "gas":
        _advance_gas(bench, run, task, done)
    else:
        hybrid, plan = open_leg(run, task)
        if leg.phases_path(folder, done).exists():
            reservoir = open_reservoir(run, task) if done >= FIRST_FROM_GAS else None
            start, keep = _start_of_end(bench, run, task, done), gives_to_end(bench, task)
            leg.run_segment(hybrid, plan, folder, done, reservoir, start=start, keep=keep)
        else:
            leg.equilibrate(hybrid, plan, _start(bench, run, task), folder)
    complete_frames(folder, _other(bench, task), gas=task.phase == "gas")
    return leg.count_segments(folder)


def count_finished(run: Path, task: Task) -> int:
    """Return how many segments of a task are there with the other potential's energies."""
    folder = task.folder(run)
    done = leg.count_segments(folder)
    if done and _other(open_bench(run), task) is not None:
        return sum(other_path(folder, index).exists() for index in range(done))
    return done


@functools.lru_cache(maxsize=3)
def open_leg(run: Path, task: Task) -> tuple[HybridSystem, leg.LegPlan]:
    """Build the hybrid system of a task in water and its plan."""
    bench = open_bench(run)
    return build_hybrid(bench, task.hamiltonian), leg_plan(bench.config, task)


def gas_source(bench: Bench, task: Task) -> Task | None:
    """Return the gas-phase task that a path takes conformers from; None where it takes none."""
    if task.phase != "path" or not (bench.flexible and takes_from_gas(bench.config.protocol)):
        return None
    return Task("gas", task.hamiltonian)


def takes_from_gas(protocol: Protocol) -> bool:
    """Tell whether paths of a flexible solute take conformers; our walkers know no constraints."""
    return bool(protocol.gas_reservoir) and protocol.solute_constraints == "none"


def first_gas_segments(bench: Bench, task: Task) -> int:
    """Return how many segments of the gas phase the protocol asks for at least."""
    return segments_for(bench.config.protocol.gas_ps, gas_plan(bench, task).segment_time)


def segments_for(time: float, segment_time: float) -> int:
    """Return the least number of segments that hold some time [ps], at least one."""
    return max(1, math.ceil(time / segment_time - 1e-9))


def gives_to_end(bench: Bench, task: Task) -> bool:
    """Tell whether an ML/MM end state takes phases of a path."""
    switches = bench.config.protocol.route == "endpoint" or bench.config.both_routes
    mm_beside_ml = task.hamiltonian == MM and bench.config.potential != MM
    return gas_source(bench, task) is not None and mm_beside_ml and switches


def path_behind(bench: Bench, index: int) -> int:
    """Return from how many path segments a segment of an end state takes phases; 0: from none.

    The first segments, as many as the protocol asks for, take none.
    """
    if not (bench.flexible and takes_from_gas(bench.config.protocol)):
        return 0
    return max(0, PATH_PER_END * (index + 1 - first_end_segments(bench.config)))


def first_end_segments(config: HydrationConfig) -> int:
    """Return how many segments of each ML/MM end state the protocol asks for at least."""
    segment_time = leg_plan(config, Task("end", ML)).segment_time
    return segments_for(config.protocol.endstate_water_ps, segment_time * config.repeats)


def is_ready(run: Path, task: Task) -> bool:
    """Tell whether what the next piece of a task begins from exists."""
    done = leg.count_segments(task.folder(run))
    if task.phase == "end":
        path = Task("path", MM, task.repeat).folder(run)
        behind = path_behind(open_bench(run), done)
        return (path / leg.COUPLED).exists() and leg.count_segments(path) >= behind
    if task.phase != "path" or done < FIRST_FROM_GAS:
        return True
    bench = open_bench(run)
    source = gas_source(bench, task)
    if source is None:
        return True
    return leg.count_segments(source.folder(run)) >= first_gas_segments(bench, source)


@functools.lru_cache(maxsize=4)
def open_reservoir(run: Path, task: Task) -> Reservoir | None:
    """Return the conformers that a path takes in its decoupled state; None where it takes none.

    They are always the same, whatever else there is by now: the first segments of the gas phase. A
    repeat takes those of one ladder. The ladders begin in different conformers, so repeats scatter
    where a ladder has not found its populations.
    """
    bench = open_bench(run)
    source = gas_source(bench, task)
    if source is None:
        return None
    plan = gas_plan(bench, source)
    count, ladder = first_gas_segments(bench, source), task.repeat % plan.ladders
    conformers = gas.read_ladder(source.folder(run), count, ladder)
    return Reservoir(
        conformers[len(conformers) // UNEQUILIBRATED :],
        bench.prepared.region.atoms,
        np.array(plan.masses),
        bench.config.protocol.temperature_k,
    )


def _start_of_end(bench: Bench, run: Path, task: Task, index: int) -> leg.Start | None:
    """Return what chooses where an end state goes on; None where it goes on where it stands."""
    behind = path_behind(bench, index) if task.phase == "end" else 0
    if behind == 0:
        return None
    phases = leg.read_coupled(Task("path", MM, task.repeat).folder(run), behind)
    atoms, share = list(bench.prepared.region.atoms), share_of(task.hamiltonian)
    kt = thermal_energy(bench.config.protocol.temperature_k)

    def work(found: tuple[Snapshot, ...]) -> Array:
        solutes = np.array([phase.positions[atoms] for phase in found])
        ml, mm = (batched_energies(p, solutes) for p in (bench.potential, bench.classical))
        return np.asarray(share * (ml - mm) / kt)

    return Proposals(phases[behind // UNEQUILIBRATED :], work).choose


def close_benches() -> None:
    """Forget what was read: a run folder may have been prepared, or its schedule refined, since."""
    open_bench.cache_clear()
    open_leg.cache_clear()
    open_reservoir.cache_clear()


def build_hybrid(bench: Bench, hamiltonian: str) -> HybridSystem:
    """Build the hybrid system of a run; all Hamiltonians share masses, constraints and PME."""
    protocol, prepared = bench.config.protocol, bench.prepared
    potential = bench.driver(hamiltonian)
    first = prepared.positions[None, list(prepared.region.atoms)]
    reference = float(potential.evaluate(first).energies[0]) * KJ_PER_KCAL
    return hybrid_system(
        prepared.topology,
        prepared.region,
        potential,
        nonbonded=nonbonded_settings(protocol, prepared),
        solute_constraints=protocol.solute_constraints == "h-bonds",
        solute_masses=protocol.solute_masses,
        reference=reference,
    )


def nonbonded_settings(protocol: Protocol, prepared: Prepared) -> Nonbonded:
    """Return cutoff and the Ewald parameters that stay fixed for the whole run."""
    cutoff = protocol.cutoff_angstrom * NM_PER_ANGSTROM
    lengths = tuple(float(np.linalg.norm(row)) for row in prepared.box * NM_PER_ANGSTROM)
    pme = pme_parameters(lengths, cutoff, protocol.ewald_tolerance)
    return Nonbonded(cutoff, pme=pme, ewald_tolerance=protocol.ewald_tolerance)


def leg_plan(config: HydrationConfig, task: Task) -> leg.LegPlan:
    """Turn the protocol into steps and seeds for one repeat in water."""
    protocol = config.protocol
    step = protocol.timestep_fs * PS_PER_FS
    path = task.phase in ("path", "pilot")
    first, each = protocol.equilibration_ps, protocol.equilibration_per_state_ps
    if task.phase == "pilot":
        first, each = PILOT_EQUILIBRATION
    states = tuple(LambdaState(*s) for s in protocol.schedule.states) if path else (COUPLED,)
    interval = protocol.record_interval_ps if path else END_RECORD_INTERVAL
    return leg.LegPlan(
        states=states,
        ensemble=Ensemble(
            protocol.temperature_k, protocol.pressure_bar, step, protocol.friction_per_ps
        ),
        equilibration=round((first if path else END_EQUILIBRATION) / step),
        equilibration_per_state=round(each / step) if path else 0,
        steps_per_record=max(1, round(interval / step)),
        records_per_sweep=protocol.records_per_sweep if path else 10,
        sweeps_per_segment=protocol.sweeps_per_segment,
        platform=config.platform,
        seed=derive_seed(config.seed, task.phase, task.hamiltonian, task.repeat),
        repeat=task.repeat,
    )


def gas_plan(bench: Bench, task: Task) -> gas.GasPlan:
    """Turn the protocol into steps and seeds for the gas phase."""
    protocol = bench.config.protocol
    step = protocol.timestep_fs * PS_PER_FS
    prepared = bench.prepared
    masses = region_masses(prepared.topology, prepared.region, protocol.solute_masses)
    return gas.GasPlan(
        temperatures=gas.temperature_ladder(protocol.temperature_k, len(masses)),
        ladders=protocol.n_gas_ladders,
        masses=tuple(masses.tolist()),
        timestep=step,
        friction=protocol.gas_friction_per_ps,
        equilibration=round(GAS_EQUILIBRATION / step),
        steps_per_record=max(1, round(GAS_RECORD_INTERVAL / step)),
        records_per_segment=20,
        seed=derive_seed(bench.config.seed, "gas", task.hamiltonian),
        bonds=bonds_within(prepared.topology, prepared.region),
    )


def _advance_gas(bench: Bench, run: Path, task: Task, done: int) -> None:
    potential = bench.driver(task.hamiltonian)
    plan, folder = gas_plan(bench, task), task.folder(run)
    if leg.phases_path(folder, done).exists():
        gas.run_gas_segment(potential, plan, folder, done)
    else:
        starts = bench.conformers[: plan.ladders] * NM_PER_ANGSTROM
        gas.start_gas(potential, plan, starts, folder)


def _other(bench: Bench, task: Task) -> Potential | None:
    """Return the potential whose energy is also wanted on the frames of a task, for BAR."""
    one_route = bench.config.protocol.route == "direct" and not bench.config.both_routes
    if one_route or bench.classical is bench.potential:
        return None
    return bench.classical if share_of(task.hamiltonian) == 1.0 else bench.potential


def _start(bench: Bench, run: Path, task: Task) -> Snapshot:
    """Return where a leg in water begins; an end state begins at its MM neighbour's."""
    prepared = bench.prepared
    if task.phase == "end":
        folder = Task("path", "mm", task.repeat).folder(run)
        stored = load_arrays(folder / leg.COUPLED)
        return Snapshot(stored["positions"][0], stored["velocities"][0], stored["box"][0])
    positions = prepared.positions.copy()
    conformer = bench.conformers[task.repeat]
    atoms = list(prepared.region.atoms)
    every = np.arange(len(atoms))
    positions[atoms] = superposed(conformer[None], positions[atoms], every)[0]
    positions *= NM_PER_ANGSTROM
    return Snapshot(positions, np.zeros_like(positions), prepared.box * NM_PER_ANGSTROM)
