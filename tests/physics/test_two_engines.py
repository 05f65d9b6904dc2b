# SPDX-License-Identifier: MIT
"""Is a hydration free energy the same, whoever moves the molecules?"""

from __future__ import annotations

import math

import pytest

from merrow.hydration.asked import hydration_config
from merrow.hydration.run import run_hydration
from merrow.nonbonded.kernel import why_not
from merrow.nonbonded.loop import why_no_loop

SETTINGS = {
    "n_waters": 200,
    "cutoff_angstrom": 6.0,
    "equilibration_ps": 6.0,
    "equilibration_per_state_ps": 1.0,
    "minimum_sampling_ps": 16.0,
    "maximum_sampling_ps": 16.0,
    "target_stderr_kcal": None,
    "schedule": {
        "lambda_electrostatics": [1.0, 0.0],
        "lambda_sterics": [0.75, 0.55, 0.4, 0.25, 0.12, 0.0],
    },
}


@pytest.mark.slow
@pytest.mark.skipif(bool(why_not() or why_no_loop()), reason=why_not() or why_no_loop())
def test_methane_is_hydrated_alike_by_both_engines(systems, tmp_path):
    found = {}
    for engine in ("native", "openmm"):
        out = tmp_path / engine
        config = hydration_config(
            systems / "methane.prmtop",
            systems / "methane.inpcrd",
            out=out,
            potential="mm",
            solvate="tip3p",
            settings=SETTINGS,
            repeats=2,
            processes=1,
            mm_kernel="native",
            engine=engine,
        )
        result = run_hydration(config, out, base=tmp_path)
        assert result.settings["engine"] == engine
        found[engine] = result.headline
    ours, right = found["native"], found["openmm"]
    error = math.hypot(ours.stderr_kcal, right.stderr_kcal)
    assert error < 0.6
    assert abs(ours.value_kcal - right.value_kcal) < 3.5 * error
