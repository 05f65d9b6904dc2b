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
from pathlib import Path

from mlmm.config.hydration import HydrationConfig
from mlmm.engine.leg import COUPLED, count_segments
from mlmm.errors import MlmmError
from mlmm.workflows.tasks import Hamiltonian, Task, advance

Progress = Callable[[Mapping[Task, int], Mapping[Task, int]], None]
"""Told after each piece: segments complete and segments wanted, by task."""


def path_tasks(config: HydrationConfig) -> tuple[Task, ...]:
    """Return the tasks that sample all states in water; the headline's own come first."""
    own: Hamiltonian = "mm" if config.protocol.route == "R2" or config.potential == "mm" else "ml"
    tasks = [Task("path", own, repeat) for repeat in range(config.repeats)]
    if config.control and own == "ml":
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
        MlmmError: A piece failed or its process was killed; finished pieces are kept.
    """
    try:
        return _run_pieces(executor, processes, run, goals, progress, stop)
    except BrokenExecutor as error:
        raise MlmmError(
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
    done = {task: count_segments(task.folder(run)) for task in goals}
    running: dict[Future[int], Task] = {}
    while True:
        if not stop():
            for task in goals:
                if len(running) >= processes:
                    break
                if task in running.values() or done[task] >= goals[task]:
                    continue
                if _ready(run, task):
                    running[executor.submit(advance, run, task)] = task
        if not running:
            return all(done[task] >= goals[task] for task in goals)
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            done[running.pop(future)] = future.result()
        progress(done, goals)


def deadline(minutes: float | None, since: float) -> Callable[[], bool]:
    """Return a question: have so many minutes passed since a monotonic time?"""
    return lambda: minutes is not None and time.monotonic() - since > 60 * minutes


def _ready(run: Path, task: Task) -> bool:
    """Tell whether what a task begins from exists."""
    if task.phase != "end":
        return True
    return (Task("path", "mm", task.repeat).folder(run) / COUPLED).exists()
