# SPDX-License-Identifier: MIT
"""What do a few frames of a molecule in implicit water look like? Short runs for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openmm as mm
from openmm import app, unit

from merrow.amber.coordinates import Coordinates
from merrow.amber.trajectory import TrajectoryWriter


def short_run(prmtop: Path, inpcrd: Path, path: Path, *, frames: int, seed: int = 1) -> Path:
    """Write a trajectory of 0.1 ps per frame."""
    system = app.AmberPrmtopFile(str(prmtop)).createSystem(implicitSolvent=app.OBC2)
    integrator = mm.LangevinMiddleIntegrator(300.0, 5.0, 0.001)
    integrator.setRandomNumberSeed(seed)
    context = mm.Context(system, integrator, mm.Platform.getPlatformByName("CPU"))
    context.setPositions(app.AmberInpcrdFile(str(inpcrd)).positions[: system.getNumParticles()])
    mm.LocalEnergyMinimizer.minimize(context, maxIterations=100)
    context.setVelocitiesToTemperature(300.0, seed)
    like = Coordinates(np.zeros((system.getNumParticles(), 3)))
    with TrajectoryWriter(path, like, velocities=False) as writer:
        for k in range(frames):
            integrator.step(100)
            state = context.getState(positions=True)
            place = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
            writer.append(Coordinates(place), 0.1 * (k + 1))
    return path
