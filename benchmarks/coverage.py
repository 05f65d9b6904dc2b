# SPDX-License-Identifier: MIT
"""Do the printed error bars hold: of many short runs, how many lie as far off as they say?

Short MM runs of one molecule from independent seeds, each a whole `merrow hydration` with its own
box of water, as short as protocol quick ever is (12 ps in each state of two repeats), and one long
run. The scatter of the short ones is compared with the errors that they print, and
their mean with the long run: a bias of short runs would show there.

    python benchmarks/coverage.py --folder KEPT [--molecules methanol dimethoxymethane]

Runs are kept, so that the same command goes on; --minutes ends it cleanly, and the figures
are of what is there.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import SMILES, end_of, parser, save, show

from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.result import HydrationResult
from merrow.hydration.run import run_hydration
from merrow.hydration.run_folder import RunFolder
from merrow.process import use_one_thread

RUNS = {"methanol": 48, "dimethoxymethane": 32}
"""A molecule that relaxes at once, and one with torsions that do not."""
WITHIN = {48: ((26, 39), 42), 32: ((16, 27), 27)}
"""Of so many runs, how many may lie within 68 % (from, to), and how many must within 95 %."""
RATIO = (0.75, 1.3)
"""Between these lies the standard deviation of the runs over the error that they print."""
LONG_SEED = 1000
SIGMAS = {"68": 1.0, "95": 1.96}


def main() -> None:
    """Run what is missing, print, write `results/coverage.json`."""
    asked = parser(
        __doc__,
        "folder",
        "minutes",
        molecules={"nargs": "+", "choices": tuple(RUNS), "default": tuple(RUNS)},
        ps=24.0,
        longer=10.0,
    ).parse_args()
    use_one_thread()
    end = end_of(asked.minutes)
    rows = [measure(name, asked, end) for name in asked.molecules]
    rows = [row for row in rows if row["runs"] > 1]
    save("coverage", {"ps_per_state": asked.ps, "long_times": asked.longer, "rows": rows})
    show(rows)


def measure(name: str, asked: argparse.Namespace, end: float) -> dict[str, Any]:
    """Run one molecule as far as the time reaches; return its figures."""
    folder = asked.folder.resolve() / name
    jobs = [(f"run-{seed:03d}", asked.ps, seed) for seed in range(1, RUNS[name] + 1)]
    for place, length, seed in [*jobs, ("long", asked.ps * asked.longer, LONG_SEED)]:
        if time.monotonic() < end:
            run_hydration(settings(name, length, seed), folder / place, base=Path())
            print(name, place, flush=True)
    done = [RunFolder(folder / place).finished() for place, _, _ in jobs]
    found = [result for result in done if result is not None]
    return {"molecule": name} | summary(found, RunFolder(folder / "long").finished())


def settings(name: str, length: float, seed: int) -> HydrationConfig:
    """Return a run of a fixed length [ps per state]."""
    smiles = {**SMILES, "dimethoxymethane": "COCOC"}[name]
    changes = {
        "name": "custom",
        "route": "direct",
        "target_stderr_kcal": None,
        "minimum_sampling_ps": length,
        "maximum_sampling_ps": length,
    }
    return HydrationConfig(
        source=Source(kind="smiles", smiles=smiles, charges="bcc"),
        potential="mm",
        protocol=PROTOCOLS["quick"].model_copy(update=changes),
        seed=seed,
        processes=1,
    )


def summary(found: Sequence[HydrationResult], long: HydrationResult | None) -> dict[str, Any]:
    """Return scatter over printed error, the runs within their intervals, and bias."""
    values = np.array([result.headline.value_kcal for result in found])
    errors = np.array([result.headline.stderr_kcal for result in found])
    report: dict[str, Any] = {
        "runs": len(found),
        "dg_kcal": values.tolist(),
        "stderr_kcal": errors.tolist(),
    }
    if len(found) < 2:
        return report
    average = float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))
    report |= {
        "mean_kcal": average,
        "not_converged": sum(map(not_converged, found)),
        "sd_over_stderr": float(values.std(ddof=1) / math.sqrt((errors**2).mean())),
        **within(values, errors),
    }
    if len(values) in WITHIN:
        (low, high), least = WITHIN[len(values)]
        report["passed"] = (
            RATIO[0] <= report["sd_over_stderr"] <= RATIO[1]
            and low <= report["within_68"] <= high
            and report["within_95"] >= least
        )
    if long is not None:
        one = long.headline
        gap = average[0] - one.value_kcal, math.hypot(average[1], one.stderr_kcal)
        report |= {
            "long_kcal": (one.value_kcal, one.stderr_kcal),
            "bias_kcal": gap,
        }
    return report


def not_converged(result: HydrationResult) -> bool:
    """Tell whether a run says that its repeats keep their starting conformers."""
    name = "starting conformers"
    judged = result.diagnostics.verdicts
    return any(one.name.startswith(name) and one.status == "fail" for one in judged)


def within(values: np.ndarray, errors: np.ndarray) -> dict[str, int]:
    """Return how many values lie within their intervals around the mean of the others.

    A value does not vouch for itself: the mean's own error is added to its own.
    """
    count = len(values)
    others = (values.sum() - values) / (count - 1)
    own = errors * math.sqrt(1.0 + 1.0 / (count - 1))
    return {
        f"within_{name}": int((np.abs(values - others) <= width * own).sum())
        for name, width in SIGMAS.items()
    }


if __name__ == "__main__":
    main()
