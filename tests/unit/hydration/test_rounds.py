# SPDX-License-Identifier: MIT
"""Is what limits the error sampled first, and does a resumed run decide what the undisturbed did?

The decisions alone are tested, on estimates that are made up; nothing is sampled.
"""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from merrow.errors import IncompleteError
from merrow.free_energy.stored import Estimate
from merrow.hydration.config import HydrationConfig
from merrow.hydration.sampling import adaptive as rounds
from merrow.hydration.sampling.adaptive import ROUNDS, Sampler
from merrow.hydration.sampling.intermediates import Rungs, name_of, read_rungs, save_rungs, share_of
from merrow.hydration.sampling.tasks import Task
from merrow.hydration.stopwatch import Stopwatch, stopwatch


@pytest.fixture
def sampler(tmp_path, monkeypatch):
    """A sampler of the endpoint route in an empty folder, whose segments of gas last 1 ps."""
    monkeypatch.setattr(rounds, "open_bench", lambda _run: SimpleNamespace(flexible=False))
    monkeypatch.setattr(rounds, "gas_source", lambda _bench, path: Task("gas", path.hamiltonian))
    monkeypatch.setattr(rounds, "gas_plan", lambda _bench, _task: SimpleNamespace(segment_time=1.0))
    (tmp_path / "system").mkdir()
    return make(tmp_path)


def make(folder, *, mm_reference=False, **protocol):
    config = HydrationConfig.checked({"source": {"kind": "smiles", "smiles": "CO"}}, source="here")
    config = config.model_copy(
        update={
            "protocol": config.protocol.model_copy(update=protocol),
            "mm_reference": mm_reference,
        }
    )
    watch = Stopwatch(folder / "timing.json", 0.0, 0.0)
    return Sampler(folder, config, None, 1, listen=lambda _: None, watch=watch)


def findings(water: float, gas: float, total: float):
    """Errors of the end states and of the whole, as an estimate would have them."""
    ends = {"water": Estimate(0.0, water), "gas": Estimate(0.0, gas)}
    hydration = SimpleNamespace(estimates=SimpleNamespace(endpoint_bar=Estimate(0.0, total)))
    return SimpleNamespace(ends=ends, hydration=hydration)


def goals(sampler) -> dict[str, int]:
    found = sampler._fixed_goals()
    return {"water": found[Task("end", "ml", 0)], "gas": found[Task("gas", "ml")]}


def test_an_end_state_that_limits_the_error_is_lengthened(sampler):
    before = goals(sampler)
    sampler._go_on_from(3, findings(water=0.1, gas=0.3, total=0.4))
    after = goals(sampler)
    assert after["water"] == before["water"]
    assert after["gas"] == before["gas"] + before["gas"] // 3


def test_where_the_path_limits_the_error_nothing_else_grows(sampler):
    before = goals(sampler)
    sampler._go_on_from(3, findings(water=0.1, gas=0.1, total=0.4))
    assert goals(sampler) == before


def test_another_process_follows_what_was_decided(sampler):
    sampler._go_on_from(3, findings(water=0.3, gas=0.3, total=0.45))
    other = make(sampler.run)
    assert goals(other) == goals(sampler)
    assert other._went_on_after(3)
    assert not other._went_on_after(4)
    assert json.loads((sampler.run / ROUNDS).read_text())["judged"] == 3


def test_lengthening_ends_at_the_most_that_may_be_sampled(sampler):
    for wanted in range(30):
        sampler._go_on_from(wanted, findings(water=0.0, gas=0.4, total=0.4))
    assert goals(sampler)["gas"] == sampler.config.protocol.maximum_sampling_ps


def test_a_round_without_an_estimate_lengthens_nothing(sampler):
    before = goals(sampler)
    sampler._go_on_from(2, None)
    assert goals(sampler) == before
    assert sampler._went_on_after(2)


def test_a_protocols_own_limit_waits_for_a_result_and_a_users_does_not(sampler):
    assert not sampler._is_users_limit()  # quick has none
    assert make(sampler.run, maximum_minutes=30.0)._is_users_limit()
    assert not make(sampler.run, name="demo", maximum_minutes=12.0)._is_users_limit()
    assert not make(sampler.run, name="custom", maximum_minutes=12.0)._is_users_limit()
    assert make(sampler.run, name="custom", maximum_minutes=30.0)._is_users_limit()


def test_the_time_of_every_process_counts_however_it_ended(tmp_path):
    (tmp_path / "timing.json").write_text('{"wall_s": 100.0}')
    with pytest.raises(KeyboardInterrupt), stopwatch(tmp_path) as watch:
        raise KeyboardInterrupt
    assert json.loads((tmp_path / "timing.json").read_text())["wall_s"] > 100.0
    assert watch.total > 100.0


def test_a_part_without_samples_when_the_time_ends_is_no_result(sampler):
    limited = make(sampler.run, maximum_minutes=5.0)
    with pytest.raises(IncompleteError, match="the 5 min ended before path-mm-0 had samples"):
        limited._check_parts(limited._fixed_goals())
    assert sampler._check_parts({}) is None


def test_ensembles_between_mm_and_ml_become_tasks_of_their_phase(sampler):
    save_rungs(sampler.run, Rungs({"water": (0.5,)}))
    found = sampler._fixed_goals()
    assert found[Task("end", "s500", 0)] == found[Task("end", "ml", 0)]
    assert Task("gas", "s500") not in found


def test_gas_is_sampled_for_every_path_that_takes_its_conformers(sampler):
    def kinds(**changes):
        found = make(sampler.run, route="direct", **changes)._fixed_goals()
        return [task.hamiltonian for task in found if task.phase == "gas"]

    assert kinds() == ["ml"]
    assert kinds(mm_reference=True) == ["ml", "mm"]


def test_ends_of_a_flexible_solute_grow_with_the_path(sampler, monkeypatch):
    task = Task("end", "ml", 1)
    first = goals(sampler)["water"]
    assert sampler._goals(40)[task] == first
    flexible = SimpleNamespace(flexible=True, config=sampler.config)
    monkeypatch.setattr(rounds, "open_bench", lambda _run: flexible)
    found = {wanted: sampler._goals(wanted) for wanted in (3, 4, 7, 8, 40)}
    assert [goal[task] - first for goal in found.values()] == [0, 1, 1, 2, 10]
    assert found[40][Task("path", "mm", 0)] == 40
    assert goals(sampler)["water"] == first


def test_rungs_are_settled_once_no_more_are_missing(sampler):
    first = Rungs().joined({"water": (0.5,), "gas": ()})
    assert (first.between["water"], first.settled) == ((0.5,), False)
    second = first.joined({"water": (0.25, 0.75), "gas": ()})
    assert second.hamiltonians("water") == ("s250", "s500", "s750")
    third = second.joined({"water": (), "gas": ()})
    save_rungs(sampler.run, third)
    assert read_rungs(sampler.run) == third
    assert third.settled


def test_names_and_shares_of_hamiltonians_are_each_others_inverse():
    for eighth in range(9):
        assert share_of(name_of(eighth / 8)) == eighth / 8
