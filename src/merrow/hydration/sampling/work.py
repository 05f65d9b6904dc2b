# SPDX-License-Identifier: MIT
"""Work of a run in steps, the time of a step, and the estimated time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from merrow.engine.simulation import Snapshot, open_context, set_snapshot
from merrow.engine.timing import time_in_turn
from merrow.engine.walkers import failures_told
from merrow.hydration.sampling.context import RunContext
from merrow.hydration.sampling.pieces import count_finished
from merrow.hydration.sampling.tasks import (
    ML_SOLUTE,
    Hamiltonian,
    Phase,
    Task,
    leg_plan,
)
from merrow.units import NM_PER_ANGSTROM

Kind = tuple[Phase, Hamiltonian]
"""Kinds of steps, each of equal cost: in water, or of all walkers in gas."""
STEPS, ROUNDS, SECONDS = 20, 5, 3.0
"""Timing in water: steps per measurement, number of measurements, maximum time [s]."""
S_PER_MS = 1e-3


def kind_of(task: Task) -> Kind:
    """Return the kind of a task's steps."""
    return "gas" if task.kind == "gas" else "water", task.hamiltonian


def steps_of(run: RunContext, task: Task, segments: int) -> int:
    """Return the steps of a number of segments of a task; in gas all walkers step together."""
    if task.kind == "gas":
        gas = run.gas_plan(task.hamiltonian)
        return gas.equilibration + segments * gas.records_per_segment * gas.steps_per_record
    plan = leg_plan(run.config, task)
    each = plan.steps_per_record * plan.records_per_sweep * plan.sweeps_per_segment
    return plan.equilibration + plan.n_replicas * (plan.equilibration_per_state + segments * each)


def steps_done(run: RunContext, task: Task) -> int:
    """Return the finished steps of a task."""
    folder, segments = run.folder.task(task), count_finished(run, task)
    if segments or folder.snapshots(0).exists():
        return steps_of(run, task, segments)
    if task.kind == "gas" or not folder.coupled.exists():
        return 0
    plan = leg_plan(run.config, task)
    states = sum(folder.equilibrated(k).exists() for k in range(plan.n_replicas))
    return plan.equilibration + states * plan.equilibration_per_state


def phase_words(run: RunContext, tasks: Iterable[Task]) -> str:
    """Describe the current phase of tasks."""
    return " + ".join(dict.fromkeys(_phase(run, task) for task in tasks)) or "sampling"


def _phase(run: RunContext, task: Task) -> str:
    if task.kind == "gas":
        return "gas"
    if task.kind == "pilot":
        return "pilot run"
    if task.kind == "end":
        return "ML end states" if task.hamiltonian == ML_SOLUTE else "between MM and ML"
    folder = run.folder.task(task)
    begun = folder.snapshots(0).exists() or folder.count_segments()
    return "sampling path" if begun else "equilibrating"


def measured_pace(run: RunContext, kinds: Collection[Kind]) -> dict[Kind, float]:
    """Measure the time of a step of each kind [s]."""
    found = {}
    for kind in kinds:
        phase, own = kind
        call = _gas_steps(run, own) if phase == "gas" else _water_steps(run, own)
        units = 1 if phase == "gas" else STEPS
        timed = time_in_turn({"step": call}, rounds=ROUNDS, units=units, seconds=SECONDS)
        found[kind] = timed["step"].wall * S_PER_MS
    return found


def _water_steps(run: RunContext, own: Hamiltonian) -> Callable[[], None]:
    """Return a function that makes some steps in water."""
    hybrid, plan = run.hybrid(own), leg_plan(run.config, Task("end", own))
    simulation = open_context(hybrid, plan.ensemble, platform=plan.platform, seed=plan.seed)
    x = run.prepared.positions * NM_PER_ANGSTROM
    start = Snapshot(x, np.zeros_like(x), run.prepared.box * NM_PER_ANGSTROM)

    def steps() -> None:
        with failures_told():
            set_snapshot(simulation, start)  # so that a rough start does not diverge
            simulation.getIntegrator().step(STEPS)

    return steps


def _gas_steps(run: RunContext, own: Hamiltonian) -> Callable[[], None]:
    """Return a function that evaluates the forces of all walkers in gas once."""
    plan, potential = run.gas_plan(own), run.driver(own)
    walkers = np.repeat(run.prepared.solute[None], plan.ladders * len(plan.temperatures), axis=0)

    def step() -> None:
        potential.evaluate(walkers)

    return step


@dataclass
class Meter:
    """Step times: from segments of this process, else from a measurement.

    Attributes:
        run: The run.
        processes: Segments at a time.
        measured: Time of a step by kind [s], from `measured_pace`.
    """

    run: RunContext
    processes: int
    measured: dict[Kind, float] = field(default_factory=dict)
    _steps: dict[Kind, int] = field(default_factory=dict)
    _seconds: dict[Kind, float] = field(default_factory=dict)
    _seen: dict[Task, tuple[int, float]] = field(default_factory=dict)
    _widths: dict[Task, int] = field(default_factory=dict)

    def measure(self, tasks: Iterable[Task]) -> None:
        """Measure the step times of the tasks for which they are unknown."""
        unknown = {kind_of(task) for task in tasks if self._pace(kind_of(task)) is None}
        self.measured |= measured_pace(self.run, unknown)

    def knows(self, tasks: Iterable[Task]) -> bool:
        """Tell whether the step times of all these tasks are known."""
        return all(self._pace(kind_of(task)) is not None for task in tasks)

    def ended(self, task: Task, steps: int, seconds: float, *, processes: int = 1) -> None:
        """Record a finished segment, which `processes` processes shared."""
        kind, seconds = kind_of(task), seconds * processes
        self._widths[task] = processes
        self._steps[kind] = self._steps.get(kind, 0) + steps
        self._seconds[kind] = self._seconds.get(kind, 0.0) + seconds

    def fraction(self, goals: Mapping[Task, int]) -> float:
        """Return the fraction of the goals that is reached, 0 to 1, weighted by time."""
        whole = done = 0.0
        for task, goal in goals.items():
            pace, wanted = self._pace(kind_of(task)) or 1.0, steps_of(self.run, task, goal)
            whole += pace * wanted
            done += pace * min(wanted, steps_done(self.run, task))
        return done / whole if whole else 1.0

    def seconds_left(
        self, goals: Mapping[Task, int], running: Collection[Task] = ()
    ) -> float | None:
        """Return the time to reach goals [s]; None if the step time of one is unknown.

        Args:
            goals: Target number of segments of each task.
            running: Running tasks; the time since their last step counts.
        """
        costs, longest, now = [0.0], 0.0, time.monotonic()
        for task, goal in goals.items():
            done = steps_done(self.run, task)
            left = steps_of(self.run, task, goal) - done
            pace = self._pace(kind_of(task))
            if left > 0 and pace is None:
                return None
            cost = max(left, 0) * (pace or 0.0)
            if task in running:
                before, since = self._seen.get(task, (-1, now))
                if before != done:
                    self._seen[task] = done, (since := now)
                cost = max(0.0, cost - (now - since) * self._widths.get(task, 1))
            costs.append(cost)
            longest = max(longest, cost / self._widths.get(task, 1))
        return max(sum(costs) / self.processes, longest)

    def _pace(self, kind: Kind) -> float | None:
        if self._steps.get(kind):
            return self._seconds[kind] / self._steps[kind]
        return self.measured.get(kind)
