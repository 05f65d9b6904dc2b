# SPDX-License-Identifier: MIT
"""Fixtures: solutes in small boxes of water, and ANI potentials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hybrids import WATERS, Box, make_box

from merrow.ambertools.programs import find_program
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
