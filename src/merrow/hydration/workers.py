# SPDX-License-Identifier: MIT
"""The processes of a run, started before this process has loaded what the run needs.

Starting takes seconds, most of them for torch and OpenMM. Whoever starts them first and then loads
the same for itself waits once.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from merrow.executor import core_count, process_pool
from merrow.hydration.config import HydrationConfig
from merrow.mps import shared_gpu

WORKER = "merrow.hydration.sampling.worker"


@contextmanager
def start_workers(config: HydrationConfig) -> Iterator[Executor]:
    """Yield the processes of a run: as many as it asks for, or one for each core."""
    modules = (WORKER,) if config.potential == "mm" else (WORKER, "torch")
    processes = config.processes or core_count()
    with (
        shared_gpu(config.working_platform, processes) as environments,
        process_pool(processes, modules, environments) as executor,
    ):
        yield executor
