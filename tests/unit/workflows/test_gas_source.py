# SPDX-License-Identifier: MIT
"""Does a path take the same conformers of the gas phase whenever it is run, and wait for them?

The folders of the gas phase are made up; nothing is sampled.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mlmm.config.hydration import HydrationConfig
from mlmm.config.protocol import PROTOCOLS
from mlmm.engine import leg
from mlmm.engine.storage import save_arrays
from mlmm.workflows import tasks
from mlmm.workflows.tasks import Task, gas_source, is_ready, open_reservoir

PATH, GAS = Task("path", "mm", 1), Task("gas", "mm")
SEGMENTS = 3
"""What a protocol with 3 ps of gas asks for."""


def bench(*, flexible=True, **protocol):
    """What a worker has read of a run of butane, as far as it matters here."""
    config = HydrationConfig.checked({"source": {"kind": "smiles", "smiles": "CCCC"}}, where="here")
    changes = {"gas": 3.0, **protocol}
    config = config.model_copy(update={"protocol": config.protocol.model_copy(update=changes)})
    region = SimpleNamespace(atoms=(0, 1))
    prepared = SimpleNamespace(topology=None, region=region)
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


def test_protocols_say_who_takes_conformers():
    assert {name: p.gas_reservoir for name, p in PROTOCOLS.items()} == {
        "demo": True,
        "quick": True,
        "standard": True,
        "paper": False,
    }
