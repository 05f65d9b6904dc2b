# SPDX-License-Identifier: MIT
"""Does a result tell how far the members disagree on the forces, and on which atom?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.hydration.analysis.budget import FORCE_FRAMES, force_numbers
from merrow.potentials import Capabilities, Evaluation


class Two:
    """Two members whose forces on atom 2 differ by 2, on the others by 1 [kcal/mol/Å], along x."""

    identity = "two:1"
    capabilities = Capabilities(name="two", elements=None, ensemble_size=2)

    def __init__(self):
        self.asked = 0

    def member_forces(self, positions):
        self.asked += len(positions)
        forces = np.zeros((len(positions), 2, 3, 3))
        forces[:, 1, :, 0] = [1.0, 2.0, 1.0]
        return forces

    def evaluate(self, positions):
        raise AssertionError("the spread of the forces needs no evaluation of the mean")


@pytest.mark.parametrize("n_frames", [7, 1234])
def test_a_bounded_number_of_frames_gives_root_mean_squares(n_frames):
    two = Two()
    found = force_numbers(two, np.random.default_rng(1).normal(size=(n_frames, 3, 3)))
    assert two.asked <= FORCE_FRAMES
    # two values d apart have the standard deviation d/√2
    assert found == {
        "force_spread_kcal_per_angstrom": pytest.approx(np.sqrt((0.5 + 2.0 + 0.5) / 3)),
        "worst_atom_force_spread_kcal_per_angstrom": pytest.approx(np.sqrt(2.0)),
        "worst_atom": 2.0,
    }


def test_there_are_no_numbers_without_members_or_frames():
    class Alone(Two):
        capabilities = Capabilities(name="alone", elements=None)

        def evaluate(self, positions):
            return Evaluation(np.zeros(len(positions)), np.zeros(positions.shape))

    assert force_numbers(Alone(), np.zeros((5, 3, 3))) == {}
    assert force_numbers(Two(), np.zeros((0, 3, 3))) == {}
