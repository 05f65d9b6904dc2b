# SPDX-License-Identifier: MIT
"""Do the gas-phase walkers sample Boltzmann's distribution, and does temperature cross barriers?

Energies of two atoms whose distributions are known in closed form or by quadrature. Ladders are
independent, so standard errors come from the ladders. "Within 4 s.e.", seeded.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from merrow.engine import gas
from merrow.engine.advance import advance_gas
from merrow.engine.segments import GasFrames, gas_frames
from merrow.engine.storage import TaskFolder
from merrow.errors import NumericsError
from merrow.potentials.interface import Capabilities, Evaluation
from merrow.system.region import Bonds
from merrow.units import KJ_PER_KCAL, NM_PER_ANGSTROM, thermal_energy

T0 = 298.15
KT = thermal_energy(T0) / KJ_PER_KCAL


class Diatomic:
    """Two atoms with an energy of their distance r [Å], in kcal/mol."""

    identity = "diatomic"
    capabilities = Capabilities(name="diatomic", elements=None)

    def __init__(self, energy, slope) -> None:
        self.energy, self.slope = energy, slope

    def evaluate(self, positions: np.ndarray) -> Evaluation:
        bond = positions[:, 1] - positions[:, 0]
        r = np.linalg.norm(bond, axis=1)
        pull = (self.slope(r) / r)[:, None] * bond
        return Evaluation(self.energy(r), np.stack([pull, -pull], axis=1))


SPRING = Diatomic(lambda r: 5.0 * r**2, lambda r: 10.0 * r)
BARRIER = 8.0
"""kcal/mol, 13 kT at 298 K: about 2e-5 crossings per ps and walker; 3 kT at 1200 K."""


def well(r):
    z = (r - 3.0) / 0.5
    return BARRIER * (z**2 - 1) ** 2 - 0.3 * z


def well_slope(r):
    z = (r - 3.0) / 0.5
    return (4 * BARRIER * z * (z**2 - 1) - 0.3) / 0.5


WELLS = Diatomic(well, well_slope)
DEPTH, WIDTH, LENGTH = 110.0, 2.25, 1.01
"""Morse's potential of a bond as stiff as O-H [kcal/mol, 1/Å, Å]."""


def morse(r):
    return DEPTH * (1 - np.exp(-WIDTH * (r - LENGTH))) ** 2


def morse_slope(r):
    y = np.exp(-WIDTH * (r - LENGTH))
    return 2 * DEPTH * WIDTH * y * (1 - y)


PLAN = gas.GasPlan(
    temperatures=(T0, 480.0, 760.0, 1200.0),
    ladders=24,
    masses=(12.0, 12.0),
    timestep=0.002,
    friction=5.0,
    equilibration=2000,
    steps_per_record=20,
    records_per_segment=300,
    seed=4,
)


def sampled(potential, plan, distance, segments=1) -> GasFrames:
    start = np.array([[0.0, 0.0, 0.0], [distance * NM_PER_ANGSTROM, 0.0, 0.0]])
    walkers = gas.start_gas(potential, plan, np.repeat(start[None], plan.ladders, axis=0))
    found = []
    for index in range(segments):
        segment, walkers = gas.run_gas_segment(potential, plan, walkers, index)
        found.append(segment)
    return gas_frames(found)


def by_ladder(values, ladder) -> tuple[float, float]:
    """Mean and standard error, each ladder being one independent value."""
    means = np.array([values[ladder == k].mean() for k in np.unique(ladder)])
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means)))


def distances(samples: GasFrames) -> np.ndarray:
    return np.linalg.norm(samples.positions[:, 1] - samples.positions[:, 0], axis=1) * 10


def right_fraction() -> float:
    r = np.linspace(1.5, 4.5, 30001)
    weight = r**2 * np.exp(-well(r) / KT)
    return float(weight[r > 3.0].sum() / weight.sum())


@pytest.mark.parametrize("temperatures", [(T0,), (T0, 500.0, 900.0)])
def test_a_spring_holds_three_halves_kt(temperatures):
    # E = k r²/2 in three dimensions: ⟨E⟩ = 3/2 kT. LangevinMiddle samples positions of a harmonic
    # oscillator without an error of the time step. Exchange must not change it.
    plan = dataclasses.replace(PLAN, temperatures=temperatures)
    samples = sampled(SPRING, plan, 0.5)
    mean, stderr = by_ladder(samples.internal / KJ_PER_KCAL, samples.group)
    assert stderr < 0.05
    assert abs(mean - 1.5 * KT) < 4 * stderr


def test_energies_and_positions_of_a_record_belong_together():
    samples = sampled(WELLS, dataclasses.replace(PLAN, records_per_segment=5), 2.5)
    expected = well(distances(samples)) * KJ_PER_KCAL
    np.testing.assert_allclose(samples.internal, expected, rtol=1e-9, atol=1e-9)


@pytest.fixture(scope="module")
def tempered() -> GasFrames:
    """All ladders start in the left well; the first third is given to the crossing."""
    samples = sampled(WELLS, PLAN, 2.5, segments=4)
    keep = np.tile(np.arange(1200) >= 400, PLAN.ladders)
    return GasFrames(samples.positions[keep], samples.internal[keep], samples.group[keep])


def test_exchange_of_temperatures_gives_both_wells_their_weight(tempered):
    mean, stderr = by_ladder((distances(tempered) > 3.0).astype(float), tempered.group)
    assert stderr < 0.1
    assert abs(mean - right_fraction()) < 4 * stderr
    assert right_fraction() > 0.7


def test_exchange_of_temperatures_keeps_the_mean_energy(tempered):
    r = np.linspace(1.5, 4.5, 30001)
    weight = r**2 * np.exp(-well(r) / KT)
    exact = float((weight * well(r)).sum() / weight.sum())
    mean, stderr = by_ladder(tempered.internal / KJ_PER_KCAL, tempered.group)
    assert abs(mean - exact) < 4 * stderr


def stiff_bonds(**changes):
    """Return the plan and the samples of 500 hot and 500 cold bonds of heavy masses at 4 fs."""
    plan = dataclasses.replace(
        PLAN, ladders=500, masses=(28.02, 8.0), timestep=0.004, equilibration=250, **changes
    )
    plan = dataclasses.replace(plan, bonds=Bonds(((0, 1),), (("O", "H"),)))
    return plan, sampled(Diatomic(morse, morse_slope), plan, LENGTH)


def test_hot_walkers_keep_their_bonds_at_the_longest_step():
    plan, samples = stiff_bonds(temperatures=(T0, 900.0), records_per_segment=125)
    r = np.linspace(0.6, 1.6, 20001)
    weight = r**2 * np.exp(-morse(r) / KT)
    exact = float((weight * morse(r)).sum() / weight.sum())
    mean, stderr = by_ladder(samples.internal / KJ_PER_KCAL, samples.group)
    assert len(np.unique(samples.group)) == plan.ladders
    assert stderr < 0.01
    assert abs(mean - exact) < 4 * stderr


def test_hot_walkers_with_the_step_of_the_cold_ones_come_apart(monkeypatch):
    def equal(plan):  # the mutant: one time step for all
        return np.full((plan.ladders * len(plan.temperatures), 1, 1), plan.timestep)

    monkeypatch.setattr(gas, "_steps", equal)
    with pytest.raises(NumericsError, match="came apart in gas, among walkers of up to 900 K"):
        stiff_bonds(temperatures=(T0, 900.0), records_per_segment=125)


def test_plain_langevin_stays_where_it_began():
    plan = dataclasses.replace(PLAN, temperatures=(T0,))
    samples = sampled(WELLS, plan, 2.5)
    assert np.all(distances(samples) < 3.0)


def test_swaps_that_ignore_the_energy_are_seen(monkeypatch):
    # The mutant accepts every swap.
    monkeypatch.setattr("merrow.engine.gas.math.log", lambda x: -np.inf)
    plan = dataclasses.replace(PLAN, temperatures=(T0, 900.0))
    samples = sampled(SPRING, plan, 0.5)
    mean, stderr = by_ladder(samples.internal / KJ_PER_KCAL, samples.group)
    assert abs(mean - 1.5 * KT) > 10 * stderr


def test_a_resumed_gas_phase_is_the_undisturbed_one(tmp_path):
    plan = dataclasses.replace(PLAN, equilibration=50, records_per_segment=5)
    whole = sampled(WELLS, plan, 2.5, segments=3)
    starts = np.zeros((plan.ladders, 2, 3))
    starts[:, 1, 0] = 2.5 * NM_PER_ANGSTROM
    stopped = TaskFolder(tmp_path)
    for _ in range(3):  # equilibration and two segments
        advance_gas(stopped, WELLS, plan, starts)
    stopped.segment(1).unlink()  # the kill fell between what follows it and itself
    before = stopped.segment(0).stat().st_mtime_ns
    for _ in range(2):
        advance_gas(stopped, WELLS, plan, starts)
    resumed = gas_frames(stopped.read_gas())
    np.testing.assert_array_equal(resumed.positions, whole.positions)
    np.testing.assert_array_equal(resumed.internal, whole.internal)
    np.testing.assert_array_equal(resumed.group, whole.group)
    assert stopped.segment(0).stat().st_mtime_ns == before


@pytest.mark.parametrize("n_atoms", [2, 10, 40])
def test_the_ladder_begins_at_the_temperature_and_ends_at_900_kelvin(n_atoms):
    ladder = gas.temperature_ladder(T0, n_atoms)
    assert ladder[0] == T0
    assert ladder[-1] == pytest.approx(900.0)
    ratios = np.diff(np.log(ladder))
    np.testing.assert_allclose(ratios, ratios[0])
    assert ratios[0] <= np.log(1 + 1.6 / np.sqrt(max(1, 3 * n_atoms - 6))) + 1e-12
