# SPDX-License-Identifier: MIT
"""Does each batch scheduler get a job script in its own words?"""

from __future__ import annotations

import pytest

from merrow.executor import ClusterConfig, _jobs, dask_pool

pytest.importorskip("dask_jobqueue", reason="pip install 'merrow[cluster]'")


def script(tmp_path, scheduler, **changes):
    """Return what would be submitted; nothing is."""
    cluster = ClusterConfig(
        scheduler=scheduler, queue="main", memory="2GB", project="p42", interface="lo", **changes
    )
    with _jobs(0, cluster, tmp_path) as workers:
        return workers.job_script()


@pytest.mark.parametrize(
    ("scheduler", "told"),
    [
        ("slurm", ("#SBATCH -t 04:00:00", "#SBATCH -p main", "#SBATCH -A p42", "--mem=2G")),
        ("pbs", ("walltime=04:00:00", "#PBS -q main", "#PBS -A p42", "mem=")),
        ("lsf", ("#BSUB -W 04:00\n", "#BSUB -q main", '#BSUB -P "p42"', "#BSUB -M ")),
    ],
)
def test_job_scripts_hold_queue_project_memory_and_time(tmp_path, scheduler, told):
    found = script(tmp_path, scheduler)
    for words in told:
        assert words in found, found


def test_a_worker_on_a_gpu_says_so_and_the_directive_is_in_the_script(tmp_path):
    found = script(tmp_path, "slurm", gpus=1, job_extra_directives=("--gres=gpu:1",))
    assert "--resources GPU=1" in found
    assert "#SBATCH --gres=gpu:1" in found


def test_lsf_reads_minutes(tmp_path):
    assert "#BSUB -W 00:45\n" in script(tmp_path, "lsf", walltime="45:30", slice_minutes=5)


def test_a_job_of_a_whole_node_has_a_process_for_each_core(tmp_path):
    found = script(tmp_path, "slurm", processes_per_job=8)
    assert "#SBATCH --cpus-per-task=8" in found
    assert "--nworkers 8" in found
    assert "--nthreads 1" in found
    assert ClusterConfig(scheduler="slurm", jobs=3, processes_per_job=8).workers == 24


def test_dask_says_nothing_of_its_own(tmp_path, caplog):
    with dask_pool(1, None, tmp_path) as (executor, _):
        assert executor.submit(int, "3").result() == 3
    assert [one.message for one in caplog.records if one.levelname == "INFO"] == []
