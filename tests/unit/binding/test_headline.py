# SPDX-License-Identifier: MIT
"""Does a strain enter the headline only where it is known well enough?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.analysis.end_states import Difference, Strain, Term
from merrow.analysis.mmpbsa import InteractionEntropy
from merrow.binding.free_states import FreeStates
from merrow.binding.free_terms import FreeTerms, Headline, headline
from merrow.binding.mmpbsa import _entropy_words, _headline_words
from merrow.cli.analyze import _of_run
from merrow.trajectories import DryFrames
from merrow.uncertainty import Mean

TOTAL = Mean(-8.0, 0.2, 1.0, 100)


def a_strain(stderr):
    part = Difference(1.0, stderr)
    return Strain(part, part, part, Difference(-7.0, 0.45))


def free_states(moving=None):
    nothing = DryFrames(np.empty(0, dtype=np.int64), np.empty(0), np.empty((0, 0, 3)))
    return FreeStates("mm", nothing, None, None, 0.0, moving or {})


def three(stderr):
    return {"TOTAL": Term(TOTAL, TOTAL, TOTAL, Difference(-5.0, stderr))}


@pytest.mark.parametrize(
    ("ligand", "receptor", "moving", "kind", "value", "why"),
    [
        (0.5, None, {}, "one trajectory and the strain of the ligand", -7.0, ""),
        (0.51, None, {}, "one trajectory", -8.0, "strain of the ligand has an error of 0.51"),
        (0.1, None, {"C1–C2": 0.4}, "one trajectory", -8.0, "torsion C1–C2 differ by 0.40"),
        (0.1, 0.4, {}, "three trajectories", -5.0, ""),
        (0.1, 4.0, {}, "one trajectory and the strain of the ligand", -7.0, "of the receptor"),
        (0.6, 0.1, {}, "one trajectory", -8.0, "strain of the ligand"),
    ],
)
def test_the_headline_takes_what_is_known(ligand, receptor, moving, kind, value, why):
    of_receptor = None if receptor is None else a_strain(receptor)
    terms = FreeTerms(a_strain(ligand), of_receptor, three(0.6) if receptor else {})
    found = headline(TOTAL, terms, free_states(moving))
    assert (found.kind, found.value) == (kind, value)
    assert why in found.why
    assert bool(found.why) == bool(why)


def test_one_trajectory_alone_is_its_own_headline():
    found = headline(TOTAL, None, None)
    assert (found.kind, found.value, found.stderr, found.why) == ("one trajectory", -8.0, 0.2, "")


def test_a_small_error_is_not_told_as_none():
    """The terminal and the sentences have the form of the tables: no −0.00, no ± 0.00."""
    told = _headline_words(Headline("one trajectory", -0.001, 0.002))
    assert told == "0.00 ± <0.01 kcal/mol from one trajectory, without entropy."
    told = _entropy_words(InteractionEntropy(0.02, 0.003, 0.15, "exponential"))
    assert told.startswith("−TΔS = 0.02 ± <0.01 kcal/mol; ")
    mean = {"value": 0.123, "stderr": 0.004}
    run = {"trajectory": "md.nc", "extent": "9", "rmsd_a": {"ligand": mean}}
    assert list(_of_run({**run, "b_factor_correlation": None}))[1:] == [
        "  RMSD ligand: 0.12 ± <0.01 Å"
    ]
