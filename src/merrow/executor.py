# SPDX-License-Identifier: MIT
"""Executors: local processes, one core each, or jobs of a batch scheduler.

`process_pool` gives processes that call functions; the threads of `subprocess_pool` and the workers
of `dask_pool` start whole programs with `run_subprocess`, so that a killed one affects no other.
This module is independent of what is computed.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, ParamSpec, TypeVar

from pydantic import Field, field_validator, model_validator

from merrow.errors import InputError, MissingComponentError, first_line
from merrow.process import (
    ONE_THREAD,
    OWN_MODULES,
    begin_worker,
    end_tree,
    quiet_package,
    without_the_users_files,
)
from merrow.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

_SUBMIT = {"slurm": "sbatch", "pbs": "qsub", "lsf": "bsub"}
_ASK = {"slurm": ("sinfo", "-h"), "pbs": ("qstat", "-B"), "lsf": ("bhosts",)}
"""Commands that succeed only where the scheduler is available."""

_slot = threading.local()
"""Environment variables that a thread of `subprocess_pool` sets for its programs."""

_programs: set[subprocess.Popen[str]] = set()

Scheduler = Literal["slurm", "pbs", "lsf"]

_WALLTIME = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2})")


class ClusterConfig(Settings):
    """Settings of a batch scheduler; `merrow cluster init` writes a template."""

    scheduler: Scheduler
    """Batch scheduler: slurm, pbs or lsf."""
    queue: str | None = None
    """Partition or queue; null: the scheduler's default."""
    project: str | None = None
    """Account to charge; null: the scheduler's default."""
    jobs: int = Field(4, ge=1)
    """Maximum number of jobs at a time; each process of a job computes one task after another."""
    processes_per_job: int = Field(1, ge=1)
    """Processes of a job, one per core: all cores of a node where a queue gives whole nodes."""
    memory: str = "4GB"
    """Memory of a job."""
    walltime: str = "04:00:00"
    """Time after which the scheduler ends a job, as [hours:]minutes:seconds."""
    slice_minutes: float = Field(30.0, gt=0)
    """Time after which a task is handed back and the job takes the next one [min]."""
    gpus: int = Field(0, ge=0)
    """GPUs of a job; ask the scheduler for them with job_extra_directives."""
    interface: str | None = None
    """Network interface between driver and jobs, such as ib0; null: the system's choice."""
    job_extra_directives: tuple[str, ...] = ()
    """Additional directives of the job script, such as "--gres=gpu:1"."""
    job_script_prologue: tuple[str, ...] = ()
    """Shell commands run first, such as "source env/bin/activate"."""

    @field_validator("walltime", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        """Undo YAML's reading of an unquoted 12:00:00 as 43200 [s]."""
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            return value
        return f"{value // 3600:02d}:{value // 60 % 60:02d}:{value % 60:02d}"

    @property
    def workers(self) -> int:
        """Number of tasks that run at a time."""
        return self.jobs * self.processes_per_job

    @model_validator(mode="after")
    def _slices_fit(self) -> ClusterConfig:
        if self.walltime_s <= 60 * self.slice_minutes:
            raise ValueError(
                f"slice_minutes {self.slice_minutes:g} is not shorter than walltime "
                f"{self.walltime}; no task would ever be handed on cleanly"
            )
        return self

    @property
    def walltime_s(self) -> float:
        """Wall time of a job [s]."""
        found = _WALLTIME.fullmatch(self.walltime)
        if found is None:
            raise ValueError(f"walltime {self.walltime!r} is not of the form hours:minutes:seconds")
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return 3600.0 * hours + 60.0 * minutes + seconds

    @property
    def minutes_of_walltime(self) -> str:
        """Wall time in LSF's form, hours:minutes."""
        minutes = max(1, int(self.walltime_s // 60))
        return f"{minutes // 60:02d}:{minutes % 60:02d}"


class SerialExecutor(Executor):
    """Runs every call immediately in this process: for debugging and for one core."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call the function and return a future that is already done."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            future.set_exception(error)
        return future


def core_count() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def process_pool(
    processes: int,
    modules: Sequence[str] = (),
    environments: Sequence[Mapping[str, str]] | None = None,
) -> Iterator[Executor]:
    """Yield an executor of single-threaded processes; with one process, calls run in this one.

    The processes start at once and load their modules in the background. They are killed when the
    block is left by an exception.

    Args:
        processes: Number of processes.
        modules: Names of the modules that they need.
        environments: Additional environment variables of each process.
    """
    if processes == 1:
        yield SerialExecutor()
        return
    context = _WorkerContext()
    with without_the_users_files():  # queues start a process too
        own = context.SimpleQueue()
        pool = ProcessPoolExecutor(
            processes,
            mp_context=context,
            initializer=begin_worker,
            initargs=(os.getpid(), modules, own.get),
        )
    for environment in environments or ({},) * processes:
        own.put(dict(environment))
    try:
        with _deaf_to_interrupts():  # the workers inherit this
            for _ in range(processes):
                pool.submit(os.getpid)
        yield pool
    except BaseException:
        for worker in tuple(pool._processes or ()):  # a shutdown would wait for their tasks
            end_tree(worker)
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


@contextmanager
def _script_runs_once() -> Iterator[None]:
    """Keep processes started in this block from running the user's script, which may be unguarded.

    They call functions of packages only; multiprocessing would run `__main__` again in each of
    them, unless it has this name.
    """
    main = vars(sys.modules["__main__"])
    before = main.get("__spec__")
    main["__spec__"] = ModuleSpec("__main__", None)
    try:
        yield
    finally:
        main["__spec__"] = before


class _WorkerProcess(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802, its name in multiprocessing
        with _script_runs_once(), without_the_users_files():
            return SpawnProcess._Popen(process_obj)


class _WorkerContext(SpawnContext):
    Process = _WorkerProcess


@contextmanager
def subprocess_pool(
    programs: int, environments: Sequence[Mapping[str, str]] | None = None
) -> Iterator[Executor]:
    """Yield an executor of threads, each of which runs one program at a time.

    Programs that are still running are killed when the block is left by an exception.

    Args:
        programs: Number of programs at a time.
        environments: Additional environment variables of each program.
    """
    own: queue.SimpleQueue[Mapping[str, str]] = queue.SimpleQueue()
    for environment in environments or ({},) * programs:
        own.put(environment)

    def begin() -> None:
        _slot.environment = own.get()

    pool = ThreadPoolExecutor(programs, initializer=begin)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        while any(thread.is_alive() for thread in pool._threads):
            for program in tuple(_programs):
                end_tree(program.pid)
            time.sleep(0.05)
        raise
    pool.shutdown()


def run_subprocess(words: Sequence[str], log: Path) -> tuple[int, str]:
    """Run a program with one thread; return its exit code (negative for a signal) and stdout.

    Args:
        words: The program and its arguments.
        log: File to which its stderr is appended.
    """
    own = OWN_MODULES | dict.fromkeys(ONE_THREAD, "1")
    environment = os.environ | getattr(_slot, "environment", {}) | own
    with log.open("a", encoding="utf-8") as stream:
        program = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            env=environment,
        )
    _programs.add(program)
    try:
        out, _ = program.communicate()
    finally:
        _programs.discard(program)
    return program.returncode, out


def check_cluster(cluster: ClusterConfig | None) -> None:
    """Check that Dask is installed and that the scheduler answers.

    Raises:
        MissingComponentError: Dask or the scheduler's commands are not installed.
        InputError: The scheduler does not answer.
    """
    try:
        _jobqueue()
        import distributed  # noqa: F401, PLC0415
    except ImportError as error:
        raise MissingComponentError(
            f"--executor dask needs {error.name}; run pip install 'merrow[cluster]'."
        ) from error
    if cluster is None:
        return
    ask = _ASK[cluster.scheduler]
    for program in (_SUBMIT[cluster.scheduler], ask[0]):
        if shutil.which(program) is None:
            raise MissingComponentError(
                f"there is no {program} on the PATH; start the campaign on a machine from which "
                f"jobs can be submitted to {cluster.scheduler}."
            )
    try:
        asked = subprocess.run(ask, capture_output=True, text=True, check=False, timeout=30)
        told = "" if asked.returncode == 0 else (asked.stderr or asked.stdout)
    except subprocess.TimeoutExpired:
        told = "no answer in 30 s"
    if told:
        raise InputError(
            f"the scheduler {cluster.scheduler} cannot be reached: `{' '.join(ask)}` says: "
            f"{first_line(told)}."
        )


@contextmanager
def dask_pool(
    workers: int, cluster: ClusterConfig | None, folder: Path
) -> Iterator[tuple[Executor, str]]:
    """Yield a Dask executor and the address of its dashboard.

    Args:
        workers: Number of single-threaded workers.
        cluster: Batch scheduler that provides them; None for processes on this machine.
        folder: Folder for logs and scratch files of Dask and its jobs.
    """
    import dask  # noqa: PLC0415
    import distributed  # noqa: PLC0415

    quiet_package("distributed")
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "temporary-directory": str(folder),
        "distributed.scheduler.allowed-failures": 10,
        "distributed.worker.memory.terminate": False,  # the programs, not the workers, use memory
        "distributed.comm.timeouts.connect": "60s",
    }
    with dask.config.set(settings), _script_runs_once(), without_the_users_files():
        opened = _local(workers) if cluster is None else _jobs(workers, cluster, folder)
        with opened as found, distributed.Client(found) as client:
            resources = {"GPU": cluster.gpus} if cluster is not None and cluster.gpus else None
            yield client.get_executor(pure=False, resources=resources), client.dashboard_link


def _local(workers: int) -> Any:
    from distributed import LocalCluster  # noqa: PLC0415

    return LocalCluster(n_workers=workers, threads_per_worker=1, silence_logs="ERROR")


def _jobqueue() -> ModuleType:
    """Return dask_jobqueue, whose import takes SIGINT: Ctrl-C would end with exit code 0."""
    before = signal.getsignal(signal.SIGINT)
    import dask_jobqueue  # noqa: PLC0415

    if signal.getsignal(signal.SIGINT) is not before:
        signal.signal(signal.SIGINT, before)
    return dask_jobqueue  # type: ignore[no-any-return]


def _jobs(workers: int, cluster: ClusterConfig, folder: Path) -> Any:
    """Return a cluster that keeps enough jobs queued for the workers and replaces ended ones."""
    kinds = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster"}
    extra = ["--lifetime", f"{round(cluster.walltime_s - min(60, 0.1 * cluster.walltime_s))}s"]
    if cluster.gpus:
        extra += ["--resources", f"GPU={cluster.gpus}"]
    exported = [f"export {name}={value}" for name, value in OWN_MODULES.items()]
    lsf = cluster.scheduler == "lsf"
    account = "project" if lsf else "account"
    found = getattr(_jobqueue(), kinds[cluster.scheduler])(
        queue=cluster.queue,
        cores=cluster.processes_per_job,
        processes=cluster.processes_per_job,
        memory=cluster.memory,
        walltime=cluster.minutes_of_walltime if lsf else cluster.walltime,
        interface=cluster.interface,
        job_extra_directives=list(cluster.job_extra_directives),
        job_script_prologue=[*exported, *cluster.job_script_prologue],
        worker_extra_args=extra,
        log_directory=str(folder),
        local_directory=str(folder),
        **{account: cluster.project},
    )
    found.adapt(minimum=workers, maximum=workers)
    return found


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Defer Ctrl-C; processes started in this block ignore it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
