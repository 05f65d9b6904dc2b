# SPDX-License-Identifier: MIT
"""Timing of several calls in turn, in rounds, so that background load affects all alike.

Only times of the same run are comparable.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Time of one unit of work [ms].

    Attributes:
        wall: Median wall time [ms].
        best: Minimum wall time [ms], as on an idle machine.
        cpu: Median CPU time of this process, over all threads [ms].
        least_cpu: Minimum CPU time [ms]; other load only adds to it.
    """

    wall: float
    best: float
    cpu: float
    least_cpu: float


def time_in_turn(
    calls: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    units: int = 1,
    seconds: float | None = None,
) -> dict[str, Timing]:
    """Time every call once per round, after one warm-up round.

    Args:
        calls: Calls to time, by name.
        rounds: Maximum number of rounds; at least two are made.
        units: Units of work in a call, such as steps.
        seconds: Wall time after which no further round starts [s].

    Returns:
        Time of one unit of work, by name.
    """
    wall: dict[str, list[float]] = {name: [] for name in calls}
    cpu: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    began = time.perf_counter()
    for done in range(max(rounds, 2)):
        if seconds is not None and done >= 2 and time.perf_counter() - began > seconds:
            break
        for name, call in calls.items():
            real, used = time.perf_counter(), time.process_time()
            call()
            wall[name].append(1e3 * (time.perf_counter() - real) / units)
            cpu[name].append(1e3 * (time.process_time() - used) / units)
    return {
        name: Timing(
            wall=statistics.median(wall[name]),
            best=min(wall[name]),
            cpu=statistics.median(cpu[name]),
            least_cpu=min(cpu[name]),
        )
        for name in calls
    }


def ns_per_day(milliseconds: float, timestep: float) -> float:
    """Return the simulation speed [ns/day].

    Args:
        milliseconds: Time of a step [ms].
        timestep: Time step [fs].
    """
    return 86_400_000 / milliseconds * timestep * 1e-6
