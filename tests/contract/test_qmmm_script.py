# SPDX-License-Identifier: MIT
"""Does the comparison with quantum chemistry run, and tell what it promises?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_a_tiny_run_prints_ratios_and_errors(shared, tmp_path):
    pytest.importorskip("pyscf")
    output = tmp_path / "qmmm.json"
    words = ["--tiny", "--potentials", "ani2x", "--mm-step-ms", "5", "--json", "--output", output]
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "qmmm.py", *map(str, words)],
        env={**os.environ, "MERROW_MODELS": str(shared / "models")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report == json.loads(output.read_text())
    rows = {row["method"]: row for row in report["rows"]}
    assert rows["pyscf, last density"]["iterations"] <= rows["pyscf, atomic guess"]["iterations"]
    assert len(report["ratios"]["ani2x methanol"]) == 4
    with_mm = report["ratios_per_step"]["ani2x methanol"]
    assert all(
        1 < with_mm[method] < ratio for method, ratio in report["ratios"]["ani2x methanol"].items()
    )
    assert report["ratio_vs_pyscf"] == min(
        rows[method]["ms"] / rows["ani2x"]["ms"] for method in rows if method != "ani2x"
    )
    assert rows["ani2x"]["force_rmse_kcal"] > 0
