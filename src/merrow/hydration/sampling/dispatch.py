# SPDX-License-Identifier: MIT
"""In which order is the work done, and when is it enough?

Pieces are handed to the executor one at a time for each task, in the order of the list, as soon as
what they build on is there. Rounds of path sampling end at an estimate; the answer decides whether
another round follows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from merrow.errors import MerrowError
from merrow.hydration.config import HydrationConfig
from merrow.hydration.sampling.tasks import Task, advance, count_finished, is_ready

Kind = tuple[str, str]


@dataclass(frozen=True)
class Tally:
    """How far the work is, and how fast it goes.

    Attributes:
        done: Segments complete, by task.
        wanted: Segments wanted, by task.
        pace: Mean time of a segment [s], by phase and Hamiltonian of the task.
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
        if (task.phase, task.hamiltonian) in self.pace:
            return self.pace[task.phase, task.hamiltonian]
        return fmean(self.pace.values()) if self.pace else None


Progress = Callable[[Tally], None]
"""Told after each piece."""


def path_tasks(config: HydrationConfig) -> tuple[Task, ...]:
    """Return the tasks that sample all states in water; the headline's own come first."""
    own = "mm" if config.protocol.route == "endpoint" or config.potential == "mm" else "ml"
    tasks = [Task("path", own, repeat) for repeat in range(config.repeats)]
    if (config.mm_reference or config.both_routes) and own == "ml":
        tasks += [Task("path", "mm", repeat) for repeat in range(config.repeats)]
    return tuple(tasks)


def run_pieces(
    executor: Executor,
    processes: int,
    run: Path,
    goals: Mapping[Task, int],
    *,
    progress: Progress,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Advance every task to its goal.

    Args:
        executor: Where pieces run.
        processes: Pieces at a time.
        run: The run folder.
        goals: Segments wanted of each task, in order of preference.
        progress: Told after each piece.
        stop: Asked before a piece is begun; True lets the running ones end and begins no more.

    Returns:
        Whether all goals were reached.

    Raises:
        MerrowError: A piece failed or its process was killed; finished pieces are kept.
    """
    try:
        return _run_pieces(executor, processes, run, goals, progress, stop)
    except BrokenExecutor as error:
        raise MerrowError(
            "a worker process was killed while sampling, perhaps for want of memory; finished "
            "pieces are kept: run the same command again, with --processes 1 if memory is short."
        ) from error


def _run_pieces(
    executor: Executor,
    processes: int,
    run: Path,
    goals: Mapping[Task, int],
    progress: Progress,
    stop: Callable[[], bool],
) -> bool:
    done = {task: count_finished(run, task) for task in goals}
    running: dict[Future[int], Task] = {}
    began: dict[Task, float] = {}
    times: dict[Kind, list[float]] = {}
    while True:
        if not stop():
            for task in goals:
                if len(running) >= processes:
                    break
                if task in running.values() or done[task] >= goals[task]:
                    continue
                if is_ready(run, task):
                    began[task] = time.monotonic()
                    running[executor.submit(advance, run, task)] = task
        if not running:
            return all(done[task] >= goals[task] for task in goals)
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            task, count = running.pop(future), future.result()
            if count > done[task]:  # equilibration is a piece too, but not a segment
                passed = time.monotonic() - began[task]
                times.setdefault((task.phase, task.hamiltonian), []).append(passed)
            done[task] = count
        progress(Tally(done, goals, {kind: fmean(values) for kind, values in times.items()}))


def deadline(minutes: float | None, since: float) -> Callable[[], bool]:
    """Return a question: have so many minutes passed since a monotonic time?"""
    return lambda: minutes is not None and time.monotonic() - since > 60 * minutes
