# SPDX-License-Identifier: MIT
"""How do time and memory grow with the ML region, the box, the states, and the replicas in a batch?

ANI-2x (ANI-1ccx where it cannot be had), one thread. Each size is measured in a process of its own,
one after the other, so that its peak memory is its own. Times are CPU time, the least over rounds
of calls that take turns: MM by OpenMM, ML/MM by our kernel within OpenMM and by our loop, ML alone.

- region: methanol (6 atoms), toluene (15), and where their files are, erlotinib (52) and
  alpha-cyclodextrin (126), each in 1,500 waters;
- box: methanol in 500 to 16,600 waters;
- states: energies of all K states of one configuration (the cost of a record), methanol;
- batch: toluene, conformers in one call of the potential.

    python benchmarks/scaling.py [--quick]
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, SHARED, SYSTEMS, Panel, ani_weights, figure, gaff, parser, save

from merrow.ambertools.solvent import solvate
from merrow.bench.speed import BenchSystem, hybrid_of, open_system, plain_mm, stepper
from merrow.engine.plans import Ensemble
from merrow.engine.record import take_record
from merrow.engine.simulation import Snapshot, open_context, set_snapshot
from merrow.engine.timing import Timing, time_in_turn
from merrow.nonbonded.loop import why_no_loop
from merrow.samples import LambdaState
from merrow.system.potentials import open_potential

CUTOFF = 9.0
SCRATCH = "MERROW_SCALING_SCRATCH"
MODEL = "MERROW_SCALING_MODEL"
"""Variables that tell the processes where to keep their files, and the name of the ANI model."""
REGIONS = ("methanol", "toluene", "erlotinib", "alpha-cyclodextrin")
REGION_WATERS = 1500
WATERS = (500, 1600, 5000, 16600)
STATES = (6, 12, 24, 48, 96)
REPEATED = 10
"""Records in a call that is timed, so that what was before it does not count."""
BATCHES = (1, 2, 4, 8, 16, 32, 64)


def gas_files(data: Path, name: str) -> tuple[Path, Path]:
    """Return prmtop and inpcrd of a molecule without water."""
    others = {
        "erlotinib": data / "erlotinib" / "erlotinib_gas",
        "alpha-cyclodextrin": data / "host-guest" / "acd" / "acd_gaff2",
    }
    if name not in others:
        return gaff(data / "freesolv" if (data / "freesolv").is_dir() else SYSTEMS, name)
    return others[name].with_suffix(".prmtop"), others[name].with_suffix(".inpcrd")


def open_box(data: Path, name: str, waters: int) -> BenchSystem:
    """Return a molecule in a box of so many waters; all of it that is no water is the region."""
    prmtop, inpcrd = gas_files(data, name)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=os.environ[SCRATCH]))
    files = solvate(prmtop, inpcrd, folder=folder, n_waters=waters)
    return open_system(name, *files, "!:WAT", CUTOFF)


def step_times(data: Path, name: str, waters: int, rounds: int, steps: int) -> dict[str, Any]:
    """Return the time of steps and of the potential alone [ms], and the peak memory [MB]."""
    system = open_box(data, name, waters)
    potential = open_potential(os.environ[MODEL], system.topology, system.region)
    x = system.positions[list(system.region.atoms)][None] * 10.0
    calls = {
        "mm": stepper(system, plain_mm(system), 1.0, steps),
        "ml_mm": stepper(system, hybrid_of(system, potential), 1.0, steps),
        "ml": lambda: [potential.evaluate(x + 1e-6 * k) for k in range(steps)],
    }
    if not why_no_loop():
        own = hybrid_of(system, potential, kernel="native")
        calls["ml_mm_loop"] = stepper(system, own, 1.0, steps, "native")
    times = time_in_turn(calls, rounds=rounds, units=steps)
    return {
        "molecule": name,
        "n_atoms": len(system.topology),
        "n_ml_atoms": len(system.region.atoms),
        **_cpu(times),
        "peak_mb": peak_memory(),
    }


def record_times(data: Path, rounds: int) -> list[dict[str, Any]]:
    """Return the time of one record by the number of states [ms], beside that of a step."""
    system = open_box(data, "methanol", WATERS[0])
    hybrid = hybrid_of(system, open_potential(os.environ[MODEL], system.topology, system.region))
    context = open_context(hybrid, Ensemble(298.15, None, 0.001, 1.0), platform="CPU", seed=1)
    set_snapshot(context, Snapshot(system.positions, 0 * system.positions, system.box))
    context.getIntegrator().step(1)
    half = {k: np.linspace(1.0, 0.0, k // 2) for k in STATES}
    paths = {
        k: tuple(
            [LambdaState(float(x), 1.0) for x in half[k]]
            + [LambdaState(0.0, float(x)) for x in np.linspace(0.95, 0.0, k - len(half[k]))]
        )
        for k in STATES
    }

    def records(path: tuple[LambdaState, ...]) -> None:
        for _ in range(REPEATED):
            take_record(context, hybrid, path, here=path[0], temperature=298.15)

    calls = {str(k): partial(records, path) for k, path in paths.items()}
    calls["step"] = lambda: context.getIntegrator().step(REPEATED)
    times = _cpu(time_in_turn(calls, rounds=rounds, units=REPEATED))
    return [{"states": k, "record": times[str(k)], "step": times["step"]} for k in STATES]


def batch_times(data: Path, rounds: int) -> list[dict[str, Any]]:
    """Return the time of the potential for each conformer of a batch [ms]."""
    system = open_box(data, "toluene", WATERS[0])
    potential = open_potential(os.environ[MODEL], system.topology, system.region)
    x = system.positions[list(system.region.atoms)] * 10.0
    noise = np.random.default_rng(1).normal(scale=0.02, size=(max(BATCHES), *x.shape))
    calls = {str(k): lambda k=k: potential.evaluate(x + noise[:k]) for k in BATCHES}
    times = _cpu(time_in_turn(calls, rounds=rounds))
    return [{"batch": k, "ml_per_conformer": times[str(k)] / k} for k in BATCHES]


def _cpu(times: dict[str, Timing]) -> dict[str, float]:
    return {name: timing.least_cpu for name, timing in times.items()}


def peak_memory() -> float:
    """Return the most memory that this process has held [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def exponent(rows: list[dict[str, Any]], size: str, time: str) -> float:
    """Return p of time ~ size^p, fitted to all rows in logarithms."""
    x, y = (np.log([row[key] for row in rows]) for key in (size, time))
    return float(np.polyfit(x, y, 1)[0])


def main() -> None:
    """Measure, print, write `results/scaling.json`."""
    data = {"type": Path, "default": SHARED / "data", "help": "folder with freesolv/ and others"}
    quick = {"action": "store_true", "help": "small sizes, few rounds, files elsewhere"}
    asked = parser(__doc__, data=data, quick=quick).parse_args()
    rounds = 3 if asked.quick else 15
    regions = REGIONS[:2] if asked.quick else REGIONS
    regions = [name for name in regions if gas_files(asked.data, name)[0].is_file()]
    waters = WATERS[:2] if asked.quick else WATERS
    os.environ[MODEL], _ = ani_weights(None, "ani2x", "ani1ccx")
    # a process for each size; "spawn" starts it without the memory of this one
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as os.environ[SCRATCH],
        ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as alone,
    ):

        def each(call: Any, *words: Any) -> Any:
            return alone.submit(call, asked.data, *words).result()

        few = max(rounds // 3, 3)
        found: dict[str, Any] = {
            "region": [each(step_times, name, REGION_WATERS, rounds, 10) for name in regions],
            "box": [each(step_times, "methanol", n, few, 10) for n in waters],
            "states": each(record_times, rounds),
            "batch": each(batch_times, rounds),
        }
    ways = [way for way in ("mm", "ml_mm", "ml_mm_loop") if way in found["box"][0]]
    found["exponents"] = {
        "ml_by_region": exponent(found["region"], "n_ml_atoms", "ml"),
        **{f"{way}_by_box": exponent(found["box"], "n_atoms", way) for way in ways},
        "memory_by_box": exponent(found["box"], "n_atoms", "peak_mb"),
    }
    print(table(found))
    folder = Path(tempfile.mkdtemp()) if asked.quick else RESULTS  # figures of few rounds are none
    save("scaling", found, folder / "scaling.json")
    figure("scaling", panels(found), folder / "scaling.svg")


def table(found: dict[str, Any]) -> str:
    """Return what a terminal shows: CPU times [ms]."""
    lines = []
    for part in ("region", "box", "states", "batch"):
        rows = found[part]
        lines.append(part.ljust(8) + "".join(f"{key:>18}" for key in rows[0]))
        lines += [
            " " * 8
            + "".join(f"{v:18.2f}" if isinstance(v, float) else f"{v:>18}" for v in row.values())
            for row in rows
        ]
    lines += [f"{name} ~ size^{power:.2f}" for name, power in found["exponents"].items()]
    return "\n".join(lines)


def panels(found: dict[str, Any]) -> list[Panel]:
    """Return the figure's parts."""

    def lines(part: str, size: str, names: Sequence[str]) -> dict[str, Any]:
        x = [row[size] for row in found[part]]
        rows = found[part]
        return {name: (x, [row[name] for row in rows]) for name in names if name in rows[0]}

    ms = "CPU time [ms]"
    steps = ("mm", "ml_mm", "ml", "ml_mm_loop")
    return [
        Panel("ML region", "atoms", ms, lines("region", "n_ml_atoms", steps)),
        Panel("box", "atoms", ms, lines("box", "n_atoms", steps)),
        Panel("record", "states", ms, lines("states", "states", ("record", "step"))),
        Panel("batch", "replicas", ms, lines("batch", "batch", ("ml_per_conformer",))),
    ]


if __name__ == "__main__":
    main()
