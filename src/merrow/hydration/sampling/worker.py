# SPDX-License-Identifier: MIT
"""What a worker process of a run does: reads the run once, then piece after piece.

It receives the run folder and a task; everything else it reads there, so any process on any machine
that sees the folder can do the next piece. The context below lives as long as the process.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from merrow.engine.leg import Company, Share, stepper
from merrow.hydration.protocol import Schedule
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.context import RunContext, open_run
from merrow.hydration.sampling.pieces import advance, share
from merrow.hydration.sampling.tasks import Task, leg_plan, own_hamiltonian, path_tasks
from merrow.locks import follow_lock
from merrow.meeting import Meeting
from merrow.mps import GPUS, PIPES

TRIAL_S = 1.0
"""Time of the steps that tell how many processes share a GPU well [s]."""


@functools.cache
def _context(run: Path, _pilot: bool) -> RunContext:
    """Return the context of this process, made by its first piece; after a pilot, anew."""
    follow_lock(run)
    folder = RunFolder(run)
    return open_run(folder, folder.config())


def advance_in_worker(run: Path, task: Task) -> int:
    """Do the next piece of a task; return its complete segments."""
    return advance(_context(run, task.kind == "pilot"), task)


def share_in_worker(run: Path, task: Task, meeting: Meeting) -> Share:
    """Do this process's share of the next segment of a task, with others that do theirs."""
    try:
        return share(_context(run, task.kind == "pilot"), task, Company(meeting))
    except BaseException:
        meeting.leave()
        raise


@dataclass(frozen=True)
class Sharing:
    """How worker processes share GPUs.

    Attributes:
        gpus: How many GPUs they have.
        together: Whether they work on one at the same time, and do not take turns.
    """

    gpus: int
    together: bool


def sharing_of_worker() -> Sharing:
    """Tell how this process shares GPUs with the others."""
    return Sharing(int(os.environ.get(GPUS, "1")), PIPES in os.environ)


def try_steps(run: Path, meeting: Meeting, counts: Sequence[int]) -> list[float]:
    """Step on the run's own Hamiltonian while others do; return steps per second.

    Args:
        run: The run folder.
        meeting: All processes of the run; the first so many step at once.
        counts: How many that is, one after the other; who is not among them rests.
    """
    try:
        folder = RunFolder(run)
        refining = folder.config().protocol.refine_schedule and folder.read(Schedule) is None
        context = _context(run, refining)  # not kept when a pilot has changed the schedule
        plan = leg_plan(context.config, path_tasks(context.config)[0])
        hybrid = context.hybrid(own_hamiltonian(context.config))
        step = stepper(hybrid, plan, context.start, meeting.place)
        rates = []
        for point, count in enumerate(counts):
            meeting.meet(point)
            rates.append(step(TRIAL_S) if meeting.place < count else 0.0)
        return rates
    except BaseException:
        meeting.leave()
        raise
