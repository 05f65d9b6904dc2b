# SPDX-License-Identifier: MIT
"""Which time step is the best for a flexible solute: the least error for its cost, the same ΔG?

Averages over configurations do not depend on masses, so steps may be compared with masses fit for
each: 1 fs with natural ones is the reference, 2 fs with repartitioned hydrogens, 4 fs with heavy
atoms. The same box of water for all, our nonbonded kernel where it is:

- gas: ⟨U⟩ of ANI in gas, twelve walkers, friction 10/ps; the error is their scatter;
- water: the coupled state with MM terms at constant volume: kinetic temperatures of solute and of
  water apart, mean potential energies of both; at constant energy: drift;
- path: ΔG with MM terms by `merrow hydration`, to an error; its CPU time.

A step passes if its ΔG is within 0.1 kcal/mol of the reference's, the error of the difference too,
⟨U⟩ in gas and in water within 0.1 kcal/mol or two errors, and its drift below 0.05 kT/ns for each
degree of freedom, or two errors. The best of those has the least stderr² · steps of a state: a
step costs the same, and a count of steps does not depend on what else the machine does.

    python benchmarks/time_step.py --folder KEPT [--molecules methanol] [--error 0.07]

What is finished is kept there, so that the same command resumes it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openmm as mm
from common import SMILES, ani_weights, parser, save
from time_to_error import Clock

from merrow.ambertools.molecule import read_molecule
from merrow.analysis.nve import trend
from merrow.engine.leg import equilibrate_coupled
from merrow.engine.plans import Ensemble
from merrow.engine.simulation import (
    Snapshot,
    choose_platform,
    get_snapshot,
    open_context,
    set_snapshot,
)
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.run import run_hydration
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.context import open_run
from merrow.hydration.sampling.pieces import beginning
from merrow.hydration.sampling.tasks import MM_SOLUTE, Task, leg_plan
from merrow.potentials.interface import Array, Molecule, Potential
from merrow.potentials.registry import load_potential
from merrow.process import use_one_thread
from merrow.system.build import INTERNAL, HybridSystem
from merrow.uncertainty import mean
from merrow.units import (
    ANGSTROM_PER_NM,
    GAS_CONSTANT,
    KCAL_PER_KJ,
    KJ_PER_KCAL,
    NM_PER_ANGSTROM,
    PS_PER_FS,
    thermal_energy,
)

SETTINGS = ((1.0, "prmtop"), (2.0, "repartitioned"), (4.0, "heavy"))
"""Time step [fs] and masses, the reference first."""
TEMPERATURE, FRICTION, WALKERS, EQUILIBRATION = 298.15, 10.0, 12, 3.0
RECORD = 0.1
"""Time between records in water [ps]."""
CLOSE_KCAL, DRIFT = 0.1, 0.05
"""Allowed difference [kcal/mol] and drift [kT/ns for each degree of freedom]."""


def main() -> None:
    """Run what is missing, print, write `results/time_step.json`."""
    options = parser(
        __doc__,
        "folder",
        "models",
        molecules={"nargs": "+", "choices": tuple(SMILES), "default": ("methanol",)},
        picoseconds=40.0,
        error=0.07,
        seed=1,
    ).parse_args()
    use_one_thread()
    model, _ = ani_weights(options.models, "ani2x", "ani1ccx")
    rows: list[dict[str, Any]] = []
    for name in options.molecules:
        mine = [measure(name, *setting, model, options) for setting in SETTINGS]
        for row in mine:
            judge(row, mine[0])
        rows += mine
    passed = [row for row in rows if row["passed"]]
    steps = {row["timestep_fs"] for row in passed} - {
        row["timestep_fs"] for row in rows if not row["passed"]
    }
    cost = {step: cost_of([r for r in rows if r["timestep_fs"] == step]) for step in sorted(steps)}
    best = min(cost, key=lambda step: cost[step]) if cost else None
    kept = {"picoseconds": options.picoseconds, "error_kcal": options.error, "seed": options.seed}
    save("time_step", {"settings": kept, "potential": model, "best_fs": best,
                       "stderr2_steps": cost, "rows": rows})  # fmt: skip
    print(table(rows, best))


def cost_of(rows: list[dict[str, Any]]) -> float:
    """Return the mean of stderr² · steps of a state over molecules [kcal²/mol²]."""
    return float(np.mean([row["path"]["stderr2_steps"] for row in rows]))


def measure(
    name: str, step: float, masses: str, model: str, options: argparse.Namespace
) -> dict[str, Any]:
    """Return all parts of one molecule and time step."""
    folder = options.folder.resolve() / name
    path = path_of(name, step, masses, folder / f"path-{step:g}", options)
    parts: dict[str, Callable[[], Any]] = {
        "gas": lambda: gas_energy(name, step, masses, model, options),
        "water": lambda: in_water(folder / f"path-{step:g}", options),
    }
    row: dict[str, Any] = {"molecule": name, "timestep_fs": step, "masses": masses, "path": path}
    for part, compute in parts.items():
        kept = folder / f"{part}-{step:g}.json"
        if not kept.exists():
            kept.write_text(json.dumps(compute()))
        row[part] = json.loads(kept.read_text())
    print(f"{name} {step:g} fs: {row}", flush=True)
    return row


def path_of(
    name: str, step: float, masses: str, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Return ΔG of the path with MM terms, to an error, and what it cost."""
    changes = {
        "name": "custom",
        "route": "direct",
        "timestep_fs": step,
        "solute_masses": masses,
        "target_stderr_kcal": options.error,
        "maximum_sampling_ps": 5000.0,
    }
    config = HydrationConfig(
        source=Source(kind="smiles", smiles=SMILES[name]),
        potential="mm",
        protocol=PROTOCOLS["quick"].model_copy(update=changes),
        seed=options.seed,
        processes=1,
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    clock = Clock(folder.with_suffix(".cpu"))
    result = run_hydration(config, folder, base=Path(), listen=clock.listen)
    error, ps = result.headline.stderr_kcal, result.diagnostics.numbers["ps_per_state"]
    return {
        "dg_kcal": result.headline.value_kcal,
        "stderr_kcal": error,
        "ps_per_state": ps,
        "stderr2_steps": error**2 * ps / (step * PS_PER_FS),
        "volume_angstrom3": result.diagnostics.numbers["mean_volume_angstrom3"],
        "cpu_s": clock.seconds,
    }


def in_water(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return temperatures, energies and drift of the coupled state of a path that was sampled."""
    run = open_run(RunFolder(folder), RunFolder(folder).config())
    task = Task("path", MM_SOLUTE)
    plan, hybrid = leg_plan(run.config, task), run.hybrid(MM_SOLUTE)
    snapshot = equilibrate_coupled(hybrid, plan, beginning(run, task))
    ensemble = plan.ensemble
    still = Ensemble(ensemble.temperature, None, ensemble.timestep, ensemble.friction)
    context = open_context(hybrid, still, platform="CPU", seed=options.seed)
    set_snapshot(context, snapshot)
    every = round(RECORD / ensemble.timestep)
    rows = np.array([
        observed(context, hybrid, every) for _ in range(round(options.picoseconds / RECORD))
    ])  # fmt: skip
    names = ("solute_k", "water_k", "solute_kcal", "total_kcal")
    found: dict[str, Any] = {
        name: [mean(values).value, mean(values).stderr]
        for name, values in zip(names, rows.T, strict=True)
    }
    return found | drift(hybrid, get_snapshot(context), ensemble.timestep, options.picoseconds)


def observed(context: mm.Context, hybrid: HybridSystem, steps: int) -> tuple[float, ...]:
    """Return temperatures of solute and water [K], U of the solute and of all [kcal/mol]."""
    context.getIntegrator().step(steps)
    state = context.getState(getVelocities=True, getEnergy=True)
    own = context.getState(getEnergy=True, groups={INTERNAL}).getPotentialEnergy()._value
    squares = (state.getVelocities(asNumpy=True)._value ** 2).sum(axis=1) * masses_of(hybrid)
    inside = np.zeros(len(squares), dtype=bool)
    inside[list(hybrid.region.atoms)] = True
    freedom = 3 * inside.sum(), 3 * (~inside).sum() - hybrid.system.getNumConstraints()
    kelvin = [
        float(squares[part].sum() / n / GAS_CONSTANT)
        for part, n in zip((inside, ~inside), freedom, strict=True)
    ]
    return (*kelvin, own * KCAL_PER_KJ, state.getPotentialEnergy()._value * KCAL_PER_KJ)


def masses_of(hybrid: HybridSystem) -> Array:
    """Return the masses in the System [dalton]."""
    count = hybrid.system.getNumParticles()
    return np.array([hybrid.system.getParticleMass(i)._value for i in range(count)])


def drift(hybrid: HybridSystem, start: Snapshot, step: float, picoseconds: float) -> dict[str, Any]:
    """Return drift [kT/ns for each degree of freedom] and scatter [kJ/mol] of the total energy."""
    integrator = mm.VerletIntegrator(step)
    integrator.setConstraintTolerance(1e-8)
    context = mm.Context(hybrid.system, integrator, *choose_platform("CPU"))
    set_snapshot(context, start)
    energies = []
    for _ in range(round(picoseconds / RECORD)):
        integrator.step(round(RECORD / step))
        state = context.getState(getEnergy=True)
        energies.append(state.getPotentialEnergy()._value + state.getKineticEnergy()._value)
    freedom = 3 * hybrid.system.getNumParticles() - hybrid.system.getNumConstraints()
    found = trend(RECORD * np.arange(len(energies)), np.array(energies))
    unit = 1000.0 / freedom / thermal_energy(TEMPERATURE)
    return {
        "drift": [found.slope * unit, found.stderr * unit],
        "scatter_kj": float(np.std(energies)),
    }


def judge(row: dict[str, Any], reference: dict[str, Any]) -> None:
    """Add differences from the reference, and whether the step passes."""
    same = row is reference
    pairs = {
        "dg": [[r["path"]["dg_kcal"], r["path"]["stderr_kcal"]] for r in (row, reference)],
        "gas": [r["gas"] for r in (row, reference)],
        "water": [r["water"]["solute_kcal"] for r in (row, reference)],
    }
    for name, ((a, error_a), (b, error_b)) in pairs.items():
        row[f"{name}_difference_kcal"] = [a - b, 0.0 if same else math.hypot(error_a, error_b)]
    slope, error = row["water"]["drift"]
    far, uncertain = row["dg_difference_kcal"]
    row["passed"] = (
        abs(far) <= CLOSE_KCAL
        and uncertain <= CLOSE_KCAL
        and all(
            abs(row[f"{name}_difference_kcal"][0])
            <= max(CLOSE_KCAL, 2 * row[f"{name}_difference_kcal"][1])
            for name in ("gas", "water")
        )
        and abs(slope) <= max(DRIFT, 2 * error)
    )


def table(rows: list[dict[str, Any]], best: float | None) -> str:
    """Return what a terminal shows."""
    lines = ["molecule  step [fs]  ΔG  CPU s  ΔΔG  Δ⟨U⟩ gas  water  T solute  water [K]  drift"]
    for row in rows:
        water = row["water"]
        told = [row["dg_difference_kcal"], row["gas_difference_kcal"], row["water_difference_kcal"],
                water["solute_k"], water["water_k"], water["drift"]]  # fmt: skip
        lines.append(
            f"{row['molecule']:12}{row['timestep_fs']:3g} {row['path']['dg_kcal']:7.2f}"
            f"({row['path']['stderr_kcal']:.2f}) {row['path']['cpu_s']:6.0f} "
            + " ".join(f"{a:8.3f}({b:.3f})" for a, b in told)
            + ("  passed" if row["passed"] else "")
        )
    return "\n".join([*lines, f"best: {best} fs" if best else "best: undecided"])


def gas_energy(
    name: str, step: float, kind: str, model: str, options: argparse.Namespace
) -> tuple[float, float]:
    """Return ⟨U⟩ in gas and its standard error [kcal/mol]."""
    molecule = read_molecule(SMILES[name])
    potential = load_potential(model, Molecule(molecule.numbers))
    natural = np.array([atom.GetMass() for atom in molecule.mol.GetAtoms()])
    start = molecule.mol.GetConformer().GetPositions() * NM_PER_ANGSTROM
    energies = walk(
        potential, start, masses(molecule.mol, natural, kind), step * PS_PER_FS,
        options.picoseconds, np.random.default_rng(options.seed),
    )  # fmt: skip
    each = energies.mean(axis=0)
    return float(each.mean()), float(each.std(ddof=1) / math.sqrt(WALKERS))


def masses(mol: Any, natural: Array, kind: str) -> Array:
    """Return masses as `merrow.system.build.region_masses` defines them [dalton]."""
    hydrogen = np.array([atom.GetAtomicNum() == 1 for atom in mol.GetAtoms()])
    if kind == "heavy":
        return np.where(hydrogen, 8.0, 2 * natural)
    result = natural.copy()
    for i in np.flatnonzero(hydrogen) if kind == "repartitioned" else ():
        (bond,) = mol.GetAtomWithIdx(int(i)).GetBonds()
        result[bond.GetOtherAtomIdx(int(i))] -= 3.024 - natural[i]
        result[i] = 3.024
    return result


def walk(
    potential: Potential,
    start: Array,
    mass: Array,
    step: float,
    picoseconds: float,
    random: np.random.Generator,
) -> Array:
    """Return the energies of all walkers at every step [kcal/mol], shape (steps, WALKERS)."""
    m, kt = mass[None, :, None], GAS_CONSTANT * TEMPERATURE
    keep = math.exp(-FRICTION * step)
    noise = np.sqrt((1 - keep**2) * kt / m)
    x = np.repeat(start[None], WALKERS, axis=0)
    v = random.normal(size=x.shape) * np.sqrt(kt / m)
    forces = potential.evaluate(x * ANGSTROM_PER_NM).forces
    energies = []
    for _ in range(round((picoseconds + EQUILIBRATION) / step)):
        v = v + step * forces * (KJ_PER_KCAL * ANGSTROM_PER_NM) / m
        x = x + 0.5 * step * v
        v = keep * v + noise * random.normal(size=v.shape)
        x = x + 0.5 * step * v
        answer = potential.evaluate(x * ANGSTROM_PER_NM)
        forces = answer.forces
        energies.append(answer.energies)
    return np.array(energies)[round(EQUILIBRATION / step) :]


if __name__ == "__main__":
    main()
