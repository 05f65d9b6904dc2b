# SPDX-License-Identifier: MIT
"""Do the printed error bars hold: of many short runs, how many lie as far off as they say?

Short MM runs of one molecule from independent seeds, each a whole `merrow hydration` with its own
box of water, and one long run. Those of methanol are as short as protocol quick ever is (12 ps in
each state of two repeats); those of dimethoxymethane end as quick does, at ±0.3 once the repeats
agree in their conformers. The scatter of the short ones is compared with the errors that they
print, and their mean with the long run: a bias of short runs would show there.

    python benchmarks/coverage.py --folder KEPT [--molecules methanol dimethoxymethane]

Runs are kept, and those whose figures are in `results/coverage.json` are passed over, so that the
same command goes on; --minutes ends it cleanly.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, SMILES, end_of, failed_checks, parser, save, show

from merrow.executor import process_pool
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.result import HydrationResult
from merrow.hydration.run import run_hydration
from merrow.hydration.run_folder import RunFolder


@dataclass(frozen=True)
class Case:
    """A molecule with its runs.

    Attributes:
        smiles: The molecule.
        runs: Number of short runs.
        short: Their length [ps of each state]; None: as long as quick takes.
        long: That of the long one [ps of each state].
    """

    smiles: str
    runs: int
    short: float | None
    long: float


CASES = {
    "methanol": Case(SMILES["methanol"], 48, 24.0, 240.0),
    "dimethoxymethane": Case("COCOC", 32, None, 600.0),
}
"""A molecule that relaxes at once, and one with torsions that do not."""
WITHIN = {48: ((26, 39), 42), 32: ((16, 27), 27)}
"""Of so many runs, how many may lie within 68 % (from, to), and how many must within 95 %."""
RATIO = (0.75, 1.3)
"""Between these lies the standard deviation of the runs over the error that they print."""
LONG, LONG_SEED = "long", 1000
SIGMAS = {"68": 1.0, "95": 1.96}


def main() -> None:
    """Run what is missing, print, write `results/coverage.json`."""
    asked = parser(
        __doc__,
        "folder",
        "minutes",
        molecules={"nargs": "+", "choices": tuple(CASES), "default": tuple(CASES)},
        processes=2,
    ).parse_args()
    end = end_of(asked.minutes)
    kept = RESULTS / "coverage.json"
    rows = json.loads(kept.read_text(encoding="utf-8"))["molecules"] if kept.is_file() else {}
    for name in asked.molecules:
        known = rows.get(name, {"runs": {}})
        try:
            sample(name, known, asked, end)
        finally:
            rows[name] = summary(gathered(name, known, asked.folder.resolve()))
            save("coverage", {"molecules": rows})
            show({key: value for key, value in rows[name].items() if key != "runs"})


def jobs(case: Case) -> dict[str, tuple[float | None, int]]:
    """Return length and seed of each run; the long one first, since it takes longest."""
    short = {f"run-{seed:03d}": (case.short, seed) for seed in range(1, case.runs + 1)}
    return {LONG: (case.long, LONG_SEED), **short}


def sample(name: str, known: dict[str, Any], asked: argparse.Namespace, end: float) -> None:
    """Run what is not known yet, as far as the time reaches."""
    folder, case = asked.folder.resolve() / name, CASES[name]
    pending: set[Future[HydrationResult]] = set()
    with process_pool(asked.processes) as pool:
        for place, (length, seed) in jobs(case).items():
            if place in known["runs"] or time.monotonic() > end:
                continue
            request = settings(case, length, seed)
            pending.add(pool.submit(run_hydration, request, folder / place, base=Path()))
            if len(pending) == asked.processes:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for job in done:
                    print(name, job.result().headline, flush=True)
        for job in pending:
            print(name, job.result().headline, flush=True)


def gathered(name: str, known: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the figures of all runs that have ended, here or elsewhere."""
    runs = dict(known["runs"])
    for place in jobs(CASES[name]):
        result = RunFolder(folder / name / place).finished()
        if result is not None and place not in runs:
            runs[place] = {
                "dg_kcal": result.headline.value_kcal,
                "stderr_kcal": result.headline.stderr_kcal,
                "ps_per_state": result.diagnostics.numbers["ps_per_state"],
                "not_converged": not_converged(result),
            }
    return {"runs": runs}


def settings(case: Case, length: float | None, seed: int) -> HydrationConfig:
    """Return a run of a fixed length [ps of each state], or one that ends as quick does."""
    changes: dict[str, Any] = {"name": "custom", "route": "direct"}
    if length is not None:
        changes |= {
            "target_stderr_kcal": 0.001,  # never met; with a target, gas settles its conformers
            "minimum_sampling_ps": length,
            "maximum_sampling_ps": length,
        }
    return HydrationConfig(
        source=Source(kind="smiles", smiles=case.smiles, charges="bcc"),
        potential="mm",
        protocol=PROTOCOLS["quick"].model_copy(update=changes),
        seed=seed,
        repeats=2,
        processes=1,
    )


def summary(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures with scatter over printed error, the runs within intervals, and bias."""
    short = [run for place, run in figures["runs"].items() if place != LONG]
    values = np.array([run["dg_kcal"] for run in short])
    errors = np.array([run["stderr_kcal"] for run in short])
    if len(short) < 2:
        return figures
    average = float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))
    report = {
        "count": len(short),
        "mean_kcal": average,
        "mean_ps_per_state": float(np.mean([run["ps_per_state"] for run in short])),
        "not_converged": sum(run["not_converged"] for run in short),
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
    if (long := figures["runs"].get(LONG)) is not None:
        error = math.hypot(average[1], long["stderr_kcal"])
        report["bias_kcal"] = average[0] - long["dg_kcal"], error
    return report | figures


def not_converged(result: HydrationResult) -> bool:
    """Tell whether a run says that its repeats keep their starting conformers."""
    name = "starting conformers"
    return any(failed.startswith(name) for failed in failed_checks(result))


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
