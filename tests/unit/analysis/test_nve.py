# SPDX-License-Identifier: MIT
"""Do the figures of merit of constant energy say what is put into them?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.analysis import nve
from merrow.uncertainty import inefficiency

RANDOM = np.random.default_rng(21)


@pytest.mark.parametrize("walk", [False, True])
def test_a_drift_is_found_within_its_error(walk):
    time = np.arange(2000) * 0.01
    z = []
    for _ in range(200):
        noise = RANDOM.normal(0.0, 1.0, time.size)
        found = nve.trend(time, 7.0 + 0.3 * time + (np.cumsum(noise) if walk else noise))
        z.append((found.slope - 0.3) / found.stderr)
    # t-distributed with 8 or 9 degrees of freedom (s.d. 1.15) for a walk; for plain noise the
    # error is that of a walk too, about four times too large, and never too small.
    assert abs(np.mean(z)) < 4 * np.std(z) / np.sqrt(200)
    assert np.std(z) == pytest.approx(1.15, rel=0.3) if walk else 0.1 < np.std(z) < 1.0


def test_a_large_constant_does_not_cost_digits():
    time = np.arange(1000.0)
    found = nve.trend(time, -3.4e6 + 1e-9 * time)
    assert found.slope == pytest.approx(1e-9, rel=0.05)


def test_too_few_values_are_no_trend():
    with pytest.raises(ValueError, match="blocks of a trend"):
        nve.trend(np.arange(5.0), np.arange(5.0))


def test_an_error_of_second_order_has_the_ratio_four_for_any_pair_of_steps():
    steps = (0.25, 0.5, 1.5)
    ratios = nve.order_ratios(steps, [3 * dt**2 for dt in steps])
    assert ratios == pytest.approx({"0.5/0.25": 4.0, "1.5/0.5": 4.0})
    first_order = nve.order_ratios((0.5, 1.0), [0.5, 1.0])
    assert first_order["1/0.5"] == pytest.approx(2.0)


@pytest.fixture
def bodies():
    positions, masses = RANDOM.normal(0, 1, (12, 3)), RANDOM.uniform(1, 16, 12)
    return positions, masses


def test_rigid_motion_is_told_from_inner_motion(bodies):
    positions, masses = bodies
    basis = nve.rigid_basis(positions, masses, range(12))
    np.testing.assert_allclose(basis.T @ basis, np.eye(6), atol=1e-12)
    centre = masses @ positions / masses.sum()
    drift, spin = np.array([0.1, -0.2, 0.3]), np.array([0.5, 0.1, -0.4])
    velocities = drift + np.cross(spin, positions - centre)
    translation, rotation = nve.rigid_energies(basis, velocities, masses)
    assert translation == pytest.approx(0.5 * masses.sum() * drift @ drift)
    total = 0.5 * masses @ np.sum(velocities**2, axis=1)
    assert translation + rotation == pytest.approx(total)


def test_a_body_in_a_system_at_rest_has_the_share_that_sampling_gives_it(bodies):
    positions, masses = bodies
    whole = nve.rigid_basis(positions, masses, range(12))
    body = nve.rigid_basis(positions, masses, range(7))
    shares = nve.equipartition_share(body, whole)
    assert all(0 < share < 1 for share in shares)
    weighted = RANDOM.normal(0.0, 1.0, (20000, 36))  # kT = 1
    weighted -= weighted @ whole @ whole.T  # no momentum, no angular momentum
    amplitude = weighted @ body
    energies = 0.5 * np.sum(amplitude**2, axis=0) / len(weighted)
    # 3/2 kT per triple, s.e. sqrt(3/2/20000) = 0.009
    assert energies[:3].sum() == pytest.approx(1.5 * shares[0], abs=0.04)
    assert energies[3:].sum() == pytest.approx(1.5 * shares[1], abs=0.04)
    assert nve.equipartition_share(body, np.zeros((36, 0))) == (1.0, 1.0)


def test_equipartition_is_told_from_its_absence():
    fair = RANDOM.chisquare(3, 4000) / 3
    assert abs(nve.equipartition_z(fair)) < 4
    assert nve.equipartition_z(1.2 * fair) > 4
    # Slow motion: the same values, each a hundred times, are a hundred times fewer.
    slow = np.repeat(fair[:200], 100)
    assert abs(nve.equipartition_z(slow)) < 4
    assert inefficiency([slow]) > 50


def test_forces_of_a_potential_that_knows_no_outside_have_no_net_force_or_torque():
    x = np.array([[0.0, 0, 0], [1.0, 0, 0]])
    pull = np.array([[2.0, 0, 0], [-2.0, 0, 0]])
    assert nve.net_force(pull) == nve.net_torque(x, pull) == 0.0
    shear = np.array([[0.0, 1.0, 0], [0.0, -1.0, 0]])
    assert nve.net_force(shear) == 0.0
    assert nve.net_torque(x, shear) == pytest.approx(1.0)
    assert nve.net_force(np.array([[0.0, 1.0, 0], [0.0, 0.5, 0]])) == pytest.approx(1.5)
