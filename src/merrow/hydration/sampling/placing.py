# SPDX-License-Identifier: MIT
"""Choice of the device for the networks of a run: measured at its start and saved.

As in a step in water, the evaluation of one conformer is timed in all processes at once.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import Executor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from statistics import fmean

from merrow.executor import SerialExecutor
from merrow.hydration.config import HydrationConfig
from merrow.hydration.prepare import prepare_system
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.workers import processes_of, start_workers
from merrow.meeting import Meeting
from merrow.potentials.device import device_of, is_forced, on_device
from merrow.potentials.interface import Potential
from merrow.potentials.placement import call_ms, candidates, fastest
from merrow.progress import Listener, Progress, silent
from merrow.settings import Placement
from merrow.system.potentials import open_potential


def place_networks(
    folder: RunFolder,
    config: HydrationConfig,
    loaded: Potential,
    executor: Executor | None = None,
    listen: Listener = silent,
) -> Potential:
    """Return the potential of a run on the device where its networks are fastest.

    A run whose device is not here any more is refused, unless `MERROW_DEVICE` names another one.

    Args:
        folder: The run folder, in which the system is prepared if needed.
        config: The run.
        loaded: The potential on the device that torch prefers.
        executor: Processes of the run; None: they are started where it must be measured.
        listen: Called with the current step.

    Raises:
        InputError: The device is not here.
    """
    if is_forced():
        return loaded
    found = folder.read(Placement)
    if found is None:
        among = candidates(loaded)
        if len(among) == 1:
            return loaded
        prepare_system(folder, config, listen)
        listen(Progress("preparing: choosing the fastest device", known=False))
        opened = start_workers(config) if executor is None else nullcontext(executor)
        with opened as workers:
            count = process_count(config, workers)
            times = {device: _measured(folder.path, device, workers, count) for device in among}
        found = fastest(times, count)
        folder.save(found)
    if found.device == device_of(loaded):
        return loaded
    return _opened(folder, config, found.device)


def process_count(config: HydrationConfig, executor: Executor) -> int:
    """Return the number of parallel processes."""
    if isinstance(executor, SerialExecutor):
        return 1
    return processes_of(config)


def call_ms_in_worker(run: Path, device: str, meeting: Meeting) -> float:
    """Return the time of an evaluation on a device [ms] while other processes do the same."""
    folder = RunFolder(run)
    config = folder.config()
    solute = prepare_system(folder, config).solute[None]
    try:
        return call_ms(
            partial(_opened, folder, config, ""),
            device,
            lambda potential: potential.evaluate(solute),
            ready=partial(meeting.meet, 0),
        )
    except BaseException:
        meeting.leave()
        raise


def _measured(run: Path, device: str, executor: Executor, count: int) -> float:
    with tempfile.TemporaryDirectory(prefix="merrow-") as place:
        meetings = [Meeting(Path(place), count, k) for k in range(count)]
        asked = [executor.submit(call_ms_in_worker, run, device, one) for one in meetings]
        return fmean(one.result() for one in asked)


def _opened(folder: RunFolder, config: HydrationConfig, device: str) -> Potential:
    prepared = prepare_system(folder, config)
    with on_device(device):
        return open_potential(
            config.potential,
            prepared.topology,
            prepared.region,
            weights=config.weights,
            run=folder.path,
        )
