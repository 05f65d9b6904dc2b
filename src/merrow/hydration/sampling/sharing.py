# SPDX-License-Identifier: MIT
"""Sharing a GPU: the number of processes, and the distribution of replicas over them.

One process with one replica does not saturate a GPU. The best number of processes depends on GPU,
system and network; it is measured with the run's own Hamiltonian at the start, and saved. Windows
are distributed, not repeats, so equilibration is done once.
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
from merrow.hydration.sampling.tasks import (
    Task,
    has_end_states,
    has_gas,
    leg_plan,
    path_tasks,
)
from merrow.hydration.sampling.worker import Sharing, share_in_worker, sharing_of_worker, try_steps
from merrow.hydration.state import Crew
from merrow.meeting import LeftError, Meeting

logger = logging.getLogger(__name__)

T = TypeVar("T")

GOOD_ENOUGH = 0.95
"""Fraction of the best throughput at which fewer processes are preferred, to save memory."""
BESIDE = 2
"""Processes reserved for the gas phase and end states while paths are sampled."""


def useful_processes(run: RunContext, executor: Executor) -> int:
    """Return the number of parallel processes: as configured, or with the best GPU throughput.

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
    """Return how many of the processes share the next segment of a task."""
    if run.config.working_platform not in GPU_PLATFORMS or not can_be_shared(run, task):
        return 1
    paths = 1 if task.kind == "pilot" else len(path_tasks(run.config))
    beside = BESIDE if has_gas(run.config.protocol) or has_end_states(run.config) else 0
    free = processes - (beside if processes - beside >= 2 * paths else 0)
    states = leg_plan(run.config, task).n_replicas
    turns = math.ceil(states / max(1, min(states, free // paths)))
    return math.ceil(states / turns)  # more would not shorten a sweep


def submit_shares(run: RunContext, executor: Executor, task: Task, count: int) -> Future[int]:
    """Submit the next segment of a task to `count` processes, which must be free.

    Returns:
        Future of the number of complete segments when this one is saved.
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
    """Return the results of finished futures, or raise the first error."""
    errors = [error for one in futures if (error := one.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, LeftError)):
        raise error
    return [one.result() for one in futures]


def _measured(run: RunContext, executor: Executor, most: int) -> Crew:
    """Time steps of 1, 2, 4, … processes at once and return the best number."""
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
