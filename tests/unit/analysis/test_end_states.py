# SPDX-License-Identifier: MIT
"""Is strain the difference that it claims to be, and is a ligand that drifts seen?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.analysis.end_states import difference, strain, three_ensembles, with_ml
from merrow.analysis.pose import unsettled
from merrow.uncertainty import Mean, mean

N = 400


def terms(rng, names, shift=0.0):
    found = {name: shift + rng.normal(size=N) for name in names}
    gas = sum(found[name] for name in names if name != "EGB")
    return {**found, "G gas": gas, "G solv": found["EGB"], "TOTAL": gas + found["EGB"]}


def species(seed=2):
    rng = np.random.default_rng(seed)
    names = ("BOND", "VDWAALS", "EEL", "EGB")
    return [terms(rng, names, shift) for shift in (5.0, 3.0, 1.0, 0.5)]


def test_errors_of_independent_means_add_as_squares():
    one, two, three = (Mean(v, e, 1.0, N) for v, e in ((7.0, 0.3), (2.0, 0.4), (1.0, 1.2)))
    found = difference(one, two, three)
    assert found.value == pytest.approx(4.0)
    assert found.stderr == pytest.approx(1.3)


def test_replacing_mm_terms_by_themselves_changes_no_sum():
    whole, receptor, bound, free = species()
    ml = (bound["G gas"], free["G gas"])
    new, alone = with_ml(whole, bound, free, ml)
    for name in ("G gas", "G solv", "TOTAL"):
        assert new[name] == pytest.approx(whole[name])
        assert alone[name] == pytest.approx(free[name])
    one = three_ensembles(whole, receptor, free)["TOTAL"].difference
    two = three_ensembles(new, receptor, alone)["TOTAL"].difference
    assert two.value == pytest.approx(one.value)
    assert two.stderr == pytest.approx(one.stderr)


def test_nothing_of_the_ligands_own_mm_energy_is_left():
    whole, _, bound, free = species()
    ml = (np.linspace(0.0, 1.0, N), np.linspace(3.0, 4.0, N))
    new, alone = with_ml(whole, bound, free, ml)
    assert not any(alone[name].any() for name in ("BOND", "VDWAALS", "EEL"))
    assert alone["TOTAL"] == pytest.approx(ml[1] + free["EGB"])
    assert new["BOND"] == pytest.approx(whole["BOND"] - bound["BOND"])
    assert new["TOTAL"] == pytest.approx(whole["TOTAL"] - bound["G gas"] + ml[0])


def test_strain_is_the_difference_of_means_with_their_errors():
    _, _, bound, free = species()
    delta = -bound["G gas"]  # frames that bind well are the strained ones
    found = strain(delta, bound, free, None)
    one, two = mean(bound["TOTAL"]), mean(free["TOTAL"])
    assert found.total.value == pytest.approx(one.value - two.value)
    assert found.total.stderr == pytest.approx(np.hypot(one.stderr, two.stderr))
    assert found.internal.value + found.solvation.value == pytest.approx(found.total.value)
    assert found.corrected.value == pytest.approx(delta.mean() + found.total.value)
    # the covariance of binding and strain is in the error: the internal energy cancels here
    assert found.corrected.stderr < 0.8 * np.hypot(mean(delta).stderr, found.total.stderr)


def test_terms_that_are_zero_everywhere_are_left_out():
    whole, receptor, _, free = species()
    for one in (whole, receptor, free):
        one["UB"] = np.zeros(N)
    assert "UB" not in three_ensembles(whole, receptor, free)


def test_a_torsion_that_turns_once_has_not_settled():
    rng = np.random.default_rng(4)
    stays = 60.0 + 10.0 * rng.normal(size=N)
    turns = np.where(np.arange(N) < N // 2, 60.0, 180.0) + 10.0 * rng.normal(size=N)
    jumps = np.where(rng.random(N) < 0.5, 60.0, 180.0) + 10.0 * rng.normal(size=N)
    found = unsettled(np.column_stack([stays, turns, jumps]))
    assert set(found) == {1}
    assert found[1] == pytest.approx(1.0)


def test_a_ligand_without_torsions_has_settled():
    assert unsettled(np.empty((20, 0))) == {}
