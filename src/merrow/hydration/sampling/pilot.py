# SPDX-License-Identifier: MIT
"""A short pilot run that optimises the λ schedule once.

Between neighbours with an overlap below 0.15 a state is added half-way. If all overlap but the
steps are uneven (thermodynamic length), the same number of states is redistributed. The refined
schedule is kept with the system and then replaces the protocol's.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from concurrent.futures import Executor

from merrow.free_energy.convergence import states_to_split
from merrow.free_energy.estimators import mbar
from merrow.free_energy.spacing import UNEVEN, LegLength, lengths, respaced, unevenness
from merrow.hydration.protocol import Schedule
from merrow.hydration.sampling.context import RunContext
from merrow.hydration.sampling.dispatch import open_workers, run_pieces
from merrow.hydration.sampling.tasks import PILOT_SAMPLING, Task, leg_plan, own_hamiltonian
from merrow.hydration.sampling.work import Meter
from merrow.progress import Listener, Progress
from merrow.samples import WindowSamples, concatenate

logger = logging.getLogger(__name__)


def refine_schedule(run: RunContext, executor: Executor, listen: Listener) -> RunContext:
    """Return the run with the schedule refined by a pilot, which is read if it already exists.

    Args:
        run: The run with the protocol's own schedule.
        executor: Its processes.
        listen: Called after each segment.
    """
    schedule = run.folder.read(Schedule)
    if schedule is None:
        schedule = _judged(run, _pilot_samples(run, executor, listen))
        run.folder.save(schedule)
    return run.with_schedule(schedule)


def _pilot_samples(run: RunContext, executor: Executor, listen: Listener) -> WindowSamples:
    """Sample every state of the schedule briefly."""
    task = Task("pilot", own_hamiltonian(run.config))
    plan, workers = leg_plan(run.config, task), open_workers(run, executor)

    goals = {task: max(1, round(PILOT_SAMPLING / plan.segment_time))}
    meter = Meter(run, workers.processes)

    def tell(running: Collection[Task]) -> None:
        left = meter.seconds_left(goals, running)
        listen(Progress("pilot run", meter.fraction(goals), remaining_s=left))

    run_pieces(workers, goals, meter=meter, tell=tell)
    segments = run.folder.task(task).read_segments(plan.states, plan.ensemble.temperature)
    return concatenate([segment.samples for segment in segments])


def _judged(run: RunContext, samples: WindowSamples) -> Schedule:
    """Return the schedule with states added where overlap is poor, else with even steps."""
    schedule, split = run.config.protocol.schedule, states_to_split(samples, mbar(samples))
    if not split:
        return even_schedule(schedule, lengths(samples))
    logger.info("the pilot adds %d states to the schedule.", len(split))
    return split_schedule(schedule, split)


def even_schedule(schedule: Schedule, found: Sequence[LegLength]) -> Schedule:
    """Return a schedule with steps of equal length, if that is cheaper by a fifth.

    Args:
        schedule: The schedule; one with Gauss-Legendre nodes is not changed.
        found: Thermodynamic lengths of its legs.
    """
    cost = unevenness(found)
    if schedule.rule != "trapezoid" or cost < UNEVEN:
        return schedule
    logger.info("the pilot places the states anew: the old spacing costs %.2f times more.", cost)
    states = respaced(found)
    return Schedule(
        lambda_electrostatics=tuple(
            s.lambda_electrostatics for s in states if s.lambda_sterics == 1.0
        ),
        lambda_sterics=tuple(s.lambda_sterics for s in states if s.lambda_sterics < 1.0),
        rule=schedule.rule,
    )


def split_schedule(schedule: Schedule, split: tuple[int, ...]) -> Schedule:
    """Return the schedule with a state added half-way after each given state.

    Gauss-Legendre nodes are lost by this, so the trapezoidal rule replaces the quadrature.

    Args:
        schedule: The schedule.
        split: Indices k of states that need one between them and state k + 1.
    """
    states = schedule.states
    charges, lennard_jones = list(schedule.lambda_electrostatics), list(schedule.lambda_sterics)
    for k in split:
        (elec, lj), (next_elec, next_lj) = states[k], states[k + 1]
        if elec != next_elec:
            charges.append((elec + next_elec) / 2)
        else:
            lennard_jones.append((lj + next_lj) / 2)
    return Schedule(
        lambda_electrostatics=tuple(sorted(charges, reverse=True)),
        lambda_sterics=tuple(sorted(lennard_jones, reverse=True)),
    )
