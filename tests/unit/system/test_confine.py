# SPDX-License-Identifier: MIT
"""Which walls make sense?"""

from __future__ import annotations

import numpy as np
import openmm as mm
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


@pytest.mark.parametrize("shift", [0.0, 1.0, -2.0])
def test_in_a_box_the_wall_is_where_the_nearest_image_of_its_centre_is(shift):
    """GPUs move whole molecules into the cell: by so many boxes here."""
    system, edge = mm.System(), 3.0
    system.addParticle(1.0)
    system.setDefaultPeriodicBoxVectors(*(edge * np.eye(3)))
    system.addForce(
        confining_force(
            (0,), inner=0.1, outer=1.0, stiffness=50.0, centre=np.full(3, 2.9), periodic=True
        )
    )
    context = mm.Context(
        system, mm.VerletIntegrator(0.001), mm.Platform.getPlatformByName("Reference")
    )
    context.setPositions(np.array([[2.9 + 0.4 + shift * edge, 2.9, 2.9]]))
    energy = context.getState(getEnergy=True).getPotentialEnergy()._value
    assert energy == pytest.approx(0.5 * 50.0 * 0.3**2)
