# SPDX-License-Identifier: MIT
"""Does a path take the same conformers of the gas phase whenever it is run, and wait for them?

The folders of the gas phase are made up; nothing is sampled.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from merrow.engine.storage import TaskFolder, save_arrays
from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.context import RunContext
from merrow.hydration.sampling.pieces import is_ready, reservoir_of, selector_of
from merrow.hydration.sampling.tasks import (
    ML_SOLUTE,
    MM_SOLUTE,
    Hamiltonian,
    Task,
    gives_to_end,
    path_behind,
    takes_from_gas,
)
from merrow.hydration.state import Intermediates
from merrow.system.region import NO_BONDS

PATH, GAS = Task("path", MM_SOLUTE, 1), Task("gas", MM_SOLUTE)
END, HALF = Task("end", ML_SOLUTE, 1), Task("end", Hamiltonian(0.5), 1)
SEGMENTS = 4
"""What a protocol with 3 ps of gas asks for: twenty records of 48 fs each."""


def config(*, both_routes=False, **protocol):
    """A run of butane."""
    found = HydrationConfig.checked({"source": {"kind": "smiles", "smiles": "CCCC"}}, source="here")
    changed = found.protocol.model_copy(update={"gas_ps": 3.0, **protocol})
    return found.model_copy(update={"protocol": changed, "both_routes": both_routes})


def endpoint(**changes):
    """Two segments of 3 ps for each of two repeats of an end state."""
    return config(route="endpoint", endstate_water_ps=12.0, **changes)


@pytest.fixture
def run(tmp_path):
    """Make what a process has read of a run, as far as it matters here."""
    region, masses = SimpleNamespace(atoms=(0, 1)), np.array([12.0, 1.0])

    def make(told=None, *, flexible=True, puckers=False, potentials=(None, None)):
        told = config() if told is None else told
        torsions = ((0, 1, 2, 3),) if flexible else ()
        prepared = SimpleNamespace(
            region=region, masses=masses, torsions=torsions, puckers=puckers, bonds=NO_BONDS
        )
        return RunContext(RunFolder(tmp_path), told, prepared, *potentials, conformers=None)

    return make


def lengths(factor):
    """A potential whose energy is the distance of the two atoms [kcal/mol, Å], times a factor."""

    def evaluate(x):
        return SimpleNamespace(energies=factor * np.linalg.norm(x[:, 1] - x[:, 0], axis=1))

    return SimpleNamespace(evaluate=evaluate)


def snapshot_at(factor):
    """A saved snapshot in which the atoms are half an ångström apart, times a factor."""
    x = np.array([[0.0, 0, 0], [0.05, 0, 0], [9.0, 9, 9]])
    arrays = {"positions": x * factor, "velocities": x, "box": np.eye(3)}
    return {name: value[None] for name, value in arrays.items()}


def add(run, task, index, **arrays):
    save_arrays(folder_of(run, task).segment(index), arrays)


def folder_of(run, task) -> TaskFolder:
    return run.folder.task(task)


def add_gas(run, index):
    """A segment whose frames tell segment, record and ladder."""
    number = 100.0 * index + np.arange(4)[:, None] + 0.5 * np.arange(2)[None]
    positions = number[:, :, None, None] + np.zeros((4, 2, 2, 3))
    add(run, GAS, index, positions=positions, energies=number)


@pytest.mark.parametrize(
    ("changes", "flexible"),
    [
        ({}, False),
        ({"gas_reservoir": False}, True),
        ({"solute_constraints": "h-bonds"}, True),
    ],
)
def test_rigid_or_constrained_solutes_and_runs_without_the_setting_take_none(
    changes, flexible, run
):
    told = config(**changes)
    assert not takes_from_gas(told.protocol, flexible=flexible)
    here = run(told, flexible=flexible)
    assert reservoir_of(here, PATH) is None
    add(here, PATH, 0)
    assert is_ready(here, PATH)  # and wait for nothing


@pytest.mark.parametrize("kind", ["pilot", "end", "gas"])
def test_only_paths_take_conformers(kind, run):
    assert reservoir_of(run(), Task(kind, MM_SOLUTE)) is None


def test_the_first_segment_needs_no_gas_and_the_second_waits_for_all_that_is_taken(run):
    here = run()
    assert is_ready(here, PATH)
    add(here, PATH, 0)
    for index in range(SEGMENTS):
        assert not is_ready(here, PATH)
        add_gas(here, index)
    assert is_ready(here, PATH)


def test_what_is_taken_is_fixed_whatever_has_been_sampled_since(run):
    here = run()
    for index in range(SEGMENTS):
        add_gas(here, index)
    first = reservoir_of(here, PATH).conformers
    for index in range(SEGMENTS, 2 * SEGMENTS):
        add_gas(here, index)
    np.testing.assert_array_equal(reservoir_of(run(), PATH).conformers, first)


def test_a_repeat_takes_its_own_ladder_without_the_first_quarter(run):
    here = run()
    for index in range(SEGMENTS):
        add_gas(here, index)
    for repeat, ladder in ((0, 0), (1, 1), (2, 0), (3, 1)):
        taken = reservoir_of(here, Task("path", MM_SOLUTE, repeat)).conformers
        expected = [100 * k + record + ladder / 2 for k in range(4) for record in range(4)][4:]
        assert taken[:, 0, 0].tolist() == expected


def test_a_path_takes_from_the_gas_of_its_own_hamiltonian(run):
    here = run()
    for index in range(SEGMENTS):
        add_gas(here, index)
    assert reservoir_of(here, PATH) is not None
    add(here, Task("path", ML_SOLUTE, 1), 0)
    assert not is_ready(here, Task("path", ML_SOLUTE, 1))


def test_an_end_state_takes_snapshots_of_ever_more_of_the_path_after_its_first_segments():
    behind = [path_behind(endpoint(), index, held=True) for index in range(5)]
    assert behind == [0, 0, 4, 8, 12]
    assert path_behind(endpoint(), 4, held=False) == 0
    assert path_behind(endpoint(gas_reservoir=False), 4, held=True) == 0


def test_an_end_state_waits_for_the_path_of_its_own_repeat(run):
    here, end = run(endpoint()), Task("end", ML_SOLUTE, 1)
    assert not is_ready(here, end)
    save_arrays(folder_of(here, PATH).coupled, {})
    for index in range(2):
        assert is_ready(here, end)
        add(here, end, index)
    for index in range(4):
        assert not is_ready(here, end)
        add(here, PATH, index)
    assert is_ready(here, end)


@pytest.fixture
def between(run):
    """A run with an ensemble half-way, whose end state has its first two segments and four more."""
    here = run(endpoint(), potentials=(lengths(1.0), lengths(3.0)))
    here.folder.save(Intermediates(water=(0.5,), settled=True))
    save_arrays(folder_of(here, PATH).coupled, {})
    for index in range(6):
        add(here, END, index)
    for index in range(20):
        add(here, PATH, index)
    return here


def test_an_end_state_waits_for_the_next_ensemble_towards_mm_and_takes_its_snapshots(between):
    assert not is_ready(between, END)
    for index in range(6):
        save_arrays(folder_of(between, HALF).last_coupled(index), snapshot_at(index + 1.0))
        assert not is_ready(between, END)
        add(between, HALF, index)
    assert is_ready(between, END)
    assert is_ready(between, HALF)  # for its part, it takes from the path
    pool = selector_of(between, END, 6).__self__
    kt = 0.0019872043 * between.config.protocol.temperature_k
    expected = [0.5 * k / kt for k in (3, 4, 5, 6)]  # those that began with proposals
    assert pool.work(pool.snapshots) == pytest.approx(expected, rel=1e-6)


def test_the_first_proposals_come_from_the_path(between):
    for index in range(12):
        save_arrays(folder_of(between, PATH).last_coupled(index), snapshot_at(index + 1.0))
    for index, count in ((2, 3), (3, 6), (4, 9)):
        assert len(selector_of(between, END, index).__self__.snapshots) == count


def test_an_end_state_of_an_older_folder_takes_snapshots_of_the_path(between):
    add(between, HALF, 0)  # without a snapshot of its own
    assert is_ready(between, END)
    for index in range(20):
        save_arrays(folder_of(between, PATH).last_coupled(index), snapshot_at(index + 1.0))
    assert len(selector_of(between, END, 6).__self__.snapshots) == 15


def test_snapshots_are_kept_only_where_an_end_state_takes_them():
    assert gives_to_end(endpoint(), PATH, held=True)
    assert not gives_to_end(config(route="direct"), PATH, held=True)
    assert not gives_to_end(endpoint(), PATH, held=False)
    assert not gives_to_end(endpoint(gas_reservoir=False), PATH, held=True)
    both = endpoint(both_routes=True)
    assert not gives_to_end(both, Task("path", ML_SOLUTE, 1), held=True)
    assert gives_to_end(endpoint(), HALF, held=True)
    assert not gives_to_end(endpoint(), END, held=True)
    assert not gives_to_end(endpoint(), HALF, held=False)


def test_the_work_of_a_snapshot_is_a_part_of_the_difference_of_the_two_potentials(run):
    # E_ML = 3 |r|, E_MM = |r| of the first atom [kcal/mol, Å]; half-way: w = |r| / kT.
    here = run(endpoint(), potentials=(lengths(1.0), lengths(3.0)))
    for index in range(8):
        save_arrays(folder_of(here, PATH).last_coupled(index), snapshot_at(index + 1.0))
    pool = selector_of(here, HALF, 3).__self__
    kt = 0.0019872043 * here.config.protocol.temperature_k
    expected = [0.5 * (k + 1) / kt for k in range(2, 8)]  # without the first quarter
    assert pool.work(pool.snapshots) == pytest.approx(expected, rel=1e-6)
    assert selector_of(here, HALF, 1) is None
    assert selector_of(here, PATH, 3) is None


@pytest.mark.parametrize(
    ("asked", "flexible", "puckers", "many"),
    [
        ("as_needed", True, False, True),
        ("as_needed", False, True, True),
        ("as_needed", False, False, False),
        ("ladder", False, False, True),
    ],
)
def test_a_stiff_solute_has_one_temperature_in_gas_unless_asked(
    run, asked, flexible, puckers, many
):
    here = run(config(gas_temperatures=asked), flexible=flexible, puckers=puckers)
    temperatures = here.gas_plan(MM_SOLUTE).temperatures
    assert temperatures[0] == here.config.protocol.temperature_k
    assert (len(temperatures) > 1) == many


def test_protocols_say_who_takes_conformers():
    assert {name: p.gas_reservoir for name, p in PROTOCOLS.items()} == {
        "demo": True,
        "quick": True,
        "standard": True,
        "paper": False,
    }
