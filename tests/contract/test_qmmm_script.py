# SPDX-License-Identifier: MIT
"""Does the comparison with quantum chemistry run, and tell what it promises?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_a_tiny_run_prints_ratios_and_errors(tmp_path):
    pytest.importorskip("pyscf")
    output = tmp_path / "qmmm.json"
    words = [
        "--tiny",
        "--potentials",
        "tiny-ani",
        "--mm-step-ms",
        "5",
        "--json",
        "--output",
        output,
    ]
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "qmmm.py", *map(str, words)],
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
    assert len(report["ratios"]["tiny-ani methanol"]) == 4
    with_mm = report["ratios_per_step"]["tiny-ani methanol"]
    assert all(
        1 < with_mm[method] < ratio
        for method, ratio in report["ratios"]["tiny-ani methanol"].items()
    )
    assert report["ratio_vs_pyscf"] == min(
        rows[method]["ms"] / rows["tiny-ani"]["ms"] for method in rows if method != "tiny-ani"
    )
    assert rows["tiny-ani"]["force_rmse_kcal"] > 0
