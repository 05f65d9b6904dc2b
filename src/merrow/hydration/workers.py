# SPDX-License-Identifier: MIT
"""The processes of a run, started before this process has loaded what the run needs.

Starting takes seconds, most of them for torch and OpenMM. Whoever starts them first and then loads
the same for itself waits once.
"""

from __future__ import annotations

from concurrent.futures import Executor
from contextlib import AbstractContextManager

from merrow.executor import core_count, process_pool
from merrow.hydration.config import HydrationConfig

WORKER = "merrow.hydration.sampling.worker"


def start_workers(config: HydrationConfig) -> AbstractContextManager[Executor]:
    """Return the processes of a run: as many as it asks for, or one for each core."""
    modules = (WORKER,) if config.potential == "mm" else (WORKER, "torch")
    return process_pool(config.processes or core_count(), modules)
