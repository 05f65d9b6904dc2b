# SPDX-License-Identifier: MIT
"""Does the error of a short run hold? A long run cut into short ones, each estimated by itself.

The path of a finished run is cut into pieces of so many ps in each state, all repeats together, and
each piece is estimated as a run of that length would be. Its error is compared with its distance
from the mean of the others. Nothing is sampled, so any run of a few hundred ps will do. Pieces
begin equilibrated, so a bias of short runs does not show here (`coverage.py` looks for that).

    python benchmarks/blocks.py --ps 20 RUN...

Figures of a run are added to `results/blocks.json` under the name of its folder.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, parser, path_pieces, save
from coverage import within

from merrow.free_energy.decorrelate import correlation
from merrow.free_energy.estimate import PathEstimate
from merrow.free_energy.estimators import mbar
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.tasks import MM_SOLUTE, Task, leg_plan
from merrow.samples import WindowSamples, concatenate


def main() -> None:
    """Cut the runs, print, add to `results/blocks.json`."""
    reader = parser(__doc__, ps=20.0)
    reader.add_argument("run", type=Path, nargs="+", help="run folder, its path sampled with MM")
    asked = reader.parse_args()
    kept = RESULTS / "blocks.json"
    runs = json.loads(kept.read_text())["runs"] if kept.exists() else {}
    for folder in asked.run:
        runs[f"{folder.parent.name}/{folder.name}"] = found = pieces(folder, asked.ps)
        print(f"{folder.name}: {found}", flush=True)
    save("blocks", {"all": together(runs), "runs": runs})
    print(together(runs))


def pieces(folder: Path, ps: float) -> dict[str, Any]:
    """Return the estimates of a run's pieces, and how they compare with their errors."""
    config, repeats = RunFolder(folder).config(), path_pieces(folder)
    plan = leg_plan(config, Task("path", MM_SOLUTE))
    each = plan.segment_time * config.repeats
    long = max(1, round(ps / each))
    count = min(map(len, repeats)) // long
    if count < 3:
        raise SystemExit(f"{folder} has {count} pieces of {long * each:g} ps; three are needed.")
    cut = [
        [part for own in repeats for part in own[k * long : (k + 1) * long]] for k in range(count)
    ]
    found = [estimated(parts) for parts in cut]
    whole = estimated([part for own in repeats for part in own])
    values = np.array([one.value_kcal for one in found])
    errors = np.array([one.stderr_kcal for one in found])
    return {
        "timestep_fs": config.protocol.timestep_fs,
        "pieces": count,
        "ps_per_state": long * each,
        "sd_kcal": float(values.std(ddof=1)),
        "stderr_kcal": float(math.sqrt((errors**2).mean())),
        **within(values, errors),
        "mean_kcal": float(values.mean()),
        "whole_kcal": [whole.value_kcal, whole.stderr_kcal],
    }


def estimated(parts: list[WindowSamples]) -> PathEstimate:
    """Return the path's free energy, as a run estimates it."""
    samples = concatenate(parts)
    return mbar(samples, rows=correlation(samples))


def together(runs: dict[str, Any]) -> dict[str, Any]:
    """Return the same of all runs: pieces count, with what each run lost for its own mean."""
    rows = list(runs.values())
    free = [row["pieces"] - 1 for row in rows]
    squares = [(row["sd_kcal"] / row["stderr_kcal"]) ** 2 for row in rows]
    counts = {key: sum(row[key] for row in rows) for key in ("pieces", "within_68", "within_95")}
    return {**counts, "sd_over_stderr": math.sqrt(float(np.average(squares, weights=free)))}


if __name__ == "__main__":
    main()
