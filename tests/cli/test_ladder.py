# SPDX-License-Identifier: MIT
"""Are two solutes that are too far apart for one BAR step bridged? A real small run."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import parmed
import pytest

pytestmark = pytest.mark.slow

FACTOR = 7.0
SCHEDULE = "schedule={lambda_electrostatics: [1.0, 0.0], lambda_sterics: [0.5, 0.0]}"
SETTINGS = (
    *("cutoff_angstrom=6", "n_waters=200"),
    *("equilibration_ps=0.5", "equilibration_per_state_ps=0.1"),
    *("record_interval_ps=0.05", "minimum_sampling_ps=1.2", "maximum_sampling_ps=1.2"),
    *("gas_ps=8", "target_stderr_kcal=null"),
    *("endstate_water_ps=4", "sweeps_per_segment=1", "timestep_fs=1"),
    SCHEDULE,
)
SMALL = [word for setting in SETTINGS for word in ("--set", setting)]


@pytest.fixture
def stiff(methane, tmp_path):
    """Methane's prmtop with bonds seven times as stiff."""
    structure = parmed.load_file(str(methane[0]))
    for kind in structure.bond_types:
        kind.k *= FACTOR
    structure.remake_parm()
    path = tmp_path / "stiff.prmtop"
    structure.save(str(path))
    return path


def test_ensembles_are_put_between_solutes_that_do_not_overlap(merrow, methane, stiff):
    words = (
        *("hydration", *methane, "--solvate", "tip3p", "--potential", f"mm:{stiff}"),
        *("--protocol", "quick", "--processes", "1", "--out", "run", *SMALL),
    )
    answer = merrow(*words)
    assert answer.code == 0, answer.err
    tasks = {path.name for path in Path("run/tasks").iterdir()}
    assert tasks >= {"end-s500-0", "end-s500-1", "gas-s500"}
    result = json.loads(Path("run/result.json").read_text())
    verdicts = {v["name"]: v for v in result["diagnostics"]["verdicts"]}
    for phase in ("water", "gas"):
        assert verdicts[f"end states, {phase}"]["status"] == "pass"
        assert re.search(r"s = 0, .*0\.5.*, 1;", verdicts[f"end states, {phase}"]["message"])
        assert f"starting conformers, {phase} at s = 0.5" in verdicts
    # Four stiffer bonds cost 4 · kT/2 · ln 6 in any phase, if bonds are harmonic and on their own.
    bounds = result["diagnostics"]["gibbs_bogoliubov"]
    harmonic = 2.0 * 0.0019872043 * 298.15 * math.log(FACTOR)
    for phase in ("water", "gas"):
        found = bounds[phase]["df_kcal"] + bounds["reference_kcal"]
        assert abs(found - harmonic) < 4 * bounds[phase]["stderr_kcal"] + 0.1
        assert bounds[phase]["lower_kcal"] < bounds[phase]["df_kcal"] < bounds[phase]["upper_kcal"]

    before = Path("run/result.json").read_text()
    Path("run/result.json").unlink()
    assert merrow(*words).code == 0
    again = json.loads(Path("run/result.json").read_text())
    assert again["headline"] == json.loads(before)["headline"]
    assert {path.name for path in Path("run/tasks").iterdir()} == tasks
