# SPDX-License-Identifier: MIT
"""Are the error bars true? Many campaigns on a model whose free energy is known, through MBAR.

(a) Two repeats of correlated but otherwise independent rows, sampled in rounds until the reported
error reaches a target, as `--target-stderr` does: the scatter of the answers over the reported
error, and their scores. (b) Two conformers that no repeat leaves: how often is it seen that the
repeats disagree, and does the error then cover what the conformers differ by?

    python benchmarks/error_bars.py [--campaigns 150]

writes `benchmarks/results/error_bars.json`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "physics"))

from machine import save
from solvable import Model, harmonic, line, sample, two_conformers

from merrow.free_energy.estimators import mbar
from merrow.free_energy.repeats import DISAGREE, chance_of_agreement
from merrow.samples import WindowSamples, concatenate

STATES = line([0.0, 0.25, 0.5, 0.75, 1.0])
RHO = 0.7
FIRST, MOST, TARGET = 60, 400, 0.045
"""Rows per state of a round's first estimate and at most; target error [kcal/mol]."""
WALL = 200.0
"""Height of the wall between the conformers of (b) [kcal/mol]."""


def first_rows(samples: WindowSamples, n: int) -> WindowSamples:
    """Return the first n rows of every state and repeat."""
    return samples.select(samples.time < 0.2 * (n - 0.5))


def stopped(samples: WindowSamples) -> tuple[float, float, float, int]:
    """Return answer, reported error, largest of the three errors and rows at the stop."""
    n = FIRST
    while True:
        estimate = mbar(first_rows(samples, n))
        if estimate.stderr_kcal <= TARGET or n >= MOST:
            parts = estimate.errors
            largest = max(parts.within, parts.repeats or 0.0)
            return estimate.value_kcal, estimate.stderr_kcal, largest, n
        n = min(MOST, n + n // 3)


def independent(campaigns: int, seed: int) -> dict[str, float]:
    """Stop at a target, many times over."""
    model, rng = Model(harmonic(20.0), g=4.0, c=6.0), np.random.default_rng(seed)
    found = []
    for _ in range(campaigns):
        samples = sample(model, STATES, MOST, rng, repeats=2, rho=RHO)
        found.append(stopped(samples))
    dg, error, largest, rows = (np.array(column) for column in zip(*found, strict=True))
    off = dg - model.exact()
    scores = off / error
    return {
        "campaigns": campaigns,
        "exact_kcal": model.exact(),
        "mean_error_of_answer_kcal": float(off.mean()),
        "sd_of_answers_kcal": float(off.std(ddof=1)),
        "reported_stderr_kcal": float(np.sqrt(np.mean(error**2))),
        "sd_over_reported": float(off.std(ddof=1) / np.sqrt(np.mean(error**2))),
        "mean_score": float(scores.mean()),
        "sd_of_scores": float(scores.std(ddof=1)),
        "scores_beyond_2": float(np.mean(np.abs(scores) > 2.0)),
        "largest_of_three_kcal": float(np.sqrt(np.mean(largest**2))),
        "rows_per_state_at_stop": float(rows.mean()),
        "reached_target": float(np.mean(error <= TARGET)),
    }


def hidden(campaigns: int, rows: int, seed: int) -> dict[str, float]:
    """Two repeats, one in each conformer, neither ever leaving it."""
    rng = np.random.default_rng(seed)
    free = two_conformers(3.0, 0.3)
    whole = Model(free, g=1.0, c=4.0)
    wells = [
        Model(lambda x, side=side: free(x) + np.where(side * x > 0.0, 0.0, WALL), g=1.0, c=4.0)
        for side in (-1.0, 1.0)
    ]
    half = abs(wells[1].exact() - wells[0].exact()) / 2.0
    seen, errors, scores = [], [], []
    for _ in range(campaigns):
        runs = [sample(well, STATES, rows, rng, rho=RHO) for well in wells]
        labelled = [replace(run, repeat=np.full(len(run), r)) for r, run in enumerate(runs)]
        estimate = mbar(concatenate(labelled))
        parts = estimate.errors
        p = chance_of_agreement(parts.within, parts.repeats or 0.0, parts.freedom)
        seen.append(p < DISAGREE)
        errors.append(estimate.stderr_kcal)
        scores.append((estimate.value_kcal - whole.exact()) / estimate.stderr_kcal)
    return {
        "campaigns": campaigns,
        "rows_per_state": rows,
        "half_the_difference_of_the_wells_kcal": half,
        "seen_to_disagree": float(np.mean(seen)),
        "reported_stderr_kcal": float(np.mean(errors)),
        "least_reported_stderr_kcal": float(np.min(errors)),
        "largest_score": float(np.max(np.abs(scores))),
    }


def main() -> None:
    """Run both and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaigns", type=int, default=150)
    count = parser.parse_args().campaigns
    path = save(
        "error_bars",
        {
            "target_kcal": TARGET,
            "independent": independent(count, seed=1),
            "hidden_slow_mode": [hidden(max(count // 3, 10), n, seed=n) for n in (60, 240)],
        },
    )
    print(path.read_text())


if __name__ == "__main__":
    main()
