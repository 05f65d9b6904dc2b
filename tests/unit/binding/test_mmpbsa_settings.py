# SPDX-License-Identifier: MIT
"""Are impossible settings of a binding energy refused, before its files are read?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import merrow
from merrow.binding.ensembles import MmpbsaRequest, entropy_temperature
from merrow.binding.mmpbsa import _rows, _settings
from merrow.binding.mmpbsa_program import split_topology
from merrow.cli.main import app
from merrow.errors import InputError
from merrow.md.simulate_config import SimulationConfig


def asked(out, **settings):
    """Ask for a binding energy of files that do not exist."""
    return merrow.mmpbsa("lost.prmtop", "lost.nc", ligand_mask=":LIG", out=out, **settings)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("temperature", (-300.0, 0.0, 25.0, float("nan"), float("inf"))),
        ("salt", (-0.1, float("nan"), float("inf"))),
        ("surface_tension", (-0.1, float("nan"), float("inf"))),
    ],
)
def test_a_number_out_of_its_range_is_refused_by_name(tmp_path, name, values):
    for value in values:
        with pytest.raises(InputError, match=f"--{name.replace('_', '-')} .* is not a finite"):
            asked(tmp_path / "out", **{name: value})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (("--surface-tension", "0.0072"), {"surface_tension": 0.0072}),
        (("--decompose",), {"decompose": True}),
    ],
)
def test_a_setting_of_gb_is_refused_where_pb_is_alone(tmp_path, words, settings):
    told = f"{words[0]} belongs to GB and has no effect on pb alone"
    with pytest.raises(InputError, match=told):
        asked(tmp_path / "out", method="pb", **settings)
    files = ("-p", "lost.prmtop", "-y", "lost.nc", "--ligand-mask", ":LIG", "--method", "pb")
    answer = CliRunner().invoke(app, ["mmpbsa", *files, "--out", str(tmp_path / "out"), *words])
    assert isinstance(answer.exception, InputError)
    assert told in str(answer.exception)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match=r"lost\.prmtop"):
        asked(tmp_path / "out", method=("gb", "pb"), **settings)


def test_a_report_of_pb_alone_claims_no_setting_of_gb():
    files = Path("a.prmtop"), Path("a.nc"), ":LIG", Path("out")
    gb, pb = (MmpbsaRequest(*files, methods) for methods in (("gb", "pb"), ("pb",)))
    assert set(_rows(gb)) - set(_rows(pb)) == {"surface tension", "split by residue"}
    assert set(_settings(gb)) - set(_settings(pb)) == {"surface_tension", "decompose"}
    assert _settings(gb)["surface_tension"] == 0.0072


def test_a_ligand_that_is_bonded_to_the_receptor_is_refused(systems, tmp_path):
    """Bonds, angles and pairs across the cut do not cancel, and would be a binding energy."""
    bond = re.escape(":1@C–:2@N")
    with pytest.raises(InputError, match=f"cuts the bond {bond} of dipeptide.prmtop"):
        split_topology(
            systems / "dipeptide.prmtop", range(22), range(6), igb=5, folder=tmp_path / "t"
        )
    assert list(tmp_path.iterdir()) == []


def test_the_temperature_is_that_of_the_simulation(tmp_path):
    asked = {"prmtop": "a.prmtop", "inpcrd": "a.rst7", "ml_mask": ":LIG", "temperature_k": 350.0}
    config = SimulationConfig.checked(asked, source="here")
    (tmp_path / "sim" / "ml_mm").mkdir(parents=True)
    (tmp_path / "sim" / "simulate.yaml").write_text(config.to_yaml())
    for trajectory in (tmp_path / "sim" / "ml_mm", tmp_path / "sim" / "ml_mm" / "prod-0001.nc"):
        assert entropy_temperature(trajectory, None) == 350.0
        assert entropy_temperature(trajectory, 350.15) == 350.15
        with pytest.raises(InputError, match="which was sampled at 350 K; leave it out"):
            entropy_temperature(trajectory, 298.15)
    assert entropy_temperature(tmp_path / "other.nc", None) == 298.15
    assert entropy_temperature(tmp_path / "other.nc", 310.0) == 310.0
