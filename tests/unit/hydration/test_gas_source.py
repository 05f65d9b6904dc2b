# SPDX-License-Identifier: MIT
"""Does a path take the same conformers of the gas phase whenever it is run, and wait for them?

The folders of the gas phase are made up; nothing is sampled.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from merrow.engine import leg
from merrow.engine.storage import save_arrays
from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.sampling import tasks
from merrow.hydration.sampling.tasks import (
    Task,
    gas_source,
    gives_to_end,
    is_ready,
    open_reservoir,
    path_behind,
)

PATH, GAS = Task("path", "mm", 1), Task("gas", "mm")
SEGMENTS = 3
"""What a protocol with 3 ps of gas asks for."""


def bench(*, flexible=True, **protocol):
    """What a worker has read of a run of butane, as far as it matters here."""
    config = HydrationConfig.checked(
        {"source": {"kind": "smiles", "smiles": "CCCC"}}, source="here"
    )
    changes = {"gas_ps": 3.0, **protocol}
    config = config.model_copy(update={"protocol": config.protocol.model_copy(update=changes)})
    region = SimpleNamespace(atoms=(0, 1), labels=(":BUT@C1", ":BUT@H1"))
    prepared = SimpleNamespace(topology=SimpleNamespace(bonds=((0, 1),)), region=region)
    return SimpleNamespace(config=config, prepared=prepared, flexible=flexible)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run folder; `open_bench` says what `bench` says."""
    monkeypatch.setattr(tasks, "region_masses", lambda *_: np.array([12.0, 1.0]))
    told = bench()
    monkeypatch.setattr(tasks, "open_bench", lambda _run: told)
    open_reservoir.cache_clear()
    yield tmp_path
    open_reservoir.cache_clear()


def add(run, task, index, **arrays):
    task.folder(run).mkdir(parents=True, exist_ok=True)
    save_arrays(leg.segment_path(task.folder(run), index), arrays)


def add_gas(run, index):
    """A segment whose frames tell segment, record and ladder."""
    number = 100.0 * index + np.arange(4)[:, None] + 0.5 * np.arange(2)[None]
    add(run, GAS, index, positions=number[:, :, None, None] + np.zeros((4, 2, 2, 3)))


def test_a_path_takes_from_the_gas_of_its_own_hamiltonian():
    assert gas_source(bench(), Task("path", "mm", 1)) == Task("gas", "mm")
    assert gas_source(bench(), Task("path", "ml", 0)) == Task("gas", "ml")


@pytest.mark.parametrize(
    "told",
    [
        bench(flexible=False),
        bench(gas_reservoir=False),
        bench(gas_reservoir=None),
        bench(solute_constraints="h-bonds"),
    ],
)
def test_rigid_or_constrained_solutes_and_runs_without_the_setting_take_none(
    told, run, monkeypatch
):
    assert gas_source(told, PATH) is None
    monkeypatch.setattr(tasks, "open_bench", lambda _run: told)
    assert open_reservoir(run, PATH) is None
    add(run, PATH, 0)
    assert is_ready(run, PATH)  # and wait for nothing


@pytest.mark.parametrize("phase", ["pilot", "end", "gas"])
def test_only_paths_take_conformers(phase):
    assert gas_source(bench(), Task(phase, "mm")) is None


def test_the_first_segment_needs_no_gas_and_the_second_waits_for_all_that_is_taken(run):
    assert is_ready(run, PATH)
    add(run, PATH, 0)
    for index in range(SEGMENTS):
        assert not is_ready(run, PATH)
        add_gas(run, index)
    assert is_ready(run, PATH)


def test_what_is_taken_is_fixed_whatever_has_been_sampled_since(run):
    for index in range(SEGMENTS):
        add_gas(run, index)
    first = open_reservoir(run, PATH).conformers
    for index in range(SEGMENTS, 2 * SEGMENTS):
        add_gas(run, index)
    open_reservoir.cache_clear()  # another process
    np.testing.assert_array_equal(open_reservoir(run, PATH).conformers, first)


def test_a_repeat_takes_its_own_ladder_without_the_first_quarter(run):
    for index in range(SEGMENTS):
        add_gas(run, index)
    for repeat, ladder in ((0, 0), (1, 1), (2, 0), (3, 1)):
        taken = open_reservoir(run, Task("path", "mm", repeat)).conformers
        expected = [100 * k + record + ladder / 2 for k in range(3) for record in range(4)][3:]
        assert taken[:, 0, 0].tolist() == expected


def endpoint(**changes):
    """Two segments of 3 ps for each of two repeats of an end state."""
    return bench(route="endpoint", endstate_water_ps=12.0, **changes)


def test_an_end_state_takes_phases_of_ever_more_of_the_path_after_its_first_segments():
    assert [path_behind(endpoint(), index) for index in range(5)] == [0, 0, 4, 8, 12]
    assert path_behind(endpoint(flexible=False), 4) == 0
    assert path_behind(endpoint(gas_reservoir=None), 4) == 0


def test_an_end_state_waits_for_the_path_of_its_own_repeat(run, monkeypatch):
    monkeypatch.setattr(tasks, "open_bench", lambda _run: endpoint())
    end = Task("end", "ml", 1)
    assert not is_ready(run, end)
    PATH.folder(run).mkdir(parents=True)
    (PATH.folder(run) / leg.COUPLED).touch()
    for index in range(2):
        assert is_ready(run, end)
        add(run, end, index)
    for index in range(4):
        assert not is_ready(run, end)
        add(run, PATH, index)
    assert is_ready(run, end)


def test_phases_are_kept_only_where_an_end_state_takes_them():
    assert gives_to_end(endpoint(), PATH)
    assert gives_to_end(bench(route="direct"), PATH) is False
    assert not gives_to_end(endpoint(flexible=False), PATH)
    assert not gives_to_end(endpoint(gas_reservoir=False), PATH)
    both = endpoint()
    both.config = both.config.model_copy(update={"both_routes": True})
    assert not gives_to_end(both, Task("path", "ml", 1))


def test_the_work_of_a_phase_is_the_share_of_the_difference_of_the_two_potentials(run):
    # E_ML = 3 |r|, E_MM = |r| of the first atom [kcal/mol, Å]; half-way: w = |r| / kT.
    def potential(factor):
        def evaluate(x):
            return SimpleNamespace(energies=factor * np.linalg.norm(x[:, 1] - x[:, 0], axis=1))

        return SimpleNamespace(evaluate=evaluate)

    told = endpoint()
    told.potential, told.classical = potential(3.0), potential(1.0)
    x = np.array([[0.0, 0, 0], [0.05, 0, 0], [9.0, 9, 9]])
    PATH.folder(run).mkdir(parents=True)
    for index in range(8):
        arrays = {"positions": x * (index + 1), "velocities": x, "box": np.eye(3)}
        pooled = {name: value[None] for name, value in arrays.items()}
        save_arrays(leg.coupled_path(PATH.folder(run), index), pooled)
    choose = tasks._start_of_end(told, run, Task("end", "s500", 1), 3)
    pool = choose.__self__
    kt = 0.0019872043 * told.config.protocol.temperature_k
    expected = [0.5 * (k + 1) / kt for k in range(2, 8)]  # without the first quarter
    assert pool.work(pool.snapshots) == pytest.approx(expected, rel=1e-6)
    assert tasks._start_of_end(told, run, Task("end", "s500", 1), 1) is None
    assert tasks._start_of_end(told, run, PATH, 3) is None


def test_protocols_say_who_takes_conformers():
    assert {name: p.gas_reservoir for name, p in PROTOCOLS.items()} == {
        "demo": True,
        "quick": True,
        "standard": True,
        "paper": False,
    }
