# SPDX-License-Identifier: MIT
"""How many processes share a GPU, and how the replicas of a path are dealt out to them.

One process fills a GPU as little as one replica does. More of them do more work together, up to a
number that depends on card, system and network: it is measured with the run's own Hamiltonian when
the run begins, and kept. Windows are dealt out, not repeats: equilibration is done once.
"""

from __future__ import annotations

import logging
import math
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from threading import Lock
from typing import TypeVar

from merrow.engine.leg import Share
from merrow.engine.simulation import GPU_PLATFORMS
from merrow.hydration.sampling.context import RunContext
from merrow.hydration.sampling.pieces import can_be_shared, join
from merrow.hydration.sampling.placing import process_count
from merrow.hydration.sampling.tasks import Task, has_end_states, has_gas, path_tasks
from merrow.hydration.sampling.worker import Sharing, share_in_worker, sharing_of_worker, try_steps
from merrow.hydration.state import Crew
from merrow.meeting import LeftError, Meeting

logger = logging.getLogger(__name__)

T = TypeVar("T")

GOOD_ENOUGH = 0.95
"""Fewer processes that do this part of the most work are preferred: they need less memory."""
BESIDE = 2
"""Processes that are left to the gas phase and to end states while paths are sampled."""


def useful_processes(run: RunContext, executor: Executor) -> int:
    """Return how many processes work at once: as asked, or as many as do the most work on a GPU.

    Args:
        run: The run.
        executor: Its processes.
    """
    config, most = run.config, process_count(run.config, executor)
    if config.processes is not None or config.working_platform not in GPU_PLATFORMS or most == 1:
        return most
    crew = run.folder.read(Crew)
    if crew is None:
        crew = _measured(run, executor, most)
        run.folder.save(crew)
    return min(most, crew.processes)


def share_count(run: RunContext, processes: int, task: Task) -> int:
    """Return how many of so many processes do the next piece of a task together."""
    if run.config.working_platform not in GPU_PLATFORMS or not can_be_shared(run, task):
        return 1
    paths = 1 if task.kind == "pilot" else len(path_tasks(run.config))
    beside = BESIDE if has_gas(run.config.protocol) or has_end_states(run.config) else 0
    free = processes - (beside if processes - beside >= 2 * paths else 0)
    states = len(run.config.protocol.schedule.states)
    turns = math.ceil(states / max(1, min(states, free // paths)))
    return math.ceil(states / turns)  # no more would end a sweep sooner


def submit_shares(run: RunContext, executor: Executor, task: Task, count: int) -> Future[int]:
    """Hand out the next segment of a task to so many processes; they have to be free.

    Returns:
        How many segments are complete when this one is kept.
    """
    place = Path(tempfile.mkdtemp(prefix="merrow-"))
    meetings = [Meeting(place, count, k) for k in range(count)]
    shares = [executor.submit(share_in_worker, run.folder.path, task, one) for one in meetings]
    whole: Future[int] = Future()
    left, lock = len(shares), Lock()

    def ended(_: Future[Share]) -> None:
        nonlocal left
        with lock:
            left -= 1
            if left:
                return
        shutil.rmtree(place, ignore_errors=True)
        try:
            whole.set_result(join(run, task, _results(shares)))
        except BaseException as error:
            whole.set_exception(error)

    for one in shares:
        one.add_done_callback(ended)
    return whole


def _results(futures: Sequence[Future[T]]) -> list[T]:
    """Return the results of futures that are done, or raise what went wrong first of all."""
    errors = [error for one in futures if (error := one.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, LeftError)):
        raise error
    return [one.result() for one in futures]


def _measured(run: RunContext, executor: Executor, most: int) -> Crew:
    """Let 1, 2, 4, … processes step at once and return the number that does enough."""
    sharing: Sharing = executor.submit(sharing_of_worker).result()
    if not sharing.together:
        return Crew(processes=min(most, sharing.gpus), steps_per_s={})
    counts = [sharing.gpus]
    while 2 * counts[-1] < most:
        counts.append(2 * counts[-1])
    counts = sorted({min(most, count) for count in (*counts, most)})
    with tempfile.TemporaryDirectory(prefix="merrow-") as place:
        meetings = [Meeting(Path(place), most, k) for k in range(most)]
        asked = [executor.submit(try_steps, run.folder.path, one, counts) for one in meetings]
        each = _results(asked)
    rates = {count: sum(rows) for count, rows in zip(counts, zip(*each, strict=True), strict=True)}
    best = max(rates.values())
    chosen = min(count for count, rate in rates.items() if rate >= GOOD_ENOUGH * best)
    told = ", ".join(f"{count}: {rate:.0f}" for count, rate in rates.items())
    logger.info("%d processes share the GPU (steps/s by their number: %s).", chosen, told)
    return Crew(processes=chosen, steps_per_s={str(n): rate for n, rate in rates.items()})
