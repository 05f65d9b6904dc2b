# SPDX-License-Identifier: MIT
"""Do the two routes give the same hydration free energy with ANI-2x?

The direct route samples ML/MM at every state, the endpoint route samples MM states and corrects
both ends; same flexible solute, masses (heavy, 4 fs), box, cutoff (7 Å: the identity holds at any)
and Ewald settings, independent seeds, FreeSolv's GAFF prmtop. Resumable: run it again to go on,
with a smaller target to refine.

    python benchmarks/two_routes.py --runs RUNS [--molecules methane methanol acetone]

The test is |direct − endpoint| + 2σ ≤ 0.3 kcal/mol for each of three. A machine that cannot fetch
the weights of ANI-2x needs MERROW_MODELS.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from common import RESULTS, failed_checks, gaff_source, parser, run, save, show

from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.result import HydrationResult

SEEDS = {"endpoint": 2026, "direct": 2025}
LIMIT = 0.3
"""Largest |direct − endpoint| + 2σ [kcal/mol]."""


def main() -> None:
    """Run both routes and write them to `results/two_routes.json`, beside other molecules."""
    names = ("methane", "methanol", "acetone")
    asked = parser(
        __doc__, "data", "runs", molecules={"nargs": "+", "default": names}, target=0.07
    ).parse_args()
    for name in asked.molecules:
        found = {
            route: run(
                config(asked.data, name, route, asked.target), asked.runs / f"{name}-{route}"
            )
            for route in SEEDS
        }
        keep(name, compared(found))


def config(data: Path, molecule: str, route: str, target: float) -> HydrationConfig:
    """Return the run of one route: quick at 7 Å, longer ends, a smaller error."""
    changes = {
        "name": "custom",
        "route": route,
        "target_stderr_kcal": target,
        "maximum_sampling_ps": 3000.0,
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


def compared(found: dict[str, HydrationResult]) -> dict[str, Any]:
    """Return both results and their difference."""
    one, two = found["direct"].headline, found["endpoint"].headline
    difference = one.value_kcal - two.value_kcal
    sigma = math.hypot(one.stderr_kcal, two.stderr_kcal)
    largest = abs(difference) + 2 * sigma
    return {
        "difference_kcal": difference,
        "stderr_kcal": sigma,
        "difference_plus_2_sigma_kcal": largest,
        "passed": largest <= LIMIT,
        "routes": {route: _route(result) for route, result in found.items()},
    }


def _route(result: HydrationResult) -> dict[str, Any]:
    kept = {"headline", "estimates", "legs", "de_reorg", "seeds", "wall_s"}
    return {
        **result.model_dump(mode="json", include=kept),
        "ps_per_state": result.diagnostics.numbers["ps_per_state"],
        "checks_failed": failed_checks(result),
    }


def keep(name: str, figures: dict[str, Any]) -> None:
    """Write the figures of a molecule beside those of others."""
    show(figures)
    path = RESULTS / "two_routes.json"
    known = json.loads(path.read_text(encoding="utf-8"))["molecules"] if path.exists() else {}
    save("two_routes", {"molecules": known | {name: figures}})


if __name__ == "__main__":
    main()
