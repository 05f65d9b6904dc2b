# SPDX-License-Identifier: MIT
"""Is the error bar true at which sampling stops? Many short runs of one molecule, scored.

Dimethoxymethane with the stressed GAFF of route_agreement.py in 30 TIP3P waters (small_box.py), 15
states. A run is two repeats that are sampled in rounds until the reported error meets the target,
as `--target-stderr` does, and never before both have two pieces. Thirty-two runs with other seeds
scatter about their mean; their standard deviation over the reported error should be 1, and their
scores standard normal. Rule and estimator are those of the package; benchmarks/error_bars.py asks
the same of models whose answer is known.

    python benchmarks/stopping.py --folder RUN --minutes 60

Run again with the same folder it continues; with --minutes 0 it only estimates. Several processes
may share a folder: --part 0 2 and --part 1 2 take every other run.
"""

from __future__ import annotations

import small_box as box  # isort: skip  (sets the threads)

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from route_agreement import MOLECULE, TORSION
from scipy import stats

from merrow.engine import leg
from merrow.engine.seeds import derive_seed
from merrow.engine.storage import save_json
from merrow.free_energy.estimators import mbar
from merrow.samples import concatenate
from merrow.system.build import HybridSystem
from merrow.system.stress import stress_potential

STATES = (*box.CHARGING, *box.LJ[1:])
RUNS, REPEATS = 32, 2
TARGET = 0.35
"""Standard error at which a run stops [kcal/mol]."""
LEAST = 2
"""Pieces of each repeat before an error is believed."""
SWEEPS = 17
"""Sweeps of a piece, 51 ps in all states together."""


def plan_of(seed: int, run: int, repeat: int) -> leg.LegPlan:
    """Return the plan of one repeat of one run."""
    own = derive_seed(seed, "stopping", run, repeat)
    plan = box.leg_plan(STATES, seed=own, where=box.THIN)
    return replace(
        plan,
        equilibration=2_500,
        equilibration_per_state=500,
        sweeps_per_segment=SWEEPS,
        repeat=repeat,
    )


def run_once(
    hybrid: HybridSystem, solvated: box.Solvated, folder: Path, seed: int, run: int, end: float
) -> bool:
    """Sample a run until it meets the target; return whether it did before the time was over."""
    home = folder / f"stopping-{run:02d}"
    while not (home / "answer.json").exists():
        if time.monotonic() > end:
            return False
        plans = [plan_of(seed, run, repeat) for repeat in range(REPEATS)]
        places = [home / str(repeat) for repeat in range(REPEATS)]
        least = min(leg.count_segments(place) for place in places)
        for repeat, (plan, place) in enumerate(zip(plans, places, strict=True)):
            while leg.count_segments(place) <= least:
                box.advance_leg(hybrid, plan, box.start_snapshot(solvated, repeat), place)
        if least + 1 < LEAST:
            continue
        rows = concatenate(
            [box.read_leg(*pair, least + 1)[0] for pair in zip(places, plans, strict=True)]
        )
        found = mbar(rows)
        if found.stderr_kcal <= TARGET:
            answer = {"dg_kcal": found.value_kcal, "stderr_kcal": found.stderr_kcal}
            save_json(home / "answer.json", {**answer, "pieces": least + 1})
    return True


def estimate(folder: Path) -> dict[str, object]:
    """Return the scatter of the answers beside the errors that were reported."""
    answers = [
        json.loads(path.read_text()) for path in sorted(folder.glob("stopping-*/answer.json"))
    ]
    if len(answers) < 2:
        raise SystemExit("fewer than two runs have met the target; run the same command again.")
    dg, error, pieces = (
        np.array([answer[key] for answer in answers])
        for key in ("dg_kcal", "stderr_kcal", "pieces")
    )
    scores = (dg - dg.mean()) / error
    sd, reported = float(dg.std(ddof=1)), float(np.sqrt(np.mean(error**2)))
    n = len(dg)
    low, high = (np.sqrt((n - 1) / stats.chi2.ppf(q, n - 1)) for q in (0.975, 0.025))
    return {
        "runs": n,
        "mean_kcal": float(dg.mean()),
        "sd_of_answers_kcal": sd,
        "reported_stderr_kcal": reported,
        "sd_over_reported": sd / reported,
        "interval_95": [sd / reported * float(low), sd / reported * float(high)],
        "sd_of_scores": float(scores.std(ddof=1)),
        "scores_beyond_2": int((np.abs(scores) > 2.0).sum()),
        "normal_p": float(stats.shapiro(scores).pvalue) if n > 2 else None,
        "mean_ps_per_state": float(pieces.mean() * SWEEPS * 2 * 0.1 * REPEATS),
        "answers_kcal": dg.tolist(),
        "errors_kcal": error.tolist(),
    }


def main() -> None:
    """Sample, estimate, print, write."""
    parser = box.parser(__doc__ or "", "stopping.json")
    parser.add_argument("--part", type=int, nargs=2, default=(0, 1), metavar=("K", "N"))
    asked = parser.parse_args()
    if asked.minutes > 0:
        sample(asked)
    found = {**estimate(asked.folder), "target_kcal": TARGET}
    molecule = f"dimethoxymethane ({MOLECULE}), stressed as in route_agreement.py"
    result = box.finish(asked, found, molecule, box.THIN)
    print(json.dumps(result, indent=1))


def sample(asked: argparse.Namespace) -> None:
    """Carry on with this part's runs until the time is over."""
    end = time.monotonic() + 60 * asked.minutes
    solvated = box.prepare(MOLECULE, asked.source, asked.folder, seed=asked.seed, where=box.THIN)
    hybrid = box.hybrid_of(solvated, stress_potential(solvated.classical.terms, TORSION))
    first, step = asked.part
    for run in range(first, RUNS, step):
        if not run_once(hybrid, solvated, asked.folder, asked.seed, run, end):
            return


if __name__ == "__main__":
    main()
