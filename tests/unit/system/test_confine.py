# SPDX-License-Identifier: MIT
"""Which walls make sense?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.errors import InputError
from merrow.system.confine import confining_force

CENTRE = np.zeros(3)


@pytest.mark.parametrize("wall", [(0.0, 0.5, 10.0), (0.3, 0.3, 10.0), (0.3, 0.5, 0.0)])
def test_a_wall_may_begin_at_the_centre_have_no_width_or_no_force(wall):
    inner, outer, stiffness = wall
    force = confining_force((0, 1), inner=inner, outer=outer, stiffness=stiffness, centre=CENTRE)
    assert force.getName() == "ConfiningPotential"


@pytest.mark.parametrize(
    ("atoms", "wall"),
    [
        ((0,), (-0.1, 0.5, 10.0)),
        ((0,), (0.6, 0.5, 10.0)),
        ((0,), (0.3, 0.5, -1.0)),
        ((), (0.3, 0.5, 10.0)),
    ],
)
def test_a_wall_that_makes_no_sense_is_refused(atoms, wall):
    inner, outer, stiffness = wall
    with pytest.raises(InputError, match="makes no sense"):
        confining_force(atoms, inner=inner, outer=outer, stiffness=stiffness, centre=CENTRE)
