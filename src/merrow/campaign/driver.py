# SPDX-License-Identifier: MIT
"""The driver of a campaign: runs every molecule of a table in spite of crashes and failures.

The state of a campaign is the state of its run folders; the driver only decides which run continues
next. The same command resumes an interrupted campaign.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from merrow.campaign.config import CampaignConfig
from merrow.campaign.plan import Job, plan_jobs, write_jobs
from merrow.campaign.rows import read_rows
from merrow.campaign.table import CAMPAIGN_FILE, CampaignResult, write_results
from merrow.campaign.worker import Outcome, compute, supervise
from merrow.engine.platforms import chosen_platform
from merrow.errors import InputError
from merrow.executor import (
    ClusterConfig,
    SerialExecutor,
    check_cluster,
    core_count,
    dask_pool,
    subprocess_pool,
)
from merrow.files import atomic_write
from merrow.folders import occupied
from merrow.hydration.state import Failure, Underway
from merrow.hydration.workers import usual_processes
from merrow.locks import locked
from merrow.mps import shared_gpu
from merrow.progress import Listener, Progress, TimeLimit, say, silent
from merrow.report.text import duration, energy, failed_checks, stderr

logger = logging.getLogger(__name__)

DASK = "dask"
MAX_LOSSES = 3
"""Number of times a run may be killed without finishing a segment before it counts as failed."""

LOOK = 5.0
"""Interval between progress checks of the current runs [s]."""
LEAST = 0.1
"""Work of this command, in units of runs, from which the time left is estimated."""
TABLE_COST = 50
"""Minimum interval between updates of the table, in multiples of its writing time."""

Work = Callable[[str, TimeLimit, float | None, int], Outcome]


@dataclass(frozen=True)
class ComputeBackend:
    """Where a campaign runs, which does not affect its results.

    Attributes:
        executor: serial (this process), processes, or dask.
        workers: Runs at a time; None for one per core, as far as GPUs allow, or as the cluster
            file says.
        cluster: Batch scheduler for dask; None for workers on this machine.
        minutes: Time limit [min]; None for no limit.
    """

    executor: Literal["serial", "processes", "dask"] = "processes"
    workers: int | None = None
    cluster: ClusterConfig | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        """Refuse workers that there would not be.

        Raises:
            InputError: There are more than the executor or the cluster file allows.
        """
        if self.workers is None:
            return
        if self.executor == "serial" and self.workers > 1:
            raise InputError(
                f"executor serial works on one run at a time, not on {self.workers}; leave "
                "--workers out, or use --executor processes."
            )
        if self.cluster is not None and self.workers > self.cluster.workers:
            raise InputError(
                f"--workers {self.workers} is above the {self.cluster.workers} of the cluster file "
                "(jobs times processes_per_job); leave it out, or raise jobs there."
            )

    def on(self, platform: str) -> ComputeBackend:
        """Return it with the usual number of processes on this machine, unless one was asked for.

        Args:
            platform: OpenMM platform, as in the settings of a campaign.
        """
        if self.executor != "processes" or self.workers is not None:
            return self
        return replace(self, workers=usual_processes(chosen_platform(platform)))

    @property
    def width(self) -> int:
        """Number of runs at a time."""
        if self.executor == "serial":
            return 1
        return self.workers or (self.cluster.workers if self.cluster else core_count())


def run_campaign(
    config: CampaignConfig,
    folder: Path,
    *,
    base: Path,
    backend: ComputeBackend = ComputeBackend(),
    listen: Listener = silent,
) -> CampaignResult:
    """Compute, or resume, every molecule of a table.

    Args:
        config: Configuration; the table and its paths relative to `base`.
        folder: Campaign folder; made if absent.
        base: Folder for a relative path of the table; paths in the table refer to its own folder.
        backend: Where it runs and for how long.
        listen: Called with the progress.

    Returns:
        The table with its statistics, also written to the folder.

    Raises:
        InputError: The table, the configuration or the cluster is wrong; nothing is written.
    """
    limit = TimeLimit.after(None if backend.minutes is None else 60 * backend.minutes)
    table = base / config.table
    rows = read_rows(table, config.columns)
    if backend.executor == DASK:
        check_cluster(backend.cluster)
    occupied(folder, CAMPAIGN_FILE, "campaign")
    plan = plan_jobs(config, rows, folder, table.parent, here=backend.cluster is None)
    backend = backend.on(config.platform)
    folder = folder.resolve()
    with locked(folder):
        atomic_write(folder / CAMPAIGN_FILE, config.to_yaml())
        write_jobs(folder, plan, table.parent)
        for job, _ in plan:
            if job.problem is not None:
                say(listen, f"{job.row.name}: {job.problem}")
        sound = [job for job, run in plan if run is not None]
        jobs = [job for job in sound if job.run(folder).finished() is None]
        if len(jobs) < len(sound):
            say(listen, f"{len(sound) - len(jobs)} of {len(sound)} runs are done already.")
        if jobs:
            work = compute if backend.executor == "serial" else supervise
            workers = min(backend.width, len(jobs))
            with _open(backend, workers, config.platform, folder, listen) as executor:
                Driver(folder, jobs, work, backend, limit, listen).work(executor)
        return write_results(folder)


class Driver:
    """Keeps every worker busy until all runs are done, failed or out of time."""

    def __init__(
        self,
        folder: Path,
        jobs: list[Job],
        work: Work,
        backend: ComputeBackend,
        limit: TimeLimit,
        listen: Listener,
    ) -> None:
        self.folder, self.work_on, self.listen = folder, work, listen
        self.queue = deque(jobs)
        self.of, self.ended = len(jobs), 0
        self.width, self.limit = backend.width, limit
        self.slice_s = None if backend.cluster is None else 60 * backend.cluster.slice_minutes
        local = backend.executor == "processes"
        self.processes = max(1, backend.width // len(jobs)) if local else 1
        self.losses: dict[str, int] = {}
        self.next_table, self.began = 0.0, time.monotonic()
        # finished part of each begun run, now and when first seen; work on those that ended
        self.parts: dict[str, float] = {}
        self.first: dict[str, float] = {}
        self.made = 0.0

    def work(self, executor: Executor) -> None:
        """Submit runs; a stopped or lost one continues before a new one starts."""
        running: dict[Future[Outcome], tuple[Job, int]] = {}
        while True:
            while self.queue and len(running) < self.width and not self.limit.passed():
                job = self.queue.popleft()
                run = job.run(self.folder)
                before = run.count_files()
                run.forget(Failure)
                future = executor.submit(
                    self.work_on, str(run.path), self.limit, self.slice_s, self.processes
                )
                running[future] = job, before
            if not running:
                return
            self._tell([job for job, _ in running.values()])
            ended, _ = wait(running, timeout=LOOK, return_when=FIRST_COMPLETED)
            for future in ended:
                self._take(*running.pop(future), self._outcome(future))

    def _outcome(self, future: Future[Outcome]) -> Outcome:
        """Return how a run ended, including the failure of its worker."""
        error = future.exception()
        if error is None:
            return future.result()
        logger.info("a worker failed", exc_info=error)
        return Outcome("lost", f"its worker ended ({type(error).__name__})")

    def _take(self, job: Job, before: int, outcome: Outcome) -> None:
        """Record an outcome and decide whether the run continues."""
        if outcome.status == "stopped":
            self.queue.appendleft(job)
            return
        if outcome.status == "lost":
            moved = job.run(self.folder).count_files() > before
            self.losses[job.name] = 1 if moved else self.losses.get(job.name, 0) + 1
            if self.losses[job.name] < MAX_LOSSES:
                say(self.listen, f"{job.name}: {outcome.why}; it will be resumed.")
                self.queue.appendleft(job)
                return
            outcome = Outcome(
                "failed",
                f"{outcome.why}, {MAX_LOSSES} times without finishing a piece, perhaps for want "
                "of memory; finished pieces are kept: run the same command again.",
            )
        self.ended += 1
        part = self.parts.pop(job.name, 0.0)
        whole = 1.0 if outcome.status == "done" else part
        self.made += max(0.0, whole - self.first.get(job.name, 0.0))
        if outcome.status == "failed":
            job.run(self.folder).save(Failure(why=outcome.why))
        told = self._answer(job) if outcome.status == "done" else f"failed: {outcome.why}"
        say(self.listen, f"[{self.ended}/{self.of}] {job.name}: {told}{self._time_left()}")
        if time.monotonic() >= self.next_table:
            began = time.monotonic()
            write_results(self.folder, final=False)
            now = time.monotonic()
            self.next_table = now + TABLE_COST * (now - began)

    def _answer(self, job: Job) -> str:
        """Return the result of a run as text."""
        result = job.run(self.folder).finished()
        if result is None:
            return "done."
        found = result.headline
        value = f"{energy(found.value_kcal)} ± {stderr(found.stderr_kcal)} kcal/mol"
        told = ("done", value, failed_checks(result.diagnostics.failed))
        return f"{', '.join(filter(None, told))}."

    def _tell(self, jobs: list[Job]) -> None:
        """Report the number of ended runs and the progress of the current ones."""
        found = {job.name: job.run(self.folder).read(Underway) for job in jobs}
        for name, one in found.items():
            if one is not None and one.fraction is not None:
                self.parts[name] = one.fraction
                self.first.setdefault(name, one.fraction)
        words = [
            name if one is None or one.fraction is None else f"{name} {100 * one.fraction:.0f} %"
            for name, one in found.items()
        ]
        done = f"{self.ended} of {self.of} runs ended"
        part = (self.ended + sum(self.parts.values())) / self.of
        self.listen(Progress(done, part, (f"under way: {', '.join(words)}",), self._left()))

    def _left(self) -> float | None:
        """Estimate the time left from the pace of this command, without what others had done [s].

        None before there is enough to tell.
        """
        made = self.made + sum(
            max(0.0, part - self.first[name]) for name, part in self.parts.items()
        )
        if made < LEAST:
            return None
        left = self.of - self.ended - sum(self.parts.values())
        return (time.monotonic() - self.began) * left / made

    def _time_left(self) -> str:
        left = self._left()
        return f" About {duration(left)} left." if left is not None and left > 60 else ""


@contextmanager
def _open(
    backend: ComputeBackend, workers: int, platform: str, folder: Path, listen: Listener
) -> Iterator[Executor]:
    if backend.executor == "serial":
        yield SerialExecutor()
    elif backend.executor == "processes":
        with (
            shared_gpu(platform, workers) as environments,
            subprocess_pool(workers, environments) as executor,
        ):
            yield executor
    else:
        with dask_pool(workers, backend.cluster, folder / "cluster") as (executor, link):
            say(listen, f"Dask's dashboard: {link}")
            yield executor
