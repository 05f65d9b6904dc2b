# SPDX-License-Identifier: MIT
"""Do the small pieces of preparation do what they say?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.ambertools.solvent import n_waters_for
from merrow.errors import InputError
from merrow.hydration.asked import hydration_config
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


@pytest.mark.parametrize("length", [260, 5000])
def test_a_smiles_that_is_too_long_for_a_file_name_is_a_smiles(length, tmp_path):
    config = hydration_config(length * "C", out=tmp_path, expt=-1.0)
    assert config.source.kind == "smiles"


def test_gaff_belongs_to_molecules_without_parameters(tmp_path):
    assert hydration_config("CO", out=tmp_path).source.gaff == 2
    assert hydration_config("CO", out=tmp_path, gaff=1).source.gaff == 1
    with pytest.raises(InputError, match="--gaff has no meaning for a prmtop"):
        hydration_config("a.prmtop", "a.inpcrd", out=tmp_path, gaff=2)
