# SPDX-License-Identifier: MIT
"""Does water around an ML solute have the density and the temperature that it has in plain OpenMM?

Toluene (FreeSolv's GAFF files) in 400 TIP3P waters at 298.15 K and 1 atm, PME with a cutoff of 8 Å
and the tail. Once as our hybrid system with ANI-2x, once from the same prmtop by OpenMM's own
reader, with its NonbondedForce for everything. Both by Langevin dynamics at 2 fs with a Monte Carlo
barostat. Every segment of 10 ps is kept: the same command goes on where it was stopped.

    python benchmarks/density.py --folder RUN --length 200
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import openmm as mm
from common import gaff, parser, save, show
from openmm import app, unit
from scipy import stats

from merrow.ambertools.solvent import solvate
from merrow.bench.speed import BenchSystem, hybrid_of, open_system
from merrow.engine.dynamics import DynamicsPlan, draw_velocities, freedom_of, run_dynamics
from merrow.engine.seeds import derive_seed
from merrow.engine.simulation import Snapshot, get_snapshot, set_snapshot
from merrow.engine.storage import load_arrays, save_arrays
from merrow.potentials import load_potential
from merrow.system.build import HybridSystem
from merrow.uncertainty import mean
from merrow.units import ANGSTROM_PER_NM, BAR_PER_ATM, KJ_PER_KCAL, thermal_energy

WATERS, CUTOFF, EWALD_TOLERANCE = 400, 0.8, 5e-4
TEMPERATURE, FRICTION, TIMESTEP = 298.15, 2.0, 0.002
SEGMENT, INTERVAL, EQUILIBRATION = 5000, 50, 2
"""Steps, steps, segments."""
BAR = 0.01
"""Largest relative difference of the densities."""

Rows = np.ndarray
Advance = Callable[[Snapshot, int], Iterator[tuple[float, float, Snapshot]]]
"""(start, segment) → volume [nm³], kinetic energy [kJ/mol] and snapshot at every interval."""


def ours(box: BenchSystem, seed: int) -> tuple[HybridSystem, DynamicsPlan, Advance]:
    """Return our system, how it is propagated, and how it is carried on."""
    potential = load_potential("ani2x", box.region.molecule)
    first = box.positions[None, : len(box.region.atoms)] * ANGSTROM_PER_NM
    zero = float(potential.evaluate(first).energies[0]) * KJ_PER_KCAL
    hybrid = hybrid_of(box, potential, solute_masses="repartitioned", reference=zero)
    plan = DynamicsPlan(
        timestep=TIMESTEP,
        thermostat="langevin",
        temperature=TEMPERATURE,
        friction=FRICTION,
        coupling_time=0.0,
        pressure=BAR_PER_ATM,
        barostat_interval=25,
        com_removal_interval=0,
        constraint_tolerance=1e-6,
        platform="CPU",
        seed=seed,
    )

    def advance(start: Snapshot, segment: int) -> Iterator[tuple[float, float, Snapshot]]:
        if segment == 0:
            start = draw_velocities(
                hybrid, start, temperature=TEMPERATURE, seed=seed, platform="CPU"
            )
        first = segment * SEGMENT
        steps = {"first_step": first, "steps": SEGMENT, "report_interval": INTERVAL}
        for report in run_dynamics(hybrid, plan, start, **steps):
            if report.step > first:
                yield report.volume, report.kinetic, report.snapshot

    return hybrid, plan, advance


def openmm_alone(box: BenchSystem, seed: int) -> Advance:
    """Return how OpenMM's own rendering of the prmtop is carried on, a Context a segment."""

    def advance(start: Snapshot, segment: int) -> Iterator[tuple[float, float, Snapshot]]:
        own = derive_seed(seed, "plain", segment)
        system = app.AmberPrmtopFile(str(box.topology.path)).createSystem(
            nonbondedMethod=app.PME,
            nonbondedCutoff=CUTOFF * unit.nanometer,
            constraints=app.HBonds,
            rigidWater=True,
            ewaldErrorTolerance=EWALD_TOLERANCE,
            removeCMMotion=False,
        )
        barostat = mm.MonteCarloBarostat(BAR_PER_ATM, TEMPERATURE, 25)
        integrator = mm.LangevinMiddleIntegrator(TEMPERATURE, FRICTION, TIMESTEP)
        for part in (barostat, integrator):
            part.setRandomNumberSeed(own)
        system.addForce(barostat)
        platform = mm.Platform.getPlatformByName("CPU")
        context = mm.Context(system, integrator, platform, {"Threads": "1"})
        set_snapshot(context, start)
        if segment == 0:
            mm.LocalEnergyMinimizer.minimize(context, 10.0, 200)
            context.setVelocitiesToTemperature(TEMPERATURE, own)
        for _ in range(SEGMENT // INTERVAL):
            integrator.step(INTERVAL)
            state = context.getState(getEnergy=True)
            energy, volume = state.getKineticEnergy(), state.getPeriodicBoxVolume()
            yield volume._value, energy._value, get_snapshot(context)

    return advance


def carry_on(folder: Path, name: str, start: Snapshot, advance: Advance, length: float) -> Rows:
    """Add the segments that are missing [ps]; return the rows after the equilibration."""
    rows = []
    for segment in range(round(length / (SEGMENT * TIMESTEP)) + EQUILIBRATION):
        path = folder / f"{name}-{segment:04d}.npz"
        if not path.exists():
            *_, end = found = list(advance(start, segment))
            last = end[2]
            arrays = {"positions": last.positions, "velocities": last.velocities, "box": last.box}
            save_arrays(path, {"rows": np.array([row[:2] for row in found]), **arrays})
            print(f"{name}: {(segment + 1) * SEGMENT * TIMESTEP:g} ps", file=sys.stderr, flush=True)
        stored = load_arrays(path)
        start = Snapshot(stored["positions"], stored["velocities"], stored["box"])
        rows.append(stored["rows"])
    return np.concatenate(rows[EQUILIBRATION:])


def compare(hybrid: Rows, plain: Rows, freedom: int) -> dict[str, object]:
    """Return the ratio of the densities with its error, and the test of the temperature."""
    one, two = mean(hybrid[:, 0]), mean(plain[:, 0])
    ratio = two.value / one.value
    stderr = ratio * float(np.hypot(one.stderr / one.value, two.stderr / two.value))
    every = max(1, round(1.0 / (FRICTION * TIMESTEP * INTERVAL)))
    kinetic = hybrid[::every, 1]
    canonical = stats.gamma(freedom / 2, scale=thermal_energy(TEMPERATURE))
    return {
        "density_ratio": ratio,
        "stderr": stderr,
        "bar": BAR,
        "within": abs(ratio - 1.0) <= BAR,
        "resolved": 2 * stderr <= BAR,
        "volume_nm3": {"hybrid": [one.value, one.stderr], "openmm": [two.value, two.stderr]},
        "inefficiency": {"hybrid": one.inefficiency, "openmm": two.inefficiency},
        "kinetic_energy": {
            "temperature_k": float(kinetic.mean() / canonical.mean()) * TEMPERATURE,
            "sd_over_canonical": float(kinetic.std(ddof=1) / canonical.std()),
            "p_value": float(stats.kstest(kinetic, canonical.cdf).pvalue),
            "samples": len(kinetic),
        },
    }


def main() -> None:
    """Sample both, compare, write `results/density.json`."""
    asked = parser(__doc__, "data", "folder", length=200.0, seed=2025).parse_args()
    files = asked.folder / "solvated.prmtop", asked.folder / "solvated.inpcrd"
    if not files[1].exists():
        solvate(*gaff(asked.data, "toluene"), folder=asked.folder, n_waters=WATERS)
    box = open_system("toluene", *files, ":1", CUTOFF * ANGSTROM_PER_NM)
    start = Snapshot(box.positions, np.zeros_like(box.positions), box.box)
    hybrid, plan, own = ours(box, asked.seed)
    rows = [
        carry_on(asked.folder, name, start, advance, asked.length)
        for name, advance in (("hybrid", own), ("openmm", openmm_alone(box, asked.seed)))
    ]
    found = compare(*rows, freedom_of(hybrid, plan))
    show(found)
    about = {"seed": asked.seed, "solute": "toluene, ANI-2x", "waters": WATERS}
    save("density", about | {"length_ps": asked.length} | found)


if __name__ == "__main__":
    main()
