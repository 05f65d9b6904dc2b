# SPDX-License-Identifier: MIT
"""Dispatch of work: each task has one segment at a time with a worker, until goals are reached.

Segments are started in list order, as soon as their prerequisites exist. On a GPU a segment of a
path is shared by several workers, which must be free at the same time: nothing later in the list
starts while it waits for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from merrow.errors import MerrowError
from merrow.executor import SerialExecutor
from merrow.hydration.sampling.context import RunContext
from merrow.hydration.sampling.pieces import advance, count_finished, is_ready
from merrow.hydration.sampling.sharing import share_count, submit_shares, useful_processes
from merrow.hydration.sampling.tasks import Task
from merrow.hydration.sampling.work import Meter, steps_done
from merrow.hydration.sampling.worker import advance_in_worker

LOOK = 5.0
"""Interval between progress checks while segments are running [s]."""


@dataclass(frozen=True)
class Workers:
    """Workers of a run: this process, or processes that have read the run themselves.

    Attributes:
        run: The run, as read by this process.
        processes: Number of segments at a time.
        submit: Starts the next segment of a task.
        width: Number of workers that share that segment.
    """

    run: RunContext
    processes: int
    submit: Callable[[Task], Future[int]]
    width: Callable[[Task], int] = lambda _: 1


def open_workers(run: RunContext, executor: Executor) -> Workers:
    """Return workers for a run.

    Args:
        run: The run.
        executor: Its processes from `start_workers`; one process means this one.
    """
    if isinstance(executor, SerialExecutor):
        return Workers(run, 1, partial(executor.submit, partial(advance, run)))
    processes = useful_processes(run, executor)
    width = partial(share_count, run, processes)

    def submit(task: Task) -> Future[int]:
        if (count := width(task)) > 1:
            return submit_shares(run, executor, task, count)
        return executor.submit(advance_in_worker, run.folder.path, task)

    return Workers(run, processes, submit, width)


def run_pieces(
    workers: Workers,
    goals: Mapping[Task, int],
    *,
    first: Mapping[Task, int] | None = None,
    meter: Meter,
    tell: Callable[[Collection[Task]], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Advance every task to its goal, or until stopped.

    Args:
        workers: Workers of the run.
        goals: Target number of segments of each task, in order of priority.
        first: Segments of some tasks with priority over all others, in this order.
        meter: Records the time of every segment.
        tell: Called with the running tasks, after each segment and every few seconds.
        stop: Called before a segment starts; True lets the running ones end and starts no more.

    Raises:
        MerrowError: A segment failed or its process was killed; finished segments are kept.
    """
    run = workers.run
    done = {task: count_finished(run, task) for task in goals}
    running: dict[Future[int], tuple[Task, int, float]] = {}
    free, widths = workers.processes, dict[Task, int]()
    wanted = [*(first or {}).items(), *goals.items()]
    try:
        while True:
            at_work = {task for task, _, _ in running.values()}
            for task, goal in () if stop() else wanted:
                if task in at_work or done[task] >= goal:
                    continue
                if free <= 0:
                    break
                if not is_ready(run, task):
                    continue
                if (wide := workers.width(task)) > free:
                    break
                began, widths[task] = (steps_done(run, task), time.monotonic()), wide
                at_work.add(task)
                running[workers.submit(task)] = (task, *began)
                free -= wide
            if not running:
                return
            tell(at_work)
            finished, _ = wait(running, timeout=LOOK, return_when=FIRST_COMPLETED)
            for future in finished:
                task, before, since = running.pop(future)
                free += widths[task]
                done[task] = _answer(run, task, future)
                steps, seconds = steps_done(run, task) - before, time.monotonic() - since
                meter.ended(task, steps, seconds, processes=widths[task])
    except BrokenExecutor as error:
        raise MerrowError(
            "a worker process was killed while sampling, perhaps for want of memory; finished "
            "pieces are kept: run the same command again, with --processes 1 if memory is short."
        ) from error


def _answer(run: RunContext, task: Task, future: Future[int]) -> int:
    """Return the number of complete segments of a task; a worker's answer must agree with the disk.

    Raises:
        MerrowError: It does not, or the segment failed.
    """
    told: object = None
    with suppress(SystemExit):  # raised by a library in the worker
        told = future.result()
    count = count_finished(run, task)
    if told != count:
        raise MerrowError(
            f"a worker process answered {told!r} where {count} segments of {task.name} are "
            "complete; finished pieces are kept: run the same command again."
        )
    return count
