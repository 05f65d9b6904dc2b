# SPDX-License-Identifier: MIT
"""Which time step is small enough for a flexible ML solute? Its mean energy in gas says.

The average ⟨U⟩ of ANI-2x at 298.15 K does not depend on masses, so it may be compared
between steps with masses fit for each: natural at 1 fs is the reference. Twelve independent walkers
of each molecule, LangevinMiddle, friction 10/ps; the error is their scatter.

    python benchmarks/time_step.py [--picoseconds 40] [--only methanol]
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np
from common import SMILES, parser, save

from merrow.ambertools.molecule import read_molecule
from merrow.potentials.interface import Array, Molecule, Potential
from merrow.potentials.registry import load_potential
from merrow.units import ANGSTROM_PER_NM, GAS_CONSTANT, KJ_PER_KCAL, NM_PER_ANGSTROM, PS_PER_FS

MOLECULES = ("methanol", "acetonitrile", "acetone")
"""O-H, the stiffest bond to hydrogen; C≡N, the stiffest without; C=O beside soft methyl rotors."""
SETTINGS = ((1.0, "prmtop"), (2.0, "repartitioned"), (4.0, "heavy"))
"""Time step [fs] and masses, the reference first."""
TEMPERATURE, FRICTION, WALKERS, EQUILIBRATION = 298.15, 10.0, 12, 3.0


def main() -> None:
    """Run, print, write `results/time_step.json`."""
    only = {"choices": MOLECULES, "nargs": "+", "default": MOLECULES}
    options = parser(__doc__, picoseconds=40.0, only=only, seed=1).parse_args()
    rows: list[dict[str, Any]] = []
    for name in options.only:
        reference = None
        for timestep, kind in SETTINGS:
            mean, stderr = mean_energy(SMILES[name], timestep, kind, options)
            reference = reference or (mean, stderr)
            rows.append({
                "molecule": name,
                "timestep_fs": timestep,
                "masses": kind,
                "difference_kcal": mean - reference[0],
                "stderr_kcal": stderr if mean == reference[0] else math.hypot(stderr, reference[1]),
            })  # fmt: skip
            print("{molecule:13} {timestep_fs:3.0f} fs {masses:14} {difference_kcal:7.3f} "
                  "± {stderr_kcal:.3f} kcal/mol".format(**rows[-1]), flush=True)  # fmt: skip
    settings = {"walkers": WALKERS, "picoseconds": options.picoseconds, "seed": options.seed}
    save("time_step", {"settings": settings, "rows": rows})


def mean_energy(
    smiles: str, timestep: float, kind: str, options: argparse.Namespace
) -> tuple[float, float]:
    """Return ⟨U⟩ and its standard error [kcal/mol]."""
    molecule = read_molecule(smiles)
    potential = load_potential("ani2x", Molecule(molecule.numbers))
    natural = np.array([atom.GetMass() for atom in molecule.mol.GetAtoms()])
    start = molecule.mol.GetConformer().GetPositions() * NM_PER_ANGSTROM
    energies = walk(
        potential, start, masses(molecule.mol, natural, kind), timestep * PS_PER_FS,
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
