# SPDX-License-Identifier: MIT
"""Does our own loop sample what OpenMM's integrator, constraints and barostat sample?

Methane in 210 TIP3P waters, half of its charges off, our nonbonded kernel in both: once moved by
OpenMM, once by the loop. Constant pressure: volume, temperatures of solute and of water, energies,
slopes along λ, accepted changes of the volume. Constant energy: drift at 1 and 2 fs over several
starts. Segments are kept: the same command goes on where it was stopped.

    python benchmarks/loop_ensembles.py --folder RUN --length 400
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from common import gaff, parser, save, show
from scipy import stats

from merrow.ambertools.solvent import solvate
from merrow.bench.speed import BenchSystem, hybrid_of, open_system
from merrow.engine.leg import equilibrate_coupled
from merrow.engine.motion import kinetic_energy, kinetic_temperature, particle_masses
from merrow.engine.plans import Ensemble, LegPlan
from merrow.engine.simulation import Snapshot
from merrow.engine.storage import load_arrays, save_arrays
from merrow.engine.walkers import Walker, open_walker
from merrow.native import Engine
from merrow.samples import LambdaState
from merrow.system.build import HybridSystem
from merrow.system.potentials import open_potential
from merrow.uncertainty import mean
from merrow.units import BAR_PER_ATM, thermal_energy

WATERS, TEMPERATURE, TIMESTEP, INTERVAL = 210, 298.15, 0.002, 25
SEGMENT, EQUILIBRATION = 200, 2
"""Rows in a segment, one for each attempt of the barostat; segments."""
STARTS, NVE_TIME, NVE_EVERY = 8, 5.0, 0.05
ENGINES: tuple[Engine, ...] = ("openmm", "native")
COLUMNS = (
    *("volume_nm3", "nonbonded_kj", "internal_kj", "slope_elec_kj", "slope_sterics_kj"),
    *("water_k", "solute_k", "accepted"),
)


def plan_of(engine: Engine, **ensemble: Any) -> LegPlan:
    """Return the plan of one state on an engine."""
    settings = {"temperature": TEMPERATURE, "pressure": BAR_PER_ATM, "timestep": TIMESTEP}
    return LegPlan(
        states=(LambdaState(0.5, 1.0),),
        ensemble=Ensemble(**{**settings, "friction": 1.0, **ensemble}),
        equilibration=1000,
        equilibration_per_state=0,
        steps_per_record=INTERVAL,
        records_per_sweep=1,
        sweeps_per_segment=1,
        platform="CPU",
        seed=11,
        repeat=0,
        engine=engine,
    )


def potential_energy(hybrid: HybridSystem, at: Snapshot, walker: Walker) -> float:
    """Return all energy at a point [kJ/mol] but the tail of the solute."""
    kernel, here = hybrid.native.kernel, plan_of("native").states[0]
    energy, _ = kernel.evaluate(
        at.positions,
        at.box,
        electrostatics=here.lambda_electrostatics,
        sterics=here.lambda_sterics,
    )
    return energy + walker.record().internal


def sample(
    hybrid: HybridSystem, engine: Engine, index: int, start: Snapshot
) -> tuple[np.ndarray, Snapshot]:
    """Return the rows of a segment at constant pressure, and where it ends."""
    plan, masses = plan_of(engine), particle_masses(hybrid.system)
    walker = open_walker(hybrid, plan, "segment", index)
    walker.place(start, plan.states[0])
    walker.require_agreement()
    solute = np.zeros(len(masses), dtype=bool)
    solute[list(hybrid.region.atoms)] = True
    rows, volume = [], float(np.linalg.det(start.box))
    for _ in range(SEGMENT):
        walker.advance(INTERVAL)
        at, record = walker.snapshot(), walker.record()
        kinetic = [kinetic_energy(at.velocities[k], masses[k]) for k in (~solute, solute)]
        freedom = 6 * WATERS, 3 * int(solute.sum())
        warm = [kinetic_temperature(*pair) for pair in zip(kinetic, freedom, strict=True)]
        nonbonded = potential_energy(hybrid, at, walker) - record.internal
        accepted = float(record.volume != volume)
        volume = record.volume
        rows.append((volume, nonbonded, record.internal, *record.dvdl, *warm, accepted))
    return np.array(rows), walker.snapshot()


def drift(hybrid: HybridSystem, engine: Engine, timestep: float, start: Snapshot) -> float:
    """Return the drift of the total energy at constant energy [kT/ns per degree of freedom]."""
    plan = plan_of(engine, timestep=timestep, friction=0.0, pressure=None)
    masses = particle_masses(hybrid.system)
    walker = open_walker(hybrid, plan, "energy")
    walker.place(start, plan.states[0])
    steps, times, energies = round(NVE_EVERY / timestep), [], []
    for k in range(round(NVE_TIME / NVE_EVERY)):
        walker.advance(steps - 1)
        at = walker.snapshot()
        potential = potential_energy(hybrid, at, walker)
        walker.advance(1)  # velocities are half a step behind
        after = walker.snapshot()
        kinetic = [kinetic_energy(s.velocities, masses) for s in (at, after)]
        times.append(k * NVE_EVERY)
        energies.append(potential + sum(kinetic) / 2)
    freedom = 3 * len(masses) - 3 * WATERS
    slope = stats.linregress(times, energies).slope
    return float(slope * 1000 / thermal_energy(TEMPERATURE) / freedom)


def sampled(
    hybrid: HybridSystem, engine: Engine, folder: Path, start: Snapshot, count: int
) -> tuple[np.ndarray, list[Snapshot]]:
    """Return the rows of some segments after equilibration, and where each ended."""
    rows, ends, at = [], [], start
    for index in range(count + EQUILIBRATION):
        path = folder / f"{engine}-{index:03d}.npz"
        if not path.exists():
            found, end = sample(hybrid, engine, index, at)
            save_arrays(path, {"rows": found, **vars(end)})
        data = load_arrays(path)
        at = Snapshot(*(data[name] for name in ("positions", "velocities", "box")))
        rows.append(data["rows"])
        ends.append(at)
    return np.concatenate(rows[EQUILIBRATION:]), ends[EQUILIBRATION:]


def table(rows: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return means, errors and the differences in errors, by column."""
    found: dict[str, Any] = {}
    for k, name in enumerate(COLUMNS):
        both = {engine: mean(rows[engine][:, k]) for engine in ENGINES}
        apart = both["native"].value - both["openmm"].value
        error = float(np.hypot(*(both[engine].stderr for engine in ENGINES)))
        values = {engine: [both[engine].value, both[engine].stderr] for engine in ENGINES}
        found[name] = {**values, "z": apart / error}
    return found


def made(options: Any) -> tuple[BenchSystem, HybridSystem]:
    """Return the system on our kernel."""
    files = options.folder / "solvated.prmtop", options.folder / "solvated.inpcrd"
    if not files[1].exists():
        solvate(*gaff(options.data, "methane"), folder=options.folder, n_waters=WATERS)
    system = open_system("methane", *files, ":1", 8.0)
    potential = open_potential("mm", system.topology, system.region)
    masses = {"solute_masses": "repartitioned"}
    return system, hybrid_of(system, potential, kernel="native", **masses)


def main() -> None:
    """Sample, compare, write `results/loop_ensembles.json`."""
    length = {"type": float, "default": 400.0, "help": "sampling of each engine [ps]"}
    options = parser(__doc__, "data", "folder", length=length).parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    system, hybrid = made(options)
    begin = Snapshot(system.positions, 0 * system.positions, system.box)
    start = equilibrate_coupled(hybrid, plan_of("native"), begin)
    count = round(options.length / (SEGMENT * INTERVAL * TIMESTEP))
    rows, ends = {}, []
    for engine in ENGINES:
        rows[engine], ends = sampled(hybrid, engine, options.folder, start, count)
    starts = ends[:: max(1, len(ends) // STARTS)][:STARTS]
    drifts = {
        f"{1000 * step:g} fs": {
            engine: [drift(hybrid, engine, step, at) for at in starts] for engine in ENGINES
        }
        for step in (0.001, 0.002)
    }
    report = {
        "system": "methane in 210 TIP3P, lambda 0.5 1.0, 298.15 K, 1 atm, 2 fs",
        "length_ps": options.length,
        "columns": table(rows),
        "drift_kt_per_ns_per_dof": {
            step: {e: [float(np.mean(v)), float(stats.sem(v))] for e, v in both.items()}
            for step, both in drifts.items()
        },
    }
    save("loop_ensembles", report)
    show(report)


if __name__ == "__main__":
    main()
