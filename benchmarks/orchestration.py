# SPDX-License-Identifier: MIT
"""How much of a run is not dynamics? Stepping, recording and all the rest, at 12 and more windows.

Toluene (GAFF) in 330 waters, plain MM by the direct route, one process: the cheapest step there is,
so the largest share for everything else. Recording is what gives u_kn in every state and dV/dλ. The
rest
is what orchestration costs: moving the one Context between windows, exchange, checkpoints, choosing
the next task, and estimating whether the target is met.

    python benchmarks/orchestration.py --data ../shared/data/freesolv [--windows 12 24]

takes about 4 minutes for 12 windows on a quiet core.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENMM_CPU_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import functools
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import openmm
from freesolv import gaff
from machine import save

from merrow.engine import gas, leg
from merrow.hydration import run as hydration
from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import PROTOCOLS, Schedule
from merrow.hydration.sampling.adaptive import Sampler

TOLUENE = "mobley_1873346"
SEED = 2025
SAMPLING = 4.0
"""Production in every window [ps]."""


@contextmanager
def clocks(**functions: tuple[Any, str]) -> Iterator[dict[str, float]]:
    """Add up the wall time spent in functions, each given by where it is looked up and its name."""
    spent = dict.fromkeys(functions, 0.0)

    def timed(label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **words: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **words)
            finally:
                spent[label] += time.perf_counter() - began

        return call

    before = {label: getattr(*place) for label, place in functions.items()}
    for label, (home, name) in functions.items():
        setattr(home, name, timed(label, before[label]))
    try:
        yield spent
    finally:
        for label, (home, name) in functions.items():
            setattr(home, name, before[label])


def config(data: Path, windows: int) -> HydrationConfig:
    """Return a run of so many windows, a third of them for the charges, with no target to meet."""
    charges = max(2, windows // 3)
    schedule = Schedule(
        charges=tuple(np.linspace(1.0, 0.0, charges)),
        lennard_jones=tuple(np.linspace(1.0, 0.0, windows - charges + 1)[1:]),
    )
    changes = {
        "name": "custom",
        "route": "direct",
        "schedule": schedule,
        "equilibration_ps": 1.0,
        "equilibration_per_state_ps": 0.4,
        "gas_ps": 2.0,
        "minimum_sampling_ps": SAMPLING,
        "maximum_sampling_ps": SAMPLING,
        "target_stderr_kcal": None,
    }
    return HydrationConfig(
        source=gaff(data, TOLUENE),
        potential="mm",
        protocol=PROTOCOLS["quick"].model_copy(update=changes),
        processes=1,
        seed=SEED,
    )


def measure(data: Path, windows: int) -> dict[str, float]:
    """Run, and return where the time of the sampling went, equilibration and gas phase included."""
    with (
        tempfile.TemporaryDirectory() as name,
        clocks(
            sampling=(Sampler, "work"),
            stepping=(leg, "_advance"),
            minimising=(openmm.LocalEnergyMinimizer, "minimize"),
            gas=(gas, "run_gas_segment"),
            recording=(leg, "take_record"),
        ) as spent,
    ):
        run = Path(name) / "run"
        hydration.run_hydration(config(data, windows), run, base=Path())
    rest = 2.0 * spent["sampling"] - sum(spent.values())
    return {
        "windows": windows,
        **{f"{label}_s": seconds for label, seconds in spent.items()},
        "recording_percent": 100.0 * spent["recording"] / spent["sampling"],
        "orchestration_percent": 100.0 * rest / spent["sampling"],
    }


def main() -> None:
    """Measure each number of windows and write `results/orchestration.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with amber_gaff/")
    parser.add_argument("--windows", type=int, nargs="+", default=[12, 24])
    asked = parser.parse_args()
    rows = [measure(asked.data, windows) for windows in asked.windows]
    print(save("orchestration", {"molecule": "toluene", "seed": SEED, "runs": rows}).read_text())


if __name__ == "__main__":
    main()
