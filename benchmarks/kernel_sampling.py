# SPDX-License-Identifier: MIT
"""Does a box sampled on our nonbonded kernel look as one sampled on OpenMM's forces?

Methanol in 330 TIP3P waters (996 atoms), cutoff 8 Å, 298.15 K and 1 atm, rigid. A segment is 5 ps
at constant pressure and 2 fs, then 0.5 ps at constant energy at 2 fs and at 1 fs. Of each are kept:
density, potential energy, the part of volume moves that were taken, the numbers of oxygens around
an oxygen in the first and second peak of g(r) and between, and both drifts of the energy.

Two segments are a block. Hotelling's T² of the means of all quantities at once gives one p-value,
which knows that they depend on each other. The same command goes on where it was stopped.

    python benchmarks/kernel_sampling.py --folder RUN --segments 40
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import openmm as mm
from common import gaff, parser, save, show
from scipy import stats

from merrow.ambertools.solvent import solvate
from merrow.bench.speed import BenchSystem, hybrid_of, open_system
from merrow.engine.dynamics import velocity_verlet
from merrow.engine.plans import Ensemble
from merrow.engine.seeds import derive_seed
from merrow.engine.simulation import (
    Snapshot,
    choose_platform,
    get_snapshot,
    open_context,
    set_snapshot,
)
from merrow.engine.storage import load_arrays, save_arrays
from merrow.native import MmKernel
from merrow.system.build import HybridSystem
from merrow.system.potentials import open_potential
from merrow.units import ANGSTROM_PER_NM, BAR_PER_ATM, GRAM_CM3_PER_DALTON_NM3, thermal_energy

WATERS, CUTOFF, TEMPERATURE = 330, 0.8, 298.15
ENSEMBLE = Ensemble(TEMPERATURE, BAR_PER_ATM, 0.002, 2.0, barostat_interval=25)
STEPS, TIMESTEPS, CONSTANT_ENERGY = 2500, (0.002, 0.001), 0.5
EQUILIBRATION = 6
"""Segments that are left out."""
SHELLS = (0.24, 0.30, 0.36, 0.42, 0.50)
"""Distances [nm] between which neighbours are counted."""
QUANTITIES = (
    *("density_g_cm3", "potential_kj", "volume_moves_taken"),
    *(f"neighbours_{a:g}_{b:g}_nm" for a, b in itertools.pairwise(SHELLS)),
    *(f"drift_{1e3 * dt:g}_fs_kt_per_ns_and_freedom" for dt in TIMESTEPS),
)
KERNELS: tuple[MmKernel, ...] = ("openmm", "native")


def segment(
    system: BenchSystem, hybrid: HybridSystem, start: Snapshot, seed: int
) -> tuple[np.ndarray, Snapshot]:
    """Return what a segment measured, in the order of `QUANTITIES`, and where it ended."""
    context = open_context(hybrid, ENSEMBLE, platform="CPU", seed=seed)
    set_snapshot(context, start)
    if not start.velocities.any():
        mm.LocalEnergyMinimizer.minimize(context, 10.0, 100)
        context.setVelocitiesToTemperature(TEMPERATURE, seed)
    mass = sum(hybrid.system.getParticleMass(i)._value for i in range(len(system.topology)))
    oxygens = len(system.region.atoms) + 3 * np.arange(WATERS)
    rows, volumes = [], [context.getState().getPeriodicBoxVolume()._value]
    for _ in range(STEPS // ENSEMBLE.barostat_interval):
        context.getIntegrator().step(ENSEMBLE.barostat_interval)
        state = context.getState(getEnergy=True, getPositions=True)
        volumes.append(state.getPeriodicBoxVolume()._value)
        edges = np.diag(state.getPeriodicBoxVectors(asNumpy=True)._value)
        energy = state.getPotentialEnergy()._value
        x = state.getPositions(asNumpy=True)._value[oxygens]
        density = mass / volumes[-1] * GRAM_CM3_PER_DALTON_NM3
        rows.append([density, energy, *neighbours(x, edges)])
    density, energy, *counts = np.mean(rows, axis=0)
    taken = np.mean(np.diff(volumes) != 0.0)
    end = get_snapshot(context)
    drifts = [drift(hybrid, end, dt) for dt in TIMESTEPS]
    return np.array([density, energy, taken, *counts, *drifts]), end


def neighbours(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the mean number of points around a point, shell by shell."""
    i, j = np.triu_indices(len(x), 1)
    d = x[j] - x[i]
    r = np.linalg.norm(d - edges * np.round(d / edges), axis=1)
    return 2 * np.histogram(r, SHELLS)[0] / len(x)


def drift(hybrid: HybridSystem, start: Snapshot, timestep: float) -> float:
    """Return the slope of the energy at constant energy [kT per ns and degree of freedom]."""
    integrator = velocity_verlet(timestep, 1e-7)
    for k in reversed(range(hybrid.system.getNumForces())):
        if isinstance(hybrid.system.getForce(k), mm.MonteCarloBarostat):
            hybrid.system.removeForce(k)
    context = mm.Context(hybrid.system, integrator, *choose_platform("CPU"))
    set_snapshot(context, start)
    every = 0.01
    totals = []
    for _ in range(round(CONSTANT_ENERGY / every)):
        integrator.step(round(every / timestep))
        state = context.getState(getEnergy=True)
        totals.append((state.getPotentialEnergy() + state.getKineticEnergy())._value)
    slope = np.polyfit(every * np.arange(len(totals)), totals, 1)[0]
    system = hybrid.system
    mobile = sum(system.getParticleMass(i)._value > 0 for i in range(system.getNumParticles()))
    freedom = 3 * mobile - system.getNumConstraints()
    return float(slope) * 1e3 / thermal_energy(TEMPERATURE) / freedom


def carry_on(folder: Path, kernel: MmKernel, system: BenchSystem, wanted: int) -> np.ndarray:
    """Add one segment to those of a kernel if there are too few; return all that count."""
    paths = sorted(folder.glob(f"{kernel}-*.npz"))
    if len(paths) < wanted + EQUILIBRATION:
        start = Snapshot(system.positions, np.zeros_like(system.positions), system.box)
        if paths:
            last = load_arrays(paths[-1])
            start = Snapshot(last["positions"], last["velocities"], last["box"])
        classical = open_potential("mm", system.topology, system.region)
        hybrid = hybrid_of(system, classical, kernel=kernel)
        found, end = segment(system, hybrid, start, derive_seed(22, kernel, len(paths)))
        at = {"positions": end.positions, "velocities": end.velocities, "box": end.box}
        paths.append(folder / f"{kernel}-{len(paths):04d}.npz")
        save_arrays(paths[-1], {"found": found, **at})
    return np.array([load_arrays(path)["found"] for path in paths[EQUILIBRATION:]])


def compare(one: np.ndarray, two: np.ndarray) -> dict[str, Any]:
    """Return means with errors, and Hotelling's test of all differences at once."""
    one, two = (
        a[: len(a) // 2 * 2].reshape(-1, 2, len(QUANTITIES)).mean(axis=1) for a in (one, two)
    )
    n, m, k = len(one), len(two), len(QUANTITIES)
    pooled = ((n - 1) * np.cov(one.T) + (m - 1) * np.cov(two.T)) / (n + m - 2)
    difference = two.mean(axis=0) - one.mean(axis=0)
    t2 = n * m / (n + m) * difference @ np.linalg.solve(pooled, difference)
    freedom = n + m - k - 1
    p = stats.f.sf(t2 * freedom / (k * (n + m - 2)), k, freedom)
    errors = [a.std(axis=0, ddof=1) / np.sqrt(len(a)) for a in (one, two)]
    rows = {
        name: {
            "openmm": [one[:, i].mean(), errors[0][i]],
            "native": [two[:, i].mean(), errors[1][i]],
            "sigmas": difference[i] / np.hypot(errors[0][i], errors[1][i]),
        }
        for i, name in enumerate(QUANTITIES)
    }
    return {"blocks": [n, m], "hotelling_t2": t2, "p_value": p, "quantities": rows}


def main() -> None:
    """Sample both in turn, compare, write `results/kernel_sampling.json`."""
    asked = parser(__doc__, "data", "folder", segments=40).parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    files = asked.folder / "solvated.prmtop", asked.folder / "solvated.inpcrd"
    if not files[1].exists():
        solvate(*gaff(asked.data, "methanol"), folder=asked.folder, n_waters=WATERS)
    system = open_system("methanol", *files, ":1", CUTOFF * ANGSTROM_PER_NM)
    samples: dict[str, np.ndarray] = {}
    for _ in range(asked.segments + EQUILIBRATION):
        samples = {
            kernel: carry_on(asked.folder, kernel, system, asked.segments) for kernel in KERNELS
        }
    found = compare(samples["openmm"], samples["native"])
    show(found)
    save("kernel_sampling", {"waters": WATERS, "cutoff_nm": CUTOFF, **found})


if __name__ == "__main__":
    main()
