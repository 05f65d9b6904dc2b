# SPDX-License-Identifier: MIT
"""Where does a path need its time, and which states spend it there although all get the same?

Reads finished hydration runs; nothing is sampled. The error of a path at fixed total time is least
if each state gets time in proportion to w·σ(∂V/∂λ)·√τ. Equal times reach that with states at equal
steps of ∫ σ√τ dλ: what this costs is printed for the states of the protocol and for even steps of
λ, relative to the best division, with σ and log τ interpolated between the states of each run.
`states` is the average of the runs, each weighing the same.

    python benchmarks/allocation.py --runs RUN [RUN ...]

A run: `merrow hydration Cc1ccccc1 --potential mm --target-stderr 0.1 --out RUN`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import parser, path_pieces, save, show
from path_choices import EVEN

from merrow.free_energy.decorrelate import correlation
from merrow.free_energy.schedule import COMPONENT, legs
from merrow.free_energy.spacing import gain_of_fractions, standard_deviations, time_fractions
from merrow.hydration.protocol import Schedule
from merrow.samples import WindowSamples, concatenate

GRID = np.linspace(0.0, 1.0, 2001)
STEPS = {"charging": 4, "lj": 9}
"""Steps of each leg of the averaged states."""


@dataclass(frozen=True)
class Need:
    """σ√τ on the grid of λ [kT √ps] by leg."""

    density: dict[str, np.ndarray]

    def cost(self, schedule: Schedule) -> float:
        """Return K Σ s² of states with equal times, s being the part of ∫ σ√τ dλ of each."""
        parts = []
        for name, states in path(schedule).items():
            edges = np.concatenate([[0.0], (states[1:] + states[:-1]) / 2.0, [1.0]])
            parts.append(np.diff(np.interp(edges, GRID, _passed(self.density[name]))))
        charging, lj = parts
        corner = charging[0] + lj[-1]  # the state without charges belongs to both legs
        every = np.concatenate([charging[1:], [corner], lj[:-1]])
        return float(len(every) * np.sum(every**2))

    @property
    def best(self) -> float:
        """(∫ σ√τ dλ)² of both legs: the cost of the best division."""
        return float(sum(_passed(d)[-1] for d in self.density.values()) ** 2)


def main() -> None:
    """Read the runs, print, write `results/allocation.json`."""
    runs = {"type": Path, "nargs": "+", "required": True, "help": "finished runs"}
    asked = parser(__doc__, runs=runs).parse_args()
    rows, needs = [], []
    for folder in asked.runs:
        samples, interval = read(folder)
        need = need_of(samples, interval)
        needs.append(need)
        fractions = time_fractions(samples)
        rows.append(
            {
                "run": folder.name,
                "best_over_equal_times": gain_of_fractions(fractions),
                "quick_over_best": need.cost(Schedule()) / need.best,
                "even_over_best": need.cost(EVEN) / need.best,
                "even_over_quick": need.cost(EVEN) / need.cost(Schedule()),
            }
        )
    report = {"rows": rows, "states": averaged(needs)}
    save("allocation", report)
    show(report)


def read(folder: Path) -> tuple[WindowSamples, float]:
    """Return the samples of the path of a run, and the time between records [ps]."""
    parts = [part for pieces in path_pieces(folder) for part in pieces]
    first = parts[0]
    return concatenate(parts), float(first.time[first.state == 0].min())


def need_of(samples: WindowSamples, interval: float) -> Need:
    """Return σ√τ along both legs; τ is the statistical inefficiency times the interval."""
    rows = correlation(samples)
    sigma = standard_deviations(samples, rows)
    tau = np.array([np.nanmean(g) for g in rows.g.T]) * interval
    density = {}
    for name, index in legs(samples.states).items():
        order = index[::-1]
        lam = [samples.states[k][COMPONENT[name]] for k in order]
        here = np.interp(GRID, lam, sigma[order, COMPONENT[name]])
        density[name] = here * np.exp(np.interp(GRID, lam, np.log(tau[order]) / 2.0))
    return Need(density)


def averaged(needs: list[Need]) -> dict[str, Any]:
    """Return the states at equal steps of the average of ∫ σ√τ dλ, each run scaled to one."""
    found = {}
    for name, steps in STEPS.items():
        mean = np.mean([need.density[name] / need.best**0.5 for need in needs], axis=0)
        passed = _passed(mean)
        lam = np.interp(np.linspace(passed[-1], 0.0, steps + 1), passed, GRID)
        found[name] = [round(float(value), 2) for value in lam]
    return found


def path(schedule: Schedule) -> dict[str, np.ndarray]:
    """Return the ascending λ of both legs."""
    lj = [1.0, *schedule.lambda_sterics]
    return {
        "charging": np.array(schedule.lambda_electrostatics[::-1]),
        "lj": np.array(lj[::-1]),
    }


def _passed(density: np.ndarray) -> np.ndarray:
    """Return the integral from 0 along the grid."""
    steps = (density[1:] + density[:-1]) / 2.0 * np.diff(GRID)
    return np.concatenate([[0.0], np.cumsum(steps)])


if __name__ == "__main__":
    main()
