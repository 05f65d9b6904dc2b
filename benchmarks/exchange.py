# SPDX-License-Identifier: MIT
"""What does λ exchange gain? The same path with and without it, repeat by repeat.

Dimethoxymethane (GAFF, FreeSolv's prmtop) in 30 TIP3P waters (small_box.py), 15 states. Every
repeat samples all states equally long; half of the repeats exchange every 0.8 ps, in the other half
each replica stays in its state. Both must give the same free energy. The gain is the ratio of the
variances at equal sampling: from the scatter of the repeats (few, so a wide interval) and from the
statistical inefficiencies within them (slope and neighbours of each state).

    python benchmarks/exchange.py --folder RUN --minutes 30

Run again with the same folder it continues; with --minutes 0 it only estimates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import small_box as box
from route_agreement import Run, open_run
from scipy import stats

from merrow.engine import leg
from merrow.engine.plans import LegPlan
from merrow.engine.seeds import derive_seed
from merrow.engine.storage import TaskFolder
from merrow.free_energy.decorrelate import correlation
from merrow.free_energy.estimators import mbar
from merrow.free_energy.mixing import mixing
from merrow.system.build import HybridSystem

STATES = (*box.CHARGING, *box.LJ[1:])
REPEATS = 8
KINDS = ("on", "off")


@contextmanager
def exchange(kind: str) -> Iterator[None]:
    """Let the replicas of a segment stay where they are if the kind is off."""
    before = leg.exchange_states
    if kind == "off":
        leg.exchange_states = _stay
    try:
        yield
    finally:
        leg.exchange_states = before


def _stay(u: np.ndarray, state_of: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Stand in for `exchange_states`."""
    del u, generator
    return state_of


def plan_of(seed: int, kind: str, repeat: int) -> LegPlan:
    """Return the plan of one repeat."""
    return box.leg_plan(STATES, seed=derive_seed(seed, "exchange", kind, repeat), where=box.THIN)


def work_of(run: Run) -> dict[str, tuple[float, Callable[[], None]]]:
    """Return share and next step of every repeat of both kinds."""
    hybrid = box.hybrid_of(run.solvated, run.mm)
    return {
        name_of(kind, repeat): (1.0, partial(_step, run, hybrid, kind, repeat))
        for repeat in range(REPEATS)
        for kind in KINDS
    }


def _step(run: Run, hybrid: HybridSystem, kind: str, repeat: int) -> None:
    with exchange(kind):
        start, plan = box.start_snapshot(run.solvated, repeat % 2), plan_of(run.seed, kind, repeat)
        box.advance_leg(hybrid, plan, start, run.folder / name_of(kind, repeat))


def name_of(kind: str, repeat: int) -> str:
    """Return the folder of a repeat."""
    return f"exchange-{kind}-{repeat}"


def estimate(run: Run) -> dict[str, object]:
    """Return both kinds' free energies, and how much the exchange gains."""
    folder, seed = run.folder, run.seed
    names = [name_of(kind, repeat) for kind in KINDS for repeat in range(REPEATS)]
    box.require_samples(folder, names)
    least = min(TaskFolder(folder / name).count_segments() for name in names)
    found = {kind: _of_kind(folder, kind, least, seed) for kind in KINDS}
    values = {kind: np.array(found[kind]["dg_kcal_of_repeats"]) for kind in KINDS}
    sem = {kind: float(v.std(ddof=1) / np.sqrt(REPEATS)) for kind, v in values.items()}
    ratio = float(values["off"].var(ddof=1) / values["on"].var(ddof=1))
    low, high = (ratio / stats.f.ppf(q, REPEATS - 1, REPEATS - 1) for q in (0.975, 0.025))
    inefficiency = [found[kind]["mean_inefficiency"] for kind in KINDS]
    return {
        "difference_kcal": float(values["on"].mean() - values["off"].mean()),
        "stderr_kcal": float(np.hypot(*sem.values())),
        "gain_from_scatter": {"ratio": ratio, "interval_95": [low, high]},
        "gain_from_inefficiencies": inefficiency[1] / inefficiency[0],
        "ps_per_state_and_repeat": least * plan_of(seed, "on", 0).segment_time,
        "kinds": found,
    }


def _of_kind(folder: Path, kind: str, segments: int, seed: int) -> dict[str, object]:
    dg, g, eigenvalues, trips = [], [], [], 0
    for repeat in range(REPEATS):
        plan = plan_of(seed, kind, repeat)
        rows = box.read_leg(folder / name_of(kind, repeat), plan, segments)[0]
        within = correlation(rows)
        dg.append(mbar(rows, rows=within).value_kcal)
        g.append(float(np.nanmean(within.g)))
        moved = mixing(rows, records_per_sweep=plan.records_per_sweep)
        if moved is not None:
            eigenvalues.append(moved.second_eigenvalue)
            trips += moved.round_trips
    return {
        "dg_kcal": float(np.mean(dg)),
        "sd_of_repeats_kcal": float(np.std(dg, ddof=1)),
        "dg_kcal_of_repeats": dg,
        "mean_inefficiency": float(np.mean(g)),
        "second_eigenvalue": float(np.mean(eigenvalues)),
        "round_trips": trips,
    }


if __name__ == "__main__":
    box.script(__doc__, "exchange", open_run, work_of, estimate)
