# SPDX-License-Identifier: MIT
"""Do the direct route and the endpoint route give the same free energy where they can differ?

Dimethoxymethane (GAFF, FreeSolv's prmtop) in 30 TIP3P waters at 600 K (small_box.py says why). The
"ML" potential is GAFF with one C-O-C-O torsion shifted by 3 kcal/mol and all bonds 1.5 times
stiffer, as native forces. In gas the compact conformer competes, in water the polar extended ones
win, so ΔE_reorg is large and the endpoint route's end states differ in conformer and in vibration.

The direct route samples the stressed solute at every state. The endpoint route samples GAFF at
every state and adds BAR corrections in water and in gas. The two share no configuration, except
that the gas ensemble of the stressed solute also serves the direct route's ΔE_reorg. Each route's
path is two legs, sampled and solved
apart: charging (LJ on), then LJ (charges off).

    python benchmarks/route_agreement.py --folder RUN --minutes 60

Run again with the same folder it continues; with --minutes 0 it only estimates.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import small_box as box
from stressed import SHIFT, STIFFNESS, stressed

from merrow.engine.advance import advance_gas, complete_frames
from merrow.engine.seeds import derive_seed
from merrow.engine.segments import gas_frames
from merrow.engine.simulation import Snapshot
from merrow.engine.storage import TaskFolder
from merrow.free_energy.endstate import EndStateEstimate, IntermediateEnsemble, endstate_free_energy
from merrow.free_energy.estimate import PathEstimate, add, negative
from merrow.free_energy.estimators import mbar
from merrow.free_energy.populations import Torsions, judge_populations
from merrow.free_energy.reorganization import reorganization_energy
from merrow.free_energy.stored import Estimate
from merrow.geometry import torsion_angles
from merrow.samples import LambdaState, WindowSamples
from merrow.system.build import HybridSystem
from merrow.system.internal import ClassicalPotential
from merrow.units import NM_PER_ANGSTROM

Array = np.ndarray

MOLECULE = "dimethoxymethane"
TORSION = (0, 1, 2, 3)
"""The C-O-C-O torsion that is shifted."""
LEGS: dict[str, tuple[tuple[LambdaState, ...], float]] = {
    "mm-charging": (box.CHARGING, 4.0),
    "ml-charging": (box.CHARGING, 4.0),
    "mm-lj": (box.LJ, 5.0),
    "ml-lj": (box.LJ, 5.0),
    "ml-end": (box.COUPLED, 2.0),
}
"""States and share of segments; a segment is about 200 ps. The error of LJ is the largest."""
GAS_SHARE = 4.0


@dataclass(frozen=True)
class Run:
    """A folder with its system and both potentials."""

    folder: Path
    seed: int
    solvated: box.Solvated
    mm: ClassicalPotential
    ml: ClassicalPotential

    def driver(self, task: str) -> ClassicalPotential:
        """Return the potential that drives a task."""
        return self.mm if task.startswith("mm") else self.ml

    def other(self, task: str) -> ClassicalPotential:
        """Return the other potential."""
        return self.ml if task.startswith("mm") else self.mm


@dataclass(frozen=True)
class Leg:
    """Rows of a leg and, on the frames of its first and last state, both energies [kJ/mol]."""

    samples: WindowSamples
    frames: Array
    rows: Array
    other: Array

    def at(self, state: int) -> tuple[Array, Array, Array]:
        """Return driver's and other energy and the frames of one of the end states."""
        mine = self.samples.state[self.rows] == state
        return self.samples.internal[self.rows[mine]], self.other[mine], self.frames[mine]


def open_run(asked: argparse.Namespace) -> Run:
    """Prepare or reopen a run."""
    solvated = box.prepare(MOLECULE, asked.data, asked.folder, seed=asked.seed, where=box.THIN)
    mm = solvated.classical
    return Run(asked.folder, asked.seed, solvated, mm, stressed(mm.terms, TORSION))


def work_of(run: Run) -> dict[str, tuple[float, Callable[[], None]]]:
    """Return share and next step of every task."""
    work: dict[str, tuple[float, Callable[[], None]]] = {}
    for k, (name, (_, share)) in enumerate(LEGS.items()):
        hybrid = box.hybrid_of(run.solvated, run.driver(name))
        start = box.start_snapshot(run.solvated, k % 2)
        work[name] = (share, partial(_leg_step, run, name, hybrid, start))
    for name in ("mm-gas", "ml-gas"):
        work[name] = (GAS_SHARE, partial(_gas_step, run, name))
    return work


def _leg_step(run: Run, name: str, hybrid: HybridSystem, start: Snapshot) -> None:
    plan = box.leg_plan(LEGS[name][0], seed=derive_seed(run.seed, name), where=box.THIN)
    box.advance_leg(hybrid, plan, start, run.folder / name)
    complete_frames(TaskFolder(run.folder / name), run.other(name))


def _gas_step(run: Run, name: str) -> None:
    folder = TaskFolder(run.folder / name)
    plan = box.gas_plan(run.solvated, derive_seed(run.seed, name))
    starts = run.solvated.conformers * NM_PER_ANGSTROM
    advance_gas(folder, run.driver(name), plan, starts)
    complete_frames(folder, run.other(name))


def read(run: Run, name: str) -> Leg:
    """Read a leg back."""
    plan = box.leg_plan(LEGS[name][0], seed=0, where=box.THIN)
    samples, frames, rows = box.read_leg(run.folder / name, plan)
    others = TaskFolder(run.folder / name).read_segments(plan.states, plan.ensemble.temperature)
    return Leg(samples, frames, rows, np.concatenate([part.other for part in others]))


@dataclass(frozen=True)
class Gas:
    """The gas phase of one potential: both energies [kJ/mol], ladder and torsions [degree]."""

    internal: Array
    other: Array
    ladder: Array
    angles: Array


def read_gas(run: Run, name: str) -> Gas:
    """Read a gas phase back, ladder by ladder."""
    found = gas_frames(TaskFolder(run.folder / name).read_gas())
    angles = torsion_angles(found.positions, run.solvated.torsions)
    return Gas(found.internal, found.other, found.group, angles)


def correction(mm: tuple[Array, ...], ml: tuple[Array, ...]) -> EndStateEstimate:
    """Return F(ML) − F(MM) in water from (driver's, other) energies of both ensembles."""
    ends = IntermediateEnsemble(0.0, mm[1] - mm[0]), IntermediateEnsemble(1.0, ml[0] - ml[1])
    return endstate_free_energy(ends, temperature=box.THIN.temperature)


def estimate(run: Run) -> dict[str, object]:
    """Return both routes, the published sum, and the same comparison leg by leg."""
    box.require_samples(run.folder, (*LEGS, "mm-gas", "ml-gas"))
    legs = {name: read(run, name) for name in LEGS}
    paths = {name: mbar(legs[name].samples) for name in LEGS if name != "ml-end"}
    mm_gas, ml_gas = read_gas(run, "mm-gas"), read_gas(run, "ml-gas")
    water = correction(legs["mm-charging"].at(0), legs["ml-end"].at(0))
    uncharged = correction(legs["mm-lj"].at(0), legs["ml-lj"].at(0))
    dry = gas_correction(mm_gas, ml_gas)
    de_reorg = reorganization(legs, ml_gas)
    r1 = total(paths["ml-charging"], paths["ml-lj"])
    mm = total(paths["mm-charging"], paths["mm-lj"])
    r2 = total(mm, water, negative(dry))
    difference = total(r1, negative(r2))
    return {
        "r1_kcal": pair(r1),
        "r2_kcal": pair(r2),
        "difference_kcal": difference.value_kcal,
        "stderr_kcal": difference.stderr_kcal,
        "as_published_kcal": pair(total(r1, de_reorg)),
        "de_reorg_kcal": pair(de_reorg),
        "mm_kcal": pair(mm),
        "corrections_kcal": {
            name: {
                **pair(e),
                "bounds": [e.bound_low_kcal, e.bound_high_kcal],
                "overlap": e.overlap,
                "ok": e.verdict.ok,
            }
            for name, e in (("water", water), ("uncharged", uncharged), ("gas", dry))
        },
        "leg_by_leg_difference_kcal": {
            "charging": pair(_closure(paths, "charging", water, uncharged)),
            "lj": pair(_closure(paths, "lj", uncharged, dry)),
        },
        "paths": {name: path_summary(path, legs[name].samples) for name, path in paths.items()},
        "trans_in_water": {
            name: _trans(torsion_angles(legs[name].at(0)[2], run.solvated.torsions))
            for name in ("mm-charging", "ml-charging", "ml-end")
        },
        "trans_in_gas": {"mm": _trans(mm_gas.angles), "ml": _trans(ml_gas.angles)},
        "stress": {"torsion": TORSION, "shift_kcal": SHIFT, "bond_factor": STIFFNESS},
        "gas_starts": {"mm": _starts(run, mm_gas), "ml": _starts(run, ml_gas)},
    }


def gas_correction(mm: Gas, ml: Gas) -> EndStateEstimate:
    """Return F(ML) − F(MM) in gas."""
    ends = (
        IntermediateEnsemble(0.0, mm.other - mm.internal, mm.ladder),
        IntermediateEnsemble(1.0, ml.internal - ml.other, ml.ladder),
    )
    return endstate_free_energy(ends, temperature=box.THIN.temperature)


def reorganization(legs: dict[str, Leg], dry: Gas) -> Estimate:
    """Return ⟨E_ML⟩_wat − ⟨E_ML⟩_gas from both coupled runs of the stressed solute."""
    wet = [legs[name].at(0)[0] for name in ("ml-charging", "ml-end")]
    return reorganization_energy(
        np.concatenate(wet),
        dry.internal,
        groups_water=np.repeat([0, 1], [len(part) for part in wet]),
        groups_gas=dry.ladder,
    )


def total(*parts: Estimate) -> Estimate:
    """Return the sum of estimates from different simulations."""
    return add(shared=[], independent=parts)


def _starts(run: Run, phase: Gas) -> str:
    names = tuple(str(torsion) for torsion in run.solvated.torsions)
    torsions = Torsions({name: (k,) for k, name in enumerate(names)}, {}, mirrored=False)
    return judge_populations(phase.angles, phase.ladder, phase="gas", torsions=torsions).message


def _closure(paths: dict[str, PathEstimate], leg: str, near: Estimate, far: Estimate) -> Estimate:
    """Return direct − endpoint on one leg; its ends are corrected in water or in gas."""
    return total(paths[f"ml-{leg}"], negative(paths[f"mm-{leg}"]), negative(near), far)


def pair(estimate: Estimate) -> dict[str, float]:
    """Return value and standard error for the result file."""
    return {"dg_kcal": estimate.value_kcal, "stderr_kcal": estimate.stderr_kcal}


def path_summary(path: PathEstimate, samples: WindowSamples) -> dict[str, object]:
    """Return what the result file says of one leg."""
    per_record = box.THIN.record * box.TIMESTEP / 1000
    return {
        **pair(path),
        "errors": {name: getattr(path.errors, name) for name in ("analytic", "blocks")},
        "min_overlap": path.min_overlap,
        "sampled_ns": len(samples) * per_record,
    }


def _trans(angles: Array) -> list[float]:
    """Return the fraction of trans of each rotatable torsion."""
    return [float(x) for x in (np.abs(angles) > 120.0).mean(axis=0)]


if __name__ == "__main__":
    box.script(__doc__, "route_agreement", open_run, work_of, estimate)
