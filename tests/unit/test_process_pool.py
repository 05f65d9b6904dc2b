# SPDX-License-Identifier: MIT
"""Do processes of a pool start from wherever it is asked for?"""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import os
from merrow.executor import process_pool
print("script")
with process_pool(2) as pool:
    print(len({pool.submit(os.getpid).result() for _ in range(4)} | {os.getpid()}) > 1)
print(__file__[-9:], __spec__)
"""


def test_a_script_without_a_guard_may_ask_for_processes_and_runs_once(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["script", "True", "script.py", "None"]
