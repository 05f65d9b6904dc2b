# SPDX-License-Identifier: MIT
"""Is a decoupled solute replaced as it should be, and the leg around it still one that resumes?"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny_leg

from merrow.engine import leg
from merrow.engine.plans import LegPlan
from merrow.engine.record import couplings
from merrow.engine.reservoir import Reservoir
from merrow.engine.simulation import Snapshot, open_context, set_snapshot
from merrow.engine.storage import load_arrays
from merrow.samples import DECOUPLED
from merrow.units import thermal_energy

T = tiny_leg.PLAN.ensemble.temperature
ATOMS, MASSES = (1, 2, 3), np.array([12.0, 1.0, 16.0])
DRAWS = 4000
GONE = tiny_leg.STATES.index(DECOUPLED)


def rounded(a: np.ndarray, b: np.ndarray) -> float:
    return round(float(np.linalg.norm(a - b)), 9)


@pytest.fixture(scope="module")
def drawn() -> tuple[Snapshot, Reservoir, list[Snapshot]]:
    """Three atoms of five, and the many phases that follow from one."""
    random = np.random.default_rng(1)
    old = Snapshot(random.normal(size=(5, 3)), random.normal(size=(5, 3)), 3 * np.eye(3))
    pool = Reservoir(random.normal(size=(4, 3, 3)), ATOMS, MASSES, T)
    return old, pool, [pool.insert(old, random) for _ in range(DRAWS)]


def test_every_conformer_comes_whole_to_the_old_centre_and_nothing_else_moves(drawn):
    old, pool, new = drawn
    shapes = [rounded(x[0], x[1]) for x in pool.conformers]
    found = [rounded(phase.positions[1], phase.positions[2]) for phase in new]
    counts = np.array([found.count(shape) for shape in shapes])
    assert counts.sum() == DRAWS
    assert counts == pytest.approx(DRAWS / 4, abs=4 * np.sqrt(DRAWS * 3 / 16))  # 4 s.e.
    for phase in new[:20]:
        centres = [MASSES @ x[list(ATOMS)] / MASSES.sum() for x in (old.positions, phase.positions)]
        assert centres[1] == pytest.approx(centres[0], abs=1e-12)
        for name in ("positions", "velocities"):
            before, after = getattr(old, name), getattr(phase, name)
            np.testing.assert_array_equal(after[[0, 4]], before[[0, 4]])
        np.testing.assert_array_equal(phase.box, old.box)


def test_orientations_are_uniform_and_no_conformer_becomes_its_mirror_image(drawn):
    # ⟨e⟩ = 0 and ⟨e eᵀ⟩ = 1/3 of a unit vector; variances 1/3 and 4/45 (diagonal).
    _, _, new = drawn
    axes = np.array([phase.positions[2] - phase.positions[1] for phase in new])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    assert np.abs(axes.mean(axis=0)).max() < 4 * np.sqrt(1 / 3 / DRAWS)
    second = axes.T @ axes / DRAWS
    assert np.abs(np.diag(second) - 1 / 3).max() < 4 * np.sqrt(4 / 45 / DRAWS)
    four = np.random.default_rng(2).normal(size=(1, 4, 3))
    one = Reservoir(four, (0, 1, 2, 3), np.ones(4), T)
    there = Snapshot(np.zeros((4, 3)), np.zeros((4, 3)), np.eye(3))
    moved = one.insert(there, np.random.default_rng(3)).positions
    volume = [np.linalg.det(x[1:] - x[0]) for x in (four[0], moved)]
    assert volume[1] == pytest.approx(volume[0])


def test_velocities_are_maxwells(drawn):
    # ⟨m v²⟩ = kT of each component; variance of the square 2 (kT)².
    _, _, new = drawn
    v = np.array([phase.velocities[list(ATOMS)] for phase in new])
    mean = (v**2).mean(axis=0) * MASSES[:, None]
    kt = thermal_energy(T)
    assert np.abs(mean - kt).max() < 4 * kt * np.sqrt(2 / DRAWS)


def test_velocities_of_a_conformer_turn_with_it():
    random = np.random.default_rng(6)
    shapes, speeds = random.normal(size=(2, 4, 3, 3))
    there = Snapshot(np.zeros((5, 3)), np.ones((5, 3)), np.eye(3))
    pool, found = Reservoir(shapes, ATOMS, MASSES, T, speeds), set()
    for _ in range(20):
        new = pool.insert(there, random)
        x, v = new.positions[list(ATOMS)], new.velocities[list(ATOMS)]
        products = (x - x[0]) @ v.T  # of no orientation
        (k,) = [
            i for i in range(4) if np.allclose(products, (shapes[i] - shapes[i][0]) @ speeds[i].T)
        ]
        found.add(k)
        np.testing.assert_array_equal(new.velocities[[0, 4]], there.velocities[[0, 4]])
    assert found == {0, 1, 2, 3}


@pytest.fixture(scope="module")
def pool(methane_files) -> Reservoir:
    """Methane as it is and slightly disturbed."""
    _, start = tiny_leg.build(*methane_files)
    random, atoms = np.random.default_rng(5), tuple(range(5))
    shapes = start.positions[None, :5] + random.normal(0.0, 0.002, (6, 5, 3))
    return Reservoir(shapes, atoms, np.array([4.0, *[3.0] * 4]), T)


@pytest.fixture(scope="module")
def undisturbed(methane_files, pool, tmp_path_factory) -> Path:
    """Three segments in one go, and the folder as it was after the first."""
    folder = tmp_path_factory.mktemp("undisturbed") / "leg"
    folder.mkdir()
    tiny_leg.run(*methane_files, folder, 1, pool)
    shutil.copytree(folder, folder.with_name("after-1"))
    tiny_leg.run(*methane_files, folder, 3, pool)
    return folder


def test_a_leg_with_conformers_resumes_to_the_last_bit(undisturbed, methane_files, pool, tmp_path):
    folder = Path(shutil.copytree(undisturbed.with_name("after-1"), tmp_path / "leg"))
    tiny_leg.run(*methane_files, folder, 3, pool)
    for name in ("segment-0001.npz", "segment-0002.npz", "snapshots-0003.npz"):
        ours, theirs = load_arrays(folder / name), load_arrays(undisturbed / name)
        for key, value in ours.items():
            np.testing.assert_array_equal(value, theirs[key], err_msg=f"{name} {key}")


def test_until_the_first_insertion_a_leg_is_the_one_without(
    undisturbed, methane_files, pool, tmp_path
):
    tiny_leg.run(*methane_files, tmp_path, 1)
    without, same = (load_arrays(f / "segment-0000.npz") for f in (tmp_path, undisturbed))
    first = 3 * 2  # records of a sweep
    for key in ("u", "internal", "state", "volume"):
        np.testing.assert_array_equal(without[key][:first], same[key][:first])
    assert not np.array_equal(without["internal"][first:], same["internal"][first:])


def test_exchange_judges_the_solute_that_goes_on(methane_files, pool, tmp_path, monkeypatch):
    # What the exchange is told of the decoupled replica are the energies of its new positions.
    seen = []
    exchange = leg.exchange_states

    def watched(u, state_of, random):
        seen.append((u.copy(), state_of.copy()))
        return exchange(u, state_of, random)

    monkeypatch.setattr(leg, "exchange_states", watched)
    monkeypatch.setattr(
        tiny_leg, "PLAN", LegPlan(**{**vars(tiny_leg.PLAN), "sweeps_per_segment": 1})
    )
    tiny_leg.run(*methane_files, tmp_path, 1, pool)
    ((u, before),) = seen
    replica = int(np.flatnonzero(before == GONE)[0])
    stored = load_arrays(tmp_path / "snapshots-0001.npz")
    phase = Snapshot(*(stored[name][replica] for name in ("positions", "velocities", "box")))
    hybrid, _ = tiny_leg.build(*methane_files)
    context = open_context(hybrid, tiny_leg.PLAN.ensemble, platform="CPU", seed=1)
    set_snapshot(context, phase)
    expected, _ = couplings(context, hybrid, tiny_leg.STATES, here=DECOUPLED, temperature=T)
    # single precision; the list of neighbours was built anew
    assert u[replica] == pytest.approx(expected, rel=1e-4, abs=1e-3)
    recorded = load_arrays(tmp_path / "segment-0000.npz")
    own = recorded["u"][recorded["replica"] == replica][-1]
    assert not np.allclose(own, expected, rtol=1e-2)
