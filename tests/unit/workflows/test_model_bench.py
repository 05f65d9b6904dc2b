# SPDX-License-Identifier: MIT
"""Does the comparison of potentials measure what it says?"""

from __future__ import annotations

import json

import numpy as np
import pytest
from rdkit import Chem
from typer.testing import CliRunner

from mlmm.cli.models import app
from mlmm.external.molecule import read_molecule
from mlmm.potentials import load_potential
from mlmm.workflows.model_bench import (
    ANGLES,
    CONFORMERS,
    DISTORTED,
    Agreement,
    available,
    bench_models,
    make_geometries,
    recommendation,
)


@pytest.fixture(autouse=True)
def weights_folder(shared, monkeypatch):
    monkeypatch.setenv("MLMM_MODELS", str(shared / "models"))


def test_scans_turn_one_bond_and_change_no_bond_length():
    source = read_molecule("CCO")
    geometries = make_geometries(source)
    n = len(source.numbers)
    assert geometries.distorted.shape == (CONFORMERS * DISTORTED, n, 3)
    assert len(geometries.scans) == 2  # C–C and C–O
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in Chem.Mol(source.mol).GetBonds()]
    for scan in geometries.scans:
        assert scan.shape == (ANGLES, n, 3)
        lengths = np.array([[np.linalg.norm(x[i] - x[j]) for i, j in bonds] for x in scan])
        np.testing.assert_allclose(lengths, lengths[:1].repeat(ANGLES, axis=0), atol=1e-6)
        assert np.abs(scan - scan[0]).max() > 1.0  # something turned


def test_the_same_molecule_gives_the_same_geometries():
    first, second = (make_geometries(read_molecule("CO")) for _ in range(2))
    np.testing.assert_array_equal(first.distorted, second.distorted)


def test_a_potential_agrees_with_itself_and_less_with_another():
    rows = bench_models(read_molecule("CO"), reference="ani2x", names=("ani1ccx", "ani2x", "ani1x"))
    assert rows[0].name == "ani2x"
    assert (rows[0].energy_rmse, rows[0].torsion_rmse, rows[0].force_rmse) == (0.0, 0.0, 0.0)
    assert all(row.force_rmse > 0.1 and row.energy_rmse > 0.01 for row in rows[1:])
    assert recommendation(rows, "ani2x").startswith("Closest to ani2x is ani2x: forces within 0.00")


def test_errors_are_those_of_the_evaluations():
    source = read_molecule("CO")
    (row,) = bench_models(source, reference="ani1x", names=("ani2x",))
    geometries = make_geometries(source)
    ours, theirs = (
        load_potential(name, geometries.molecule).evaluate(geometries.distorted)
        for name in ("ani2x", "ani1x")
    )
    difference = ours.energies - theirs.energies
    expected = np.sqrt(((difference - difference.mean()) ** 2).mean())
    assert row.energy_rmse == pytest.approx(expected, rel=1e-9)
    assert row.spread == pytest.approx(ours.spread.mean())


def test_what_cannot_be_compared_stands_last_with_its_reason():
    rows = bench_models(read_molecule("CS"), reference="ani2x", names=("ani1x", "ani2x"))
    assert [row.name for row in rows] == ["ani2x", "ani1x"]
    assert "is S, but ani1x knows only" in rows[1].problem
    assert rows[1].force_rmse is None
    assert "No potential here" in recommendation([Agreement("x", problem="y")], "ani2x")


def test_only_what_is_here_is_asked_by_default(monkeypatch, tmp_path):
    assert {"ani1x", "ani1ccx"} <= set(available("ani2x"))
    assert not any(name.startswith("qm:") or name == "ani2x" for name in available("ani2x"))
    monkeypatch.setenv("MLMM_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "ani1x" not in available("ani2x")


def test_the_command_prints_rows_and_a_sentence():
    words = ["bench", "CO", "--reference", "ani2x", "--potential", "ani1x"]
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert told["reference"] == "ani2x"
    assert [row["name"] for row in told["rows"]] == ["ani1x"]
    text = CliRunner().invoke(app, words).stdout
    assert "against ani2x" in text
    assert told["recommendation"] in text
