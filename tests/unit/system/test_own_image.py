# SPDX-License-Identifier: MIT
"""Is a box told that is so small that the ML region comes near to itself?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.topology import read_topology
from merrow.system.box import box_vectors
from merrow.system.images import image_note, to_own_image
from merrow.system.region import select_region


@pytest.fixture(scope="module")
def ester(systems):
    """Ethoxyethyl acetate, 9.6 Å long: its region and positions."""
    topology = read_topology(systems / "ethoxyethyl_acetate.prmtop")
    positions = read_coordinates(systems / "ethoxyethyl_acetate.inpcrd").positions
    return select_region(topology, ":1"), positions


@pytest.mark.parametrize("angle", [90.0, 109.4712190])
def test_the_distance_to_an_image_is_that_of_a_plain_search(ester, angle):
    region, x = ester
    box = box_vectors(Coordinates(x, None, np.full(3, 16.0), np.full(3, angle)))
    shifts = [np.array([i, j, k]) @ box for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]
    gaps = [
        np.linalg.norm(x[:, None] + shift - x[None], axis=-1).min()
        for shift in shifts
        if any(shift)
    ]
    assert to_own_image(x, box, region) == pytest.approx(min(gaps), abs=1e-12)


def test_a_region_that_comes_near_to_its_image_is_noted(ester):
    region, x = ester
    for edge, noted in ((40.0, False), (14.0, True)):
        box = box_vectors(Coordinates(x, None, np.full(3, edge), np.full(3, 90.0)))
        notes = image_note(x, box, region, 7.0)
        assert len(notes) == noted
        assert all("below the cutoff of 7 Å" in note for note in notes)
