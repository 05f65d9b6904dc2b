# SPDX-License-Identifier: MIT
"""What does λ exchange gain, and how often should it happen?

Toluene with GAFF2 and MM terms in TIP3P, the path of protocol quick, equally long runs of every
kind from independent seeds: exchange after every 0.2 ps, after every 0.8 ps (as the protocol has
it), and never. All must give the same free energy. The gain is the ratio of the variances at equal
sampling: from the error of a repeat by MBAR with its statistical inefficiencies, averaged over the
repeats, and from their scatter, which few repeats show only roughly.

    python benchmarks/exchange.py --folder KEPT [--minutes 20]

Runs are kept, so that the same command goes on.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from common import SMILES, parser, save, show
from scipy import stats

from merrow.engine import leg
from merrow.engine.storage import TaskFolder
from merrow.free_energy.decorrelate import correlation
from merrow.free_energy.estimators import mbar
from merrow.free_energy.mixing import mixing
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.run import run_hydration
from merrow.hydration.run_folder import RunFolder
from merrow.process import use_one_thread
from merrow.samples import LambdaState, concatenate

RECORD = 0.1
"""Time between records [ps]."""
KINDS = {"0.2 ps": 2, "0.8 ps": 8, "never": 8}
"""Records between two exchanges."""
AS_IT_IS = "0.8 ps"


def main() -> None:
    """Run what is missing, print, write `results/exchange.json`."""
    asked = parser(
        __doc__,
        "folder",
        "minutes",
        molecule={"choices": tuple(SMILES), "default": "toluene"},
        seeds=4,
        ps=19.2,
    ).parse_args()
    use_one_thread()
    end = math.inf if asked.minutes is None else time.monotonic() + 60.0 * asked.minutes
    for seed in range(1, asked.seeds + 1):
        for kind in KINDS:
            if time.monotonic() < end:
                with exchange(kind):
                    run_hydration(
                        settings(asked, kind, seed), place(asked, kind, seed), base=Path()
                    )
                print(kind, seed, flush=True)
    found = {kind: repeats(asked, kind) for kind in KINDS}
    count = min(len(rows) for rows in found.values())
    report = {kind: summary(rows[:count]) for kind, rows in found.items()}
    gains = {
        kind: {
            "gain_from_inefficiencies": one["analytic_kcal"] ** -2
            * report[AS_IT_IS]["analytic_kcal"] ** 2,
            "gain_from_scatter": gain_from_scatter(found[AS_IT_IS][:count], found[kind][:count]),
        }
        for kind, one in report.items()
    }
    kinds = {kind: report[kind] | gains[kind] for kind in KINDS}
    save(
        "exchange",
        {
            "molecule": asked.molecule,
            "ps_per_state": asked.ps,
            "kinds": kinds,
            "chi2": agreement(list(report.values())),
        },
    )
    show(kinds)


@contextmanager
def exchange(kind: str) -> Iterator[None]:
    """Let the replicas stay in their states where the kind is never."""
    before = leg.exchange_states
    if kind == "never":
        leg.exchange_states = _stay
    try:
        yield
    finally:
        leg.exchange_states = before


def _stay(u: np.ndarray, state_of: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Stand in for `exchange_states`."""
    del u, generator
    return state_of


def settings(asked: argparse.Namespace, kind: str, seed: int) -> HydrationConfig:
    """Return a run of a fixed length; a segment is 2.4 ps of every state, as in the protocol."""
    changes = {
        "name": "custom",
        "route": "direct",
        "target_stderr_kcal": None,
        "minimum_sampling_ps": 2 * asked.ps,  # two repeats
        "maximum_sampling_ps": 2 * asked.ps,
        "record_interval_ps": RECORD,
        "records_per_sweep": KINDS[kind],
        "sweeps_per_segment": 24 // KINDS[kind],
        "gas_ps": 1.0,
        "gas_reservoir": False,
    }
    return HydrationConfig(
        source=Source(kind="smiles", smiles=SMILES[asked.molecule]),
        potential="mm",
        protocol=PROTOCOLS["quick"].model_copy(update=changes),
        seed=1000 * seed + list(KINDS).index(kind),
        processes=1,
    )


def place(asked: argparse.Namespace, kind: str, seed: int) -> Path:
    """Return the folder of a run."""
    return Path(asked.folder.resolve() / f"{asked.molecule}-{kind.replace(' ', '')}-{seed}")


def repeats(asked: argparse.Namespace, kind: str) -> list[dict[str, float]]:
    """Return what each repeat of the finished runs found by itself."""
    found = []
    for seed in range(1, asked.seeds + 1):
        folder = RunFolder(place(asked, kind, seed))
        if folder.finished() is None:
            continue
        protocol = folder.config().protocol
        states = tuple(LambdaState(*s) for s in protocol.schedule.states)
        for task in sorted((folder.path / "tasks").glob("path-mm-*")):
            segments = TaskFolder(task).read_segments(states, protocol.temperature_k)
            samples = concatenate([segment.samples for segment in segments])
            rows = correlation(samples)
            one = mbar(samples, rows=rows)
            moved = mixing(samples, records_per_sweep=protocol.records_per_sweep)
            found.append(
                {
                    "dg_kcal": one.value_kcal,
                    "analytic_kcal": one.errors.analytic,
                    "largest_inefficiency_ps": RECORD * max(np.nanmean(g) for g in rows.g.T),
                    "round_trips": 0 if moved is None else moved.round_trips,
                }
            )
    return found


def summary(rows: list[dict[str, float]]) -> dict[str, Any]:
    """Return averages over repeats; the error is that of one repeat."""
    if len(rows) < 2:
        raise SystemExit("too few repeats yet; run the same command again.")
    values = np.array([row["dg_kcal"] for row in rows])
    return {
        "repeats": len(rows),
        "dg_kcal": [float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))],
        "sd_of_repeats_kcal": float(values.std(ddof=1)),
        "analytic_kcal": math.sqrt(np.mean([row["analytic_kcal"] ** 2 for row in rows])),
        "largest_inefficiency_ps": float(np.mean([r["largest_inefficiency_ps"] for r in rows])),
        "round_trips": int(sum(row["round_trips"] for row in rows)),
    }


def gain_from_scatter(now: list[dict[str, float]], other: list[dict[str, float]]) -> list[float]:
    """Return the ratio of the variances of the repeats and its 95 % interval."""
    one, two = (np.var([r["dg_kcal"] for r in rows], ddof=1) for rows in (now, other))
    n = len(now) - 1
    ratio = float(one / two)
    return [ratio, *(float(ratio / stats.f.ppf(q, n, n)) for q in (0.975, 0.025))]


def agreement(kinds: list[dict[str, Any]]) -> dict[str, float]:
    """Return χ² of the free energies about their weighted mean, and its p."""
    values, errors = np.array([kind["dg_kcal"] for kind in kinds]).T
    mean = np.average(values, weights=errors**-2)
    chi2 = float(np.sum(((values - mean) / errors) ** 2))
    return {"chi2": chi2, "p": float(stats.chi2.sf(chi2, len(kinds) - 1))}


if __name__ == "__main__":
    main()
