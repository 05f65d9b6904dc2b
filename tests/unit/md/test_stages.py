# SPDX-License-Identifier: MIT
"""Does the sander input of a stage ask for what the stage does?"""

from __future__ import annotations

import pytest

from merrow.md.from_mdin import read_md_settings
from merrow.md.simulate_config import SimulationConfig
from merrow.md.stages import LEGS, stages

FILES = {"prmtop": "a.prmtop", "inpcrd": "a.inpcrd"}
ODD = {
    "temperature_k": 298.15,
    "pressure_bar": 1.01325,
    "friction_per_ps": 1.23456789,
    "cutoff_angstrom": 8.7654321,
    "restraint_kcal_per_angstrom2": 3.3333333333,
    "timestep_ps": 0.00123456789,
    "chunk_ps": 10.0,
    "length_ps": 20.0,
    "seed": 7,
    "minimisation": 3,
}


@pytest.mark.parametrize("leg", LEGS)
@pytest.mark.parametrize(
    "more",
    [
        {"ml_mask": ":LIG"},
        {"ml_mask": ":1@C1'", "weights": "folder/w.pt", "timestep_ps": 0.004},
        {"ml_mask": ":1", "potential": "mm", **ODD},
        {"ml_mask": ":1", "restraint_kcal_per_angstrom2": 0.0},
    ],
)
def test_its_input_is_read_as_its_settings(leg, more, tmp_path):
    config = SimulationConfig(**FILES, **more)
    for stage in stages(config, leg, ":1-5&!@H="):
        path = tmp_path / f"{stage.name}.in"
        path.write_text(stage.settings.text)
        assert read_md_settings(path) == stage.settings.model_copy(update={"source": path})


def test_the_production_is_as_long_as_was_asked():
    config = SimulationConfig(**FILES, ml_mask=":1", length_ps=120.0, chunk_ps=50.0)
    found = [stage for stage in stages(config, "mm", ":1") if stage.production_ps]
    assert [stage.name for stage in found] == ["prod-0001", "prod-0002", "prod-0003"]
    assert sum(stage.production_ps for stage in found) == pytest.approx(150.0)
