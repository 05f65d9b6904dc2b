# SPDX-License-Identifier: MIT
"""Do the small pieces of preparation do what they say?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.ambertools.solvent import n_waters_for
from merrow.hydration.prepare import hill_formula, waters_needed
from merrow.hydration.protocol import PROTOCOLS


@pytest.mark.parametrize(
    ("numbers", "formula"),
    [
        ((6, 1, 1, 1, 8, 1), "CH4O"),
        ((8, 1, 1), "H2O"),
        ((17, 6, 6, 35, 1), "C2HBrCl"),
        ((16, 16), "S2"),
    ],
)
def test_formulas_are_in_hill_order(numbers, formula):
    assert hill_formula(numbers) == formula


def test_a_longer_solute_or_cutoff_gets_more_water_but_never_less_than_the_protocol():
    quick = PROTOCOLS["quick"]
    small = np.zeros((1, 3))
    long = np.array([[0.0, 0.0, 0.0], [12.0, 0.0, 0.0]])
    assert waters_needed(quick, small, (6,)) == quick.n_waters
    needed = waters_needed(quick, long, (6, 6))
    assert needed >= n_waters_for(32.0, 2)  # 12 Å + 20 Å wide
    wide = quick.model_copy(update={"cutoff_angstrom": 12.0})
    assert waters_needed(wide, small, (6,)) >= n_waters_for(27.5, 1)
