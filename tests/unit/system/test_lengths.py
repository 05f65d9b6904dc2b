# SPDX-License-Identifier: MIT
"""Coordinates of another order, unit or molecule are told by the bonds of the region."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from merrow.amber.coordinates import read_coordinates, write_restart
from merrow.errors import InputError
from merrow.hydration.asked import hydration_config
from merrow.hydration.prepare import check_source
from merrow.single_point import SinglePoint, single_point

SYSTEMS = Path(__file__).resolve().parents[2] / "data" / "systems"
ETHANOL = SYSTEMS / "ethanol.prmtop"


def other_order(positions):
    """Return positions with two atoms of another place: a hydrogen of carbon and that of O."""
    return positions[[0, 1, 2, 8, 4, 5, 6, 7, 3]]


WRONG = [other_order, lambda x: x / 10.0, lambda x: x * 1.8897]


@pytest.mark.parametrize("changed", WRONG, ids=["order", "nm", "bohr"])
def test_coordinates_that_are_not_of_the_prmtop_are_refused(tmp_path, changed):
    read = read_coordinates(SYSTEMS / "ethanol.inpcrd")
    write_restart(path := tmp_path / "e.rst7", replace(read, positions=changed(read.positions)))
    with pytest.raises(InputError, match=r"are bonded in ethanol\.prmtop, but"):
        single_point(SinglePoint(ETHANOL, path, ":LIG", "ani1ccx"))
    config = hydration_config(
        ETHANOL, path, solvate="tip3p", potential="mm", out=tmp_path / "out", repeats=1
    )
    with pytest.raises(InputError, match=r"are bonded in ethanol\.prmtop, but"):
        check_source(config, tmp_path)


def test_another_molecule_of_as_many_atoms_is_refused():
    with pytest.raises(InputError, match="give coordinates of this prmtop"):
        single_point(SinglePoint(SYSTEMS / "phenol.prmtop", SYSTEMS / "guest.inpcrd", "*", "ani2x"))
