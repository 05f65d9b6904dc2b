# SPDX-License-Identifier: MIT
"""Settings that belong to a whole process: the command line's, and a worker's.

Nothing else in the package changes them, so that a program that imports it keeps its own. For
numbers that are the same to the last bit, it calls `use_one_thread` before it imports NumPy.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence

OPENMM_THREADS = "OPENMM_CPU_THREADS"
"""OpenMM's PME on the CPU reads this and not its platform's property Threads."""
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", OPENMM_THREADS)
CHATTY = ("pymbar", "jax", "absl", "alchemlyb")
"""Loggers of libraries whose warnings are for their developers."""


def use_one_thread() -> None:
    """Keep the numerical libraries of this process to one thread, which computes the same bits."""
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))


def quiet_libraries() -> None:
    """Let libraries log errors only."""
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)


def begin_worker(parent: int, modules: Sequence[str] = ()) -> None:
    """Keep a worker to one thread, deaf to Ctrl-C, which the parent handles, and no orphan.

    Args:
        parent: Id of the process that waits for it.
        modules: What it will need, to be loaded before there is work.
    """
    use_one_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    for name in modules:
        importlib.import_module(name)
    if (torch := sys.modules.get("torch")) is not None:  # else it will read the environment
        torch.set_num_threads(1)


def _end_with(parent: int) -> None:
    """End this process soon after its parent was killed: nobody would take its result."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
