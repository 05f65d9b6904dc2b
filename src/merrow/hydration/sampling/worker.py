# SPDX-License-Identifier: MIT
"""Worker process of a run: reads the run once, then computes segments.

It receives the run folder and a task and reads the rest from the folder, so any process on any
machine with access to it can compute the next segment. The context lives as long as the process.
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
"""Duration of a test of how many processes should share a GPU [s]."""


@functools.cache
def _context(run: Path, _pilot: bool) -> RunContext:
    """Return the context of this process, made by its first segment and again after a pilot."""
    follow_lock(run)
    folder = RunFolder(run)
    return open_run(folder, folder.config())


def advance_in_worker(run: Path, task: Task) -> int:
    """Compute the next part of a task; return the number of complete segments."""
    return advance(_context(run, task.kind == "pilot"), task)


def share_in_worker(run: Path, task: Task, meeting: Meeting) -> Share:
    """Compute this process's share of the next segment of a task."""
    try:
        return share(_context(run, task.kind == "pilot"), task, Company(meeting))
    except BaseException:
        meeting.leave()
        raise


@dataclass(frozen=True)
class Sharing:
    """How worker processes share GPUs.

    Attributes:
        gpus: Number of GPUs.
        together: Whether they use a GPU at the same time instead of taking turns.
    """

    gpus: int
    together: bool


def sharing_of_worker() -> Sharing:
    """Return how this process shares GPUs with the others."""
    return Sharing(int(os.environ.get(GPUS, "1")), PIPES in os.environ)


def try_steps(run: Path, meeting: Meeting, counts: Sequence[int]) -> list[float]:
    """Time steps of the run's own Hamiltonian in several processes; return steps per second.

    Args:
        run: The run folder.
        meeting: All processes of the run.
        counts: Numbers of processes to test in turn; the others are idle.
    """
    try:
        folder = RunFolder(run)
        refining = folder.config().protocol.refine_schedule and folder.read(Schedule) is None
        context = _context(run, refining)  # discarded when a pilot changes the schedule
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
