# SPDX-License-Identifier: MIT
"""Do the two routes give the same hydration free energy of methanol with ANI-2x?

R1 samples ML/MM at every state, R2 samples MM states and corrects both ends; same flexible solute,
masses (heavy, 4 fs), box, cutoff (7 Å: the identity holds at any) and Ewald settings, independent
seeds. Resumable: run it again to go on.

    python benchmarks/methanol_routes.py --data ../shared/data/freesolv --runs RUNS [--target 0.09]

The test is |R1 − R2| + 2σ ≤ 0.4 kcal/mol.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

from machine import save

from mlmm.cli.progress import Progress
from mlmm.config.hydration import HydrationConfig, Source
from mlmm.config.protocol import PROTOCOLS
from mlmm.report.result import HydrationResult
from mlmm.workflows.hydration import run_hydration

METHANOL = "mobley_1636752"
BAR = 0.4


def config(folder: Path, route: str, target: float) -> HydrationConfig:
    """Return the run of one route: quick at 4 fs and 7 Å, longer ends, a smaller error."""
    files = folder.resolve() / "amber_gaff"
    changes = {
        "name": "custom",
        "route": route,
        "timestep": 4.0,
        "solute_masses": "heavy",
        "target_stderr": target,
        "maximum_sampling": 2000.0,
        "n_waters": 290,
        "cutoff": 7.0,
        "water_end": 80.0,
        "gas": 80.0,
    }
    return HydrationConfig(
        source=Source(
            kind="gas",
            prmtop=str(files / f"{METHANOL}.prmtop"),
            inpcrd=str(files / f"{METHANOL}.inpcrd"),
            charges="prmtop",
        ),
        potential="ani2x",
        protocol=PROTOCOLS["quick"].model_copy(update=changes),
        seed={"R1": 2025, "R2": 2026}[route],
    )


def main() -> None:
    """Run both routes and write `results/methanol_routes.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with amber_gaff/")
    parser.add_argument("--runs", type=Path, required=True, help="where the runs are kept")
    parser.add_argument("--target", type=float, default=0.09, help="stderr of each route")
    parser.add_argument("--only", choices=("R1", "R2"))
    options = parser.parse_args()
    results: dict[str, HydrationResult] = {}
    for route in [options.only] if options.only else ["R2", "R1"]:
        with Progress() as progress:
            results[route] = run_hydration(
                config(options.data, route, options.target),
                options.runs / f"methanol-{route}",
                base=Path(),
                listen=progress.listen,
            )
        print(json.dumps(results[route].model_dump(mode="json"), indent=2), flush=True)
    if len(results) < 2:
        return
    one, two = results["R1"].headline, results["R2"].headline
    difference = one.dg_kcal - two.dg_kcal
    sigma = math.hypot(one.stderr_kcal, two.stderr_kcal)
    summary = {
        "difference_kcal": difference,
        "stderr_kcal": sigma,
        "bar_kcal": BAR,
        "passed": abs(difference) + 2 * sigma <= BAR,
    }
    print(json.dumps(summary, indent=2))
    data = {route: result.model_dump(mode="json") for route, result in results.items()}
    save("methanol_routes", summary | {"routes": data})


if __name__ == "__main__":
    main()
