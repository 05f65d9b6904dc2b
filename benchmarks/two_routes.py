# SPDX-License-Identifier: MIT
"""Do the two routes give the same hydration free energy with ANI-2x?

The direct route samples ML/MM at every state, the endpoint route samples MM states and corrects
both ends; same flexible solute, masses (heavy, 4 fs), box, cutoff (7 Å: the identity holds at any)
and Ewald settings, independent seeds, FreeSolv's GAFF prmtop. Resumable: run it again to go on,
with a smaller target to refine.

    python benchmarks/two_routes.py --molecule methanol --data ../shared/data/freesolv --runs RUNS

The test is |direct − endpoint| + 2σ ≤ 0.4 kcal/mol for methanol, 0.3 for a set of three.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

from freesolv import gaff
from machine import RESULTS, save

from merrow.cli.progress import Progress
from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.result import HydrationResult
from merrow.hydration.run import run_hydration

MOLECULES = {
    "methanol": "mobley_1636752",
    "acetone": "mobley_3867265",
    "nitromethane": "mobley_1952272",
    "ethane": "mobley_2008055",
}
SEEDS = {"direct": 2025, "endpoint": 2026}


def config(data: Path, molecule: str, route: str, target: float) -> HydrationConfig:
    """Return the run of one route: quick at 4 fs and 7 Å, longer ends, a smaller error."""
    changes = {
        "name": "custom",
        "route": route,
        "timestep_fs": 4.0,
        "solute_masses": "heavy",
        "target_stderr_kcal": target,
        "maximum_sampling_ps": 2000.0,
        "n_waters": 290,
        "cutoff_angstrom": 7.0,
        "endstate_water_ps": 80.0,
        "gas_ps": 80.0,
    }
    return HydrationConfig(
        source=gaff(data, MOLECULES[molecule]),
        potential="ani2x",
        protocol=PROTOCOLS["quick"].model_copy(update=changes),
        seed=SEEDS[route],
    )


def main() -> None:
    """Run both routes and write them to `results/two_routes.json`, beside other molecules."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--molecule", choices=MOLECULES, default="methanol")
    parser.add_argument("--data", type=Path, required=True, help="folder with amber_gaff/")
    parser.add_argument("--runs", type=Path, required=True, help="where the runs are kept")
    parser.add_argument("--target", type=float, default=0.09, help="stderr of each route")
    parser.add_argument("--only", choices=tuple(SEEDS))
    asked = parser.parse_args()
    results: dict[str, HydrationResult] = {}
    for route in [asked.only] if asked.only else ["endpoint", "direct"]:
        with Progress() as progress:
            results[route] = run_hydration(
                config(asked.data, asked.molecule, route, asked.target),
                asked.runs / f"{asked.molecule}-{route}",
                base=Path(),
                listen=progress.listen,
            )
        print(json.dumps(results[route].model_dump(mode="json"), indent=2), flush=True)
    if len(results) < 2:
        return
    one, two = results["direct"].headline, results["endpoint"].headline
    difference = one.value_kcal - two.value_kcal
    sigma = math.hypot(one.stderr_kcal, two.stderr_kcal)
    summary = {
        "difference_kcal": difference,
        "stderr_kcal": sigma,
        "difference_plus_2_sigma_kcal": abs(difference) + 2 * sigma,
    }
    print(json.dumps(summary, indent=2))
    routes = {route: result.model_dump(mode="json") for route, result in results.items()}
    path = RESULTS / "two_routes.json"
    known = json.loads(path.read_text())["molecules"] if path.exists() else {}
    save("two_routes", {"molecules": known | {asked.molecule: summary | {"routes": routes}}})


if __name__ == "__main__":
    main()
