# SPDX-License-Identifier: MIT
"""How much too small is the error of a run that stops at the first error below its target?

A toy whose answer is known: 13 states, each a correlated Gaussian series (correlation time 1 ps, a
record every 0.1 ps), whose means add up to zero. After a first look, and then after every sixth
more, the error is estimated as for a path (error within repeats from inefficiency and blocks,
scatter between them, both weighed), and sampling stops once it is below the target, which the true
error meets after 20 ps of all repeats. z is the value over its printed error: its standard
deviation should be 1. The first look comes after 8 ps of all repeats, or after 12 ps in each.

    python benchmarks/stopping.py [--runs 200]
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from common import parser, save, show
from scipy.signal import lfilter

from merrow.free_energy.spread import MIN_BLOCK_ROWS
from merrow.uncertainty import (
    N_BLOCKS,
    between_repeats,
    combined_error,
    inefficiency,
    within_repeats,
)

STATES, TAU, INTERVAL = 13, 1.0, 0.1
SEGMENT, MOST, GROWTH = 2.4, 160.0, 6
"""Time of a segment and of the longest run of all repeats [ps], and the share that a round adds."""
TARGET = 20.0
"""Time of all repeats after which the true error is that asked for [ps]."""
FIRST = {"8 ps of all repeats": lambda repeats: 8.0 / repeats, "12 ps in each": lambda _: 12.0}
SEED = 2025
Array = np.ndarray


def main() -> None:
    """Simulate, print, write `results/stopping.json`."""
    asked = parser(__doc__, runs=200).parse_args()
    rows = []
    for first, each in FIRST.items():
        for repeats in (2, 4, 8):
            random = np.random.default_rng(SEED)
            looks = [stopped(random, repeats, each(repeats)) for _ in range(asked.runs)]
            rows.append({"first_look": first, "repeats": repeats, **summary(np.array(looks))})
            show(rows[-1])
    save("stopping", {"runs": asked.runs, "seed": SEED, "rows": rows})


def stopped(random: np.random.Generator, repeats: int, first: float) -> tuple[float, float]:
    """Return z of a run and the time at which it stopped [ps]."""
    rows, most = round(SEGMENT / INTERVAL), int(MOST / SEGMENT / repeats)
    series = correlated(random, (STATES, repeats, rows * most))
    target = math.sqrt(2 * STATES * TAU / TARGET)
    segments = max(1, math.ceil(first / SEGMENT))
    while (error := error_of(series[..., : segments * rows])) > target and segments < most:
        segments = min(most, segments + max(1, segments // GROWTH))
    value = series[..., : segments * rows].sum(axis=0).mean()
    return float(value) / error, segments * SEGMENT * repeats


def correlated(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return stationary series of variance 1 that lose their memory with TAU."""
    keep = math.exp(-INTERVAL / TAU)
    noise = random.standard_normal(shape) * math.sqrt(1 - keep**2)
    noise[..., 0] /= math.sqrt(1 - keep**2)
    return np.asarray(lfilter([1.0], [1.0, -keep], noise, axis=-1))


def error_of(series: Array) -> float:
    """Return the error of the sum of the states' means, as paths have it."""
    _, repeats, n = series.shape
    variance = sum(own.var(ddof=1) / sum(n / inefficiency([one]) for one in own) for own in series)
    total, within = series.sum(axis=0), math.sqrt(variance)
    count = min(math.ceil(N_BLOCKS / repeats), n // MIN_BLOCK_ROWS)
    if count >= 2 and count * repeats >= N_BLOCKS // 2:
        blocks = [[float(b.mean()) for b in np.array_split(one, count)] for one in total]
        within = max(within, within_repeats(blocks) or 0.0)
    return combined_error(within, between_repeats(list(total.mean(axis=1))), repeats - 1)


def summary(looks: Array) -> dict[str, Any]:
    """Return the spread of z, with its own error, and when the runs stopped."""
    z, time = looks.T
    spread = float(z.std(ddof=1))
    return {
        "sd_of_z": round(spread, 2),
        "stderr_of_sd": round(spread / math.sqrt(2 * len(z)), 2),
        "beyond_2": round(float(np.mean(np.abs(z) > 2)), 3),
        "mean_ps": round(float(time.mean()), 1),
    }


if __name__ == "__main__":
    main()
