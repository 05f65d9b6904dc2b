# SPDX-License-Identifier: MIT
"""How long does each of several variants take, measured in turn on the same machine?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

MS_PER_S = 1000.0


def interleaved(
    variants: Mapping[str, Callable[[], object]], rounds: int, *, warm_up: int = 2
) -> dict[str, float]:
    """Return the median CPU time of one call of each variant [ms].

    Args:
        variants: Calls by name.
        rounds: Rounds that count, one call of each variant.
        warm_up: Rounds before them.
    """
    times: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(rounds + warm_up):
        for name, call in variants.items():
            begin = time.process_time()
            call()
            if turn >= warm_up:
                times[name].append(MS_PER_S * (time.process_time() - begin))
    return {name: statistics.median(values) for name, values in times.items()}
