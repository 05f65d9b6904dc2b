# SPDX-License-Identifier: MIT
"""Times of several calls in turn, round after round, so that load hits all alike.

Times of one run may be divided by each other; times of two runs may not.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one unit of work.

    Attributes:
        wall: Median wall time [ms].
        best: Least wall time [ms]: what a quiet machine would need.
        cpu: Median CPU time of this process, all its threads [ms].
        least_cpu: Least CPU time [ms]: neighbours on the machine only add to it.
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
    """Time every call once in each round; one round before them warms up.

    Args:
        calls: What is timed, by name.
        rounds: Rounds at most; two are always made.
        units: Units of work in one call, such as steps.
        seconds: Wall time after which no further round begins.

    Returns:
        Time of one unit, by name.
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
    """Return the simulated time of a day [ns].

    Args:
        milliseconds: Time of one step [ms].
        timestep: Time step [fs].
    """
    return 86_400_000 / milliseconds * timestep * 1e-6
