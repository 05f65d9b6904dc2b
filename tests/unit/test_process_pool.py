# SPDX-License-Identifier: MIT
"""Do processes of a pool start from wherever it is asked for?"""

from __future__ import annotations

import subprocess
import sys

import pytest

from merrow.executor import process_pool

SCRIPT = """
import os
from merrow.executor import process_pool
print("script")
with process_pool(2) as pool:
    print(len({pool.submit(os.getpid).result() for _ in range(4)} | {os.getpid()}) > 1)
print(__file__[-9:], __spec__)
"""

DASK = """
import os
from pathlib import Path
from merrow.executor import dask_pool
print("script")
with dask_pool(1, None, Path("dask")) as (pool, _):
    print(pool.submit(os.getpid).result() != os.getpid())
print(__file__[-9:], __spec__)
"""


def said_by(folder, text):
    """Run a script of its own; return the words that it printed."""
    script = folder / "script.py"
    script.write_text(text)
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("text", [SCRIPT, DASK], ids=["processes", "dask"])
def test_a_script_without_a_guard_may_ask_for_processes_and_runs_once(tmp_path, text):
    if text == DASK:
        pytest.importorskip("distributed")
    assert said_by(tmp_path, text) == ["script", "True", "script.py", "None"]


ENVIRONMENTS = """
import os
from merrow.executor import process_pool, run_subprocess, subprocess_pool
from pathlib import Path
import sys
given = [{"GIVEN": "one"}, {"GIVEN": "two"}]
with process_pool(2, environments=given) as pool:
    jobs = [pool.submit(os.getenv, "GIVEN") for _ in range(20)]
    print({job.result() for job in jobs} <= {"one", "two"}, os.getenv("GIVEN"))
words = [sys.executable, "-c", "import os, time; time.sleep(1); print(os.getenv('GIVEN'))"]
with subprocess_pool(2, given) as pool:
    jobs = [pool.submit(run_subprocess, words, Path("log")) for _ in range(2)]
    print(*sorted(job.result()[1].strip() for job in jobs))
"""


def test_each_process_has_an_environment_of_its_own(tmp_path):
    assert said_by(tmp_path, ENVIRONMENTS) == ["True", "None", "one", "two"]


def test_an_error_after_the_pool_was_shut_down_is_the_one_that_is_seen():
    def report() -> None:
        with process_pool(2) as pool:
            pool.shutdown()
            raise ValueError("of the report")

    with pytest.raises(ValueError, match="of the report"):
        report()
