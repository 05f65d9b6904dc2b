# SPDX-License-Identifier: MIT
"""Does the comparison of host-guest binding run and go on, and judge its table rightly?"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
from host_guest_table import combined, summary, text  # noqa: E402

KT = 0.0019872043 * 298.15  # kcal/mol


def row(pair, pose, poses, ensemble, value, experiment, known=True):
    return {
        "pair": pair,
        "pose": pose,
        "poses": poses,
        "ensemble": ensemble,
        "method": "gb",
        "experiment_kcal": {"value": experiment, "stderr": 0.1},
        "total_kcal": {"value": value, "stderr": 0.2},
        "with_strain_kcal": {"value": value + 1.0, "stderr": 0.3},
        "strain_is_known": known,
    }


def test_two_equal_poses_gain_kt_ln_2():
    value, stderr = combined([-5.0, -5.0], [0.3, 0.4])
    assert value == pytest.approx(-5.0 - KT * math.log(2.0), abs=1e-6)
    assert stderr == pytest.approx(math.hypot(0.3, 0.4) / 2)
    value, stderr = combined([-5.0, 40.0], [0.3, 9.0])
    assert (value, stderr) == (pytest.approx(-5.0), pytest.approx(0.3))


def test_a_shift_of_all_pairs_leaves_the_rmse_after_the_mean_error():
    known = {"a": -2.0, "b": -3.0, "c": -5.0, "d": -9.0}
    off = {"a": 0.3, "b": -0.3, "c": 0.3, "d": -0.3}
    rows = [
        row(name, "p", ["p"], ensemble, x + shift + off[name], x, known=name != "d")
        for ensemble, shift in (("mm", -6.0), ("ani2x", -1.0))
        for name, x in known.items()
    ]
    report = summary(rows)
    found = report["against_experiment"]["mm, MM-GBSA, one trajectory"]
    assert found["me"]["value"] == pytest.approx(-6.0)
    assert found["rmse"]["value"] == pytest.approx(math.hypot(6.0, 0.3))
    assert found["rmse_after_mean_error"] == pytest.approx(0.3)
    assert found["tau"]["value"] == pytest.approx(1.0)
    strained = report["columns"]["mm, MM-GBSA, with the guest's strain"]
    assert set(strained) == {"a", "b", "c"}
    assert {(p["first"], p["second"]) for p in report["pairs"]} == {
        (f"ani2x, {kind}", f"mm, {kind}")
        for kind in ("MM-GBSA, one trajectory", "MM-GBSA, with the guest's strain")
    }
    assert all(pair["rmse"]["value"] < 0 for pair in report["pairs"])
    assert "after subtracting the mean error 0.30" in text(report)


def test_a_pair_counts_once_both_its_poses_are_there():
    rows = [row("a", "p", ["p", "s"], "mm", -5.0, -4.0)]
    assert summary(rows)["columns"] == {}
    rows.append(row("a", "s", ["p", "s"], "mm", -5.0, -4.0))
    assert len(summary(rows)["columns"]["mm, MM-GBSA, one trajectory"]) == 1


@pytest.mark.slow
def test_one_pair_runs_goes_on_and_is_told_what_all_costs(shared, tmp_path):
    beside = Path(sys.executable).parent
    if shutil.which("MMPBSA", path=f"{beside}:{os.environ['PATH']}") is None:
        pytest.skip("no AmberTools")

    def driver(*words):
        first = ("--runs", tmp_path / "runs", "--output", tmp_path / "out" / "table.json")
        first = (*first, "--tiny", "--pairs", "cb7-adh", "--methods", "gb", "--ensembles", "mm")
        done = subprocess.run(
            [sys.executable, ROOT / "benchmarks" / "host_guest.py", *map(str, (*first, *words))],
            env={**os.environ, "MERROW_SHARED": str(shared)},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        return done

    assert "the time is up" in driver("--ps", "0.1", "--minutes", "0").stderr
    done = driver("--ps", "0.1")
    assert done.stderr.count("stage 2") == 2
    assert "cb7-adh: " in done.stdout
    again = driver("--ps", "0.1")
    assert "stage" not in again.stderr
    assert again.stdout == done.stdout
    (found,) = json.loads((tmp_path / "out" / "table.json").read_text())["rows"]
    assert found["frames"] == 10
    assert found["openmm_agrees"]
    assert "h on this machine" in driver("--dry-run").stdout
