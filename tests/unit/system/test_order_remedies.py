# SPDX-License-Identifier: MIT
"""Is a prmtop that is to stand in for the solute told by its order, and taken in the right one?"""

from __future__ import annotations

from pathlib import Path

import pytest

from helped import helped
from merrow.amber.topology import read_topology
from merrow.system.potentials import open_potential
from merrow.system.region import select_region
from reordered import reorder

METHANOL = Path(__file__).resolve().parents[2] / "data" / "systems" / "methanol.prmtop"


def stood_in(name, *order):
    """Return a way to open methanol's own terms from a prmtop with this order of its atoms."""

    def load():
        found = read_topology(METHANOL)
        reorder(METHANOL, order, Path(name))
        return open_potential(f"mm:{name}", found, select_region(found, ":1"))

    return load


ROWS = [
    (
        stood_in("wrong.prmtop", 0, 1, 5, 3, 4, 2),
        "give a prmtop with the order of methanol.prmtop",
        stood_in("right.prmtop", *range(6)),
    )
]


@pytest.mark.parametrize(("wrong", "advice", "right"), ROWS, ids=[row[1] for row in ROWS])
def test_what_is_recommended_is_taken(wrong, advice, right, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    helped(wrong, advice, right)
