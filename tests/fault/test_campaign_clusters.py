# SPDX-License-Identifier: MIT
"""Does a campaign come to the same table on Dask and in a real SLURM, its workers killed?"""

from __future__ import annotations

import os
import shutil
import signal

import pytest
from process_table import all_processes, is_alive, look
from small_slurm import CannotStartError, SmallSlurm
from tiny_campaign import TASK, pieces, workers
from tiny_run import wait_for

pytestmark = pytest.mark.slow
pytest.importorskip("dask_jobqueue", reason="pip install 'merrow[cluster]'")

CLUSTER = """\
scheduler: slurm
queue: main
jobs: 2
memory: 1GB
walltime: "00:10:00"
slice_minutes: 5
interface: lo
"""


@pytest.fixture
def slurm(monkeypatch, tmp_path):
    """A SLURM of one node, or a skip that says why there is none."""
    if shutil.which("slurmctld") and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("two jobs at a time need two cores")
    small = SmallSlurm(tmp_path / "slurm")
    try:
        small.start()
    except CannotStartError as error:
        small.stop()
        pytest.skip(str(error))
    for name, value in small.environment.items():
        monkeypatch.setenv(name, value)
    yield small
    small.stop()


def computing(folder):
    """Return the processes that compute runs of a campaign, whoever started them."""
    return [
        process.pid
        for process in all_processes()
        if TASK in process.words and any(word.startswith(str(folder)) for word in process.words)
    ]


def test_a_killed_dask_worker_loses_nothing_that_was_finished(tiny_campaign, undisturbed_campaign):
    campaign = tiny_campaign("--executor", "dask", "--workers", "2")
    campaign.start()
    wait_for(lambda: pieces(campaign.folder), "the first piece")
    kept = pieces(campaign.folder)
    victim = look(workers(campaign.process.pid)[0]).parent
    os.kill(victim, signal.SIGKILL)
    code, _, err = campaign.finish()
    assert code == 1, err
    assert not is_alive(victim)
    assert "Dask's dashboard: http://" in err
    assert campaign.results() == undisturbed_campaign.results()
    assert {path: pieces(campaign.folder)[path] for path in kept} == kept


def test_a_campaign_in_slurm_survives_the_loss_of_a_job(
    slurm, tiny_campaign, undisturbed_campaign, tmp_path
):
    (tmp_path / "slurm.yaml").write_text(CLUSTER)
    campaign = tiny_campaign("--cluster", tmp_path / "slurm.yaml")
    campaign.start()
    wait_for(lambda: pieces(campaign.folder) or campaign.process.poll(), "the first piece")
    kept = pieces(campaign.folder)
    job = slurm.run("squeue", "-h", "-t", "R", "-o", "%i").split()[0]
    slurm.run("scancel", job)
    code, _, err = campaign.finish()
    assert code == 1, err
    assert campaign.results() == undisturbed_campaign.results()
    assert {path: pieces(campaign.folder)[path] for path in kept} == kept
    wait_for(lambda: not slurm.run("squeue", "-h"), "all jobs to end")


def test_a_campaign_in_slurm_outlives_the_wall_time_of_a_job_that_hangs(
    slurm, tiny_campaign, undisturbed_campaign, tmp_path
):
    short = CLUSTER.replace("00:10:00", "00:01:00").replace("minutes: 5", "minutes: 0.5")
    (tmp_path / "slurm.yaml").write_text(short)
    campaign = tiny_campaign("--cluster", tmp_path / "slurm.yaml")
    campaign.start()
    wait_for(lambda: pieces(campaign.folder) or campaign.process.poll(), "the first piece")
    kept = pieces(campaign.folder)
    hanging = computing(campaign.folder)
    assert hanging
    for process in hanging:
        os.kill(process, signal.SIGSTOP)
    code, _, err = campaign.finish()
    assert code == 1, err
    assert campaign.results() == undisturbed_campaign.results()
    assert {path: pieces(campaign.folder)[path] for path in kept} == kept
    assert not any(map(is_alive, hanging))


def test_a_campaign_in_a_slurm_that_is_gone_is_refused(slurm, tiny_campaign, tmp_path):
    (tmp_path / "slurm.yaml").write_text(CLUSTER)
    slurm.stop()
    campaign = tiny_campaign("--cluster", tmp_path / "slurm.yaml")
    campaign.start()
    code, _, err = campaign.finish()
    assert code == 2, err
    assert "the scheduler slurm cannot be reached: `sinfo -h` says: " in err
    assert not campaign.folder.exists()
