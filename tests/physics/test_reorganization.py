# SPDX-License-Identifier: MIT
"""Is what is said of the reorganisation true where the truth is known?

The solvable model: x is the solute, p_wat and p_gas are known on a grid, so that ⟨E⟩ and
ΔG = ⟨W⟩_wat + kT·KL are integrals without sampling.
"""

from __future__ import annotations

import numpy as np
import pytest
from solvable import CORNER, COUPLED, KT, Model, T, draw, harmonic, line, sample, two_conformers

from merrow.free_energy.expectation import (
    EndEnsemble,
    reorganization_mbar,
    reorganization_reweighted,
)
from merrow.free_energy.populations import sectors
from merrow.free_energy.reorganization import reorganization_energy
from merrow.units import KJ_PER_KCAL

STATES = line([0.0, 0.25, 0.5, 0.75, 1.0])
FLIPS = Model(two_conformers(3.0, 1.0), g=2.0, c=4.0)  # the solvent flips the conformer


@pytest.mark.parametrize(
    "model", [FLIPS, Model(harmonic(20.0), g=8.0, c=6.0), Model(harmonic(20.0), w=20.0)]
)
def test_free_energy_is_the_frozen_mean_plus_the_divergence(model):
    # ΔG = ⟨W⟩_wat + kT·KL(p_wat ‖ p_gas), with W(x) the solvation free energy of the frozen solute
    p, q = model.probability(COUPLED), model.probability(CORNER)
    inside = (p > 1e-200) & (q > 0.0)  # beyond, the grid underflows
    divergence = KT * float(np.sum(p[inside] * np.log(p[inside] / q[inside])))
    w = model.pmf(COUPLED) - model.pmf(CORNER)
    assert model.mean(w, COUPLED) + divergence == pytest.approx(model.exact(), abs=1e-9)


@pytest.mark.parametrize("g", [0.0, 2.0, 4.0])
def test_mbar_over_all_windows_gives_the_mean_energy_change(g):
    model = Model(two_conformers(3.0, 1.0), g=g, c=4.0)
    samples = sample(model, STATES, 300, np.random.default_rng(41), repeats=2, rho=0.5)
    everything = reorganization_mbar(samples)
    assert abs(everything.value_kcal - model.mean_energy_change()) < 4 * everything.stderr_kcal
    wet, dry = (samples.internal[samples.state == k] for k in (0, len(STATES) - 1))
    groups = np.repeat([0, 1], 300)
    plain = reorganization_energy(wet, dry, groups_water=groups, groups_gas=groups)
    assert abs(plain.value_kcal - model.mean_energy_change()) < 4 * plain.stderr_kcal


@pytest.mark.slow
def test_scores_of_the_mbar_mean_energy_are_standard_normal():
    # 60 runs know a standard deviation to 9 %; blocks and the larger of two errors make it small
    model, rng = Model(harmonic(20.0), g=4.0, c=6.0), np.random.default_rng(42)
    states = line([0.0, 0.5, 1.0])
    scores = []
    for _ in range(60):
        found = reorganization_mbar(sample(model, states, 150, rng, repeats=2))
        scores.append((found.value_kcal - model.mean_energy_change()) / found.stderr_kcal)
    assert abs(np.mean(scores)) < 0.5
    assert 0.7 < np.std(scores, ddof=1) < 1.3


def end(mm: Model, ml: Model, state, n: int, rng: np.random.Generator):
    """Frames of both ensembles of one phase, and the exact F_ML − F_MM [kJ/mol]."""
    x = np.concatenate([draw(model, state, n, rng)[0] for model in (mm, ml, mm, ml)])
    energy = ml.energy(x) * KJ_PER_KCAL
    flag = np.repeat([False, True, False, True], n)
    df = (ml.free_energy(state) - mm.free_energy(state)) * KJ_PER_KCAL
    return EndEnsemble(
        energy - mm.energy(x) * KJ_PER_KCAL, energy - 1e5, flag, np.repeat([0, 0, 1, 1], n)
    ), df


def test_reweighted_end_states_give_the_mean_energy_change_of_the_ml_solute():
    mm, ml = Model(two_conformers(2.2, 0.4), g=2.0, c=4.0), FLIPS
    rng = np.random.default_rng(43)
    (water, f_water), (gas, f_gas) = (end(mm, ml, state, 1000, rng) for state in (COUPLED, CORNER))
    found = reorganization_reweighted(water, gas, df=(f_water, f_gas), temperature=T)
    assert abs(found.value_kcal - ml.mean_energy_change()) < 4 * found.stderr_kcal
    # not that of the MM solute, and better than the ML frames alone
    assert abs(found.value_kcal - mm.mean_energy_change()) > 4 * found.stderr_kcal
    plain = reorganization_energy(water.energy[water.ml], gas.energy[gas.ml])
    assert found.stderr_kcal < plain.stderr_kcal


def test_weights_of_equal_potentials_are_equal():
    d = EndEnsemble(np.zeros(6), np.arange(6.0), np.arange(6) < 2, np.zeros(6, dtype=int))
    assert d.weights(0.0, T) == pytest.approx(np.full(6, 1 / 6))


@pytest.mark.parametrize("wells", [(60.0, 180.0, 300.0), (0.0, 180.0), (90.0, 270.0), (179.0,)])
def test_no_edge_between_torsion_states_cuts_through_a_well(wells):
    rng = np.random.default_rng(7)
    angles = np.concatenate([w + 12.0 * rng.standard_normal(300) for w in wells])
    angles = (angles + 180.0) % 360.0 - 180.0
    labels = sectors(angles[:, None]).reshape(len(wells), -1)
    common = [np.bincount(own).argmax() for own in labels]
    assert len(set(common)) == len(wells)
    for own, label in zip(labels, common, strict=True):
        assert np.mean(own == label) > 0.99  # an edge at five standard deviations
