# SPDX-License-Identifier: MIT
"""How large is the whole reorganisation free energy, where it can be measured?

ΔG = ⟨W⟩_wat + kT·KL(p_wat ‖ p_gas), with W(x) the free energy to dissolve a solute frozen at x. The
stressed dimethoxymethane of route_agreement.py (whose folder this reads) gives ΔG by the direct
route and conformations x from its coupled ensemble; each of them is frozen (atoms without mass) and
decoupled by itself, with the states, exchange and estimator of the direct route. What remains, ΔG −
⟨W⟩_wat, stands beside
what the program says without frozen runs: ΔE_reorg, the lower bound from torsion states, and the
Gaussian estimate of bonds and angles.

    python benchmarks/frozen_conformers.py --folder RUN --minutes 60

RUN is the folder of route_agreement.py. Run again it continues; with --minutes 0 it only estimates.
"""

from __future__ import annotations

import small_box as box  # isort: skip  (sets the threads)

import json
from collections.abc import Callable
from functools import partial

import numpy as np
from route_agreement import MOLECULE, Run, open_run, pair, read, read_gas, reorganization, total

from merrow.analysis.rmsd import superposed
from merrow.engine import gas, leg
from merrow.engine.seeds import derive_seed
from merrow.engine.simulation import Snapshot
from merrow.engine.storage import load_arrays, save_arrays
from merrow.free_energy.divergence import (
    Ensemble,
    conformer_labels,
    gaussian_reorganization,
    reorganization_bound,
)
from merrow.free_energy.estimate import Estimate
from merrow.free_energy.estimators import mbar
from merrow.free_energy.stiff import stiff_coordinates
from merrow.geometry import torsion_angles
from merrow.system.region import bonds_within
from merrow.units import ANGSTROM_PER_NM, NM_PER_ANGSTROM

STATES = (*box.CHARGING, *box.LJ[1:])
CONFORMERS = 24
COUPLED_RUNS = ("ml-charging", "ml-end")
SOURCES = ("ml-charging", "ml-lj", "ml-end", "ml-gas")


def conformers(run: Run) -> np.ndarray:
    """Return conformations of the coupled ensemble [nm], evenly spaced in time; chosen once."""
    path = run.folder / "frozen.npz"
    if not path.exists():
        box.require_samples(run.folder, SOURCES)
        pool = np.concatenate([read(run, name).at(0)[2] for name in COUPLED_RUNS])
        chosen = np.linspace(0, len(pool) - 1, CONFORMERS).round().astype(int)
        save_arrays(path, {"positions": pool[chosen]})
    return np.array(load_arrays(path)["positions"])


def work_of(run: Run, frames: np.ndarray) -> dict[str, tuple[float, Callable[[], None]]]:
    """Return share and next step of every frozen conformation."""
    hybrid = box.hybrid_of(run.solvated, run.ml)
    for atom in run.solvated.region.atoms:
        hybrid.system.setParticleMass(atom, 0.0)
    return {
        name_of(k): (
            1.0,
            partial(
                box.advance_leg, hybrid, plan_of(run, k), start(run, x), run.folder / name_of(k)
            ),
        )
        for k, x in enumerate(frames)
    }


def plan_of(run: Run, k: int) -> leg.LegPlan:
    """Return the plan of one conformation."""
    return box.leg_plan(STATES, seed=derive_seed(run.seed, "frozen", k), where=box.THIN)


def start(run: Run, frame: np.ndarray) -> Snapshot:
    """Return the solvated positions with a conformation in the place of the solute."""
    positions = run.solvated.positions.copy()
    atoms = list(run.solvated.region.atoms)
    moved = frame[None] * ANGSTROM_PER_NM
    positions[atoms] = superposed(moved, positions[atoms], np.arange(len(atoms)))[0]
    positions *= NM_PER_ANGSTROM
    lengths = np.diag(run.solvated.lengths * NM_PER_ANGSTROM)
    return Snapshot(positions, np.zeros_like(positions), lengths)


def name_of(k: int) -> str:
    """Return the folder of a conformation."""
    return f"frozen-{k:02d}"


def estimate(run: Run, frames: np.ndarray) -> dict[str, object]:
    """Return ΔG, ⟨W⟩ and their difference beside what is said without frozen runs."""
    names = [name_of(k) for k in range(len(frames))]
    box.require_samples(run.folder, (*SOURCES, *names))
    legs = {name: read(run, name) for name in SOURCES if name != "ml-gas"}
    dry = read_gas(run, "ml-gas")
    dg = total(mbar(legs["ml-charging"].samples), mbar(legs["ml-lj"].samples))
    single = [
        mbar(box.read_leg(run.folder / name, plan_of(run, k))[0]) for k, name in enumerate(names)
    ]
    values = np.array([e.dg_kcal for e in single])
    # the scatter holds what the conformations differ by and what each is uncertain by
    mean = Estimate(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))
    rest = Estimate(dg.dg_kcal - mean.dg_kcal, float(np.hypot(dg.stderr_kcal, mean.stderr_kcal)))
    return {
        "dg_kcal": pair(dg),
        "mean_w_kcal": pair(mean),
        "reorganization_free_energy_kcal": pair(rest),
        "de_reorg_kcal": pair(reorganization(legs, dry)),
        **shapes(run),
        "w_kcal": values.tolist(),
        "w_stderr_kcal": [e.stderr_kcal for e in single],
        "trans": (np.abs(torsion_angles(frames, run.solvated.torsions)) > 120.0).tolist(),
    }


def shapes(run: Run) -> dict[str, object]:
    """Return the bound from torsion states and the Gaussian estimate, as a run reports them."""
    wet = [read(run, name).at(0)[2] for name in COUPLED_RUNS]
    groups = np.repeat(np.arange(len(wet)), [len(part) for part in wet])
    phase = gas.read_gas(run.folder / "ml-gas")
    water, dry = np.concatenate(wet), phase.positions
    angles = [torsion_angles(x, run.solvated.torsions) for x in (water, dry)]
    labels = conformer_labels(np.concatenate(angles))
    bonds = bonds_within(run.solvated.topology, run.solvated.region).pairs
    found = {
        "lower_bound_kcal": reorganization_bound(
            Ensemble(labels[: len(water)], groups),
            Ensemble(labels[len(water) :], phase.ladder),
            temperature=box.THIN.temperature,
        ),
        "gaussian_kcal": gaussian_reorganization(
            Ensemble(stiff_coordinates(water, bonds), groups),
            Ensemble(stiff_coordinates(dry, bonds), phase.ladder),
            temperature=box.THIN.temperature,
        ),
    }
    return {name: None if e is None else pair(e) for name, e in found.items()}


def main() -> None:
    """Sample, estimate, print, write."""
    asked = box.arguments(__doc__ or "", "frozen_conformers.json")
    run = open_run(asked.folder, asked.source, asked.seed)
    frames = conformers(run)
    if asked.minutes > 0:
        box.run_rounds(work_of(run, frames), run.folder, asked.minutes)
    found = {**estimate(run, frames), "conformers": len(frames)}
    molecule = f"dimethoxymethane ({MOLECULE}), stressed as in route_agreement.py"
    result = box.finish(asked, found, molecule, box.THIN)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
