# SPDX-License-Identifier: MIT
"""Does decoupling frozen conformers give the same hydration free energy, and does it pay?

E_ML does not depend on the water, so with the solute frozen at x it drops out of the free energy
W(x) of coupling it to water, and exactly

    ΔG = −kT ln ⟨exp(−W(x)/kT)⟩ over the ML gas phase:

the network is needed in the gas phase alone. Conformers are drawn from the gas phase of a run of
protocol quick (endpoint route, ANI-2x), each is coupled along the states of that run, and both
free energies and their CPU time are compared. W has an error σ, which the average of exponentials
would turn into a bias of −σ²/2kT; each term is corrected by it.

    python benchmarks/frozen.py --folder KEPT [--molecule methanol] [--minutes 10]

Conformers are kept, so that the same command goes on.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openmm as mm
from common import SMILES, Clock, end_of, ladder, parser, save, show
from scipy.spatial.distance import pdist

from merrow.engine.plans import LegPlan
from merrow.engine.seeds import derive_seed, generator
from merrow.engine.simulation import Snapshot
from merrow.engine.storage import load_arrays, save_arrays
from merrow.engine.walkers import ContextWalker, open_walker
from merrow.free_energy.estimators import mbar
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.run import run_hydration
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.context import RunContext, open_run
from merrow.hydration.sampling.pieces import UNEQUILIBRATED, beginning
from merrow.hydration.sampling.tasks import ML_SOLUTE, MM_SOLUTE, Task, leg_plan
from merrow.process import use_one_thread
from merrow.samples import concatenate
from merrow.system.build import HybridSystem
from merrow.units import ANGSTROM_PER_NM, KCAL_PER_KJ, thermal_energy

Array = np.ndarray

FROZEN = 1e12
"""Mass of the solute's atoms [dalton]: they move by some 1e-6 nm in 1 ps."""
RESAMPLED = 2000


def main() -> None:
    """Run what is missing, print, write `results/frozen.json`."""
    asked = parser(
        __doc__,
        "folder",
        "minutes",
        "potential",
        molecule={"choices": tuple(SMILES), "default": "methanol"},
        conformers=24,
        ps=9.6,
        seed=2025,
    ).parse_args()
    use_one_thread()
    end = end_of(asked.minutes)
    folder = asked.folder.resolve() / asked.molecule
    clock = Clock(folder / "endpoint.cpu")
    result = run_hydration(settings(asked), folder / "endpoint", base=Path(), listen=clock.listen)
    run = open_run(RunFolder(folder / "endpoint"), RunFolder(folder / "endpoint").config())
    run = replace(run, conformers=drawn(run, asked.conformers))
    found = []
    for k in range(asked.conformers):
        kept = folder / f"conformer-{asked.ps:g}-{k}.npz"
        if not kept.exists() and time.monotonic() < end:
            save_arrays(kept, decouple(run, k, asked.ps))
        if kept.exists():
            found.append({name: float(value) for name, value in load_arrays(kept).items()})
            print(k, found[-1], flush=True)
    if len(found) < 2:
        return
    usual = result.headline.value_kcal, result.headline.stderr_kcal
    row = compared(found, usual, clock.seconds, run.config.protocol.temperature_k)
    head = {"molecule": asked.molecule, "potential": result.potential, "charges": result.charges}
    report = {**head, "ps_per_state": asked.ps, "seed": asked.seed, **row}
    save("frozen", report)
    show(report)


def settings(asked: argparse.Namespace) -> HydrationConfig:
    """Return the run beside which it is measured."""
    return HydrationConfig(
        source=Source(kind="smiles", smiles=SMILES[asked.molecule]),
        potential=asked.potential,
        protocol=PROTOCOLS["quick"],
        seed=asked.seed,
        processes=1,
    )


def drawn(run: RunContext, count: int) -> Array:
    """Return conformers at even times of the ML gas phase [Å], shape (count, n, 3)."""
    segments = run.folder.task(Task("gas", ML_SOLUTE)).read_gas()
    records = np.concatenate([segment.positions for segment in segments])
    records = records[len(records) // UNEQUILIBRATED :]
    every = records.reshape(-1, *records.shape[2:])  # ladders side by side
    chosen = np.linspace(0, len(every) - 1, count).round().astype(int)
    return np.asarray(every[chosen] * ANGSTROM_PER_NM)


def decouple(run: RunContext, k: int, ps: float) -> dict[str, Array]:
    """Return W of a conformer and its error [kcal/mol], CPU time [s], and how far it moved [Å]."""
    began = time.process_time()
    plan = leg_plan(run.config, Task("path", MM_SOLUTE, k))
    plan = replace(plan, seed=derive_seed(plan.seed, "frozen"))
    hybrid = run.hybrid(MM_SOLUTE)
    coupled = settled(hybrid, plan, beginning(run, Task("path", MM_SOLUTE, k)))
    segments = ladder(hybrid, plan, coupled, len(plan.states), ps)
    found = mbar(concatenate([segment.samples for segment in segments]))
    last = segments[-1].frames[-1] * ANGSTROM_PER_NM
    moved = np.abs(pdist(last) - pdist(run.conformers[k])).max()
    report = (found.value_kcal, found.stderr_kcal, time.process_time() - began, float(moved))
    return dict(zip(("w", "stderr", "cpu_s", "moved"), map(np.array, report), strict=True))


def settled(hybrid: HybridSystem, plan: LegPlan, start: Snapshot) -> Snapshot:
    """Relax and equilibrate the water around a solute that stays as it is."""
    _set_masses(hybrid, 0.0)  # the minimiser moves no particle without mass
    opened = ContextWalker(hybrid, plan, derive_seed(plan.seed, "settle"))
    opened.place(start, plan.states[0])
    mm.LocalEnergyMinimizer.minimize(opened.context, 10.0, 200)
    seed = derive_seed(plan.seed, "velocities")
    opened.context.setVelocitiesToTemperature(plan.ensemble.temperature, seed)
    _set_masses(hybrid, FROZEN)
    walker = open_walker(hybrid, plan, "settle")
    walker.place(opened.snapshot(), plan.states[0])
    walker.require_agreement()
    walker.advance(plan.equilibration)
    return walker.snapshot()


def _set_masses(hybrid: HybridSystem, mass: float) -> None:
    """Set the masses of the solute's atoms, which a Context copies when it is made."""
    for i in hybrid.region.atoms:
        hybrid.system.setParticleMass(i, mass)


def compared(
    found: list[dict[str, float]], usual: tuple[float, float], usual_cpu: float, temperature: float
) -> dict[str, Any]:
    """Return both free energies [kcal/mol], how they agree, and what they cost."""
    w, stderr = (np.array([one[name] for one in found]) for name in ("w", "stderr"))
    kt = thermal_energy(temperature) * KCAL_PER_KJ
    value = averaged(w, stderr, kt)
    random = generator(1, "bootstrap")
    again = [random.integers(len(w), size=len(w)) for _ in range(RESAMPLED)]
    error = float(np.std([averaged(w[rows], stderr[rows], kt) for rows in again]))
    cpu = sum(one["cpu_s"] for one in found)
    gap = value - usual[0], math.hypot(error, usual[1])
    return {
        "conformers": len(found),
        "frozen_kcal": [value, error],
        "endpoint_kcal": list(usual),
        "difference_kcal": list(gap),
        "mean_w_kcal": float(w.mean()),
        "sd_of_w_kcal": float(w.std(ddof=1)),
        "stderr_of_w_kcal": math.sqrt(np.mean(stderr**2)),
        "uncorrected_kcal": averaged(w, np.zeros_like(w), kt),
        "moved_angstrom": max(one["moved"] for one in found),
        "frozen_cpu_s": cpu,
        "endpoint_cpu_s": usual_cpu,
        "gain_in_time": (usual[1] ** 2 * usual_cpu) / (error**2 * cpu),
    }


def averaged(w: Array, stderr: Array, kt: float) -> float:
    """Return −kT ln ⟨exp(−W/kT)⟩, each term corrected for the error of its W."""
    exponents = -w / kt - 0.5 * (stderr / kt) ** 2
    return float(-kt * (np.logaddexp.reduce(exponents) - math.log(len(w))))


if __name__ == "__main__":
    main()
