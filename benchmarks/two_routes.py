# SPDX-License-Identifier: MIT
"""Do the two routes give the same hydration free energy with ANI-2x?

The direct route samples ML/MM at every state, the endpoint route samples MM states and corrects
both ends; same flexible solute, masses (heavy, 4 fs), box, cutoff (7 Å: the identity holds at any)
and Ewald settings, independent seeds, FreeSolv's GAFF prmtop. Resumable: run it again to go on,
with a smaller target to refine.

    python benchmarks/two_routes.py --molecule methanol --runs RUNS

The test is |direct − endpoint| + 2σ ≤ 0.4 kcal/mol for methanol, 0.3 for a set of three.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from common import MOLECULES, RESULTS, gaff_source, parser, run, save, show

from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import PROTOCOLS

SEEDS = {"endpoint": 2026, "direct": 2025}


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
        source=gaff_source(data, molecule),
        potential="ani2x",
        protocol=PROTOCOLS["quick"].model_copy(update=changes),
        seed=SEEDS[route],
    )


def main() -> None:
    """Run both routes and write them to `results/two_routes.json`, beside other molecules."""
    only = {"choices": tuple(SEEDS), "nargs": "+", "default": tuple(SEEDS)}
    molecule = {"choices": MOLECULES, "default": "methanol"}
    asked = parser(__doc__, "data", "runs", molecule=molecule, target=0.09, only=only).parse_args()
    results = {}
    for route in asked.only:
        request = config(asked.data, asked.molecule, route, asked.target)
        results[route] = run(request, asked.runs / f"{asked.molecule}-{route}")
        show(results[route].model_dump(mode="json"))
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
    show(summary)
    routes = {route: result.model_dump(mode="json") for route, result in results.items()}
    path = RESULTS / "two_routes.json"
    known = json.loads(path.read_text())["molecules"] if path.exists() else {}
    save("two_routes", {"molecules": known | {asked.molecule: summary | {"routes": routes}}})


if __name__ == "__main__":
    main()
