# SPDX-License-Identifier: MIT
"""Fixtures: solutes in small boxes of water, and ANI potentials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm as mm
import pytest
from hybrids import WATERS, Box, make_box
from loops import TEMPERATURE, build, on_reference, placed, plan_of

from merrow.ambertools.programs import find_program
from merrow.engine.simulation import Snapshot
from merrow.errors import MissingComponentError
from merrow.potentials.interface import Molecule, Potential
from merrow.potentials.registry import load_potential


@pytest.fixture(scope="session")
def methane(systems: Path, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """Methane in 110 waters: every atom of the solute has Lennard-Jones."""
    return make_box(systems / "methane.prmtop", tmp_path_factory.mktemp("methane"), WATERS)


@pytest.fixture(scope="session")
def acetone(systems: Path, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """Acetone in 110 waters: a dipole, torsions and 1-4 pairs."""
    return make_box(systems / "acetone.prmtop", tmp_path_factory.mktemp("acetone"), WATERS)


@pytest.fixture(scope="session")
def ethanol(systems: Path, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """Ethanol in 110 waters: pairs beyond 1-4, and a hydroxyl hydrogen without Lennard-Jones."""
    return make_box(systems / "ethanol.prmtop", tmp_path_factory.mktemp("ethanol"), WATERS)


@pytest.fixture(scope="session")
def start(ethanol: Box) -> Snapshot:
    """Ethanol, relaxed, with velocities and the solute bent out of its minimum."""
    context = on_reference(ethanol)
    context.setPositions(ethanol.positions)
    mm.LocalEnergyMinimizer.minimize(context, 10.0, 100)
    positions = context.getState(getPositions=True).getPositions(asNumpy=True)._value
    bent = np.random.default_rng(3).normal(size=(len(ethanol.atoms), 3))
    positions[ethanol.atoms] += 0.005 * bent
    context.setPositions(positions)
    context.applyConstraints(1e-12)
    context.setVelocitiesToTemperature(TEMPERATURE, 7)
    state = context.getState(getPositions=True, getVelocities=True)
    found = (state.getPositions(asNumpy=True), state.getVelocities(asNumpy=True))
    begun = Snapshot(*(np.array(values._value) for values in found), ethanol.vectors)
    # OpenMM's sides are 6e-10 nm off, which is much for steps that are meant to move nothing
    still = placed(build(ethanol), plan_of(friction=0.0, timestep=1e-9), begun)
    still.advance(1)
    return replace(begun, positions=still.snapshot().positions)


@pytest.fixture(scope="session")
def ani(stand_ins) -> Callable[[str, Molecule], Potential]:
    """Return a function (name, molecule) → ANI potential in double precision."""

    def load(name: str, molecule: Molecule) -> Potential:
        with stand_ins.active():
            return load_potential(name, molecule, precision="float64")

    return load


@pytest.fixture(scope="session")
def sander() -> None:
    """Ask for this where sander is run."""
    try:
        find_program("sander")
    except MissingComponentError as error:
        pytest.skip(str(error))
