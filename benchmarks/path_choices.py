# SPDX-License-Identifier: MIT
"""What do exchange along the path, its interval and the places of the states gain?

A molecule with GAFF2 and MM terms in TIP3P, the path of protocol quick (states where σ(∂V/∂λ)·√τ
is large, exchange every 0.8 ps); the same with exchange every 0.2 ps, without exchange, and with
states at even steps of λ, as the protocol had them. Equally long runs of every kind from
independent seeds; all must give the same free energy. The gain is the ratio of the variances at
equal sampling: from the error of a repeat by MBAR with its statistical inefficiencies, averaged
over the repeats, and from their scatter, which few repeats show only roughly.

    python benchmarks/path_choices.py --folder KEPT [--molecules toluene phenol] [--minutes 20]

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
from common import end_of, parser, path_pieces, save, show, variance_ratio
from scipy import stats

from merrow.engine import leg
from merrow.free_energy.decorrelate import correlation
from merrow.free_energy.estimators import mbar
from merrow.free_energy.mixing import mixing
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS, Schedule
from merrow.hydration.run import run_hydration
from merrow.hydration.run_folder import RunFolder
from merrow.process import use_one_thread
from merrow.samples import concatenate

MOLECULES = {"toluene": "Cc1ccccc1", "phenol": "Oc1ccccc1"}
RECORD = 0.1
"""Time between records [ps]."""
EVEN = Schedule(
    lambda_electrostatics=(1.0, 0.75, 0.5, 0.25, 0.0),
    lambda_sterics=(0.85, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0),
)
KINDS: dict[str, tuple[int, Schedule]] = {
    "as quick": (8, Schedule()),
    "even steps of lambda": (8, EVEN),
    "exchange every 0.2 ps": (2, Schedule()),
    "no exchange": (8, Schedule()),
}
"""Records between two exchanges, and the states."""
NOW, NEVER = "as quick", "no exchange"


def main() -> None:
    """Run what is missing, print, write `results/path_choices.json`."""
    asked = parser(
        __doc__,
        "folder",
        "minutes",
        molecules={"nargs": "+", "choices": tuple(MOLECULES), "default": ("toluene",)},
        kinds={"nargs": "+", "choices": tuple(KINDS), "default": tuple(KINDS)},
        seeds=3,
        ps=19.2,
    ).parse_args()
    use_one_thread()
    end = end_of(asked.minutes)
    for seed in range(1, asked.seeds + 1):
        for molecule in asked.molecules:
            for kind in asked.kinds:
                if time.monotonic() < end:
                    where = place(asked, molecule, kind, seed)
                    with exchange(kind):
                        run_hydration(settings(asked, molecule, kind, seed), where, base=Path())
                    print(molecule, kind, seed, flush=True)
    rows = [row for name in MOLECULES if (row := compared(asked, name))]
    save("path_choices", {"ps_per_state": asked.ps, "rows": rows})
    show(rows)


def compared(asked: argparse.Namespace, molecule: str) -> dict[str, Any] | None:
    """Return the kinds of a molecule beside each other; None before the second repeat."""
    every = {kind: repeats(asked, molecule, kind) for kind in KINDS}
    found = {kind: rows for kind, rows in every.items() if len(rows) > 1}
    if NOW not in found:
        return None
    report = {kind: summary(rows) for kind, rows in found.items()}
    for kind, one in report.items():
        one["gain_from_inefficiencies"] = (report[NOW]["analytic_kcal"] / one["analytic_kcal"]) ** 2
        values = ([row["dg_kcal"] for row in rows] for rows in (found[NOW], found[kind]))
        one["gain_from_scatter"] = variance_ratio(*values)
    row: dict[str, Any] = {"molecule": molecule, "kinds": report}
    return row | ({"chi2": agreement(list(report.values()))} if len(report) > 1 else {})


@contextmanager
def exchange(kind: str) -> Iterator[None]:
    """Let the replicas stay in their states where that is the kind."""
    before = leg.exchange_states
    if kind == NEVER:
        leg.exchange_states = _stay
    try:
        yield
    finally:
        leg.exchange_states = before


def _stay(u: np.ndarray, state_of: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Stand in for `exchange_states`."""
    del u, generator
    return state_of


def settings(asked: argparse.Namespace, molecule: str, kind: str, seed: int) -> HydrationConfig:
    """Return a run of a fixed length; a segment is 2.4 ps of every state, as in the protocol."""
    records, schedule = KINDS[kind]
    changes = {
        "name": "custom",
        "route": "direct",
        "schedule": schedule,
        "target_stderr_kcal": None,
        "minimum_sampling_ps": 2 * asked.ps,  # two repeats
        "maximum_sampling_ps": 2 * asked.ps,
        "record_interval_ps": RECORD,
        "records_per_sweep": records,
        "sweeps_per_segment": 24 // records,
        "gas_ps": 1.0,
        "gas_reservoir": False,
    }
    return HydrationConfig(
        source=Source(kind="smiles", smiles=MOLECULES[molecule]),
        potential="mm",
        protocol=PROTOCOLS["quick"].model_copy(update=changes),
        seed=1000 * seed + list(KINDS).index(kind),
        processes=1,
    )


def place(asked: argparse.Namespace, molecule: str, kind: str, seed: int) -> Path:
    """Return the folder of a run."""
    return Path(asked.folder.resolve() / molecule / f"{kind.replace(' ', '-')}-{seed}")


def repeats(asked: argparse.Namespace, molecule: str, kind: str) -> list[dict[str, float]]:
    """Return what each repeat of the finished runs found by itself."""
    found = []
    for seed in range(1, asked.seeds + 1):
        where = place(asked, molecule, kind, seed)
        if not where.is_dir() or RunFolder(where).finished() is None:
            continue
        protocol = RunFolder(where).config().protocol
        for pieces in path_pieces(where):
            samples = concatenate(pieces)
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
    values = np.array([row["dg_kcal"] for row in rows])
    return {
        "repeats": len(rows),
        "dg_kcal": [float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))],
        "sd_of_repeats_kcal": float(values.std(ddof=1)),
        "analytic_kcal": math.sqrt(np.mean([row["analytic_kcal"] ** 2 for row in rows])),
        "largest_inefficiency_ps": float(np.mean([r["largest_inefficiency_ps"] for r in rows])),
        "round_trips": int(sum(row["round_trips"] for row in rows)),
    }


def agreement(kinds: list[dict[str, Any]]) -> dict[str, float]:
    """Return χ² of the free energies about their weighted mean, and its p."""
    values, errors = np.array([kind["dg_kcal"] for kind in kinds]).T
    mean = np.average(values, weights=errors**-2)
    chi2 = float(np.sum(((values - mean) / errors) ** 2))
    return {"chi2": chi2, "p": float(stats.chi2.sf(chi2, len(kinds) - 1))}


if __name__ == "__main__":
    main()
