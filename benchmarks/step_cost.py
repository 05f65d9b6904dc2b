# SPDX-License-Identifier: MIT
"""What does an ML/MM step cost beside openmm-ml, beside MM alone, and beside torchani?

Toluene (and methanol) with ANI-2x in a 26 Å box of TIP3P, PME, cutoff 9 Å, one thread. Ours carries
the λ terms of a free energy; the peer, openmm-ml's `createMixedSystem`, does not. All variants take
turns in one run; times are CPU time of the process, medians over rounds, so that load disturbs them
least. The process keeps to one processor: beside an idle one, the two threads of an OpenMM Context
wake each other across both, which costs some Contexts half a millisecond a step and others nothing.
Where `gmx` is on the PATH, GROMACS runs the same box with MM terms, right after. Peer:
`pip install openmmml==1.8`. Where the weights of ANI-2x cannot be had, ANI-1ccx takes their place.

`mm_step_speedup` is an MM step with the λ terms on OpenMM's nonbonded forces over one on our
kernel within OpenMM, in this box; `mm_step_speedup_small` the same in that of protocol quick (1,000
atoms, 8 Å), `mm_step_speedup_large` in one of 6,500 atoms (not with --quick),
`mm_step_speedup_by_isa` with each instruction set of this machine.
`mm_loop_speedup` and `ratio_vs_openmmml_loop` are those of our kernel in our own loop, which
`merrow hydration` takes by itself.

    python benchmarks/step_cost.py --quick --json
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import openmm as mm
import torch
from common import SMILES, ani_weights, header, parser, save, show
from gromacs import time_of_step
from network_speed import ani, state_dicts
from openmm import app, unit

from merrow.ambertools.solvent import solvate
from merrow.bench.speed import (
    FRICTION,
    TEMPERATURE,
    BenchSystem,
    hybrid_of,
    open_system,
    plain_mm,
    solvated,
    stepper,
)
from merrow.engine.simulation import Snapshot, choose_platform, set_snapshot
from merrow.engine.timing import Timing, ns_per_day, time_in_turn
from merrow.errors import InputError
from merrow.native import ISAS, MmKernel
from merrow.nonbonded.loop import why_no_loop
from merrow.system.native_forces import with_native_forces
from merrow.system.potentials import open_potential

MOLECULES = ("toluene", "methanol")
CUTOFF = 9.0
STEPS = 50


def main() -> None:
    """Measure, print, write `results/step_cost.json`."""
    options = parser(
        __doc__,
        "models",
        "json",
        quick={"action": "store_true", "help": "toluene only, few rounds"},
        folder={"type": Path, "help": "where the prepared systems are kept"},
    ).parse_args()
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    model, weights = ani_weights(options.models, "ani2x", "ani1ccx")
    names = ["toluene"] if options.quick else MOLECULES
    rounds = 7 if options.quick else 21
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        rows = [measure(name, folder, model, weights, rounds) for name in names]
        boxes = {"small": path_speedup(box(names[0], folder, 330, 8.0), rounds)}
        if not options.quick:
            boxes["large"] = path_speedup(box(names[0], folder, 2160, CUTOFF), rounds)
    first = rows[0]
    report = {
        key: first[key]
        for key in (
            "ratio_vs_openmmml",
            "ratio_vs_openmmml_2fs",
            "ratio_vs_mm",
            "kernel_speedup_vs_torchani",
            "mm_step_speedup",
            "mm_loop_speedup",
            "ratio_vs_openmmml_loop",
            "system",
        )
    } | {f"mm_step_speedup_{size}": found for size, found in boxes.items()}
    report |= {"rounds": rounds, "rows": rows}
    if not options.quick:
        save("step_cost", report)
    if options.json:
        show({**report, "environment": header()})
    else:
        print(table(rows))


def measure(name: str, folder: Path, model: str, weights: Path, rounds: int) -> dict[str, Any]:
    """Return times and ratios of one molecule."""
    files = solvated(SMILES[name], folder / name)
    system = open_system(name, *files, ":1", CUTOFF)
    potential = open_potential(model, system.topology, system.region)
    slower = {"solute_masses": "repartitioned"}
    calls: dict[str, Callable[[], object]] = {
        "openmmml": peer_stepper(system, model, weights),
        "mm": stepper(system, plain_mm(system), 1.0, STEPS),
        "ml_mm": stepper(system, hybrid_of(system, potential), 1.0, STEPS),
        "ml_mm_2fs": stepper(system, hybrid_of(system, potential, **slower), 2.0, STEPS),
        **path_steppers(system),
    }
    if not why_no_loop():
        own = hybrid_of(system, potential, kernel="native")
        calls["ml_mm_loop"] = stepper(system, own, 1.0, STEPS, "native")
    times = time_in_turn(calls, rounds=rounds, units=STEPS)
    (kernel,) = (case.row(rounds) for case in ani(model, (name,), (1,)))
    gromacs = time_of_step(system, CUTOFF, files[0].parent, step_fs=1.0, rounds=max(3, rounds // 4))
    return {
        "system": {
            "molecule": name,
            "potential": model,
            "n_atoms": len(system.topology),
            "n_ml_atoms": len(system.region.atoms),
            "cutoff_angstrom": CUTOFF,
            "lambda_terms": {"ours": True, "peer": False},
        },
        "cpu_ms": {key: timing.cpu for key, timing in times.items()},
        "least_wall_ms": {key: timing.best for key, timing in times.items()},
        "ns_day": {
            key: ns_per_day(timing.cpu, 2.0 if key.endswith("2fs") else 1.0)
            for key, timing in times.items()
        },
        "ratio_vs_openmmml": ratio(times, "openmmml", "ml_mm"),
        "ratio_vs_openmmml_2fs": 2 * ratio(times, "openmmml", "ml_mm_2fs"),
        "ratio_vs_mm": ratio(times, "ml_mm", "mm"),
        "kernel_speedup_vs_torchani": kernel["speedup_vs_torchani"],
        "mm_step_speedup": ratio(times, "mm_path_openmm", "mm_path"),
        "mm_step_speedup_by_isa": by_isa(times),
        "mm_loop_speedup": loop_speedup(times),
        "mm_loop_speedup_by_isa": by_isa(times, "mm_path_loop"),
        "ratio_vs_openmmml_loop": (
            ratio(times, "openmmml", "ml_mm_loop") if "ml_mm_loop" in times else None
        ),
        "gromacs": gromacs,
        "mm_vs_gromacs": None if gromacs is None else times["mm"].cpu / gromacs["cpu_ms"],
    }


def path_steppers(system: BenchSystem) -> dict[str, Callable[[], object]]:
    """Return an MM step with the λ terms: on OpenMM's forces, on our kernel, by our own loop."""
    classical = open_potential("mm", system.topology, system.region)
    kernels: dict[str, MmKernel] = {"mm_path_openmm": "openmm", "mm_path": "auto"}
    hybrids = {
        name: hybrid_of(system, classical, kernel=kernel) for name, kernel in kernels.items()
    }
    loops = {}
    for isa in ISAS if hybrids["mm_path"].native else ():
        for found, name in ((hybrids, f"mm_path_{isa}"), (loops, f"mm_path_loop_{isa}")):
            with suppress(InputError):  # not on this machine
                plain = hybrid_of(system, classical, kernel="openmm")
                found[name] = with_native_forces(plain, isa, box=system.box)
    calls = {name: stepper(system, hybrid, 1.0, STEPS) for name, hybrid in hybrids.items()}
    if why_no_loop():
        return calls
    return calls | {
        name: stepper(system, hybrid, 1.0, STEPS, "native") for name, hybrid in loops.items()
    }


def by_isa(times: dict[str, Timing], way: str = "mm_path") -> dict[str, float]:
    """Return the ratios of OpenMM's step and ours, by instruction set, the best one first."""
    names = [isa for isa in ISAS if f"{way}_{isa}" in times]
    return {isa: ratio(times, "mm_path_openmm", f"{way}_{isa}") for isa in names}


def path_speedup(system: BenchSystem, rounds: int) -> dict[str, Any]:
    """Return CPU times of an MM step with the λ terms [ms], and their ratio."""
    times = time_in_turn(path_steppers(system), rounds=rounds, units=STEPS)
    cpu = {f"{name}_cpu_ms": timing.cpu for name, timing in times.items()}
    speedup = ratio(times, "mm_path_openmm", "mm_path")
    own = {
        "mm_step_speedup_by_isa": by_isa(times),
        "mm_loop_speedup": loop_speedup(times),
        "mm_loop_speedup_by_isa": by_isa(times, "mm_path_loop"),
    }
    return {"n_atoms": len(system.topology), **cpu, "mm_step_speedup": speedup, **own}


def box(name: str, folder: Path, n_waters: int, cutoff: float) -> BenchSystem:
    """Return a molecule in so many waters, with a cutoff [Å]."""
    gas = solvated(SMILES[name], folder / name)[0].parent / "gas.prmtop"
    place = folder / f"{name}-{n_waters}"
    files = place / "solvated.prmtop", place / "solvated.inpcrd"
    if not files[1].exists():
        place.mkdir(parents=True, exist_ok=True)
        files = solvate(gas, gas.with_suffix(".inpcrd"), folder=place, n_waters=n_waters)
    return open_system(name, *files, ":1", cutoff)


def peer_stepper(system: BenchSystem, model: str, weights: Path) -> Callable[[], None]:
    """Return openmm-ml's mixed system as its manual makes it, at 1 fs.

    Its bonds are not constrained, its water is rigid, as in ours.
    """
    try:
        from openmmml import MLPotential  # noqa: PLC0415
    except ImportError as error:
        raise SystemExit("openmm-ml is not installed: pip install openmmml==1.8") from error
    os.environ["TORCHANI_DATA_DIR"] = str(state_dicts(model, weights))
    prmtop = app.AmberPrmtopFile(str(system.topology.path))
    plain = prmtop.createSystem(
        nonbondedMethod=app.PME,
        nonbondedCutoff=CUTOFF * unit.angstrom,
        rigidWater=True,
        constraints=None,
    )
    mixed = MLPotential(model).createMixedSystem(prmtop.topology, plain, list(system.region.atoms))
    integrator = mm.LangevinMiddleIntegrator(TEMPERATURE, FRICTION, 0.001)
    context = mm.Context(mixed, integrator, *choose_platform("CPU"))
    set_snapshot(context, Snapshot(system.positions, 0 * system.positions, system.box))
    mm.LocalEnergyMinimizer.minimize(context, 10.0, 20)
    context.setVelocitiesToTemperature(TEMPERATURE, 1)
    return lambda: context.getIntegrator().step(STEPS)


def ratio(times: dict[str, Timing], above: str, below: str) -> float:
    """Return the ratio of two CPU times."""
    return times[above].cpu / times[below].cpu


def loop_speedup(times: dict[str, Timing]) -> float | None:
    """Return how many times as fast our loop is on the best instructions; None without it."""
    return next(iter(by_isa(times, "mm_path_loop").values()), None)


def table(rows: list[dict[str, Any]]) -> str:
    """Return what a terminal shows."""
    lines = [
        "molecule    peer     MM  ML/MM  2 fs GROMACS [CPU ms]   vs peer  2 fs  vs MM  kernel"
        "  path  loop"
    ]
    for row in rows:
        ms = row["cpu_ms"]
        lines.append(
            f"{row['system']['molecule']:9} {ms['openmmml']:6.2f} {ms['mm']:6.2f}"
            f" {ms['ml_mm']:6.2f} {ms['ml_mm_2fs']:5.2f}"
            f" {row['gromacs']['cpu_ms'] if row['gromacs'] else math.nan:7.2f}"
            f" {row['ratio_vs_openmmml']:19.2f}"
            f" {row['ratio_vs_openmmml_2fs']:5.2f} {row['ratio_vs_mm']:6.2f}"
            f" {row['kernel_speedup_vs_torchani']:7.1f} {row['mm_step_speedup']:5.1f}"
            f" {row['mm_loop_speedup'] or math.nan:5.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
