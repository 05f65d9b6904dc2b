# SPDX-License-Identifier: MIT
"""Does ML/MM dynamics of erlotinib among 33 waters conserve its energy, and how well?

Time steps of 0.25, 0.5 and 1 fs over 5 ps give the spread and its order; 20 ps at 0.5 fs give the
drift with its error. Each segment of a trajectory is kept, so the same command goes on where it was
stopped, and the report is written anew whenever a trajectory is complete.

    python benchmarks/nve_erlotinib.py --folder RUN --potential ani2x

A drift whose error is larger than the bar is not resolved: --long 60 makes the long run longer.
The data are the folder of erlotinib_33wat.prmtop and erlotinib_33wat_300K.rst7.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from common import SHARED, needed, parser, save

from merrow.analysis import nve
from merrow.engine.dynamics import run_dynamics
from merrow.engine.motion import degrees_of_freedom
from merrow.engine.simulation import Snapshot
from merrow.engine.storage import load_arrays, save_arrays
from merrow.md.nve.runs import (
    SAMPLING,
    NveRequest,
    NveSetup,
    Trajectory,
    measure,
    nve_plan,
    open_nve_setup,
)
from merrow.md.nve.verdict import DRIFT, judge
from merrow.units import GAS_CONSTANT, KCAL_PER_KJ, PS_PER_FS

DATA = SHARED / "data" / "erlotinib"
SEGMENT = 500
"""Steps."""
SHORT, LONG, LONG_STEP = 5.0, 20.0, 0.5
"""ps, ps, fs."""
SHORT_STEPS = (0.5, 1.0, 0.25)
"""fs."""


def main() -> None:
    """Advance all trajectories to their lengths and write the report."""
    given = parser(
        __doc__,
        "folder",
        "potential",
        data=DATA,
        precision="float32",
        timestep={"type": float, "help": "advance this one alone [fs]"},
        short=SHORT,
        long=LONG,
        report={"action": "store_true", "help": "judge what is there, run nothing"},
    ).parse_args()
    request = NveRequest(
        needed(given.data / "erlotinib_33wat.prmtop"),
        given.data / "erlotinib_33wat_300K.rst7",
        ":1",
        given.potential,
        time_ps=given.short,
        precision=given.precision,
    )
    setup = open_nve_setup(request)
    given.folder.mkdir(parents=True, exist_ok=True)
    tasks = [(timestep, given.short) for timestep in SHORT_STEPS] + [(LONG_STEP, given.long)]
    for timestep, length in tasks:
        if given.report or given.timestep not in (None, timestep):
            continue
        advance(setup, request, given.folder, timestep, length)
        report(setup, request, given.folder, given.long)
    if given.report:
        report(setup, request, given.folder, given.long)


def advance(
    setup: NveSetup, request: NveRequest, folder: Path, timestep: float, length: float
) -> None:
    """Run the segments that are missing from a trajectory."""
    plan = nve_plan(request, timestep)
    last = round(length / plan.timestep)
    done, phase = stored_end(folder, timestep, setup.start)
    interval = max(1, round(SAMPLING / timestep))
    while done < last:
        rows = []
        for moment in run_dynamics(
            setup.hybrid, plan, phase, first_step=done, steps=SEGMENT, report_interval=interval
        ):
            if moment.step > done or moment.step == 0:
                rows.append(
                    measure(setup, moment.time, moment.snapshot, moment.kinetic, moment.potential)
                )
            phase = moment.snapshot
        done += SEGMENT
        arrays = {
            "rows": np.array(rows),
            "positions": phase.positions,
            "velocities": phase.velocities,
        }
        save_arrays(folder / f"{timestep:g}fs-{done:06d}.npz", arrays)
        print(f"{timestep:g} fs: {done * plan.timestep:.2f} ps", file=sys.stderr, flush=True)


def segments(folder: Path, timestep: float) -> dict[int, Path]:
    """Return the segments that are kept by the step at which they end, in this order."""
    found = {int(p.stem.split("-")[-1]): p for p in folder.glob(f"{timestep:g}fs-*.npz")}
    return dict(sorted(found.items()))


def stored_end(folder: Path, timestep: float, start: Snapshot) -> tuple[int, Snapshot]:
    """Return how many steps are done and where they ended."""
    found = segments(folder, timestep)
    if not found:
        return 0, start
    done = max(found)
    data = load_arrays(found[done])
    return done, Snapshot(data["positions"], data["velocities"], start.box)


def stored(folder: Path, timestep: float, length: float) -> Trajectory | None:
    """Return a trajectory up to a length [ps], or None if it is not there yet."""
    rows = [load_arrays(path)["rows"] for path in segments(folder, timestep).values()]
    if not rows:
        return None
    table = np.concatenate(rows)
    table = table[table[:, 0] <= length + 1e-9]
    if table[-1, 0] < length - SAMPLING * PS_PER_FS:
        return None
    return Trajectory(*table.T)


def report(setup: NveSetup, request: NveRequest, folder: Path, length: float) -> None:
    """Write what is known so far, once all the short trajectories are there."""
    shorts = {dt: stored(folder, dt, request.time_ps) for dt in sorted(SHORT_STEPS)}
    traces = {dt: trace for dt, trace in shorts.items() if trace is not None}
    if len(traces) < len(shorts):
        return
    content = judge(setup, replace(request, timesteps_fs=tuple(traces)), traces)
    name = f"nve_erlotinib_{request.potential}_{request.precision}"
    long = stored(folder, LONG_STEP, length)
    if long is not None:
        content["long_run"] = drift_of(
            long, degrees_of_freedom(setup.hybrid.system, at_rest=True, periodic=False)
        )
    save(name, {"command": "benchmarks/nve_erlotinib.py", "seed": request.seed, **content})


def drift_of(trace: Trajectory, freedom: int) -> dict[str, float | bool]:
    """Return the drift of a long trajectory in kcal/mol and kT per ns and degree of freedom.

    "resolved" says whether two standard errors are within the bar, "passed" whether the drift is
    within the bar by no more than two of them.
    """
    shadow = trace.total + trace.curvature * (LONG_STEP * PS_PER_FS) ** 2
    trend = nve.trend(trace.time, shadow)
    kt = 2 * float(trace.kinetic.mean()) / freedom
    per_ns = 1e3 / freedom
    drift, stderr = trend.slope * per_ns / kt, trend.stderr * per_ns / kt
    return {
        "timestep_fs": LONG_STEP,
        "time_ps": float(trace.time[-1]),
        "energy_sd_kcal": float(np.std(trace.total, ddof=1)) * KCAL_PER_KJ,
        "shadow_energy_sd_kcal": float(np.std(shadow, ddof=1)) * KCAL_PER_KJ,
        "drift_kcal_per_ns_per_dof": trend.slope * per_ns * KCAL_PER_KJ,
        "drift_stderr_kcal_per_ns_per_dof": trend.stderr * per_ns * KCAL_PER_KJ,
        "drift_kt_per_ns_per_dof": drift,
        "drift_stderr_kt_per_ns_per_dof": stderr,
        "bar_kt_per_ns_per_dof": DRIFT,
        "resolved": bool(2 * stderr <= DRIFT),
        "passed": bool(abs(drift) - 2 * stderr <= DRIFT),
        "temperature_k": kt / GAS_CONSTANT,
    }


if __name__ == "__main__":
    main()
