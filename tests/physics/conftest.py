# SPDX-License-Identifier: MIT
"""Fixtures: solutes in small boxes of water, and ANI models where their weights are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hybrids import WATERS, Box, make_box

from merrow.ambertools.programs import find_program
from merrow.errors import MissingComponentError
from merrow.potentials.interface import Molecule, Potential
from merrow.potentials.registry import load_potential

METHANE, ACETONE, ETHANOL = "mobley_9055303", "mobley_3867265", "mobley_2310185"


@pytest.fixture(scope="session")
def methane(freesolv: Path, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """Methane in 110 waters: every atom of the solute has Lennard-Jones."""
    gas = freesolv / "amber_gaff" / f"{METHANE}.prmtop"
    return make_box(gas, tmp_path_factory.mktemp("methane"), WATERS)


@pytest.fixture(scope="session")
def acetone(freesolv: Path, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """Acetone in 110 waters: a dipole, torsions and 1-4 pairs."""
    gas = freesolv / "amber_gaff" / f"{ACETONE}.prmtop"
    return make_box(gas, tmp_path_factory.mktemp("acetone"), WATERS)


@pytest.fixture(scope="session")
def ethanol(freesolv: Path, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """Ethanol in 110 waters: pairs beyond 1-4, and a hydroxyl hydrogen without Lennard-Jones."""
    gas = freesolv / "amber_gaff" / f"{ETHANOL}.prmtop"
    return make_box(gas, tmp_path_factory.mktemp("ethanol"), WATERS)


@pytest.fixture(scope="session")
def ani(shared: Path) -> Callable[[str, Molecule], Potential]:
    """Return a function (name, molecule) → ANI potential in double precision."""
    folder = Path(os.environ.get("MERROW_MODELS", shared / "models"))

    def load(name: str, molecule: Molecule) -> Potential:
        weights = folder / f"{name}_state_dict.pt"
        if not weights.is_file():
            pytest.skip(f"no weights {weights.name}: set MERROW_MODELS to their folder")
        return load_potential(name, molecule, weights=weights, precision="float64")

    return load


@pytest.fixture(scope="session")
def sander() -> None:
    """Ask for this where sander is run."""
    try:
        find_program("sander")
    except MissingComponentError as error:
        pytest.skip(str(error))
