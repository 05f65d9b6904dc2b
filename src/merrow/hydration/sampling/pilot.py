# SPDX-License-Identifier: MIT
"""Are the states of the schedule where they should be? A short pilot run answers, once.

Where neighbours overlap by less than 0.15 a state is put half-way between them. Where they all
overlap but the steps are uneven (thermodynamic length), the states are placed anew, as many as
before. The refined schedule is kept with the system and replaces the protocol's from then on.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

from merrow.engine import leg
from merrow.engine.storage import save_json
from merrow.free_energy.convergence import states_to_split
from merrow.free_energy.estimators import mbar
from merrow.free_energy.spacing import UNEVEN, LegLength, lengths, respaced, unevenness
from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import Schedule
from merrow.hydration.run_folder import SCHEDULE
from merrow.hydration.sampling.dispatch import Progress, path_tasks, run_pieces
from merrow.hydration.sampling.tasks import PILOT_SAMPLING, Task, leg_plan
from merrow.samples import concatenate

logger = logging.getLogger(__name__)


def refine_schedule(
    executor: Executor, processes: int, run: Path, config: HydrationConfig, *, progress: Progress
) -> None:
    """Run the pilot and write the refined schedule; does nothing where it is written.

    Args:
        executor: Where the pilot runs; its workers must not be used for the refined path, since
            they keep what they have read.
        processes: Pieces at a time.
        run: The run folder.
        config: The run, with the protocol's own schedule.
        progress: Told after each piece.
    """
    path = run / SCHEDULE
    if path.exists() or not config.protocol.refine_schedule:
        return
    task = Task("pilot", path_tasks(config)[0].hamiltonian)
    plan = leg_plan(config, task)
    goal = max(1, round(PILOT_SAMPLING / plan.segment_time))
    run_pieces(executor, processes, run, {task: goal}, progress=progress)
    folder = task.folder(run)
    segments = range(leg.count_segments(folder))
    samples = concatenate([leg.read_segment(folder, k, plan).samples for k in segments])
    split = states_to_split(samples, mbar(samples))
    if split:
        schedule = split_schedule(config.protocol.schedule, split)
        logger.info("the pilot adds %d states to the schedule.", len(split))
    else:
        schedule = even_schedule(config.protocol.schedule, lengths(samples))
    save_json(path, schedule.model_dump(mode="json"))


def even_schedule(schedule: Schedule, found: Sequence[LegLength]) -> Schedule:
    """Return a schedule with steps of equal length, if that makes it cheaper by a fifth.

    Args:
        schedule: The schedule; one of Gauss-Legendre nodes is left as it is.
        found: Thermodynamic length of its legs.
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
    """Return the schedule with a state half-way after each given state.

    Gauss-Legendre nodes are none afterwards, so that the trapezoid takes their place.

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
