# SPDX-License-Identifier: MIT
"""Do decoupling and annihilation, the two textbook ways to a hydration free energy, agree?

Decoupling scales what acts between solute and water. Annihilation scales the solute's own Coulomb
and Lennard-Jones pairs as well, in water and in a gas-phase leg that is then subtracted. It is for
MM solutes only, so it lives here and not in the package: two forces among the solute's atoms that
carry the same λ and stand in the same force groups; records sum their pairs, too.

    python benchmarks/annihilation.py --folder RUN --minutes 60

RUN is the folder of route_agreement.py (made by its first minutes), whose legs of GAFF at every
state (mm-charging, mm-lj) are the decoupling value; nothing else is shared. With its gas phase
(mm-gas) the published sum is made for GAFF too: decoupling + ⟨E_MM of the solute⟩_wat − ⟨…⟩_gas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import openmm as mm
import small_box as box
from route_agreement import Run, open_run, pair, path_summary, total

from merrow.amber.topology import AmberTopology, read_topology
from merrow.engine.plans import LegPlan
from merrow.engine.seeds import derive_seed
from merrow.engine.segments import gas_frames
from merrow.engine.simulation import Snapshot
from merrow.engine.storage import TaskFolder
from merrow.free_energy.estimate import negative
from merrow.free_energy.estimators import mbar
from merrow.free_energy.reorganization import reorganization_energy
from merrow.free_energy.stored import Estimate
from merrow.samples import LambdaState, WindowSamples
from merrow.system.alchemy import LAMBDA_ELECTROSTATICS, LAMBDA_STERICS, SOFT_CORE_ALPHA
from merrow.system.build import NONBONDED, SOFT_CORE, HybridSystem, hybrid_system
from merrow.system.internal import ClassicalPotential, InternalTerms
from merrow.system.pme import Nonbonded
from merrow.system.region import MLRegion, region_of
from merrow.system.soft_core import SoftCoreSum, soft_core_of
from merrow.units import COULOMB_OPENMM, NM_PER_ANGSTROM

LEGS: dict[str, tuple[tuple[LambdaState, ...], float]] = {
    "annihilate-charging": (box.CHARGING, 2.0),
    "annihilate-lj": (box.LJ, 5.0),
    "annihilate-gas-charging": (box.CHARGING, 2.0),
    "annihilate-gas-lj": (box.LJ, 2.0),
}
"""States and share of segments; a segment is about 200 ps. The error of LJ is the largest."""


def annihilated_system(
    topology: AmberTopology, region: MLRegion, terms: InternalTerms, *, nonbonded: Nonbonded
) -> HybridSystem:
    """Return the MM system in which λ also scales the solute's own nonbonded pairs.

    At λ = 1 it is the MM system; at λ = 0 the solute keeps its bonded terms alone.
    """
    bare = ClassicalPotential(replace(terms, pairs=()), name="bonded", identity="bonded")
    hybrid = hybrid_system(topology, region, bare, nonbonded=nonbonded)
    for force in _scaled_pairs(terms, region.atoms):
        hybrid.system.addForce(force)
    pairs = [
        (region.atoms[i], region.atoms[j], (a / b) ** (1 / 6), b * b / (4 * a))
        for i, j, _, a, b in terms.pairs
        if a > 0.0 and b > 0.0
    ]
    return replace(hybrid, soft_core=SoftCoreSum(soft_core_of(hybrid.system), pairs))


def _scaled_pairs(terms: InternalTerms, atoms: tuple[int, ...]) -> tuple[mm.Force, mm.Force]:
    """Return Coulomb pairs ∝ λ_elec² (both charges scaled) and soft-core Lennard-Jones pairs."""
    coulomb = mm.CustomBondForce(f"{COULOMB_OPENMM!r}*{LAMBDA_ELECTROSTATICS}^2*qq/r")
    coulomb.addGlobalParameter(LAMBDA_ELECTROSTATICS, 1.0)
    coulomb.addPerBondParameter("qq")
    coulomb.setForceGroup(NONBONDED)
    lj = mm.CustomBondForce(
        f"{LAMBDA_STERICS}*b*b/a*(1/(s*s) - 1/s);"
        f"s = {SOFT_CORE_ALPHA}*(1 - {LAMBDA_STERICS}) + b/a*r^6"
    )
    lj.addGlobalParameter(LAMBDA_STERICS, 1.0)
    lj.addEnergyParameterDerivative(LAMBDA_STERICS)
    lj.addPerBondParameter("a")
    lj.addPerBondParameter("b")
    lj.setForceGroup(SOFT_CORE)
    for i, j, product, a, b in terms.pairs:
        coulomb.addBond(atoms[i], atoms[j], [product])
        if a > 0.0 and b > 0.0:
            lj.addBond(atoms[i], atoms[j], [a, b])
    return coulomb, lj


def open_leg(
    solvated: box.Solvated, name: str, seed: int
) -> tuple[HybridSystem, LegPlan, Snapshot]:
    """Return system, plan and start of one leg."""
    in_gas = "gas" in name
    terms = solvated.classical.terms
    plan = box.leg_plan(
        LEGS[name][0], seed=derive_seed(seed, name), gas_phase=in_gas, where=box.THIN
    )
    if in_gas:
        topology = read_topology(solvated.gas_prmtop)
        region = region_of(topology, solvated.region.atoms, name="the solute")
        hybrid = annihilated_system(topology, region, terms, nonbonded=Nonbonded(None))
        positions = solvated.conformers[0] * NM_PER_ANGSTROM
        start = Snapshot(positions, np.zeros_like(positions), 10.0 * np.eye(3))
    else:
        hybrid = annihilated_system(
            solvated.topology, solvated.region, terms, nonbonded=box.nonbonded(solvated)
        )
        start = box.start_snapshot(solvated, 0)
    for i, mass in enumerate(solvated.masses):
        hybrid.system.setParticleMass(i, mass)
    return hybrid, plan, start


def work_of(run: Run) -> dict[str, tuple[float, Callable[[], None]]]:
    """Return share and next step of every leg."""
    steps = {name: open_leg(run.solvated, name, run.seed) for name in LEGS}
    return {
        name: (share, partial(box.advance_leg, *steps[name], run.folder / name))
        for name, (_, share) in LEGS.items()
    }


def estimate(run: Run) -> dict[str, object]:
    """Return the hydration free energy both ways, and their difference."""
    folder = run.folder
    states = {**LEGS, "mm-charging": (box.CHARGING, 0.0), "mm-lj": (box.LJ, 0.0)}
    box.require_samples(folder, (*states, "mm-gas"))
    samples = {
        name: box.read_leg(folder / name, box.leg_plan(schedule, seed=0, where=box.THIN))[0]
        for name, (schedule, _) in states.items()
    }
    paths = {name: mbar(rows) for name, rows in samples.items()}
    decoupled = total(paths["mm-charging"], paths["mm-lj"])
    water = total(paths["annihilate-charging"], paths["annihilate-lj"])
    dry = total(paths["annihilate-gas-charging"], paths["annihilate-gas-lj"])
    annihilated = total(water, negative(dry))
    difference = total(annihilated, negative(decoupled))
    de_reorg = reorganization(folder, samples["mm-charging"])
    return {
        "decoupling_kcal": pair(decoupled),
        "annihilation_kcal": pair(annihilated),
        "annihilation_water_leg_kcal": pair(water),
        "annihilation_gas_leg_kcal": pair(dry),
        "difference_kcal": difference.value_kcal,
        "stderr_kcal": difference.stderr_kcal,
        "de_reorg_kcal": pair(de_reorg),
        "decoupling_plus_de_reorg_kcal": pair(total(decoupled, de_reorg)),
        "paths": {name: path_summary(path, samples[name]) for name, path in paths.items()},
    }


def reorganization(folder: Path, charging: WindowSamples) -> Estimate:
    """Return ⟨E_MM⟩_wat − ⟨E_MM⟩_gas of the solute's own terms."""
    phase = gas_frames(TaskFolder(folder / "mm-gas").read_gas())
    wet = charging.internal[charging.state == 0]
    return reorganization_energy(wet, phase.internal, groups_gas=phase.group)


if __name__ == "__main__":
    box.script(__doc__, "annihilation", open_run, work_of, estimate)
