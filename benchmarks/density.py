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
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openmm as mm
from common import gaff, parser, save, show
from openmm import app, unit
from scipy import stats

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from merrow.ambertools.solvent import solvate
from merrow.engine.dynamics import DynamicsPlan, draw_velocities, freedom_of, run_dynamics
from merrow.engine.seeds import derive_seed
from merrow.engine.simulation import Snapshot, get_snapshot, set_snapshot
from merrow.engine.storage import load_arrays, save_arrays
from merrow.potentials import load_potential
from merrow.system.build import HybridSystem, hybrid_system
from merrow.system.pme import Nonbonded, pme_parameters
from merrow.system.region import region_of
from merrow.uncertainty import mean
from merrow.units import BAR_PER_ATM, KJ_PER_KCAL, NM_PER_ANGSTROM, thermal_energy

WATERS, CUTOFF, EWALD_TOLERANCE = 400, 0.8, 5e-4
TEMPERATURE, FRICTION, TIMESTEP = 298.15, 2.0, 0.002
SEGMENT, INTERVAL, EQUILIBRATION = 5000, 50, 2
"""Steps, steps, segments."""
BAR = 0.01
"""Largest relative difference of the densities."""

Rows = np.ndarray
Advance = Callable[[Snapshot, int], tuple[Rows, Snapshot]]
"""(phase, segment) → volumes [nm³] and kinetic energies [kJ/mol], and the next phase."""


class Box:
    """The files, the hybrid system and the plain one."""

    def __init__(self, data: Path, folder: Path, seed: int) -> None:
        self.seed, self.folder = seed, folder
        self.prmtop, inpcrd = folder / "solvated.prmtop", folder / "solvated.inpcrd"
        if not inpcrd.exists():
            solvate(*gaff(data, "toluene"), folder=folder, n_waters=WATERS)
        coordinates = read_coordinates(inpcrd)
        if coordinates.lengths is None:
            raise SystemExit(f"{inpcrd} has no box")
        lengths = coordinates.lengths * NM_PER_ANGSTROM
        positions = coordinates.positions * NM_PER_ANGSTROM
        self.start = Snapshot(positions, np.zeros_like(positions), np.diag(lengths))
        self.nonbonded = Nonbonded(
            CUTOFF,
            pme=pme_parameters(tuple(map(float, lengths)), CUTOFF, EWALD_TOLERANCE),
            ewald_tolerance=EWALD_TOLERANCE,
        )

    def hybrid(self) -> tuple[HybridSystem, DynamicsPlan]:
        """Return our system and how it is propagated."""
        topology = read_topology(self.prmtop)
        region = region_of(topology, topology.molecules[0], name="toluene")
        potential = load_potential("ani2x", region.molecule)
        first = self.start.positions[None, : len(region.atoms)] / NM_PER_ANGSTROM
        hybrid = hybrid_system(
            topology,
            region,
            potential,
            nonbonded=self.nonbonded,
            solute_masses="repartitioned",
            reference=float(potential.evaluate(first).energies[0]) * KJ_PER_KCAL,
        )
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
            seed=self.seed,
        )
        return hybrid, plan

    def plain(self) -> mm.System:
        """Return OpenMM's own rendering of the prmtop; the CMMotionRemover stays out."""
        return app.AmberPrmtopFile(str(self.prmtop)).createSystem(
            nonbondedMethod=app.PME,
            nonbondedCutoff=CUTOFF * unit.nanometer,
            constraints=app.HBonds,
            rigidWater=True,
            ewaldErrorTolerance=EWALD_TOLERANCE,
            removeCMMotion=False,
        )


def ours(box: Box) -> Advance:
    """Return how our system is carried on."""
    hybrid, plan = box.hybrid()

    def advance(phase: Snapshot, segment: int) -> tuple[Rows, Snapshot]:
        if segment == 0:
            phase = draw_velocities(
                hybrid, phase, temperature=TEMPERATURE, seed=box.seed, platform="CPU"
            )
        first, rows = segment * SEGMENT, []
        for report in run_dynamics(
            hybrid, plan, phase, first_step=first, steps=SEGMENT, report_interval=INTERVAL
        ):
            if report.step > first:
                rows.append((report.volume, report.kinetic))
            phase = report.snapshot
        return np.array(rows, dtype=np.float64), phase

    return advance


def openmm_alone(box: Box) -> Advance:
    """Return how the plain system is carried on; a new Context and new seeds for each segment."""

    def advance(phase: Snapshot, segment: int) -> tuple[Rows, Snapshot]:
        seed = derive_seed(box.seed, "plain", segment)
        system = box.plain()
        barostat = mm.MonteCarloBarostat(BAR_PER_ATM, TEMPERATURE, 25)
        barostat.setRandomNumberSeed(seed)
        system.addForce(barostat)
        integrator = mm.LangevinMiddleIntegrator(TEMPERATURE, FRICTION, TIMESTEP)
        integrator.setRandomNumberSeed(seed)
        platform = mm.Platform.getPlatformByName("CPU")
        context = mm.Context(system, integrator, platform, {"Threads": "1"})
        set_snapshot(context, phase)
        if segment == 0:
            mm.LocalEnergyMinimizer.minimize(context, 10.0, 200)
            context.setVelocitiesToTemperature(TEMPERATURE, seed)
        rows = []
        for _ in range(SEGMENT // INTERVAL):
            integrator.step(INTERVAL)
            state = context.getState(getEnergy=True)
            rows.append((state.getPeriodicBoxVolume()._value, state.getKineticEnergy()._value))
        return np.array(rows), get_snapshot(context)

    return advance


def carry_on(box: Box, name: str, advance: Advance, length: float) -> Rows:
    """Add the segments that are missing [ps]; return the rows after the equilibration."""
    wanted = round(length / (SEGMENT * TIMESTEP)) + EQUILIBRATION
    rows, phase = [], box.start
    for segment in range(wanted):
        path = box.folder / f"{name}-{segment:04d}.npz"
        if not path.exists():
            new, phase = advance(phase, segment)
            arrays = {"positions": phase.positions, "velocities": phase.velocities}
            save_arrays(path, {"rows": new, "box": phase.box, **arrays})
            print(f"{name}: {(segment + 1) * SEGMENT * TIMESTEP:g} ps", file=sys.stderr, flush=True)
        stored = load_arrays(path)
        phase = Snapshot(stored["positions"], stored["velocities"], stored["box"])
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
    asked.folder.mkdir(parents=True, exist_ok=True)
    box = Box(asked.data, asked.folder, asked.seed)
    hybrid, plan = box.hybrid()
    rows = {
        name: carry_on(box, name, advance, asked.length)
        for name, advance in (("hybrid", ours(box)), ("openmm", openmm_alone(box)))
    }
    found = compare(rows["hybrid"], rows["openmm"], freedom_of(hybrid, plan))
    show(found)
    about = {"seed": asked.seed, "solute": "toluene, ANI-2x", "waters": WATERS}
    save("density", about | {"length_ps": asked.length} | found)


if __name__ == "__main__":
    main()
