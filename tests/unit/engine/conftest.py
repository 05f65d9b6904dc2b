# SPDX-License-Identifier: MIT
"""Fixtures: methane in 210 waters on disk, the smallest system that a leg can be run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from merrow.ambertools.solvent import solvate


@pytest.fixture(scope="session")
def methane_files(systems: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Solvated prmtop and coordinates of methane."""
    gas = systems / "methane.prmtop"
    folder = tmp_path_factory.mktemp("methane")
    return solvate(gas, gas.with_suffix(".inpcrd"), folder=folder, n_waters=210)
