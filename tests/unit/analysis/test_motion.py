# SPDX-License-Identifier: MIT
"""Are RMSD, B-factors, torsions and their errors what geometry and statistics say?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.spatial.transform import Rotation

from merrow.analysis import bfactor, pose
from merrow.analysis.rmsd import rmsd, superposed
from merrow.uncertainty import mean, pearson


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def tumbled(frames, rng):
    """Turn and shift every frame at random."""
    turns = Rotation.random(len(frames), rng=rng).as_matrix()
    return np.einsum("fni,fij->fnj", frames, turns) + rng.normal(0.0, 20.0, (len(frames), 1, 3))


def test_a_tumbling_rigid_body_has_no_rmsd(rng):
    body = rng.normal(0.0, 10.0, (40, 3))
    frames = tumbled(np.repeat(body[None], 12, axis=0), rng)
    every = np.arange(40)
    assert rmsd(superposed(frames, body, every), body, every).max() < 1e-9


def test_a_mirror_image_is_not_a_rotation(rng):
    body = rng.normal(0.0, 10.0, (40, 3))
    every = np.arange(40)
    mirrored = superposed((body * [-1.0, 1.0, 1.0])[None], body, every)
    assert rmsd(mirrored, body, every)[0] > 1.0


def test_the_rmsd_is_that_of_mdanalysis(rng):
    rms = pytest.importorskip("MDAnalysis.analysis.rms")
    body = rng.normal(0.0, 10.0, (40, 3))
    frames = tumbled(body + rng.normal(0.0, 1.0, (5, 40, 3)), rng)
    every = np.arange(40)
    ours = rmsd(superposed(frames, body, every), body, every)
    theirs = [rms.rmsd(frame, body, center=True, superposition=True) for frame in frames]
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_the_error_of_a_b_factor_knows_of_slow_motion(rng):
    # One of 20 atoms jumps 2 Å between two places and stays in each for some 100 of 1000 frames:
    # what 40 runs scatter is what each of them tells, and blocks centred by themselves tell a half.
    body, values, told = rng.normal(0.0, 10.0, (20, 3)), [], []
    every = np.arange(20)
    for _ in range(40):
        side = np.cumsum(rng.random(1000) < 0.01) % 2
        frames = body + 0.2 * rng.normal(size=(1000, 20, 3))
        frames[:, 0, 0] += 2.0 * side
        found = bfactor.b_factors(bfactor.squares(bfactor.mean_superposed(frames, every)))
        values.append(found.values[0])
        told.append(found.stderr[0])
    assert 0.65 < np.mean(told) / np.std(values) < 1.5


def test_b_factors_recover_the_spread_that_was_put_in(rng):
    n_frames, n_atoms = 4000, 60
    body = rng.normal(0.0, 12.0, (n_atoms, 3))
    sigma = np.linspace(0.3, 1.2, n_atoms)
    frames = tumbled(body + sigma[:, None] * rng.normal(size=(n_frames, n_atoms, 3)), rng)
    every = np.arange(n_atoms)
    found = bfactor.b_factors(bfactor.squares(bfactor.mean_superposed(frames, every)))
    expected = 8 * math.pi**2 * sigma**2  # ⟨u²⟩ = 3σ²
    # the fit takes six of 3n degrees of freedom, 3 %, and the sampling error of a variance is 1 %
    assert found.values == pytest.approx(expected, rel=0.2)
    assert np.median(found.values / expected) == pytest.approx(1.0, abs=0.05)
    assert pearson(found.values, expected) > 0.99


def test_b_factors_are_those_of_mdanalysis_rmsf(rng):
    pytest.importorskip("MDAnalysis")
    from MDAnalysis import Universe  # noqa: PLC0415
    from MDAnalysis.analysis.rms import RMSF  # noqa: PLC0415

    body = rng.normal(0.0, 12.0, (30, 3))
    frames = body + rng.normal(size=(50, 30, 3))
    every = np.arange(30)
    lying = bfactor.mean_superposed(frames, every)
    universe = Universe.empty(30, trajectory=True)
    universe.load_new(lying.astype(np.float32))
    theirs = RMSF(universe.atoms).run().results.rmsf ** 2 * bfactor.PREFACTOR
    ours = bfactor.b_factors(bfactor.squares(bfactor.mean_superposed(frames, every))).values
    assert ours == pytest.approx(theirs, rel=1e-4)  # single precision in theirs


def test_the_error_of_a_correlated_series_is_honest(rng):
    """Of 200 autoregressive series, 68 % should lie within one standard error, here 55 to 80."""
    phi, hits, g = 0.9, 0, []
    for _ in range(200):
        series = lfilter([1.0], [1.0, -phi], rng.normal(size=2200))[200:]  # its start forgotten
        found = mean(series)
        hits += abs(found.value) < found.stderr
        g.append(found.inefficiency)
    assert np.mean(g) == pytest.approx((1 + phi) / (1 - phi), rel=0.15)
    assert 110 <= hits <= 160


def test_a_constant_series_has_no_error():
    found = mean(np.full(50, -3.0))
    assert (found.value, found.stderr, found.inefficiency) == (-3.0, 0.0, 1.0)


def test_the_interval_of_a_correlation_holds_its_value(rng):
    x = rng.normal(size=80)
    y = x + rng.normal(size=80)
    low, high = bfactor.correlation_interval(x, y)
    assert low < pearson(x, y) < high
    assert 0.1 < high - low < 0.5


def test_three_residues_are_too_few_for_an_interval_of_their_correlation(rng):
    x, y = rng.normal(size=(2, 4))
    assert bfactor.correlation_interval(x[:3], y[:3]) is None
    assert bfactor.correlation_interval(x, y) is not None


def test_a_constant_list_has_no_correlation():
    assert np.isnan(pearson(np.arange(10.0), np.ones(10)))


def test_torsions_are_measured_and_counted_by_wells():
    for angle in (30.0, 60.0, 180.0, 300.0):
        turn = math.radians(angle)
        end = [1.0, math.cos(turn), math.sin(turn)]
        frame = np.array([[[0.0, 1.0, 0.0], [0, 0, 0], [1.0, 0, 0], end]])
        assert pose.torsions(frame, [(0, 1, 2, 3)])[0, 0] == pytest.approx(angle)
    shares = pose.populations(np.array([10.0, 60.0, 180.0, 300.0]))
    assert shares == {"gauche+": 0.5, "trans": 0.25, "gauche-": 0.25}


def test_a_hydrogen_bond_needs_distance_and_angle():
    straight = [[0.0, 0, 0], [1.0, 0, 0], [2.9, 0, 0]]
    far = [[0.0, 0, 0], [1.0, 0, 0], [3.6, 0, 0]]
    bent = [[0.0, 0, 0], [0.0, 1.0, 0], [2.9, 0, 0]]
    frames = np.array([straight, straight, far, bent])
    assert pose.hydrogen_bonds(frames, [(0, 1)], np.array([2])) == {(0, 1, 2): 0.5}


def test_contacts_count_the_frames(rng):
    near, away = np.array([[0.0, 0, 0], [4.4, 0, 0]]), np.array([[0.0, 0, 0], [4.6, 0, 0]])
    frames = np.array([near, away, near, near])
    assert pose.contacts(frames, np.array([0]), [np.array([1])]).tolist() == [0.75]
