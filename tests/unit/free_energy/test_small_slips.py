# SPDX-License-Identifier: MIT
"""Would a wrong index, sign, unit or bound in the estimators be noticed? Mutants asked for it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from pymbar import MBAR

from merrow.amber.coordinates import Coordinates
from merrow.amber.topology import read_topology
from merrow.ambertools.solvent import solvate
from merrow.errors import InputError, NumericsError
from merrow.free_energy import expectation, spacing
from merrow.free_energy.budget import _member_shifts, member_part
from merrow.free_energy.convergence import Convergence, convergence, judge_repeats
from merrow.free_energy.decorrelate import correlation
from merrow.free_energy.diagnostics import gas_and_decoupled, judge_box, judge_equilibration
from merrow.free_energy.endstate import IntermediateEnsemble, endstate_free_energy
from merrow.free_energy.estimate import ErrorParts
from merrow.free_energy.estimators import mbar, thermodynamic_integration
from merrow.free_energy.expectation import EndEnsemble, reorganization_mbar
from merrow.free_energy.populations import Torsions, _Population, judge_populations
from merrow.free_energy.reorganization import reorganization_energy
from merrow.free_energy.spacing import LegLength, equal_steps
from merrow.free_energy.spread import MIN_BLOCK_ROWS, blocks
from merrow.free_energy.stored import Estimate
from merrow.system.configuration import _near_origin
from merrow.system.implicit import MODELS
from merrow.system.internal import internal_terms
from merrow.system.link_atoms import LinkedPotential
from merrow.system.rendering import rendered
from merrow.units import KCAL_PER_KJ, thermal_energy

T = 300.0
KT = thermal_energy(T)


def slow(n, rng, memory=0.95):
    """A series that forgets slowly."""
    x = np.zeros(n)
    for i in range(1, n):
        x[i] = memory * x[i - 1] + rng.standard_normal()
    return x


@pytest.mark.parametrize(("state", "neighbour"), [(1, 0), (1, 2), (4, 3), (0, 1)])
def test_rows_are_as_correlated_as_the_energy_of_either_neighbour(path, state, neighbour):
    samples = path(n=400)
    u, rng = samples.u.copy(), np.random.default_rng(1)
    rows = np.flatnonzero(samples.state == state)
    u[rows, neighbour] = u[rows, state] + slow(len(rows), rng)
    before = correlation(samples).g[0]
    after = correlation(dataclasses.replace(samples, u=u)).g[0]
    assert before[state] < 3.0
    assert after[state] > 8.0
    others = np.arange(5) != state
    np.testing.assert_array_equal(before[others], after[others])


def test_the_decoupled_state_is_compared_with_gas(path):
    samples, rng = path(n=400), np.random.default_rng(2)
    internal = samples.internal + np.where(samples.state == 4, 7.0, -50.0)
    samples = dataclasses.replace(samples, internal=internal)
    gas = 5.0 + rng.standard_normal(1600)
    found, error = gas_and_decoupled(samples, correlation(samples), gas, np.repeat([0, 1], 800))
    assert found == pytest.approx(2.0 * KCAL_PER_KJ, abs=4 * error)
    assert error == pytest.approx(math.sqrt(1 / 400 + 1 / 1600) * KCAL_PER_KJ, rel=0.4)


def test_the_state_that_lost_most_rows_is_named(path):
    samples = path(n=200)
    rows = correlation(samples)
    lost = (samples.state == 3) & (np.arange(len(samples)) % 2 == 0)
    rows = dataclasses.replace(rows, equilibrated=~lost, n_discarded=400)
    assert "most of them at λ(LJ) = 0.5" in judge_equilibration(samples, rows).message


def test_a_part_with_one_direction_only_is_not_complete():
    one = Estimate(1.0, 0.1)
    found = Convergence((0.2, 0.4, 0.6), (None, one, one), (one, None, one), one, one)
    assert found.complete_parts == [(0.6, one, one)]


def test_the_first_half_knows_nothing_of_the_second(path):
    samples = path(n=200)
    rows = correlation(samples)
    later = samples.time >= 0.5 * 200 * 0.4
    u = samples.u + np.where(later, 3.0, 0.0)[:, None] * np.arange(5)
    before = convergence(samples, rows=rows)
    after = convergence(dataclasses.replace(samples, u=u), rows=rows)
    assert after.first_half.value_kcal == pytest.approx(before.first_half.value_kcal, abs=1e-6)
    assert abs(after.second_half.value_kcal - before.second_half.value_kcal) > 1.0


def test_repeats_that_disagree_are_told_so():
    assert judge_repeats(0.1, 0.1, 2, repeats=3).ok
    verdict = judge_repeats(0.1, 1.0, 2, repeats=3)
    assert not verdict.ok
    assert verdict.advice


def test_errors_of_a_ladder_are_those_of_its_whole_length():
    values, errors = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        # D of each ensemble: a Gaussian whose mean falls with s, so that F(1) − F(0) = 0
        parts = [
            IntermediateEnsemble(
                s, KT * (2.0 * (1.0 - 2.0 * s) + 2.0 * rng.standard_normal(150)), np.arange(150) % 3
            )
            for s in (0.0, 0.5, 1.0)
        ]
        found = endstate_free_energy(parts, temperature=T)
        values.append(found.value_kcal)
        errors.append(found.stderr_kcal)
    assert 0.8 < np.mean(errors) / np.std(values, ddof=1) < 1.9  # of the scatter, or of blocks


def test_repeats_of_reorganization_scatter_about_the_whole(path):
    assert reorganization_mbar(path(n=100)).by_repeat == {}
    samples = path(n=100, repeats=3)
    internal = samples.internal + np.where(samples.state == 0, 5.0, 0.0)
    found = reorganization_mbar(dataclasses.replace(samples, internal=internal))
    assert abs(found.value_kcal) > 5 * found.stderr_kcal
    assert sorted(found.by_repeat) == [0, 1, 2]
    alone = np.array(list(found.by_repeat.values()))
    assert abs(alone.mean() - found.value_kcal) < 3 * found.stderr_kcal
    rng = np.random.default_rng(1)
    water, gas = 4.0 + rng.standard_normal(3000), rng.standard_normal(3000)
    plain = reorganization_energy(water, gas, groups_water=np.repeat([0, 1, 2], 1000))
    alone = np.array(list(plain.by_repeat.values()))
    assert alone.mean() == pytest.approx(plain.value_kcal, abs=1e-9)


def test_repeats_of_reorganization_have_one_degree_of_freedom_less(path, monkeypatch):
    kept = []

    def noted(*parts):
        kept.append(ErrorParts(*parts))
        return kept[-1]

    monkeypatch.setattr(expectation, "ErrorParts", noted)
    for repeats in (2, 4):
        reorganization_mbar(path(n=60, repeats=repeats))
        assert kept[-1].freedom == repeats - 1


def test_weights_of_the_frames_of_one_ensemble_sum_to_one():
    d, ml = np.array([0.0, 1.0, 2.0, 3.0]), np.array([False, False, True, True])
    alike = EndEnsemble(np.full(4, 1.5), d, ml, np.zeros(4, int)).weights(1.5, T)
    np.testing.assert_allclose(alike, 0.25)
    for df in (-1.0, 4.0):  # far from what the frames themselves give
        found = EndEnsemble(d, d, ml, np.zeros(4, int)).weights(df, T)
        assert found.sum() == pytest.approx(1.0)


def test_the_least_overlap_is_looked_for_on_both_sides(path):
    found = mbar(path(n=100))
    for at in ((1, 2), (2, 1)):
        overlap = np.full((5, 5), 0.2)
        overlap[at] = 0.01
        assert dataclasses.replace(found, overlap=overlap).min_overlap == 0.01
    overlap = np.full((5, 5), 0.2)
    overlap[0, 4] = overlap[4, 0] = 0.01  # no neighbours
    assert dataclasses.replace(found, overlap=overlap).min_overlap == 0.2


@pytest.mark.parametrize("pair", [(math.nan, 0.1), (1.0, math.inf)])
def test_an_estimate_that_is_no_number_is_refused(pair):
    with pytest.raises(NumericsError, match="is no number"):
        Estimate(*pair)


def test_every_model_of_generalised_born_has_sanders_number():
    names = {number: str(model) for number, model in MODELS.items()}
    assert names == {1: "HCT", 2: "OBC1", 5: "OBC2", 7: "GBn", 8: "GBn2"}


def test_two_repeats_have_a_scatter_too(path):
    found = mbar(path(n=100, repeats=2))
    assert sorted(found.by_repeat) == [0, 1]
    assert found.errors.repeats is not None
    assert found.errors.freedom == 1
    assert mbar(path(n=100, repeats=4)).errors.freedom == 3
    assert mbar(path(n=100)).errors.repeats is None


def test_populations_of_equal_repeats_differ_by_one_standard_error():
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        one, other = (rng.random((400, 1)) < 0.4 for _ in range(2))
        found.append(_Population.of(one).difference(_Population.of(other))[0] ** 2)
    assert np.mean(found) == pytest.approx(1.0, abs=4 * np.std(found) / math.sqrt(200))


@pytest.mark.parametrize("middle", [0.05, 0.95])
def test_the_errors_of_a_ladder_are_those_of_the_way_from_mm_to_ml(middle):
    rng, lambdas, n = np.random.default_rng(4), (0.0, middle, 1.0), 150
    parts = [2.0 * rng.standard_normal(n) + 4.0 * (0.5 - s) for s in lambdas]
    labels = np.repeat([0, 1, 2], n // 3)
    ladder = [IntermediateEnsemble(s, KT * d, labels) for s, d in zip(lambdas, parts, strict=True)]
    errors = endstate_free_energy(ladder, temperature=T).errors
    reduced = np.multiply.outer(np.array(lambdas), np.concatenate(parts))
    right = (
        MBAR(reduced, [n, n, n]).compute_free_energy_differences()["dDelta_f"] * KT * KCAL_PER_KJ
    )
    assert min(right[0, 1], right[1, 2]) < right[0, 2] / 5
    assert errors.analytic == pytest.approx(right[0, 2], rel=0.5)
    assert right[0, 2] / 5 < errors.repeats < 5 * right[0, 2]


def test_the_box_is_judged_where_it_is_smallest():
    volume = np.tile([7.9, 8.1], 50)
    volume[20] = 7.5
    told = {"width": 2.0, "cutoff": 0.985, "tail": 0.0}  # (7.5 / 8)^(1/3) is 0.979
    narrow = judge_box(volume, np.zeros(100, int), **told)
    wide = judge_box(np.delete(volume, 20), np.zeros(99, int), **told)
    assert "narrower than twice the cutoff" in narrow.advice
    assert "narrower" not in wide.advice


def test_a_leg_without_length_is_cut_into_equal_steps_of_lambda():
    flat = LegLength("charging", (1.0, 0.9, 0.0), (0.0, 0.0))
    np.testing.assert_allclose(equal_steps(flat, 4), [1.0, 0.75, 0.5, 0.25, 0.0])


def test_pairs_without_charges_belong_to_the_energy_of_the_region_too(systems):
    topology = read_topology(systems / "ethanol.prmtop")
    bare = dataclasses.replace(topology, charges=np.zeros(len(topology)))
    pairs = internal_terms(rendered(topology), bare, range(len(topology))).pairs
    assert any(product == 0.0 and b > 0.0 for _, _, product, _, b in pairs)


def test_a_repeat_that_lacks_a_state_keeps_its_other_states(path):
    samples = path(n=60, repeats=2)
    samples = samples.select(~((samples.repeat == 1) & (samples.state == 1)))
    found = correlation(samples)
    assert np.isnan(found.g[1, 1])
    assert np.isfinite(found.g[1, [0, 2, 3, 4]]).all()
    assert found.equilibrated[(samples.repeat == 1) & (samples.state == 4)].any()


def test_a_state_with_one_row_is_named(path):
    samples = path(n=60)
    first = np.flatnonzero(samples.state == 3)[0]
    keep = (samples.state != 3) | (np.arange(len(samples)) == first)
    with pytest.raises(NumericsError, match=r"state 3 \(elec 0, lj 0.5\) has 1 samples"):
        mbar(samples.select(keep))


def test_gauss_and_legendre_add_the_charges_first(path):
    samples = path(n=400)  # 0.5 is the node of one point on each leg
    found = thermodynamic_integration(samples, "gauss-legendre")
    for name, state, part in (("charging", 1, 0), ("lj", 3, 1)):
        mean = samples.dvdl[samples.state == state, part].mean() * KCAL_PER_KJ
        assert found.legs[name].value_kcal == pytest.approx(mean, abs=0.05)


@pytest.mark.parametrize(
    ("repeats", "rows", "parts"),
    [(1, 200, 10), (5, 200, 2), (10, 200, 0), (1, 5 * MIN_BLOCK_ROWS, 5), (1, 24, 0)],
)
def test_ten_blocks_are_cut_in_all(path, repeats, rows, parts):
    samples = path(n=rows, repeats=repeats)
    found = blocks(samples, np.arange(5))
    assert [len(own) for own in found] == ([parts] * repeats if parts else [])


def test_an_uneven_path_is_told_with_a_better_one(path, monkeypatch):
    samples = path(n=100)
    monkeypatch.setattr(spacing, "UNEVEN", np.inf)
    assert spacing.judge_spacing(samples).ok
    monkeypatch.setattr(spacing, "UNEVEN", 0.0)
    told = spacing.judge_spacing(samples)
    assert not told.ok
    assert "schedule={lambda_electrostatics: [1.0" in told.advice


def test_one_run_does_not_tell_whether_another_conformer_would_agree():
    one = Torsions({"a": (0,)}, {}, mirrored=False)
    told = judge_populations(np.zeros((50, 1)), np.zeros(50, int), phase="water", torsions=one)
    assert not told.ok
    assert "ask for --repeats 2" in told.message
    few = judge_populations(np.zeros((4, 1)), np.arange(4) % 2, phase="water", torsions=one)
    assert few.status == "fail"
    assert "too few frames" in few.message


def test_noise_of_few_frames_is_taken_off_the_spread_of_members():
    rng, members = np.random.default_rng(6), 3
    shifts = np.array([0.0, 1.0, 3.0])
    water = KT * (shifts + 0.5 * rng.standard_normal((40, members)))
    gas = KT * 0.5 * rng.standard_normal((40, members))
    (wet, one), (dry, other) = _member_shifts(water / KT), _member_shifts(gas / KT)
    noise = (one + other).sum() / (members - 1)
    right = math.sqrt(np.var(wet - dry, ddof=1) - noise) * KT * KCAL_PER_KJ
    assert noise > 1e-3
    assert member_part(water, gas, temperature=T).stderr_kcal == pytest.approx(right, rel=1e-9)


def test_water_is_flexible_unless_it_is_asked_to_be_rigid(systems, tmp_path):
    gas = systems / "methane.prmtop", systems / "methane.inpcrd"
    topology = read_topology(solvate(*gas, folder=tmp_path, n_waters=50)[0])
    assert rendered(topology).getNumConstraints() == 0
    assert rendered(topology, rigid_water=True).getNumConstraints() == 150


def test_a_box_that_the_prmtop_lacks_moves_no_far_atom(systems):
    topology = read_topology(systems / "methane.prmtop")
    box = np.full(3, 20.0)
    far = Coordinates(np.full((len(topology), 3), 2e4), lengths=box, angles=np.full(3, 90.0))
    with pytest.raises(InputError, match="move the system to the origin"):
        _near_origin(far, topology, "x.rst7")


def test_atoms_of_a_cut_bond_that_lie_on_each_other_are_told():
    linked = LinkedPotential(None, 1, [0])
    with pytest.raises(NumericsError, match="lie on each other"):
        linked.evaluate(np.zeros((1, 2, 3)))


def test_charges_are_scaled_only_where_that_is_asked(systems):
    topology = read_topology(systems / "ethanol.prmtop")
    words = rendered(topology), topology, range(len(topology))
    assert internal_terms(*words).pairs == internal_terms(*words, charge_scale=1.0).pairs
    assert internal_terms(*words).pairs != internal_terms(*words, charge_scale=1.1).pairs
