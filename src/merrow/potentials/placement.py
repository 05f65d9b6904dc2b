# SPDX-License-Identifier: MIT
"""Which device is the fastest for the networks of a job? A few calls on each tell.

A GPU needs the same time for one conformer as for sixty-four; a compiled kernel on one core may be
done with one long before. So it is measured: with the molecule and the batch of the job, and where
several processes work, in all of them at once. What is chosen stays chosen where a job goes on.
"""

from __future__ import annotations

import logging
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from merrow.errors import NumericsError, first_line
from merrow.potentials.device import CPU, device_of, is_forced, on_device
from merrow.potentials.interface import Potential
from merrow.settings import Placement

logger = logging.getLogger(__name__)

WARM_UP, LEAST_CALLS = 3, 5
SECONDS = 0.5
"""Calls go on for so long [s]."""


@dataclass(frozen=True)
class Placed:
    """A potential where it was put."""

    potential: Potential
    where: Placement


def candidates(potential: Potential) -> tuple[str, ...]:
    """Return the devices among which there is a choice, the processor first.

    Args:
        potential: As it was loaded: on the device that torch prefers, or the one that is forced.
    """
    preferred = device_of(potential)
    return (preferred,) if is_forced() or preferred == CPU else (CPU, preferred)


def call_ms(
    load: Callable[[], Potential],
    device: str,
    ask: Callable[[Potential], object],
    *,
    ready: Callable[[], object] = lambda: None,
    seconds: float = SECONDS,
) -> float:
    """Return the median time of a call on a device [ms]; infinite where it cannot be used.

    Args:
        load: Loads the potential.
        device: In torch's words.
        ask: Asks it for a batch such as the job's.
        ready: Called when the first calls are done; waits for other processes.
        seconds: Calls go on for so long [s].
    """
    try:
        with on_device(device):
            potential = load()
        for _ in range(WARM_UP):
            ask(potential)
    except (NumericsError, RuntimeError) as error:  # it errs, has no memory, no driver
        if device == CPU:
            raise
        logger.warning("networks are not computed on %s: %s", device, first_line(error))
        ready()
        return math.inf
    ready()
    times: list[float] = []
    while len(times) < LEAST_CALLS or sum(times) < seconds:
        began = time.perf_counter()
        ask(potential)
        times.append(time.perf_counter() - began)
    return 1e3 * statistics.median(times)


def fastest(times: Mapping[str, float], processes: int = 1) -> Placement:
    """Return the device with the least time, and tell it; of equal ones the first.

    Args:
        times: Times of a call by device [ms]; infinite where it cannot be used.
        processes: Processes in which they were measured at once.
    """
    found = Placement(
        device=min(times, key=lambda device: times[device]),
        call_ms={device: ms if math.isfinite(ms) else None for device, ms in times.items()},
        processes=processes,
    )
    logger.info("networks compute on %s (a call: %s).", found.device, found.sentence())
    return found


def on_fastest(
    potential: Potential,
    load: Callable[[], Potential],
    ask: Callable[[Potential], object],
    kept: Placement | None = None,
) -> Placed:
    """Return a potential on the device where this process is the fastest.

    Args:
        potential: As it was loaded.
        load: Loads it again.
        ask: Asks it for a batch such as the job's.
        kept: What was chosen when the job began; then nothing is measured, unless `MERROW_DEVICE`
            names the device.

    Raises:
        InputError: The device that was chosen is not here.
    """
    if kept is None or is_forced():
        among = candidates(potential)
        if len(among) == 1:
            return Placed(potential, Placement(device=among[0]))
        kept = fastest({device: call_ms(load, device, ask) for device in among})
    if kept.device == device_of(potential):
        return Placed(potential, kept)
    with on_device(kept.device):
        return Placed(load(), kept)
