# SPDX-License-Identifier: MIT
"""Does `merrow models` tell what is here, and notice what is wrong?"""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from merrow.cli.models import app
from merrow.errors import InputError, MissingComponentError
from merrow.potentials.ani.models import ANI_MODELS


@pytest.fixture
def folder(models_folder, tmp_path, monkeypatch):
    """A models folder with ani1x only, and an empty cache."""
    shutil.copy(models_folder / "ani1x_state_dict.pt", tmp_path)
    monkeypatch.setenv("MERROW_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, words)


def test_list_tells_what_each_model_is_and_where_its_weights_are(folder):
    rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}
    assert rows["ani1x"]["weights"] == str(folder / "ani1x_state_dict.pt")
    assert rows["ani2x"]["weights"] is None
    assert rows["ani2x"]["elements"] == "H, C, N, O, F, S, Cl"
    assert rows["ani2x"]["license"] == rows["aimnet2"]["license"] == "MIT"
    assert rows["aimnet2"]["charged"]
    assert not rows["ani2x"]["charged"]
    assert rows["ani1ccx"]["citation"] == "10.1038/s41467-019-10827-4"
    text = run("list", "--full").stdout
    assert "CCSD(T)*/CBS" in text
    assert "not here: merrow models get ani2x" in text


def test_names_of_all_families_are_listed_without_loading_any(folder):
    names = [row["name"] for row in json.loads(run("list", "--json").stdout)]
    assert len(names) == len(set(names))
    assert {"ani1ccx", "mace-off23-small", "aimnet2", "xtb:gfn2", "qm:wb97x/6-31g*"} <= set(names)
    assert "torchscript:FILE" in run("list", "--full").stdout


def test_describe_measures_what_is_here(folder):
    told = json.loads(run("describe", "ani1x", "--json").stdout)
    assert told["level_of_theory"] == "ωB97X/6-31G(d)"
    assert 0 < told["speed"]["batch_ms"] < told["speed"]["single_ms"] * 2
    assert "ms for energy and forces of methanol alone" in run("describe", "ani1x").stdout


def test_describe_never_fetches(folder):
    told = run("describe", "ani2x").stdout
    assert "speed not measured: its weights are not here; merrow models get ani2x" in told
    assert [path.name for path in folder.iterdir()] == ["ani1x_state_dict.pt"]


def test_describe_takes_a_name_that_is_a_level_of_theory(folder):
    told = json.loads(run("describe", "qm:hf/sto-3g", "--json").stdout)
    assert told["charged"]
    assert told["level_of_theory"] == "hf/sto-3g"


def test_get_of_a_potential_without_weights_says_so(folder):
    result = run("get", "xtb:gfn2")
    assert isinstance(result.exception, InputError)
    assert "has no weights to fetch" in str(result.exception)


def test_check_computes_methane_with_right_weights(folder):
    result = run("check")
    assert result.exit_code == 0
    assert "ani1x     ok" in result.stdout
    assert "energy of methane off by" in result.stdout
    assert "ani2x     not here" in result.stdout


def test_a_wrong_energy_of_right_weights_is_not_blamed_on_the_file(folder, monkeypatch):
    place = "merrow.potentials.ani.potential.methane_deviation"
    monkeypatch.setattr(place, lambda name, path, precision: 1e-3)
    result = run("check")
    assert isinstance(result.exception, InputError)
    assert "with the published content: this machine computes wrongly" in result.stdout
    assert "delete it" not in result.stdout


def test_check_fails_on_a_file_with_the_content_of_another_model(folder):
    shutil.copy(folder / "ani1x_state_dict.pt", folder / "ani1ccx_state_dict.pt")
    result = run("check")
    assert isinstance(result.exception, InputError)
    assert "ani1x     ok" in result.stdout
    assert "ani1ccx   WRONG" in result.stdout
    assert f"expected {ANI_MODELS['ani1ccx'].digest[:12]}" in result.stdout


def test_check_without_any_weights_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.delenv("MERROW_MODELS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    result = run("check")
    assert isinstance(result.exception, MissingComponentError)
    assert "merrow models get" in str(result.exception)


def test_get_of_an_unknown_model_names_the_nearest(folder):
    result = run("get", "ani3x")
    assert isinstance(result.exception, InputError)
    assert "did you mean ani2x? `merrow models list` shows all" in str(result.exception)
