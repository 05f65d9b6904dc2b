# SPDX-License-Identifier: MIT
"""Are the fixed Ewald parameters those that OpenMM would choose, and is a small box refused?"""

from __future__ import annotations

import itertools

import numpy as np
import openmm as mm
import pytest

from merrow.errors import InputError
from merrow.system.pme import FINENESS, check_box, pme_parameters, sander_pme


def openmm_choice(edges, cutoff, tolerance):
    system = mm.System()
    system.addParticle(1.0)
    system.setDefaultPeriodicBoxVectors(*np.diag(edges).tolist())
    force = mm.NonbondedForce()
    force.addParticle(0.0, 0.3, 0.0)
    force.setNonbondedMethod(mm.NonbondedForce.PME)
    force.setCutoffDistance(cutoff)
    force.setEwaldErrorTolerance(tolerance)
    system.addForce(force)
    platform = mm.Platform.getPlatformByName("Reference")
    context = mm.Context(system, mm.VerletIntegrator(0.001), platform)
    alpha, *grid = force.getPMEParametersInContext(context)
    return alpha, grid


@pytest.mark.parametrize(
    ("edges", "cutoff", "tolerance"),
    [((2.1, 2.1, 2.1), 0.8, 5e-4), ((2.4, 2.9, 3.3), 1.0, 5e-4), ((3.0, 3.0, 3.0), 0.9, 1e-5)],
)
def test_splitting_and_grid_are_openmms_own(edges, cutoff, tolerance):
    ours = pme_parameters(edges, cutoff, tolerance)
    alpha, grid = openmm_choice(edges, cutoff, tolerance)
    assert ours.alpha == pytest.approx(alpha, rel=1e-6)
    # The Reference platform takes any size; ours is the next one that every FFT can take.
    assert list(ours.grid) == [next(n for n in itertools.count(size) if legal(n)) for size in grid]


def test_a_tolerance_for_direct_space_moves_the_splitting_alone():
    plain, closer = (pme_parameters((2.2,) * 3, 0.8, 5e-4, direct=d) for d in (None, 1e-4))
    assert closer.grid == plain.grid
    assert closer.alpha == pme_parameters((2.2,) * 3, 0.8, 1e-4).alpha > plain.alpha
    assert plain == pme_parameters((2.2,) * 3, 0.8, 5e-4)


def legal(size: int) -> bool:
    return any(
        size == 2**a * 3**b * 5**c * 7**d
        for a, b, c, d in itertools.product(range(8), range(5), range(4), range(3))
    )


def test_a_box_too_small_for_cutoff_or_solute_is_refused_with_the_size_it_needs():
    check_box(np.diag([2.2, 2.2, 2.16]), 0.9, 0.0, source="x")
    with pytest.raises(InputError, match=r"of run\.rst7 is 21\.4 Å wide .* need 21\.5 Å"):
        check_box(np.diag([3.0, 3.0, 2.14]), 0.9, 0.0, source="run.rst7")
    with pytest.raises(InputError, match=r"solute 5\.0 Å long need 25\.0 Å"):
        check_box(np.diag([2.4, 2.4, 2.4]), 0.8, 0.5, source="x")


@pytest.mark.parametrize(("tolerance", "spacing"), [(1e-5, 1.0), (1e-6, 0.5)])
def test_the_grid_of_a_short_cutoff_is_as_fine_as_its_ewald_coefficient_needs(tolerance, spacing):
    for cutoff in (3.0, 4.0, 6.0, 9.0):
        pme = sander_pme([20.0, 25.0, 31.0], cutoff, tolerance=tolerance, spacing=spacing)
        steps = np.array([20.0, 25.0, 31.0]) / np.array(pme.grid)
        assert steps.max() <= spacing
        assert steps.max() * pme.alpha / 10 <= FINENESS
    own = sander_pme([20.0] * 3, 9.0, tolerance=tolerance, spacing=spacing, coefficient=0.9)
    assert own.alpha == pytest.approx(9.0)
    assert own.grid == (54, 54, 54)
