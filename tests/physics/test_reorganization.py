# SPDX-License-Identifier: MIT
"""Is what is said of the reorganisation true where the truth is known?

The solvable model: x is the solute, p_wat and p_gas are known on a grid, so that ⟨E⟩, kT·KL and
ΔG = ⟨W⟩_wat + kT·KL are integrals without sampling.
"""

from __future__ import annotations

import numpy as np
import pytest
from solvable import CORNER, COUPLED, KT, Model, T, X, draw, harmonic, line, sample, two_conformers

from merrow.free_energy.divergence import (
    Ensemble,
    conformer_labels,
    gaussian_reorganization,
    reorganization_bound,
)
from merrow.free_energy.expectation import (
    EndEnsemble,
    reorganization_mbar,
    reorganization_reweighted,
)
from merrow.free_energy.reorganization import reorganization_energy
from merrow.units import KJ_PER_KCAL

STATES = line([0.0, 0.25, 0.5, 0.75, 1.0])
FLIPS = Model(two_conformers(3.0, 1.0), g=2.0, c=4.0)  # the solvent flips the conformer


def divergence(model: Model, edges=None) -> float:
    """kT·KL(p_wat ‖ p_gas) [kcal/mol], of x itself or of the bins between edges."""
    p, q = model.probability(COUPLED), model.probability(CORNER)
    if edges is not None:
        bins = np.searchsorted(edges, X)
        p, q = np.bincount(bins, weights=p), np.bincount(bins, weights=q)
    inside = (p > 1e-200) & (q > 0.0)  # beyond, the grid underflows
    return KT * float(np.sum(p[inside] * np.log(p[inside] / q[inside])))


def conformers(model: Model, n: int, rng: np.random.Generator, rho: float = 0.0, repeats: int = 2):
    """Labels (left, right) in water and gas, as ensembles of some repeats."""
    found = []
    for state in (COUPLED, CORNER):
        x = np.concatenate([draw(model, state, n, rng, rho)[0] for _ in range(repeats)])
        found.append(Ensemble((x > 0.0).astype(int), np.repeat(np.arange(repeats), n)))
    return found


@pytest.mark.parametrize(
    "model", [FLIPS, Model(harmonic(20.0), g=8.0, c=6.0), Model(harmonic(20.0), w=20.0)]
)
def test_free_energy_is_the_frozen_mean_plus_the_divergence(model):
    # ΔG = ⟨W⟩_wat + kT·KL, with W(x) the solvation free energy of the frozen solute
    w = model.pmf(COUPLED) - model.pmf(CORNER)
    assert model.mean(w, COUPLED) + divergence(model) == pytest.approx(model.exact(), abs=1e-9)


@pytest.mark.parametrize("g", [0.0, 2.0, 4.0])
def test_mbar_over_all_windows_gives_the_mean_energy_change(g):
    model = Model(two_conformers(3.0, 1.0), g=g, c=4.0)
    samples = sample(model, STATES, 300, np.random.default_rng(41), repeats=2, rho=0.5)
    everything = reorganization_mbar(samples)
    assert abs(everything.dg_kcal - model.mean_energy_change()) < 4 * everything.stderr_kcal
    wet, dry = (samples.internal[samples.state == k] for k in (0, len(STATES) - 1))
    groups = np.repeat([0, 1], 300)
    plain = reorganization_energy(wet, dry, groups_water=groups, groups_gas=groups)
    assert abs(plain.dg_kcal - model.mean_energy_change()) < 4 * plain.stderr_kcal


@pytest.mark.slow
def test_scores_of_the_mbar_mean_energy_are_standard_normal():
    # 60 runs know a standard deviation to 9 %; blocks and the larger of two errors make it small
    model, rng = Model(harmonic(20.0), g=4.0, c=6.0), np.random.default_rng(42)
    states = line([0.0, 0.5, 1.0])
    scores = []
    for _ in range(60):
        found = reorganization_mbar(sample(model, states, 150, rng, repeats=2))
        scores.append((found.dg_kcal - model.mean_energy_change()) / found.stderr_kcal)
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
    assert abs(found.dg_kcal - ml.mean_energy_change()) < 4 * found.stderr_kcal
    # not that of the MM solute, and better than the ML frames alone
    assert abs(found.dg_kcal - mm.mean_energy_change()) > 4 * found.stderr_kcal
    plain = reorganization_energy(water.energy[water.ml], gas.energy[gas.ml])
    assert found.stderr_kcal < plain.stderr_kcal


def test_weights_of_equal_potentials_are_equal():
    d = EndEnsemble(np.zeros(6), np.arange(6.0), np.arange(6) < 2, np.zeros(6, dtype=int))
    assert d.weights(0.0, T) == pytest.approx(np.full(6, 1 / 6))


@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_bound_is_the_divergence_of_what_is_counted_and_below_the_whole(rho):
    # two conformers that both phases visit: the bound is then nearly as good as the counts allow
    model = Model(two_conformers(3.0, 0.6), g=1.0, c=4.0)
    counted, whole = divergence(model, [0.0]), divergence(model)
    assert 0.3 < counted < whole
    found = [
        reorganization_bound(
            *conformers(model, 600, np.random.default_rng(seed), rho, repeats=4), temperature=T
        )
        for seed in range(30)
    ]
    values = np.array([f.dg_kcal for f in found])
    errors = np.array([f.stderr_kcal for f in found])
    assert values.mean() == pytest.approx(counted, abs=0.1 * counted)
    assert values.mean() - 3 * values.std() / np.sqrt(30) < counted  # not above it on average
    assert 0.6 < values.std(ddof=1) / np.sqrt(np.mean(errors**2)) < 1.5  # 30 seeds know it to 13 %
    assert (values - 4 * errors < whole).all()


def test_equal_ensembles_have_no_bound_above_noise():
    # Plug-in counts would give (states − 1)/N · kT at least, whatever the seed.
    rng, scores, values = np.random.default_rng(5), [], []
    for _ in range(40):
        labels = [rng.integers(27, size=400) for _ in range(2)]
        groups = np.repeat(np.arange(4), 100)
        found = reorganization_bound(
            Ensemble(labels[0], groups), Ensemble(labels[1], groups), temperature=T
        )
        values.append(found.dg_kcal)
        scores.append(found.dg_kcal / found.stderr_kcal)
    plug_in = KT * 26 / 400
    assert np.mean(values) < 0.2 * plug_in
    assert np.max(scores) < 4


def test_conformer_that_only_one_repeat_sees_does_not_raise_the_bound_beyond_its_error():
    rng, groups = np.random.default_rng(6), np.repeat([0, 1], 200)
    gas = Ensemble(rng.integers(2, size=400), groups)
    stuck = np.where(groups == 0, 2, rng.integers(2, size=400))
    found = reorganization_bound(Ensemble(stuck, groups), gas, temperature=T)
    assert found.dg_kcal < 2 * found.stderr_kcal


def test_one_conformer_has_no_divergence_and_few_frames_no_bound():
    one = Ensemble(np.zeros(50, dtype=int), np.repeat([0, 1], 25))
    assert reorganization_bound(one, one, temperature=T).dg_kcal == 0.0
    few = Ensemble(np.arange(8), np.repeat([0, 1], 4))
    assert reorganization_bound(few, one, temperature=T) is None


def test_weights_stand_for_frames():
    rng, groups = np.random.default_rng(8), np.repeat([0, 1], 2000)
    gas = Ensemble(rng.integers(2, size=4000), groups)
    even = rng.integers(2, size=4000)  # drawn half and half, weighed 0.8 and 0.2
    found = reorganization_bound(
        Ensemble(even, groups, np.where(even == 1, 0.8, 0.2)), gas, temperature=T
    )
    exact = KT * (0.8 * np.log(1.6) + 0.2 * np.log(0.4))
    assert abs(found.dg_kcal - exact) < 4 * found.stderr_kcal


@pytest.mark.parametrize(("g", "c"), [(0.0, 0.0), (4.0, 0.0), (8.0, 6.0)])
def test_gaussian_estimate_is_exact_for_harmonic_coordinates(g, c):
    model, rng = Model(harmonic(20.0), g=g, c=c), np.random.default_rng(44)
    both = []
    for state in (COUPLED, CORNER):
        x = draw(model, state, 3000, rng)[0]
        other = rng.standard_normal((3000, 4))  # coordinates that the solvent leaves alone
        turned = np.column_stack([x, other]) @ rng_rotation(5)
        both.append(Ensemble(turned, np.repeat([0, 1, 2], 1000)))
    found = gaussian_reorganization(*both, temperature=T)
    assert abs(found.dg_kcal - divergence(model)) < 4 * found.stderr_kcal
    assert found.stderr_kcal < 0.1


@pytest.mark.parametrize("d", [5, 27])
def test_gaussian_estimate_of_equal_ensembles_is_zero_on_average(d):
    # 27 coordinates (15 atoms) and hardly more than the ten frames for each that are asked for
    rng, found = np.random.default_rng(45), []
    for _ in range(40):
        both = [
            Ensemble(rng.standard_normal((20 * d, d)) @ rng_rotation(d), np.repeat([0, 1], 10 * d))
            for _ in range(2)
        ]
        found.append(gaussian_reorganization(*both, temperature=T))
    values = np.array([e.dg_kcal for e in found if e is not None])
    told = np.mean([e.stderr_kcal for e in found if e is not None])
    assert len(values) > 20
    # the inefficiency of noise comes out above 1, so that a little too much is taken off
    assert abs(values.mean()) < told
    assert values.std() < 1.5 * told


def rng_rotation(d: int) -> np.ndarray:
    """Return a fixed rotation, so that no coordinate stands alone."""
    return np.linalg.qr(np.random.default_rng(1).standard_normal((d, d)))[0]


def test_few_frames_give_no_gaussian_estimate():
    few = Ensemble(np.random.default_rng(2).standard_normal((40, 10)), np.zeros(40, dtype=int))
    assert gaussian_reorganization(few, few, temperature=T) is None


@pytest.mark.parametrize("wells", [(60.0, 180.0, 300.0), (0.0, 180.0), (90.0, 270.0), (179.0,)])
def test_no_edge_between_torsion_states_cuts_through_a_well(wells):
    rng = np.random.default_rng(7)
    angles = np.concatenate([w + 12.0 * rng.standard_normal(300) for w in wells])
    angles = (angles + 180.0) % 360.0 - 180.0
    labels = conformer_labels(angles[:, None]).reshape(len(wells), -1)
    common = [np.bincount(own).argmax() for own in labels]
    assert len(set(common)) == len(wells)
    for own, label in zip(labels, common, strict=True):
        assert np.mean(own == label) > 0.99  # an edge at five standard deviations


def test_labels_of_conformers_tell_every_combination_apart():
    angles = np.array([[180.0, 60.0], [-179.0, 62.0], [180.0, -60.0], [60.0, 60.0]])
    labels = conformer_labels(angles)
    assert labels[0] == labels[1]
    assert len(set(labels.tolist())) == 3
    assert conformer_labels(np.zeros((5, 0))).tolist() == [0] * 5
