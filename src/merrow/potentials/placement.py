# SPDX-License-Identifier: MIT
"""Choice of the fastest device for the networks of a job, by timing a few calls.

A GPU needs the same time for one conformer as for sixty-four; a compiled kernel on one core may be
much faster for one. So the time is measured with the molecule and the batch of the job, and with
several processes in all of them at once. A continued job keeps the choice.
"""

from __future__ import annotations

import logging
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from merrow.errors import MerrowError, first_line
from merrow.potentials.device import CPU, device_of, is_forced, on_device
from merrow.potentials.interface import Potential
from merrow.settings import Placement

logger = logging.getLogger(__name__)

WARM_UP, LEAST_CALLS = 3, 5
SECONDS = 0.5
"""Duration of the timing [s]."""
FAULTS: Final = (MerrowError, RuntimeError)
"""Errors of a device: wrong results, no memory, no driver; some potentials report it by name."""


@dataclass(frozen=True)
class Placed:
    """A potential where it was put."""

    potential: Potential
    where: Placement


def candidates(potential: Potential) -> tuple[str, ...]:
    """Return the devices to choose from, the CPU first.

    Args:
        potential: The potential as loaded, on torch's preferred or the forced device.
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
    """Return the median time of a call on a device [ms]; infinite if it cannot be used.

    Only on the CPU is a failure raised.

    Args:
        load: Loads the potential.
        device: Name of the device in torch.
        ask: Evaluates a batch like that of the job.
        ready: Called after the first calls, to wait for other processes.
        seconds: Duration of the timing [s].
    """
    try:
        with on_device(device):
            potential = load()
        for _ in range(WARM_UP):
            ask(potential)
    except FAULTS as error:
        _give_up(device, error)
        ready()
        return math.inf
    ready()
    times: list[float] = []
    try:
        while len(times) < LEAST_CALLS or sum(times) < seconds:
            began = time.perf_counter()
            ask(potential)
            times.append(time.perf_counter() - began)
    except FAULTS as error:  # no memory, with other processes beside it
        _give_up(device, error)
        return math.inf
    return 1e3 * statistics.median(times)


def _give_up(device: str, error: Exception) -> None:
    """Say why a device is not used; the CPU has no substitute, so its error is raised."""
    if device == CPU:
        raise error
    logger.warning("networks are not computed on %s: %s", device, first_line(error))


def fastest(times: Mapping[str, float], processes: int = 1) -> Placement:
    """Return and log the fastest device; of equal ones the first.

    Args:
        times: Times of a call by device [ms]; infinite if it cannot be used.
        processes: Number of processes in which they were measured at once.
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
    """Return a potential on the device that is fastest for this process.

    Args:
        potential: The potential as loaded.
        load: Loads the potential again.
        ask: Evaluates a batch like that of the job.
        kept: Choice at the start of the job; then nothing is measured. `MERROW_DEVICE` takes
            precedence.

    Raises:
        InputError: The chosen device is not available.
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
