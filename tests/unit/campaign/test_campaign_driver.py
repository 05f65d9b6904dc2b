# SPDX-License-Identifier: MIT
"""Does the driver of a campaign go on with what was stopped or lost, and give up the hopeless?"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from merrow.campaign import cost, driver
from merrow.campaign.config import CampaignConfig
from merrow.campaign.driver import MAX_LOSSES, ComputeBackend, Driver
from merrow.campaign.plan import JOBS, Job
from merrow.campaign.rows import Row
from merrow.campaign.table import write_results
from merrow.campaign.worker import Outcome, compute
from merrow.errors import InputError
from merrow.executor import ClusterConfig, SerialExecutor
from merrow.files import atomic_write, save_json
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.state import Underway
from merrow.locks import TakenOverError, locked
from merrow.progress import TimeLimit

SERIAL = ComputeBackend("serial")


@pytest.fixture
def campaign(tmp_path):
    """A campaign of so many runs whose pieces are empty files."""

    def make(count):
        jobs = [Job(Row(i + 2, f"m{i}", {"smiles": "C"}), "bcc") for i in range(count)]
        entries = []
        for job in jobs:
            job.run(tmp_path).path.mkdir(parents=True)
            row = {"line": job.row.line, "name": job.row.name, "source": job.row.source}
            row |= {"kind": None, "experiment": None, "references": {}, "problem": None}
            entries.append({"row": row, "charges": "bcc", "problem": None})
        save_json(tmp_path / JOBS, entries)
        atomic_write(tmp_path / "campaign.yaml", CampaignConfig(table="set.csv").to_yaml())
        return tmp_path, jobs

    return make


NO_LIMIT = TimeLimit()


def drive(folder, jobs, work, *, backend=SERIAL, limit=NO_LIMIT, executor=None):
    """Run a driver and return the sentences that it said."""
    heard = []
    driver = Driver(folder, jobs, work, backend, limit, heard.append)
    driver.work(executor or SerialExecutor())
    return [told.text for told in heard if told.lasting]


def finish_a_piece(folder, count=[0]):  # noqa: B006
    """Leave a piece on the disk."""
    count[0] += 1
    backend = folder / "tasks" / "path"
    backend.mkdir(parents=True, exist_ok=True)
    (backend / f"segment-{count[0]:04d}.npz").touch()


def test_a_stopped_run_goes_on_before_the_next_is_begun(campaign):
    folder, jobs = campaign(2)
    calls = []

    def work(run, limit, slice_s, processes):
        calls.append(run[-6:])
        return Outcome("done" if calls.count(run[-6:]) == 3 else "stopped", "its time was up")

    said = drive(folder, jobs, work)
    assert calls == ["m0-bcc"] * 3 + ["m1-bcc"] * 3
    assert said == ["[1/2] m0-bcc: done.", "[2/2] m1-bcc: done."]


def test_a_run_that_is_killed_again_and_again_but_moves_on_is_never_given_up(campaign):
    folder, jobs = campaign(1)
    calls = []

    def work(run, limit, slice_s, processes):
        calls.append(run)
        if len(calls) == 20:
            return Outcome("done")
        finish_a_piece(jobs[0].run(folder).path)
        return Outcome("lost", "its process ended with signal 9")

    said = drive(folder, jobs, work)
    assert len(calls) == 20
    assert said[0] == "m0-bcc: its process ended with signal 9; it will be resumed."
    assert said[-1] == "[1/1] m0-bcc: done."


def test_a_run_that_is_killed_without_moving_on_fails_and_the_others_go_on(campaign):
    folder, jobs = campaign(3)
    calls = []

    def work(run, limit, slice_s, processes):
        calls.append(run[-6:])
        return Outcome("lost", "signal 9") if "m1" in run else Outcome("done")

    drive(folder, jobs, work)
    assert calls.count("m1-bcc") == MAX_LOSSES
    assert [calls.count(name) for name in ("m0-bcc", "m2-bcc")] == [1, 1]
    why = json.loads((jobs[1].run(folder).path / "failure.json").read_text())["why"]
    assert "3 times without finishing a piece, perhaps for want of memory" in why
    rows = write_results(folder).data.rows
    assert [row.status for row in rows] == ["pending", "failed", "pending"]


def test_a_worker_that_breaks_is_a_loss_and_not_the_end(campaign):
    folder, jobs = campaign(2)
    calls = []

    def work(run, limit, slice_s, processes):
        calls.append(run)
        if len(calls) == 1:
            raise RuntimeError("the scheduler lost the worker")
        return Outcome("done")

    said = drive(folder, jobs, work)
    assert said[0] == "m0-bcc: its worker ended (RuntimeError); it will be resumed."
    assert said[-1] == "[2/2] m1-bcc: done."


def test_the_time_left_follows_from_the_pace_of_this_command_alone(campaign):
    """A run that was half done when the campaign was resumed; another fails at once."""
    folder, jobs = campaign(4)
    heard = []
    driver = Driver(folder, jobs, compute, SERIAL, NO_LIMIT, heard.append)
    for fraction in (0.5, 0.75):
        jobs[0].run(folder).save(Underway(text="sampling path", fraction=fraction))
        driver.began = time.monotonic() - 100.0
        driver._tell(jobs[:1])
    assert heard[0].remaining_s is None
    assert heard[0].fraction == pytest.approx(0.5 / 4)
    assert heard[1].remaining_s == pytest.approx(100.0 * (4 - 0.75) / 0.25, rel=0.01)
    driver._take(jobs[1], 0, Outcome("failed", "no such element"))
    assert driver._left() == pytest.approx(100.0 * (3 - 0.75) / 0.25, rel=0.01)
    driver._take(jobs[0], 0, Outcome("done"))
    assert driver._left() == pytest.approx(100.0 * 2 / 0.5, rel=0.01)


def test_nothing_is_begun_after_the_deadline(campaign):
    folder, jobs = campaign(3)
    calls = []
    limit = TimeLimit.after(2.0)

    def work(run, limit, slice_s, processes):
        calls.append(run)
        time.sleep(max(0.0, limit.at - time.time()) + 0.05)  # until it is over
        return Outcome("stopped", "its time was up")

    drive(folder, jobs, work, limit=limit)
    assert len(calls) == 1


def test_all_workers_are_busy_and_no_run_is_given_to_two(campaign):
    folder, jobs = campaign(6)
    lock, now, most = threading.Lock(), [], []
    together = threading.Barrier(3)  # nobody goes on before three are at work

    def work(run, limit, slice_s, processes):
        with lock:
            assert run not in now
            now.append(run)
            most.append(len(now))
        together.wait(timeout=120.0)
        with lock:
            now.remove(run)
        return Outcome("done")

    with ThreadPoolExecutor(8) as executor:
        drive(folder, jobs, work, backend=ComputeBackend("processes", 3), executor=executor)
    assert max(most) == 3
    assert not together.broken


def test_few_runs_share_the_cores(campaign):
    folder, jobs = campaign(2)
    seen = []

    def work(run, limit, slice_s, processes):
        seen.append(processes)
        return Outcome("done")

    drive(folder, jobs, work, backend=ComputeBackend("processes", 5))
    assert seen == [2, 2]


def test_a_failure_is_forgotten_when_the_run_succeeds(campaign):
    folder, jobs = campaign(1)
    drive(folder, jobs, lambda *_: Outcome("failed", "the disk is full."))
    assert write_results(folder).data.rows[0].why == "the disk is full."
    drive(folder, jobs, lambda *_: Outcome("done"))
    assert write_results(folder).data.counts["failed"] == 0


def test_a_run_that_another_process_took_over_is_lost_and_not_failed(tmp_path, monkeypatch):
    def taken_over(*_args, **_more):
        raise TakenOverError("another merrow process took over")

    monkeypatch.setattr("merrow.hydration.run.run_hydration", taken_over)
    source = Source(kind="smiles", smiles="C")
    RunFolder(tmp_path).save_config(HydrationConfig(source=source))
    outcome = compute(str(tmp_path), NO_LIMIT, None, 1)
    assert outcome == Outcome("lost", "another merrow process took over")


def test_a_begun_run_is_running_only_while_a_process_works_on_it(campaign):
    folder, jobs = campaign(1)
    run = jobs[0].run(folder)
    run.system.mkdir()
    with locked(run.path):
        assert [row.status for row in write_results(folder).data.rows] == ["running"]
    found = write_results(folder)
    assert [row.status for row in found.data.rows] == ["stopped"]
    assert not found.complete


def test_every_molecule_under_way_is_shown(campaign):
    folder, jobs = campaign(2)
    heard = []
    driver = Driver(folder, jobs, lambda *_: Outcome("done"), SERIAL, NO_LIMIT, heard.append)
    driver.work(SerialExecutor())
    shown = [(told.text, *told.details) for told in heard if not told.lasting]
    assert shown == [
        ("0 of 2 runs ended", "under way: m0-bcc"),
        ("1 of 2 runs ended", "under way: m1-bcc"),
    ]


def test_the_cost_of_a_campaign_is_that_of_as_many_runs_at_a_time_as_there_will_be(monkeypatch):
    """Many cores share a GPU, and it takes fewer processes than there are cores."""
    monkeypatch.setattr(driver, "usual_processes", lambda _: 3)
    monkeypatch.setattr(driver, "core_count", lambda: 64)
    monkeypatch.setattr(cost, "read_rows", lambda *_: [])
    monkeypatch.setattr(cost, "plan_jobs", lambda *_, **__: [])
    config = CampaignConfig(table="set.csv", platform="Reference")
    for backend, width in ((ComputeBackend(), 3), (ComputeBackend(workers=8), 8), (SERIAL, 1)):
        found = cost.campaign_cost(config, Path("set"), base=Path(), backend=backend)
        assert found.at_a_time == width


def test_workers_that_there_would_not_be_are_refused():
    assert ComputeBackend("serial", 1).width == 1
    with pytest.raises(InputError, match="executor serial works on one run at a time, not on 8"):
        ComputeBackend("serial", 8)
    cluster = ClusterConfig(scheduler="slurm", jobs=2, processes_per_job=3)
    assert ComputeBackend("dask", 4, cluster).width == 4
    with pytest.raises(InputError, match="--workers 7 is above the 6 of the cluster file"):
        ComputeBackend("dask", 7, cluster)
