# SPDX-License-Identifier: MIT
"""The order of the work: each task has one piece at a time with a worker, until goals are reached.

Pieces are handed out in the order of the list, as soon as what they build on is there. On a GPU a
segment of a path is dealt out to several workers, which have to be free together: nothing that
comes later in the list is begun while the next piece waits for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from statistics import fmean

from merrow.errors import MerrowError
from merrow.executor import SerialExecutor
from merrow.hydration.sampling.context import RunContext
from merrow.hydration.sampling.pieces import advance, count_finished, is_ready
from merrow.hydration.sampling.sharing import share_count, submit_shares, useful_processes
from merrow.hydration.sampling.tasks import Hamiltonian, Task
from merrow.hydration.sampling.worker import advance_in_worker

Kind = tuple[str, Hamiltonian]


@dataclass(frozen=True)
class Tally:
    """How far the work is, and how fast it goes.

    Attributes:
        done: Segments complete, by task.
        wanted: Segments wanted, by task.
        pace: Mean time of a segment [s], by kind and Hamiltonian of the task.
    """

    done: Mapping[Task, int]
    wanted: Mapping[Task, int]
    pace: Mapping[Kind, float]

    @property
    def fraction(self) -> float:
        """Part of the goals that is reached, 0 to 1, weighed by time."""
        cost = {task: self._seconds(task) or 1.0 for task in self.wanted}
        whole = sum(cost[task] * self.wanted[task] for task in self.wanted)
        done = sum(cost[task] * min(self.done[task], self.wanted[task]) for task in self.wanted)
        return done / whole if whole else 1.0

    def seconds_left(self, processes: int) -> float | None:
        """Return the time to reach the goals [s], None before any segment was timed."""
        left = {task: max(self.wanted[task] - self.done[task], 0) for task in self.wanted}
        times = {task: self._seconds(task) for task, count in left.items() if count}
        if any(seconds is None for seconds in times.values()):
            return None
        costs = [left[task] * (seconds or 0.0) for task, seconds in times.items()]
        return max(sum(costs) / processes, max(costs, default=0.0))

    def _seconds(self, task: Task) -> float | None:
        if (task.kind, task.hamiltonian) in self.pace:
            return self.pace[task.kind, task.hamiltonian]
        return fmean(self.pace.values()) if self.pace else None


@dataclass(frozen=True)
class Workers:
    """Who does the pieces of a run: this process, or some that have read the run themselves.

    Attributes:
        run: The run, as this process has read it.
        processes: Pieces at a time.
        submit: Hands out the next piece of a task.
        width: How many workers do that piece together.
    """

    run: RunContext
    processes: int
    submit: Callable[[Task], Future[int]]
    width: Callable[[Task], int] = lambda _: 1


def open_workers(run: RunContext, executor: Executor) -> Workers:
    """Return workers for a run.

    Args:
        run: The run.
        executor: Its processes, as `start_workers` starts them; one process means this one.
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
    progress: Callable[[Tally], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Advance every task to its goal, or as far as there is time.

    Args:
        workers: Who does it.
        goals: Segments wanted of each task, in order of preference.
        first: Segments of some tasks that are preferred to all others, in this order.
        progress: Told after each piece.
        stop: Asked before a piece is begun; True lets the running ones end and begins no more.

    Raises:
        MerrowError: A piece failed or its process was killed; finished pieces are kept.
    """
    done = {task: count_finished(workers.run, task) for task in goals}
    running: dict[Future[int], Task] = {}
    free, widths = workers.processes, dict[Task, int]()
    began: dict[Task, float] = {}
    times: dict[Kind, list[float]] = {}
    wanted = [*(first or {}).items(), *goals.items()]
    try:
        while True:
            for task, goal in () if stop() else wanted:
                if task in running.values() or done[task] >= goal:
                    continue
                if free <= 0:
                    break
                if not is_ready(workers.run, task):
                    continue
                if (wide := workers.width(task)) > free:
                    break
                began[task], widths[task] = time.monotonic(), wide
                running[workers.submit(task)] = task
                free -= wide
            if not running:
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                task = running.pop(future)
                free += widths[task]
                count = _answer(workers.run, task, future)
                if count > done[task]:  # equilibration is a piece too, but not a segment
                    passed = time.monotonic() - began[task]
                    times.setdefault((task.kind, task.hamiltonian), []).append(passed)
                done[task] = count
            progress(Tally(done, goals, {kind: fmean(values) for kind, values in times.items()}))
    except BrokenExecutor as error:
        raise MerrowError(
            "a worker process was killed while sampling, perhaps for want of memory; finished "
            "pieces are kept: run the same command again, with --processes 1 if memory is short."
        ) from error


def _answer(run: RunContext, task: Task, future: Future[int]) -> int:
    """Return how many segments of a task are complete; what a worker says must agree with the disk.

    Raises:
        MerrowError: It does not, or the piece failed.
    """
    told: object = None
    with suppress(SystemExit):  # of a library in the worker
        told = future.result()
    count = count_finished(run, task)
    if told != count:
        raise MerrowError(
            f"a worker process answered {told!r} where {count} segments of {task.name} are "
            "complete; finished pieces are kept: run the same command again."
        )
    return count
