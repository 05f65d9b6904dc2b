# SPDX-License-Identifier: MIT
"""Worker processes of a run, started while this process loads its own modules.

Their start takes seconds, mostly for torch and OpenMM, so it overlaps with the same imports here.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from merrow.executor import core_count, process_pool
from merrow.hydration.config import HydrationConfig
from merrow.mps import MOST_PER_GPU, shared_gpu, visible_gpus

WORKER = "merrow.hydration.sampling.worker"


@contextmanager
def start_workers(config: HydrationConfig) -> Iterator[Executor]:
    """Yield the worker processes of a run: as many as configured, or one per core."""
    modules = (WORKER,) if config.potential == "mm" else (WORKER, "torch")
    processes = processes_of(config)
    with (
        shared_gpu(config.working_platform, processes) as environments,
        process_pool(processes, modules, environments) as executor,
    ):
        yield executor


def processes_of(config: HydrationConfig) -> int:
    """Return the number of processes of a run: as configured, or as usual on its platform."""
    return config.processes or usual_processes(config.working_platform)


def usual_processes(platform: str) -> int:
    """Return how many processes share this machine: one for each core, as far as its GPUs allow."""
    if platform != "CUDA":
        return core_count()
    return max(1, min(core_count(), MOST_PER_GPU * len(visible_gpus())))
