# SPDX-License-Identifier: MIT
"""Where does the work run? Local processes, one core each; nothing here knows chemistry."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENMM_CPU_THREADS")


class SerialExecutor(Executor):
    """Runs every call at once in this process: for debugging and for one core."""

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
def open_executor(processes: int) -> Iterator[Executor]:
    """Yield an executor of so many single-threaded processes; one process means this one.

    Work that has not begun is dropped when the block is left by an exception.
    """
    if processes == 1:
        yield SerialExecutor()
        return
    for name in ONE_THREAD:
        os.environ[name] = "1"
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        processes, mp_context=context, initializer=_begin_worker, initargs=(os.getpid(),)
    )
    try:
        with _deaf_to_interrupts():  # workers inherit it
            for _ in range(processes):
                pool.submit(os.getpid)
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    pool.shutdown()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C for a moment; only the main thread may change that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin_worker(parent: int) -> None:
    """Keep a worker to one thread, deaf to Ctrl-C, which the parent handles, and no orphan."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)


def _end_with(parent: int) -> None:
    """End this process soon after its parent was killed: nobody would take its result."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
