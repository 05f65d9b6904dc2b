# SPDX-License-Identifier: MIT
"""Does inserting the solute into frames of pure water save the states with a very soft core?

MM terms, the Lennard-Jones leg of protocol quick. Three ways to its free energy, each from the same
independent repeats, whose scatter is its error:

- `path`: all states with exchange, as a run does it;
- `inserted`: the decoupled state's rows are poses of its conformers at random places and
  orientations in frames of water alone, the other states' rows those of `path`;
- `dropped`: states below λ_LJ = CUT are left out of the exchange, too.

A frame's poses are correlated, but not the repeats. Cost is the propagated time, plus the CPU time
of the poses in units of it. Insertion would be taken if it leaves the free energy unchanged and
halves the error at equal time (docs/decisions/0013).

    python benchmarks/insertion.py --folder KEPT [--molecules methane acetone] [--minutes 10]

Repeats are kept, so that the same command goes on.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from common import (
    MOLECULES,
    end_of,
    gaff_source,
    ladder,
    parser,
    prepared,
    save,
    show,
    variance_ratio,
)
from scipy import stats
from scipy.spatial.transform import Rotation

from merrow.engine.leg import equilibrate_coupled
from merrow.engine.plans import LegPlan
from merrow.engine.seeds import derive_seed, generator
from merrow.engine.simulation import Snapshot
from merrow.engine.storage import load_arrays, save_arrays
from merrow.engine.walkers import open_walker
from merrow.free_energy.estimators import fit_mbar
from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.sampling.context import RunContext
from merrow.hydration.sampling.pieces import beginning
from merrow.hydration.sampling.tasks import MM_SOLUTE, Task, leg_plan
from merrow.process import use_one_thread
from merrow.samples import DECOUPLED, LambdaState, WindowSamples
from merrow.units import KCAL_PER_KJ, thermal_energy

Array = np.ndarray

CUT = 0.25
"""λ_LJ below which states are dropped."""
FRAME, POSES = 0.2, 50
"""Time between frames of water [ps], and poses tried in each."""
WAYS = ("path", "inserted", "dropped")


@dataclass(frozen=True)
class Found:
    """Rows of a ladder.

    Attributes:
        u: Reduced potentials [kT] of the rows in the states of their way, (n, K).
        state: Index of the state of each row, shape (n,).
    """

    u: Array
    state: Array


def main() -> None:
    """Sample what is missing, print, write `results/insertion.json`."""
    asked = parser(
        __doc__,
        "data",
        "folder",
        "minutes",
        molecules={"nargs": "+", "choices": tuple(MOLECULES), "default": ("methane", "acetone")},
        repeats=16,
        ps=19.2,
        seed=2025,
    ).parse_args()
    use_one_thread()
    end = end_of(asked.minutes)
    rows = [row for name in asked.molecules if (row := measure(name, asked, end)) is not None]
    report = {"cut": CUT, "frame_ps": FRAME, "poses": POSES, "ps_per_state": asked.ps}
    save("insertion", {**report, "seed": asked.seed, "rows": rows})
    show(rows)


def measure(molecule: str, asked: argparse.Namespace, end: float) -> dict[str, Any] | None:
    """Return free energy, error and cost of every way; None before the third repeat."""
    run = opened(molecule, asked)
    found: list[dict[str, Array]] = []
    for repeat in range(asked.repeats):
        kept = run.folder.path / f"repeat-{asked.ps:g}-{repeat}.npz"
        if not kept.exists() and time.monotonic() < end:
            save_arrays(kept, sample(run, repeat, asked.ps))
        if kept.exists():
            found.append(load_arrays(kept))
    if len(found) < 3:  # no scatter to speak of
        return None
    states = lj_states(run)
    cut = len(lj_states(run, CUT))
    kcal = thermal_energy(run.config.protocol.temperature_k) * KCAL_PER_KJ
    values = {
        way: np.array([free_energy(way, one, states, cut) for one in found]) * kcal for way in WAYS
    }
    cost = {way: cost_of(way, found, len(states), cut, asked.ps) for way in WAYS}
    row: dict[str, Any] = {"molecule": molecule, "repeats": len(found), "states": len(states)}
    for way, dg in values.items():
        row[way] = {
            "dg_kcal": [float(dg.mean()), float(dg.std(ddof=1) / math.sqrt(len(dg)))],
            "sd_of_repeats_kcal": float(dg.std(ddof=1)),
            "states": len(states) if way != "dropped" else cut + 1,
            "ps": cost[way],
        }
    for way in WAYS[1:]:
        shift = values[way] - values["path"]  # the repeats share water or states
        sooner = cost["path"] / cost[way]
        gain, *interval = (x * sooner for x in variance_ratio(values["path"], values[way]))
        row[way]["difference_kcal"] = [float(shift.mean()), float(stats.sem(shift))]
        row[way] |= {"gain_in_time": gain, "interval_95": interval}
    return row


def opened(molecule: str, asked: argparse.Namespace) -> RunContext:
    """Prepare a molecule, or open it again."""
    protocol = PROTOCOLS["quick"].model_copy(update={"name": "custom", "route": "direct"})
    source = gaff_source(asked.data, molecule)
    config = HydrationConfig(source=source, potential="mm", protocol=protocol, seed=asked.seed)
    return prepared(config, asked.folder / molecule)


def lj_states(run: RunContext, least: float = 0.0) -> tuple[LambdaState, ...]:
    """Return the states without charges, from the full Lennard-Jones interaction down."""
    states = leg_plan(run.config, Task("path", MM_SOLUTE)).states
    return tuple(s for s in states if not s.lambda_electrostatics and s.lambda_sterics >= least)


def sample(run: RunContext, repeat: int, ps: float) -> dict[str, Array]:
    """Return the rows of one repeat: both ladders with exchange, and the poses in water."""
    states, upper = lj_states(run), lj_states(run, CUT)
    began = time.process_time()
    path = sampled(run, repeat, states, len(states), ps)
    protocol = run.config.protocol
    moved = protocol.equilibration_ps + len(states) * (protocol.equilibration_per_state_ps + ps)
    per_ps = (time.process_time() - began) / moved
    short = sampled(run, repeat, (*upper, DECOUPLED), len(upper), ps)
    poses, seconds = inserted(run, repeat, ps)
    return {
        "path_u": path.u,
        "path_state": path.state,
        "short_u": short.u,
        "short_state": short.state,
        "poses_u": poses,
        "poses_ps": np.array(seconds / per_ps),
    }


def plan_of(run: RunContext, repeat: int, states: tuple[LambdaState, ...]) -> LegPlan:
    """Return the plan of a ladder, with a seed of its own."""
    plan = leg_plan(run.config, Task("path", MM_SOLUTE, repeat))
    seed = derive_seed(plan.seed, "insertion", len(states), repeat)
    return replace(plan, states=states, seed=seed)


def sampled(
    run: RunContext, repeat: int, states: tuple[LambdaState, ...], count: int, ps: float
) -> Found:
    """Sample the first states with exchange; their rows have u in all states."""
    plan, hybrid = plan_of(run, repeat, states), run.hybrid(MM_SOLUTE)
    coupled = equilibrate_coupled(hybrid, plan, beginning(run, Task("path", MM_SOLUTE)))
    parts = [segment.samples for segment in ladder(hybrid, plan, coupled, count, ps)]
    return Found(
        np.concatenate([part.u for part in parts]), np.concatenate([part.state for part in parts])
    )


def inserted(run: RunContext, repeat: int, ps: float) -> tuple[Array, float]:
    """Return u of the poses in all states [kT], and the CPU time that they took [s].

    Conformers are those of the decoupled solute, which moves along in the water.
    """
    states = lj_states(run)
    plan, hybrid = plan_of(run, repeat, states), run.hybrid(MM_SOLUTE)
    coupled = equilibrate_coupled(hybrid, plan, beginning(run, Task("path", MM_SOLUTE)))
    moving = open_walker(hybrid, plan, "water")
    moving.place(coupled, DECOUPLED)
    moving.advance(2 * plan.equilibration_per_state)  # the cavity closes
    trying = open_walker(hybrid, plan, "poses")
    random = generator(plan.seed, "poses")
    own = list(hybrid.region.atoms)
    rows, seconds = [], 0.0
    for _ in range(round(ps / FRAME)):
        moving.advance(round(FRAME / plan.ensemble.timestep))
        frame = moving.snapshot()
        began = time.process_time()
        solute = frame.positions[own] - frame.positions[own].mean(axis=0)
        for _ in range(POSES):
            positions = frame.positions.copy()
            turn = Rotation.from_quat(random.normal(size=4))
            positions[own] = turn.apply(solute) + random.random(3) @ frame.box
            trying.place(Snapshot(positions, frame.velocities, frame.box), DECOUPLED)
            rows.append(trying.couplings())
        seconds += time.process_time() - began
    return np.array(rows), seconds


def free_energy(
    way: str, one: dict[str, Array], states: tuple[LambdaState, ...], cut: int
) -> float:
    """Return F(coupled) − F(decoupled) of the leg [kT] by MBAR."""
    last = len(states) - 1
    if way == "path":
        u, state = one["path_u"], one["path_state"]
    elif way == "inserted":
        below = one["path_state"] < last
        u = np.concatenate([one["path_u"][below], one["poses_u"]])
        state = np.concatenate([one["path_state"][below], np.full(len(one["poses_u"]), last)])
    else:
        columns = [*range(cut), last]
        states = tuple(states[k] for k in columns)
        u = np.concatenate([one["short_u"], one["poses_u"][:, columns]])
        state = np.concatenate([one["short_state"], np.full(len(one["poses_u"]), cut)])
    return float(-fit_mbar(rows_of(u, state, states)).delta[0, -1])


def rows_of(u: Array, state: Array, states: tuple[LambdaState, ...]) -> WindowSamples:
    """Return rows as the estimators take them, in the order of the states."""
    order = np.argsort(state, kind="stable")
    n = len(order)
    nothing = np.full(n, np.nan)
    return WindowSamples(
        states,
        298.15,
        repeat=np.zeros(n, dtype=np.int64),
        replica=state[order],
        state=state[order],
        time=np.arange(n, dtype=float),
        u=u[order],
        dvdl=np.zeros((n, 2)),
        internal=nothing,
        spread=nothing,
        volume=nothing,
        size_slope=nothing,
    )


def cost_of(way: str, found: list[dict[str, Array]], states: int, cut: int, ps: float) -> float:
    """Return what a repeat costs [ps of one replica], equilibration left out."""
    if way == "path":
        return states * ps
    poses = float(np.mean([one["poses_ps"] for one in found]))
    return (states if way == "inserted" else cut + 1) * ps + poses


if __name__ == "__main__":
    main()
