# SPDX-License-Identifier: MIT
"""Do processes of a pool start from wherever it is asked for?"""

from __future__ import annotations

import subprocess
import sys

import pytest

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


@pytest.mark.parametrize("text", [SCRIPT, DASK], ids=["processes", "dask"])
def test_a_script_without_a_guard_may_ask_for_processes_and_runs_once(tmp_path, text):
    if text == DASK:
        pytest.importorskip("distributed")
    script = tmp_path / "script.py"
    script.write_text(text)
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["script", "True", "script.py", "None"]
