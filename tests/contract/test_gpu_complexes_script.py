# SPDX-License-Identifier: MIT
"""Does the driver of the complexes go from a structure to its table, and on where it stopped?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu_complexes.py"


@pytest.mark.slow
def test_lysozyme_goes_from_its_structure_to_its_table(shared, tmp_path):
    pytest.importorskip("pdb2pqr", reason="pip install 'merrow[protein]'")
    beside = Path(sys.executable).parent
    if shutil.which("tleap", path=f"{beside}:{os.environ['PATH']}") is None:
        pytest.skip("no AmberTools")
    output = tmp_path / "table.json"

    def driver(*words):
        first = ("--runs", tmp_path / "runs", "--data", shared / "data", "--output", output)
        first = (*first, "--only", "181l", "--tiny", "--platform", "CPU")
        done = subprocess.run(
            [sys.executable, SCRIPT, *map(str, (*first, *words))],
            env={**os.environ, "MERROW_MODELS": str(shared / "models")},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(output.read_text())["systems"]["181l"]

    row = driver()
    for leg in ("ml_mm", "mm"):
        assert row[leg]["pieces"] == 2
        assert row[leg]["stages"] == 9
        assert row[leg]["ns_per_day"] > 0.0
    run = tmp_path / "runs" / "181l" / "run"
    old = {path: path.stat().st_mtime_ns for path in run.rglob("*.rst")}
    assert driver("--minutes", "0") == row
    for path in (run / "mm").glob("prod-0002.*"):  # as a job that was killed leaves it
        path.unlink()
    assert driver()["mm"]["pieces"] == 2
    new = {path: path.stat().st_mtime_ns for path in old}
    assert [path.name for path in old if new[path] != old[path]] == ["prod-0002.rst"]
    # ten frames are there, so the page of the analysis is, too; a correlation is not
    (first, control) = row["analysis"]
    assert first["frames"] == control["frames"] == 10
    assert first["b_factor_correlation"] is None
