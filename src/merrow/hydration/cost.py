# SPDX-License-Identifier: MIT
"""What a run will take: time, memory and disk, from short measurements on this machine."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from merrow.engine.simulation import Snapshot, check_platform, open_context, set_snapshot
from merrow.engine.timing import time_in_turn
from merrow.executor import core_count
from merrow.hydration.prepare import begin_run, resolve_config
from merrow.hydration.run import check_hydration
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.context import RunContext, open_run
from merrow.hydration.sampling.rounds import first_state
from merrow.hydration.sampling.tasks import Hamiltonian, Task, gives_to_end, leg_plan
from merrow.hydration.state import Intermediates, Rounds
from merrow.locks import locked
from merrow.report.notebook import html_table
from merrow.units import NM_PER_ANGSTROM

if TYPE_CHECKING:
    import pandas as pd

    from merrow.hydration.config import HydrationConfig

STEPS, ROUNDS, SECONDS = 20, 5, 3.0
"""Steps in water that are timed at once, how often, and for how long at most [s]."""
BYTES = 8
MS_IN_MINUTES = 1.0 / 60_000
KIB_PER_MIB, BYTES_PER_MIB = 1024, 1024**2


@dataclass(frozen=True)
class Cost:
    """What a run will take on this machine.

    Attributes:
        least_minutes: Until the first estimate that may be good enough [min].
        most_minutes: Until the protocol's longest sampling, or its limit of time [min].
        processes: Processes at a time.
        milliseconds: Of a step in water, and of a step of all walkers in gas, by name [ms].
        memory_mib: Memory of all processes together [MiB].
        disk_mib: Samples and snapshots in the run folder at the longest sampling [MiB].
    """

    least_minutes: float
    most_minutes: float
    processes: int
    milliseconds: Mapping[str, float]
    memory_mib: float
    disk_mib: float

    def to_json(self) -> str:
        """Return all numbers as JSON."""
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"

    def to_frame(self) -> pd.DataFrame:
        """Return one row with all numbers."""
        import pandas as pd  # noqa: PLC0415

        numbers = asdict(self)
        times = {f"{name}_ms": value for name, value in numbers.pop("milliseconds").items()}
        return pd.DataFrame([numbers | times])

    def _repr_html_(self) -> str:
        return html_table("What the run will take", self.to_frame())


def prepare_hydration(config: HydrationConfig, folder: Path, *, base: Path) -> RunContext:
    """Make or read the system of a run, and sample nothing.

    Args:
        config: What is asked; paths relative to `base`.
        folder: The run folder; made if it is absent.
        base: What relative paths refer to.

    Raises:
        MerrowError: As `run_hydration` refuses it.
    """
    run = RunFolder(folder.resolve())
    resolved = resolve_config(config, base, run)
    run.holds(resolved)
    checked = check_hydration(config, base)
    check_platform(resolved.platform)
    if checked is not None:
        run.check_identity(checked.identity)
    with locked(run.path), run.undone_if_refused():
        begin_run(run, resolved, config.source, base)
        return open_run(run, resolved, checked)


def estimate_cost(context: RunContext) -> Cost:
    """Measure some steps of every kind, and return what the whole run will take.

    Rounds that lengthen end states, ensembles between MM and ML, which most molecules do not need,
    and the start of processes (seconds) are not counted; the processes are taken to be equally
    busy.

    Args:
        context: A prepared run.
    """
    config, protocol = context.config, context.config.protocol
    state = first_state(config, Rounds(), Intermediates(), flexible=context.flexible)
    least, most = state.goals(), replace(state, path=state.most).goals()
    times = _measured(context, {_key(task) for task in most})
    processes = min(config.processes or core_count(), len(most))
    limit = protocol.maximum_minutes
    minutes = []
    for goals in (least, most):
        costs = [_steps(context, task, n) * times[_key(task)] for task, n in goals.items()]
        minutes.append(max(sum(costs) / processes, *costs) * MS_IN_MINUTES)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MIB
    return Cost(
        least_minutes=minutes[0],
        most_minutes=minutes[1] if limit is None else max(minutes[0], min(minutes[1], limit)),
        processes=processes,
        milliseconds=dict(
            sorted((f"{phase}_{own.name}", ms) for (phase, own), ms in times.items())
        ),
        memory_mib=peak * (processes if processes > 1 else 1),
        disk_mib=sum(_bytes(context, task, n) for task, n in most.items()) / BYTES_PER_MIB,
    )


def _key(task: Task) -> tuple[str, Hamiltonian]:
    return "gas" if task.kind == "gas" else "water", task.hamiltonian


def _steps(context: RunContext, task: Task, segments: int) -> int:
    """Return the steps of a task with so many segments; in gas all walkers make one at a time."""
    if task.kind == "gas":
        gas = context.gas_plan(task.hamiltonian)
        return gas.equilibration + segments * gas.records_per_segment * gas.steps_per_record
    plan = leg_plan(context.config, task)
    each = plan.steps_per_record * plan.records_per_sweep * plan.sweeps_per_segment
    n_states = len(plan.states)
    return plan.equilibration + n_states * (plan.equilibration_per_state + segments * each)


def _bytes(context: RunContext, task: Task, segments: int) -> int:
    """Return about how much a task takes: energies in all states, frames, where it goes on from."""
    n_atoms = len(context.prepared.region.atoms)
    if task.kind == "gas":
        gas = context.gas_plan(task.hamiltonian)
        return segments * gas.records_per_segment * gas.ladders * (3 * n_atoms + 2) * BYTES
    plan = leg_plan(context.config, task)
    records = plan.records_per_sweep * plan.sweeps_per_segment
    n_states, snapshot = len(plan.states), 6 * len(context.prepared.topology)
    kept = 2 * n_states + 1  # of two segments, and the first one
    if gives_to_end(context.config, task, flexible=context.flexible):
        kept += segments
    rows = n_states * (n_states + 10) + 3 * n_atoms
    return (segments * records * rows + kept * snapshot) * BYTES


def _measured(
    context: RunContext, keys: set[tuple[str, Hamiltonian]]
) -> dict[tuple[str, Hamiltonian], float]:
    """Return the time of a step of each kind [ms]."""
    calls = {
        (phase, own): _gas_steps(context, own) if phase == "gas" else _water_steps(context, own)
        for phase, own in keys
    }
    found = {}
    for key, call in calls.items():
        units = STEPS if key[0] == "water" else 1
        timed = time_in_turn({"step": call}, rounds=ROUNDS, units=units, seconds=SECONDS)
        found[key] = timed["step"].wall
    return found


def _water_steps(context: RunContext, own: Hamiltonian) -> Callable[[], None]:
    """Return what makes some steps in water."""
    hybrid = context.hybrid(own)
    plan = leg_plan(context.config, Task("end", own))
    simulation = open_context(hybrid, plan.ensemble, platform=plan.platform, seed=plan.seed)
    x = context.prepared.positions * NM_PER_ANGSTROM
    start = Snapshot(x, np.zeros_like(x), context.prepared.box * NM_PER_ANGSTROM)

    def steps() -> None:
        set_snapshot(simulation, start)  # so that no measurement runs away from a rough start
        simulation.getIntegrator().step(STEPS)

    return steps


def _gas_steps(context: RunContext, own: Hamiltonian) -> Callable[[], None]:
    """Return what asks for the forces of all walkers in gas once."""
    plan, potential = context.gas_plan(own), context.driver(own)
    walkers = np.repeat(
        context.prepared.solute[None], plan.ladders * len(plan.temperatures), axis=0
    )

    def step() -> None:
        potential.evaluate(walkers)

    return step
