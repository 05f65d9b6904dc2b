# SPDX-License-Identifier: MIT
"""How does a network come into an OpenMM script that you have already? Two lines do it.

    python examples/openmm_system.py lig.prmtop lig.inpcrd ":LIG" --potential ani2x

Everything but the two lines marked below is OpenMM as usual: the files may as well come from
`ForceField`, CHARMM or GROMACS.
"""

from __future__ import annotations

import argparse
import sys

import openmm
from openmm import app, unit

import merrow


def main() -> None:
    """Simulate one picosecond of an AMBER system with an ML region."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prmtop")
    parser.add_argument("inpcrd")
    parser.add_argument("mask", help="AMBER mask of the ML region, such as :LIG")
    parser.add_argument("--potential", default="ani2x")
    parser.add_argument("--steps", type=int, default=2000)
    asked = parser.parse_args()

    prmtop, inpcrd = app.AmberPrmtopFile(asked.prmtop), app.AmberInpcrdFile(asked.inpcrd)
    periodic = inpcrd.boxVectors is not None
    mm_system = prmtop.createSystem(
        nonbondedMethod=app.PME if periodic else app.NoCutoff,
        constraints=None,
        rigidWater=True,
    )

    potential = merrow.MLPotential(asked.potential)  # the first line
    system = potential.create_mixed_system(prmtop.topology, mm_system, asked.mask)  # the second

    # the molecule's bonds to hydrogen vibrate: half a femtosecond sees them well
    integrator = openmm.LangevinMiddleIntegrator(
        300 * unit.kelvin, 1 / unit.picosecond, 0.5 * unit.femtoseconds
    )
    simulation = app.Simulation(prmtop.topology, system, integrator)
    simulation.context.setPositions(inpcrd.positions)
    if periodic:
        simulation.context.setPeriodicBoxVectors(*inpcrd.boxVectors)
    simulation.minimizeEnergy(maxIterations=50)
    simulation.context.setVelocitiesToTemperature(300 * unit.kelvin, 1)
    simulation.reporters.append(
        app.StateDataReporter(
            sys.stdout,
            max(1, asked.steps // 10),
            step=True,
            potentialEnergy=True,
            temperature=True,
            speed=True,
        )
    )
    simulation.step(asked.steps)


if __name__ == "__main__":
    main()
