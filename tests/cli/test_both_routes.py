# SPDX-License-Identifier: MIT
"""Are both routes, and a stop by time, what the user was promised? Tiny real runs."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCHEDULE = "schedule={lambda_electrostatics: [1.0, 0.0], lambda_sterics: [0.5, 0.0]}"
SETTINGS = (
    *("cutoff_angstrom=6", "n_waters=200"),
    *("equilibration_ps=0.02", "equilibration_per_state_ps=0.004"),
    *("record_interval_ps=0.004", "minimum_sampling_ps=0.192", "maximum_sampling_ps=0.192"),
    *("gas_ps=1", "target_stderr_kcal=null", "endstate_water_ps=1", SCHEDULE),
)
TINY = [word for setting in SETTINGS for word in ("--set", setting)]
WET = [
    word
    for setting in SETTINGS
    if not setting.startswith(("endstate_water_ps", "n_waters"))
    for word in ("--set", setting)
]


def test_both_routes_in_one_folder_give_the_closure_of_their_cycle(merrow, methane):
    answer = merrow(
        *("hydration", *methane, "--solvate", "tip3p", "--potential", "ani1ccx", "--both-routes"),
        *("--processes", "1", "--out", "run", *TINY),
    )
    assert answer.code == 0, answer.err
    found = json.loads(Path("run/result.json").read_text())
    assert (found["route"], found["headline"]["method"]) == ("direct", "decoupling_mbar")
    assert {path.name for path in Path("run/tasks").iterdir()} >= {
        *("path-ml-0", "path-ml-1", "path-mm-0", "path-mm-1"),
        *("end-ml-0", "end-ml-1", "gas-ml", "gas-mm"),
    }
    r1, r2 = (found["estimates"][name] for name in ("decoupling_mbar", "endpoint_bar"))
    difference = r1["value_kcal"] - r2["value_kcal"]
    assert found["closure"]["value_kcal"] == pytest.approx(difference, abs=1e-9)
    error = math.hypot(r1["stderr_kcal"], r2["stderr_kcal"])
    assert found["closure"]["stderr_kcal"] == pytest.approx(error)
    verdict = next(v for v in found["diagnostics"]["verdicts"] if v["name"] == "routes")
    assert (verdict["status"] == "pass") == (abs(difference) <= 2 * error)
    assert "direct − endpoint " in answer.out


def test_time_that_is_too_short_for_a_number_is_refused_with_the_least_that_is_not(merrow, files):
    words = (
        *("hydration", files["wet"], files["wet_crd"], "--ml-mask", ":1", "--potential", "mm"),
        *("--processes", "1", "--out", "run", *WET),
    )
    early = merrow(*words, "--max-time", "0.001s")
    assert early.code == 2
    assert re.search(r"too short for a number: .* give at least --max-time \d+m\.$", early.err)
    assert [path.name for path in Path("run").iterdir()] in ([], [".lock.1"])  # nothing of a run
    assert merrow(*words, "--max-time", "9h").code == 0
