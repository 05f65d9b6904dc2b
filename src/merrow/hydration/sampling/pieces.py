# SPDX-License-Identifier: MIT
"""The next segment of a task: its starting point, whether that exists, and its computation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from merrow.analysis.rmsd import superposed
from merrow.engine.advance import (
    advance_gas,
    advance_leg,
    batched_energies,
    complete_frames,
    is_equilibrated,
    join_leg,
    read_snapshots,
    share_leg,
)
from merrow.engine.leg import Company, Share, StartSelector
from merrow.engine.proposals import Proposals
from merrow.engine.reservoir import Reservoir
from merrow.engine.simulation import Snapshot
from merrow.hydration.sampling.context import RunContext
from merrow.hydration.sampling.tasks import (
    FIRST_FROM_GAS,
    ML_SOLUTE,
    MM_SOLUTE,
    Task,
    first_end_segments,
    first_gas_segments,
    gives_to_end,
    has_end_states,
    leg_plan,
    path_behind,
    takes_from_gas,
)
from merrow.hydration.state import Intermediates, Rounds
from merrow.potentials.interface import Array, Potential
from merrow.units import NM_PER_ANGSTROM, thermal_energy

UNEQUILIBRATED = 4
"""Inverse of the initial fraction of a ladder's conformers or a path's snapshots that is
discarded."""
LEAST_SNAPSHOTS = 4
"""Snapshots of an ensemble between MM and ML/MM from which the next takes its proposals."""


def advance(run: RunContext, task: Task) -> int:
    """Compute the next part of a task (equilibration or a segment); return complete segments."""
    folder, other = run.folder.task(task), _other(run, task)
    index = folder.count_segments()
    if count_finished(run, task) == index:  # else a stop prevented the segment's other energies
        if task.kind == "gas":
            plan = run.gas_plan(task.hamiltonian)
            starts = run.conformers[: plan.ladders] * NM_PER_ANGSTROM
            advance_gas(folder, run.driver(task.hamiltonian), plan, starts)
        else:
            advance_leg(
                folder,
                run.hybrid(task.hamiltonian),
                leg_plan(run.config, task),
                partial(beginning, run, task),
                reservoir=reservoir_of(run, task) if index >= FIRST_FROM_GAS else None,
                select=selector_of(run, task, index),
                scaled=run.scaled(task),
                keep_coupled=gives_to_end(run.config, task, held=run.held),
            )
    complete_frames(folder, other)
    return folder.count_segments()


def can_be_shared(run: RunContext, task: Task) -> bool:
    """Tell whether the next part of a task is a segment whose replicas can be shared."""
    folder = run.folder.task(task)
    if task.kind not in ("path", "pilot") or not is_equilibrated(folder):
        return False
    return count_finished(run, task) == folder.count_segments()


def share(run: RunContext, task: Task, company: Company) -> Share:
    """Compute this process's share of the next segment of a task without saving it."""
    folder, plan = run.folder.task(task), leg_plan(run.config, task)
    taking = folder.count_segments() >= FIRST_FROM_GAS
    reservoir = reservoir_of(run, task) if taking else None
    hybrid, scaled = run.hybrid(task.hamiltonian), run.scaled(task)
    return share_leg(folder, hybrid, plan, company, reservoir=reservoir, scaled=scaled)


def join(run: RunContext, task: Task, shares: Sequence[Share]) -> int:
    """Save the next segment of a task from all its shares; return `count_finished`."""
    keep = gives_to_end(run.config, task, held=run.held)
    join_leg(run.folder.task(task), leg_plan(run.config, task), shares, keep_coupled=keep)
    return count_finished(run, task)


def count_finished(run: RunContext, task: Task) -> int:
    """Return the number of segments of a task that have the other potential's energies."""
    folder = run.folder.task(task)
    done = folder.count_segments()
    if done and _other(run, task) is not None:
        return sum(folder.other(index).exists() for index in range(done))
    return done


def is_ready(run: RunContext, task: Task) -> bool:
    """Tell whether the starting point of the next part of a task exists."""
    done = run.folder.task(task).count_segments()
    if task.kind == "end":
        path = run.folder.task(Task("path", MM_SOLUTE, task.repeat))
        source, snapshots = _source(run, task, done)
        return path.coupled.exists() and run.folder.task(source).count_segments() >= snapshots.stop
    if task.kind != "path" or done < FIRST_FROM_GAS or not _takes(run):
        return True
    gas = run.folder.task(Task("gas", task.hamiltonian))
    return gas.count_segments() >= _segments_of_reservoir(run)


def reservoir_of(run: RunContext, task: Task) -> Reservoir | None:
    """Return the conformers that a path inserts in its decoupled state; None if it uses none.

    They always come from the same first segments of the gas phase, in runs with a target those
    until its ladders agreed in their conformers. A repeat uses those of one ladder. The ladders
    start from different conformers, so repeats scatter if a ladder has not reached its equilibrium
    populations.
    """
    if task.kind != "path" or not _takes(run):
        return None
    protocol, prepared = run.config.protocol, run.prepared
    gas = run.folder.task(Task("gas", task.hamiltonian))
    segments = gas.read_gas(_segments_of_reservoir(run))
    ladder = task.repeat % protocol.n_gas_ladders
    conformers = np.concatenate([segment.positions[:, ladder] for segment in segments])
    known = [one.velocities[:, ladder] for one in segments if one.velocities is not None]
    first = len(conformers) // UNEQUILIBRATED
    return Reservoir(
        conformers[first:],
        prepared.region.atoms,
        prepared.masses,
        protocol.temperature_k,
        np.concatenate(known)[first:] if len(known) == len(segments) else None,
    )


def _segments_of_reservoir(run: RunContext) -> int:
    rounds = run.folder.read(Rounds) or Rounds()
    return rounds.reservoir or first_gas_segments(run.config.protocol)


def selector_of(run: RunContext, task: Task, index: int) -> StartSelector | None:
    """Return the selector of an end state's starting point; None to continue from its last one."""
    source, pool = _source(run, task, index) if task.kind == "end" else (task, range(0))
    if not pool:
        return None
    folder = run.folder.task(source)
    snapshots = read_snapshots([folder.last_coupled(k) for k in pool])
    atoms = list(run.prepared.region.atoms)
    s = task.hamiltonian.lambda_interpolate - source.hamiltonian.lambda_interpolate
    kt = thermal_energy(run.config.protocol.temperature_k)

    def work(found: tuple[Snapshot, ...]) -> Array:
        solutes = np.array([snapshot.positions[atoms] for snapshot in found])
        ml, mm = (batched_energies(p, solutes) for p in (run.potential, run.classical))
        return np.asarray(s * (ml - mm) / kt)

    return Proposals(snapshots, work).choose


def _source(run: RunContext, task: Task, index: int) -> tuple[Task, range]:
    """Return the task whose snapshots are proposed to a segment of an end state, and which.

    It is the next ensemble towards MM, so that proposals are accepted where ML and MM differ much,
    once it has some segments that began with proposals themselves; before that, in folders without
    its snapshots, and for the lowest ensemble it is the MM path.
    """
    path = Task("path", MM_SOLUTE, task.repeat)
    behind = path_behind(run.config, index, held=run.held)
    of_path = range(behind // UNEQUILIBRATED, behind)
    first = first_end_segments(run.config)
    if behind == 0 or index < first + LEAST_SNAPSHOTS:
        return path, of_path
    between = run.folder.read(Intermediates) or Intermediates()
    lower = [own for own in between.hamiltonians("water") if own < task.hamiltonian]
    if not lower:
        return path, of_path
    rung = Task("end", lower[-1], task.repeat)
    folder = run.folder.task(rung)
    older = folder.count_segments() > 0 and not folder.last_coupled(0).exists()
    return (path, of_path) if older else (rung, range(first, index))


def _takes(run: RunContext) -> bool:
    return takes_from_gas(run.config.protocol, flexible=run.flexible)


def _other(run: RunContext, task: Task) -> Potential | None:
    """Return the potential whose energy BAR also needs on the frames of a task."""
    if not has_end_states(run.config) or run.classical is run.potential:
        return None
    return run.classical if task.hamiltonian == ML_SOLUTE else run.potential


def beginning(run: RunContext, task: Task) -> Snapshot:
    """Return the starting point of a leg in water; an end state starts from its MM neighbour."""
    prepared = run.prepared
    if task.kind == "end":
        path = run.folder.task(Task("path", MM_SOLUTE, task.repeat))
        return read_snapshots([path.coupled])[0]
    conformer, every = run.conformers[task.repeat], np.arange(len(prepared.region.atoms))
    positions = prepared.positions.copy()
    positions[list(prepared.region.atoms)] = superposed(conformer[None], prepared.solute, every)[0]
    positions *= NM_PER_ANGSTROM
    return Snapshot(positions, np.zeros_like(positions), prepared.box * NM_PER_ANGSTROM)
