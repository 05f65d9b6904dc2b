# SPDX-License-Identifier: MIT
"""How many processes share a GPU, and are a path's replicas dealt out to them as they are free?"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from merrow.errors import MerrowError, NumericsError
from merrow.executor import SerialExecutor
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling import dispatch, sharing
from merrow.hydration.sampling.dispatch import Workers, run_pieces
from merrow.hydration.sampling.sharing import share_count, submit_shares, useful_processes
from merrow.hydration.sampling.tasks import ML_SOLUTE, Task
from merrow.hydration.sampling.work import Meter
from merrow.hydration.sampling.worker import Sharing
from merrow.hydration.state import Crew

CONFIG = HydrationConfig(source=Source(kind="smiles", smiles="CO"), platform="CUDA")
PATHS = [Task("path", ML_SOLUTE, repeat) for repeat in range(2)]
GAS = Task("gas", ML_SOLUTE)


@pytest.fixture
def run(tmp_path):
    """A run of which only the folder is real."""
    return SimpleNamespace(folder=RunFolder(tmp_path), config=CONFIG)


@pytest.fixture
def machine(monkeypatch):
    """Let so many cores and GPUs be there, and so many processes do so many steps together."""

    def install(*, cores, gpus=1, together=True, rates=None):
        tried = []

        def try_steps(path, meeting, counts):
            found = []
            for point, count in enumerate(counts):
                meeting.meet(point)
                found.append(rates[count] / count if meeting.place < count else 0.0)
            tried.append(tuple(counts))
            return found

        monkeypatch.setattr("merrow.hydration.workers.core_count", lambda: cores)
        monkeypatch.setattr(sharing, "sharing_of_worker", lambda: Sharing(gpus, together))
        monkeypatch.setattr(sharing, "try_steps", try_steps)
        return tried

    return install


@pytest.mark.parametrize(
    ("rates", "chosen"),
    [
        ({1: 100.0, 2: 180.0, 4: 300.0, 6: 420.0}, 6),
        ({1: 100.0, 2: 180.0, 4: 300.0, 6: 310.0}, 4),  # more memory for 3 % more steps
        ({1: 100.0, 2: 80.0, 4: 70.0, 6: 60.0}, 1),
    ],
)
def test_as_many_processes_as_do_the_most_steps_and_the_choice_is_kept(run, machine, rates, chosen):
    tried = machine(cores=6, rates=rates)
    with ThreadPoolExecutor(6) as executor:
        assert useful_processes(run, executor) == chosen
    assert tried == [(1, 2, 4, 6)] * 6
    assert run.folder.read(Crew).steps_per_s == pytest.approx(
        {str(count): rate for count, rate in rates.items()}
    )
    machine(cores=6, rates={})
    with ThreadPoolExecutor(1) as executor:
        assert useful_processes(run, executor) == chosen
    machine(cores=2, rates={})  # it goes on on a smaller machine
    with ThreadPoolExecutor(1) as executor:
        assert useful_processes(run, executor) == min(2, chosen)


def test_several_gpus_have_one_process_each_at_least(run, machine):
    tried = machine(cores=8, gpus=2, rates={2: 100.0, 4: 190.0, 8: 360.0})
    with ThreadPoolExecutor(8) as executor:
        assert useful_processes(run, executor) == 8
    assert tried[0] == (2, 4, 8)


@pytest.mark.parametrize("gpus", [1, 2])
def test_where_processes_take_turns_each_gpu_has_one(run, machine, gpus):
    machine(cores=6, gpus=gpus, together=False)
    with ThreadPoolExecutor(1) as executor:
        assert useful_processes(run, executor) == gpus


@pytest.mark.parametrize("change", [{"processes": 5}, {"platform": "CPU"}])
def test_what_is_asked_for_and_the_processor_are_not_measured(run, machine, change):
    machine(cores=5)
    run.config = CONFIG.model_copy(update=change)
    with ThreadPoolExecutor(1) as executor:
        assert useful_processes(run, executor) == 5
    assert useful_processes(run, SerialExecutor()) == 1
    assert run.folder.read(Crew) is None


@pytest.mark.parametrize(
    ("processes", "share"), [(1, 1), (2, 1), (3, 1), (4, 2), (6, 2), (14, 5), (16, 7), (64, 14)]
)
def test_repeats_share_the_processes_and_leave_some_to_the_gas_phase(
    run, monkeypatch, processes, share
):
    monkeypatch.setattr(sharing, "can_be_shared", lambda run, task: task.kind == "path")
    assert len(CONFIG.protocol.schedule.states) == 14
    assert share_count(run, processes, PATHS[0]) == share
    assert share_count(run, processes, GAS) == 1
    run.config = CONFIG.model_copy(update={"platform": "CPU"})
    assert share_count(run, processes, PATHS[0]) == 1


@pytest.fixture
def counted(monkeypatch):
    """Let a segment be complete when it is handed out."""
    done = dict.fromkeys([*PATHS, GAS], 0)
    monkeypatch.setattr(dispatch, "count_finished", lambda run, task: done[task])
    monkeypatch.setattr(dispatch, "is_ready", lambda run, task: True)
    monkeypatch.setattr(dispatch, "steps_done", lambda run, task: done[task])
    return done


def test_a_wide_piece_waits_until_enough_are_free_and_nothing_overtakes_it(counted, monkeypatch):
    order, at_once = [], []

    def submit(task):
        order.append(task)
        future = Future()
        future.task = task
        return future

    def width(task):
        return 1 if task.kind == "gas" else 3

    def first_ends(running, *, timeout, return_when):
        at_once.append(sum(width(future.task) for future in running))
        future = next(iter(running))
        counted[future.task] += 1
        future.set_result(counted[future.task])
        return {future}, set()

    monkeypatch.setattr(dispatch, "wait", first_ends)
    workers = Workers(run=None, processes=4, submit=submit, width=width)
    goals = {GAS: 2, PATHS[0]: 3, PATHS[1]: 3}
    run_pieces(workers, goals, meter=Meter(None, 4))
    assert counted == goals
    assert max(at_once) == 4
    assert order[:3] == [GAS, PATHS[0], GAS]
    # while the second path waits for the first, no piece of what follows is begun
    late = {PATHS[0]: 2, PATHS[1]: 2, GAS: 3}
    order.clear()
    counted.update(dict.fromkeys(counted, 0))
    run_pieces(workers, late, meter=Meter(None, 4))
    assert order.index(PATHS[1]) < order.index(GAS)


class Shares:
    """Workers that do a share as they are told to."""

    def __init__(self, monkeypatch, do):
        self.joined = []
        monkeypatch.setattr(sharing, "share_in_worker", lambda path, task, meeting: do(meeting))
        monkeypatch.setattr(sharing, "join", self.join)

    def join(self, run, task, found):
        self.joined.append(found)
        return 7


def test_shares_are_joined_when_all_are_done(run, monkeypatch):
    place = set()

    def do(meeting):
        meeting.meet(0)
        place.add(meeting.folder)
        return meeting.place

    shares = Shares(monkeypatch, do)
    with ThreadPoolExecutor(3) as executor:
        assert submit_shares(run, executor, PATHS[0], 3).result(timeout=60) == 7
    assert shares.joined == [[0, 1, 2]]
    assert not any(folder.exists() for folder in place)


def test_what_went_wrong_is_told_and_not_that_the_others_left(run, monkeypatch):
    def do(meeting):
        if meeting.place == 1:
            meeting.leave()
            raise NumericsError("it blew up")
        meeting.meet(0)

    shares = Shares(monkeypatch, do)
    with ThreadPoolExecutor(3) as executor:
        whole = submit_shares(run, executor, PATHS[0], 3)
        with pytest.raises(MerrowError, match="it blew up"):
            whole.result(timeout=60)
    assert shares.joined == []
