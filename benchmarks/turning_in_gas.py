# SPDX-License-Identifier: MIT
"""How fast does a bond turn with its torsion terms scaled, and do neighbouring states exchange?

Butane, dimethoxymethane and 1-chloropentane in gas with GAFF terms, heavy masses, 4 fs, friction
1/ps, 298.15 K, 400 ps each: the time in which the populations of their torsions forget themselves
(statistical inefficiency of being anti), by the factor f on the torsion terms; and the fraction of
swaps that is accepted between the states that the protocol chooses (f = 1 first).

    python benchmarks/turning_in_gas.py
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import openmm as mm
from common import SYSTEMS, parser, save, show

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import AmberTopology, read_topology
from merrow.geometry import torsion_angles
from merrow.hydration.protocol import PROTOCOLS
from merrow.system.internal import ClassicalPotential, internal_forces
from merrow.system.masses import region_masses
from merrow.system.potentials import open_classical
from merrow.system.region import region_of
from merrow.system.torsions import conformer_torsions
from merrow.system.turning import turning_torsions
from merrow.uncertainty import inefficiency
from merrow.units import ANGSTROM_PER_NM, KJ_PER_KCAL, NM_PER_ANGSTROM, thermal_energy

MOLECULES = ("butane", "dimethoxymethane", "chloropentane")
TEMPERATURE, STEP, FRICTION = 298.15, 0.004, 1.0
RECORD, LENGTH = 0.1, 400.0
"""Time between records, and length of a run [ps]."""
FACTORS = (1.0, 0.5, 0.2, 0.0, -0.2, -0.3)
ANTI = 120.0
SEED, SWAPS = 3, 20_000


def main() -> None:
    """Run all molecules, print, write `results/turning_in_gas.json`."""
    asked = parser(__doc__, molecules={"nargs": "+", "default": MOLECULES}).parse_args()
    rows = {name: measured(name) for name in asked.molecules}
    save("turning_in_gas", {"ps": LENGTH, "molecules": rows})
    show(rows)


def measured(name: str) -> dict[str, Any]:
    """Return correlation times [ps] by factor, and acceptances between the chosen states."""
    topology = read_topology(SYSTEMS / f"{name}.prmtop")
    start = read_coordinates(SYSTEMS / f"{name}.inpcrd").positions
    atoms = tuple(range(len(topology)))
    whole = open_classical(topology, atoms)
    turning = turning_torsions(whole.terms, topology, atoms, start)
    spread = turning.spread / thermal_energy(TEMPERATURE)
    quick = PROTOCOLS["quick"].chosen(often=True, torsion_spread=spread)
    chosen = (1.0, *dict.fromkeys(quick.torsion_scales or ()))
    bonds = [ways[0] for ways in conformer_torsions(topology, atoms)]
    times, energies = {}, {}
    for factor in sorted({*FACTORS, *chosen}, reverse=True):
        own = whole if factor == 1.0 else turning.scaled(whole, factor)
        assert isinstance(own, ClassicalPotential)
        frames = trajectory(topology, own, start)
        anti = np.abs(torsion_angles(frames, bonds)) > ANTI
        times[factor] = [RECORD * inefficiency([one.astype(float)]) for one in anti.T]
        energies[factor] = turning.potential.evaluate(frames).energies * KJ_PER_KCAL
    return {
        "spread_kt": spread,
        "correlation_ps": {str(factor): times[factor] for factor in FACTORS},
        "states": chosen,
        "accepted": [
            accepted(a - b, energies[a], energies[b]) for a, b in itertools.pairwise(chosen)
        ],
    }


def trajectory(topology: AmberTopology, own: ClassicalPotential, start: np.ndarray) -> np.ndarray:
    """Return frames of Langevin dynamics in gas [Å], shape (n, atoms, 3)."""
    system, atoms = mm.System(), range(len(topology))
    for mass in region_masses(topology, region_of(topology, atoms, name="all"), "heavy"):
        system.addParticle(mass)
    for force in internal_forces(own.terms, atoms, group=0):
        system.addForce(force)
    integrator = mm.LangevinMiddleIntegrator(TEMPERATURE, FRICTION, STEP)
    integrator.setRandomNumberSeed(SEED)
    context = mm.Context(system, integrator, mm.Platform.getPlatformByName("Reference"))
    context.setPositions(start * NM_PER_ANGSTROM)
    mm.LocalEnergyMinimizer.minimize(context)
    context.setVelocitiesToTemperature(TEMPERATURE, SEED)
    frames = []
    for _ in range(round(LENGTH / RECORD)):
        integrator.step(round(RECORD / STEP))
        frames.append(context.getState(getPositions=True).getPositions(asNumpy=True)._value)
    return np.array(frames) * ANGSTROM_PER_NM


def accepted(step: float, first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean acceptance of a swap between two states `step` of f apart."""
    random = np.random.default_rng(SEED)
    a, b = (random.choice(values, SWAPS) for values in (first, second))
    return float(np.minimum(1.0, np.exp(step * (a - b) / thermal_energy(TEMPERATURE))).mean())


if __name__ == "__main__":
    main()
