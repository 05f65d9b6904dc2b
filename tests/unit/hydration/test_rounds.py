# SPDX-License-Identifier: MIT
"""Is what limits the error sampled first, and does a resumed run decide what the undisturbed did?

The decisions alone are tested, on errors that are made up; nothing is sampled.
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from merrow.errors import IncompleteError, NumericsError
from merrow.hydration.config import HydrationConfig
from merrow.hydration.run_folder import RunFolder, Stopwatch
from merrow.hydration.sampling.adaptive import Sampler
from merrow.hydration.sampling.rounds import (
    RoundErrors,
    SamplingState,
    first_state,
    is_enough,
    is_users_limit,
    least_path,
    longer_gas,
    most_gas,
    plan_round,
    settled_gas,
    settles_gas,
)
from merrow.hydration.sampling.tasks import (
    FIRST_FROM_GAS,
    ML_SOLUTE,
    MM_SOLUTE,
    Hamiltonian,
    Task,
    gas_segment_time,
    leg_plan,
    path_tasks,
)
from merrow.hydration.state import Intermediates, Rounds

END, GAS, PATH = Task("end", ML_SOLUTE, 0), Task("gas", ML_SOLUTE), Task("path", MM_SOLUTE, 0)


def config(*, mm_reference=False, **protocol):
    """A run of methanol by the endpoint route."""
    found = HydrationConfig.checked({"source": {"kind": "smiles", "smiles": "CO"}}, source="here")
    changes = {"protocol": found.protocol.model_copy(update=protocol), "mm_reference": mm_reference}
    return found.model_copy(update=changes)


def begun(*, flexible=False, held=None, **changes) -> SamplingState:
    """The first state; all torsions of a flexible solute keep their terms unless told."""
    kind = {"flexible": flexible, "held": flexible if held is None else held}
    return first_state(config(**changes), Rounds(), Intermediates(), **kind)


def errors(water: float, gas: float, total: float) -> RoundErrors:
    return RoundErrors(total, total, {"water": water, "gas": gas})


def ends(state: SamplingState) -> tuple[int, int]:
    goals = state.first_goals()
    return goals[END], goals[GAS]


def test_an_end_state_that_limits_the_error_is_lengthened():
    state = begun()
    water, gas = ends(state)
    following = plan_round(state, errors(water=0.1, gas=0.3, total=0.4))
    assert ends(following) == (water, gas + gas // 3)
    assert following.rounds == Rounds(path=following.path, gas=gas + gas // 3)


def test_where_the_path_limits_the_error_nothing_else_grows():
    state = begun()
    following = plan_round(state, errors(water=0.1, gas=0.1, total=0.4))
    assert ends(following) == ends(state)
    assert following.path == state.path + max(1, state.path // 6)
    assert following.goals()[PATH] == following.path


def test_a_round_without_an_estimate_lengthens_nothing_and_follows_all_the_same():
    state = plan_round(begun(), errors(water=0.3, gas=0.3, total=0.4))
    following = plan_round(state, None)
    assert ends(following) == ends(state)
    assert following.path == following.rounds.path > state.path


def test_another_process_follows_what_was_decided():
    decided = plan_round(begun(), errors(water=0.3, gas=0.3, total=0.45))
    other = first_state(config(), decided.rounds, Intermediates(), flexible=False, held=False)
    assert other == decided
    assert other.goals() == decided.goals()


def test_repeats_that_are_added_become_as_long_as_the_others():
    """The least is that of all repeats together, so that more repeats would each be shorter."""
    protocol = {"minimum_sampling_ps": 96.0, "maximum_sampling_ps": 96.0}
    two = config(minimum_per_repeat_ps=0.0, **protocol)
    four = two.model_copy(update={"repeats": 4})
    kind = {"flexible": False, "held": False}
    first = first_state(two, Rounds(), Intermediates(), **kind)
    longest = first.path
    assert least_path(four) < longest
    grown = first_state(
        four, Rounds(), Intermediates(), **kind, sampled=(longest, longest, 0, 0)
    ).goals()
    assert {grown[task] for task in path_tasks(four)} == {longest}
    resumed = first_state(two, Rounds(), Intermediates(), **kind, sampled=(longest - 1, 0))
    assert resumed == first


def test_a_folder_of_an_older_version_goes_on_after_its_last_judged_round():
    state = begun()
    third = state.longer().longer()
    for judged, expected in (
        (0, state),
        (state.path, state.longer()),
        (state.longer().path, third),
    ):
        other = first_state(
            config(), Rounds(judged=judged), Intermediates(), flexible=False, held=False
        )
        assert other.path == expected.path


def test_a_path_that_is_a_small_part_of_the_error_waits_for_the_end_states():
    state = begun()
    both = errors(water=0.3, gas=0.25, total=0.4)  # the path has 0.05 of 0.16
    waiting = plan_round(state, both)
    assert waiting.path == state.path
    assert ends(waiting) > ends(state)
    assert (
        first_state(config(), waiting.rounds, Intermediates(), flexible=False, held=False)
        == waiting
    )
    assert plan_round(state, replace(both, unsettled_path=True)).path > state.path
    assert plan_round(state, replace(both, unsettled_ends=True)) == waiting
    assert plan_round(state, replace(both, headline=0.5)).path > state.path, "the direct route"
    assert plan_round(state, errors(water=0.3, gas=0.1, total=0.4)).path > state.path
    for _ in range(40):  # end states at their maximum do not stop the run
        state = plan_round(state, both)
    assert state.path == state.most


def test_lengthening_ends_at_the_most_that_may_be_sampled():
    state = begun()
    for _ in range(30):
        state = plan_round(state, errors(water=0.0, gas=0.4, total=0.4))
    protocol = state.config.protocol
    assert ends(state)[1] == math.ceil(protocol.maximum_sampling_ps / gas_segment_time(protocol))
    for _ in range(100):
        state = plan_round(state, None)
    assert state.path == state.most


def test_the_target_is_met_or_there_is_none():
    assert is_enough(config(target_stderr_kcal=0.3), RoundErrors(0.3))
    assert not is_enough(config(target_stderr_kcal=0.3), RoundErrors(0.31))
    assert not is_enough(config(target_stderr_kcal=0.3), None)
    assert not is_enough(config(target_stderr_kcal=None), RoundErrors(0.0))


def test_no_target_is_met_while_repeats_keep_their_conformers():
    unsettled = RoundErrors(0.1, unsettled_path=True, unsettled_ends=True)
    assert not is_enough(config(target_stderr_kcal=0.3), unsettled)
    state = begun(flexible=True, gas_reservoir=False)
    water, gas = ends(state)
    following = plan_round(state, unsettled)
    assert following.path > state.path
    assert ends(following) == (water + water // 3, gas)
    behind_path = begun(flexible=True)  # ends take snapshots of the path and cannot precede it
    assert ends(plan_round(behind_path, unsettled))[0] == water
    limiting = errors(water=0.3, gas=0.0, total=0.3)
    assert ends(plan_round(behind_path, limiting)) == (water, gas)


def test_only_what_lacks_conformers_is_extended_once_the_error_is_small_enough():
    state = begun(flexible=True, held=False)
    water, gas = ends(state)
    good = errors(water=0.2, gas=0.05, total=0.25)
    assert good.headline < state.config.protocol.target_stderr_kcal
    of_ends = plan_round(state, replace(good, unsettled_ends=True))
    assert (of_ends.path, *ends(of_ends)) == (state.path, water + water // 3, gas)
    of_path = plan_round(state, replace(good, unsettled_path=True))
    assert (of_path.path, *ends(of_path)) == (state.longer().path, water, gas)
    both = plan_round(state, replace(good, unsettled_path=True, unsettled_ends=True))
    assert (both.path, *ends(both)) == (state.longer().path, water + water // 3, gas)
    # both routes: it is the other one's error that is larger, and small enough
    direct = replace(good, headline=0.29, unsettled_ends=True)
    assert plan_round(state, direct).path == state.path
    # at the maximum of the end states there is nothing left to do
    for _ in range(40):
        of_ends = plan_round(of_ends, replace(good, unsettled_ends=True))
    assert of_ends.path == state.path
    assert of_ends.goals() == plan_round(of_ends, replace(good, unsettled_ends=True)).goals()
    # snapshots of the path: the path has to go first
    behind = begun(flexible=True)
    assert plan_round(behind, replace(good, unsettled_ends=True)).path > behind.path


def test_gas_is_settled_before_the_path_takes_its_conformers():
    state = begun(flexible=True)
    first = ends(state)[1]
    assert settles_gas(state, [0, 1])
    assert not settles_gas(state, [0, 2]), "an earlier process took conformers"
    assert not settles_gas(begun(), [])
    assert not settles_gas(begun(flexible=True, target_stderr_kcal=None), [])
    assert not settles_gas(begun(flexible=True, gas_reservoir=False), [])
    assert not settles_gas(begun(flexible=True, solute_constraints="h-bonds"), [])
    longer = longer_gas(state)
    assert (ends(longer)[1], longer.rounds.reservoir) == (first + first // 3, 0)
    done = settled_gas(longer)
    assert (done.rounds.reservoir, done.rounds.gas) == (ends(longer)[1], ends(longer)[1])
    assert not settles_gas(done, [])
    assert plan_round(done, errors(0.1, 0.3, 0.4)).rounds.reservoir == done.rounds.reservoir


@pytest.mark.parametrize("most", [500.0, 60.0])
def test_gas_that_does_not_settle_is_not_waited_for(most):
    state = begun(flexible=True, maximum_sampling_ps=most)
    protocol = state.config.protocol
    rounds = 0
    while not state.rounds.reservoir:
        state, rounds = longer_gas(state), rounds + 1
    assert rounds < 20
    limit = math.ceil(most / gas_segment_time(protocol))
    assert state.rounds.reservoir == min(most_gas(protocol), limit)


def test_progress_says_that_repeats_keep_their_conformers(tmp_path):
    run = SimpleNamespace(config=config(), folder=RunFolder(tmp_path))
    watch = Stopwatch(0.0, began=0.0)
    sampler = Sampler(SimpleNamespace(run=run, processes=1), listen=lambda _: None, watch=watch)
    sampler.waits_for = "gas"
    assert sampler._error_told() == ("conformers not settled in gas",)
    sampler.error, sampler.waits_for = 0.2, "water"
    error = "stderr 0.20 of 0.30 kcal/mol"
    assert sampler._error_told() == (error, "conformers not settled in water")
    sampler.waits_for = ""
    assert sampler._error_told() == (error,)


@pytest.mark.parametrize("repeats", [1, 2, 4, 8])
def test_no_error_is_trusted_before_every_repeat_has_its_twelve_ps(repeats):
    run = config().model_copy(update={"repeats": repeats})
    each = leg_plan(run, path_tasks(run)[0]).segment_time
    assert 12.0 <= least_path(run) * each < 12.0 + each
    assert least_path(run) > FIRST_FROM_GAS  # conformers from gas have reached the path
    shortest = run.protocol.model_copy(update={"maximum_sampling_ps": 2.0 * each * repeats})
    assert least_path(run.model_copy(update={"protocol": shortest})) <= max(
        2, math.ceil(8.0 / each / repeats)
    )
    old = run.protocol.model_copy(update={"minimum_per_repeat_ps": 0.0})
    earlier = run.model_copy(update={"protocol": old})
    assert least_path(earlier) == max(1, math.ceil(8.0 / each / repeats))


def test_a_protocols_own_limit_waits_for_a_result_and_a_users_does_not():
    def users(**changes):
        return is_users_limit(config(**changes).protocol)

    assert not users()  # quick has none
    assert users(maximum_minutes=30.0)
    assert not users(name="demo", maximum_minutes=12.0)
    assert not users(name="custom", maximum_minutes=12.0)
    assert users(name="custom", maximum_minutes=30.0)
    assert users(name="custom", maximum_minutes=12.0, firm_limit=True)


def test_a_part_without_samples_when_the_time_ends_is_no_result(tmp_path):
    run = SimpleNamespace(config=config(maximum_minutes=5.0), folder=RunFolder(tmp_path))
    sampler = Sampler(
        SimpleNamespace(run=run, processes=1),
        listen=lambda _: None,
        watch=Stopwatch(0.0, began=0.0),
    )
    with pytest.raises(
        IncompleteError, match=r"the 5 min ended with \d+ of \d+ parts without samples"
    ):
        sampler._check_parts(begun().first_goals())
    assert sampler._check_parts({}) is None


def test_progress_says_why_there_is_no_estimate(tmp_path, monkeypatch):
    def fails(_):
        raise NumericsError("MBAR found no solution.")

    monkeypatch.setattr("merrow.hydration.sampling.adaptive.estimate_run", fails)
    run = SimpleNamespace(config=config(), folder=RunFolder(tmp_path))
    watch = Stopwatch(0.0, began=0.0)
    sampler = Sampler(SimpleNamespace(run=run, processes=1), listen=lambda _: None, watch=watch)
    assert sampler._error_told() == ()
    assert sampler._estimate() == (None, None)
    assert sampler._error_told() == ("no estimate yet: MBAR found no solution.",)


def test_ensembles_between_mm_and_ml_become_tasks_of_their_phase():
    half = Hamiltonian(0.5)
    goals = replace(begun(), intermediates=Intermediates(water=(0.5,))).first_goals()
    assert goals[Task("end", half, 0)] == goals[END]
    assert Task("gas", half) not in goals


def test_gas_is_sampled_for_every_path_that_takes_its_conformers():
    def kinds(*, flexible=True, **changes):
        goals = begun(flexible=flexible, route="direct", **changes).first_goals()
        return [task.hamiltonian.name for task in goals if task.kind == "gas"]

    assert kinds() == ["ml"]
    assert kinds(mm_reference=True) == ["ml", "mm"]
    assert kinds(mm_reference=True, flexible=False) == ["ml"]


def test_ends_of_a_flexible_solute_grow_with_the_path():
    rigid, flexible = begun(), begun(flexible=True)
    first = ends(rigid)[0]
    assert replace(rigid, path=40).goals()[END] == first
    found = {path: replace(flexible, path=path).goals() for path in (3, 4, 7, 8, 40)}
    assert [goal[END] - first for goal in found.values()] == [0, 1, 1, 2, 10]
    assert found[40][PATH] == 40
    assert ends(flexible)[0] == first


def test_ensembles_between_grow_with_the_path_only_once_they_are_settled():
    """Else a resumed run would judge them with more samples than the undisturbed one."""
    half = Task("end", Hamiltonian(0.5), 0)
    found = replace(begun(flexible=True), path=40, intermediates=Intermediates(water=(0.5,)))
    assert found.goals()[half] == found.first_goals()[half]
    settled = replace(found, intermediates=Intermediates(water=(0.5,), settled=True))
    assert settled.goals()[half] == settled.goals()[END] == found.goals()[END]


class Clockwork(Sampler):
    """A sampler whose segments are only counted; each takes a second."""

    def __init__(self, run):
        workers = SimpleNamespace(run=run, processes=1)
        super().__init__(workers, listen=lambda _: None, watch=Stopwatch(0.0, began=0.0))
        self.done, self.seconds = {}, 0.0
        minutes = self.config.protocol.maximum_minutes
        limit = math.inf if minutes is None else 60.0 * minutes
        self.late, self.half = lambda: self.seconds >= limit, lambda: self.seconds >= limit / 2

    def _reach(self, goals, stop, *, first=None, whole=None):
        for task in [*(first or {}), *goals]:
            while self.done.get(task, 0) < max((first or {}).get(task, 0), goals.get(task, 0)):
                if stop():
                    return
                self.done[task] = self.done.get(task, 0) + 1
                self.seconds += 1.0

    def _sampled(self):
        return {task: self.done.get(task, 0) for task in self.paths}


@pytest.mark.parametrize("minutes", [None, 4.0])
def test_ladders_that_disagree_are_lengthened_but_leave_time_for_the_path(
    tmp_path, monkeypatch, minutes
):
    told = config(maximum_minutes=minutes)
    run = SimpleNamespace(config=told, folder=RunFolder(tmp_path), flexible=True, prepared=None)
    sampler = Clockwork(run)
    torsions = SimpleNamespace(unsettled=lambda _: frozenset({"gas-mm"}))
    module = "merrow.hydration.sampling.adaptive"
    monkeypatch.setattr(f"{module}.read_gas_phase", lambda *_: None)
    monkeypatch.setattr(f"{module}.solute_torsions", lambda *_: torsions)
    state = first_state(told, Rounds(), Intermediates(), flexible=True, held=True)
    sampler._reach(state.first_goals(), sampler.late)
    assert all(sampler.done[task] for task in state.first_goals())
    settled = sampler._settle_gas(state)
    kept = sampler.folder.read(Rounds)
    assert kept == settled.rounds
    assert kept.reservoir == sampler.done[GAS] == kept.gas
    if minutes is None:
        assert kept.reservoir == most_gas(told.protocol)
    else:
        assert kept.reservoir < most_gas(told.protocol)
        assert sampler.seconds < 0.8 * 60.0 * minutes


def test_intermediates_are_settled_once_no_more_are_missing():
    first = Intermediates().joined({"water": (0.5,), "gas": ()})
    assert first == Intermediates(water=(0.5,))
    second = first.joined({"water": (0.25, 0.75), "gas": ()})
    assert [own.name for own in second.hamiltonians("water")] == ["s250", "s500", "s750"]
    assert second.joined({"water": (), "gas": ()}) == second.model_copy(update={"settled": True})


def test_hamiltonians_have_the_names_that_seeds_and_folders_know():
    names = [Hamiltonian(eighth / 8).name for eighth in range(9)]
    assert names == ["mm", "s125", "s250", "s375", "s500", "s625", "s750", "s875", "ml"]
