# SPDX-License-Identifier: MIT
"""Does the hydration free energy depend on the size of the box?

Propionamide, ANI-2x, the endpoint route (`quick`), FreeSolv's GAFF prmtop, cutoff 8 Å with tail, in
boxes of about 24 and 32 Å (the smallest that the program accepts for it, and one of 2.4 times the
volume), independent seeds. Resumable: run it again to go on, with a smaller target to refine.

    python benchmarks/box_size.py --data ../shared/data/freesolv --runs RUNS [--target 0.15]
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from freesolv import gaff
from machine import save

from merrow.amber.coordinates import read_coordinates
from merrow.cli.progress import Progress
from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.result import HydrationResult
from merrow.hydration.run import run_hydration

PROPIONAMIDE = "mobley_8427539"
WATERS = {"small": 440, "large": 1090}
SEED = 2025


def config(data: Path, size: str, target: float) -> HydrationConfig:
    """Return the run in one of the boxes."""
    changes = {"name": "custom", "n_waters": WATERS[size], "target_stderr_kcal": target}
    return HydrationConfig(
        source=gaff(data, PROPIONAMIDE),
        potential="ani2x",
        protocol=PROTOCOLS["quick"].model_copy(update=changes),
        seed=SEED + list(WATERS).index(size),
    )


def main() -> None:
    """Run both boxes and write `results/box_size.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with amber_gaff/")
    parser.add_argument("--runs", type=Path, required=True, help="where the runs are kept")
    parser.add_argument("--target", type=float, default=0.15, help="stderr in each box")
    asked = parser.parse_args()
    results: dict[str, HydrationResult] = {}
    boxes: dict[str, Any] = {}
    for size, waters in WATERS.items():
        run = asked.runs / f"propionamide-{size}"
        with Progress() as progress:
            results[size] = run_hydration(
                config(asked.data, size, asked.target), run, base=Path(), listen=progress.listen
            )
        start = read_coordinates(run / "system" / "solvated.inpcrd")
        boxes[size] = {
            "waters": waters,
            "first_edges_angstrom": np.round(start.lengths, 2).tolist(),
            "result": results[size].model_dump(mode="json"),
        }
    small, large = (results[size].headline for size in WATERS)
    summary = {
        "difference_kcal": large.value_kcal - small.value_kcal,
        "stderr_kcal": math.hypot(small.stderr_kcal, large.stderr_kcal),
    }
    print(json.dumps(summary, indent=2))
    save("box_size", summary | {"boxes": boxes})


if __name__ == "__main__":
    main()
