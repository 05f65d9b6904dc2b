# SPDX-License-Identifier: MIT
"""Does the comparison of potentials measure what it says?"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem
from typer.testing import CliRunner

from merrow.ambertools.molecule import read_molecule
from merrow.bench.errors import PotentialErrors, recommendation
from merrow.bench.models import (
    ANGLES,
    CONFORMERS,
    DISTORTED,
    _ask,
    _compare,
    available,
    bench_models,
    compare_models,
    make_geometries,
)
from merrow.cli.models import app
from merrow.errors import InputError, NumericsError
from merrow.potentials import load_potential
from merrow.potentials.vibrations import vibrations

CAVEAT = "a potential that was fitted to a better theory than the reference should not agree"


@pytest.fixture(autouse=True)
def _weights(ani_weights):
    """Stand-ins of the published weights."""


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
    geometries = replace(make_geometries(read_molecule("CO")), start=None)
    itself = _ask("ani2x", geometries)
    others = compare_models(geometries, reference="ani2x", names=("ani1ccx", "ani1x"))
    rows = (_compare("ani2x", itself, itself), *others)
    assert (rows[0].energy_rmse, rows[0].torsion_rmse, rows[0].force_rmse) == (0.0, 0.0, 0.0)
    assert all(row.force_rmse > 0.1 and row.energy_rmse > 0.01 for row in rows[1:])
    assert recommendation(rows, "ani2x").startswith("Closest to ani2x is ani2x: forces within 0.00")


def test_errors_are_those_of_the_evaluations():
    source = read_molecule("CO")
    (row,) = bench_models(source, reference="ani1x", names=("ani2x",), frequencies=False)
    geometries = make_geometries(source)
    ours, theirs = (
        load_potential(name, geometries.molecule).evaluate(geometries.distorted)
        for name in ("ani2x", "ani1x")
    )
    difference = ours.energies - theirs.energies
    expected = np.sqrt(((difference - difference.mean()) ** 2).mean())
    assert row.energy_rmse == pytest.approx(expected, rel=1e-9)
    assert row.spread == pytest.approx(ours.spread.mean())
    assert (row.n_geometries, row.frequency_rmse, row.frequency_problem) == (12, None, "")


def test_frequencies_are_compared_each_at_its_own_minimum_in_double_precision():
    source = read_molecule("O")
    (row,) = bench_models(source, reference="ani1x", names=("ani2x",))
    start, masses = make_geometries(source).start, np.array([15.999, 1.008, 1.008])
    molecule = make_geometries(source).molecule
    ours, theirs = (
        vibrations(load_potential(name, molecule, precision="float64"), start, masses).wavenumbers
        for name in ("ani2x", "ani1x")
    )
    expected = np.sqrt(((ours - theirs) ** 2).mean())
    assert row.frequency_rmse == pytest.approx(expected, rel=1e-6)
    assert expected > 1.0


def test_what_stands_against_frequencies_is_told(monkeypatch):
    source = read_molecule("O")
    monkeypatch.setattr("merrow.bench.models.MOST_ATOMS", 2)
    (row,) = bench_models(source, reference="ani1x", names=("ani2x",))
    assert row.frequency_problem == "the molecule has 3 atoms, more than 2"
    assert row.frequency_rmse is None
    assert row.force_rmse > 0.1
    monkeypatch.setattr("merrow.bench.models.MOST_ATOMS", 3)

    def lost(potential, start, masses):
        raise NumericsError(f"{potential.capabilities.name} finds no minimum.")

    monkeypatch.setattr("merrow.bench.models.vibrations", lost)
    (row,) = bench_models(source, reference="ani1x", names=("ani2x",))
    assert row.frequency_problem == "ani2x finds no minimum"


def test_what_cannot_be_compared_stands_last_with_its_reason():
    pytest.importorskip("tblite")
    names = ("ani1x", "xtb:gfn1")
    rows = bench_models(read_molecule("CS"), reference="ani2x", names=names, frequencies=False)
    assert [row.name for row in rows] == ["xtb:gfn1", "ani1x"]
    assert "is S, but ani1x knows only" in rows[1].problem
    assert rows[1].force_rmse is None
    assert "No potential here" in recommendation([PotentialErrors("x", problem="y")], "ani2x")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("ani1x", "ani2x"), "--potential ani2x is the reference itself; leave it out"),
        (("ani1x", "ani1x"), "--potential ani1x is there twice; keep one"),
    ],
)
def test_no_potential_is_compared_with_itself(names, told):
    with pytest.raises(InputError, match=told):
        bench_models(read_molecule("CO"), reference="ani2x", names=names, frequencies=False)
    words = [word for name in names for word in ("--potential", name)]
    answer = CliRunner().invoke(app, ["bench", "CO", "--reference", "ani2x", *words])
    assert isinstance(answer.exception, InputError)
    assert told in str(answer.exception)


def test_only_what_is_here_is_asked_by_default(monkeypatch, tmp_path):
    assert {"ani1x", "ani1ccx"} <= set(available("ani2x"))
    assert not any(name.startswith("qm:") or name == "ani2x" for name in available("ani2x"))
    monkeypatch.setenv("MERROW_MODELS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "ani1x" not in available("ani2x")


def test_the_command_prints_rows_and_a_sentence():
    words = ["bench", "CO", "--reference", "ani2x", "--potential", "ani1x", "--no-frequencies"]
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert told["reference"] == "ani2x"
    assert [row["name"] for row in told["rows"]] == ["ani1x"]
    text = CliRunner().invoke(app, words).stdout
    assert "against ani2x" in text
    assert f" ms each; {CAVEAT}" in text
    assert told["rows"][0]["energy_stderr"] > 0
    assert max(len(line) for line in text.splitlines()[:5]) <= 80


def test_the_picture_shows_every_potential_with_its_time(tmp_path):
    path = tmp_path / "models.svg"
    words = ["bench", "O", "--reference", "xtb:gfn2", "--no-frequencies", "--plot", str(path)]
    words += ["--potential", "ani2x", "--potential", "xtb:gfn1"]
    pytest.importorskip("tblite")
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    assert f"picture: {path}" in answer.stdout
    root = ET.parse(path).getroot()
    shown = " ".join("".join(element.itertext()) for element in root.iter())
    for text in ("ani2x", "xtb:gfn1", " ms", "spread of the members", "against xtb:gfn2"):
        assert text in shown
    assert root.get("aria-label") == "Errors of potentials against xtb:gfn2"


def test_a_bad_place_for_the_picture_is_refused_before_anything_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr("merrow.bench.models.compare_models", None)
    for path, told in ((tmp_path / "a.png", "ends in .svg"), (tmp_path / "no" / "a.svg", "folder")):
        answer = CliRunner().invoke(app, ["bench", "O", "--plot", str(path)])
        assert isinstance(answer.exception, InputError)
        assert told in str(answer.exception)


def test_one_atom_has_no_frequencies():
    pytest.importorskip("tblite")
    (row,) = bench_models(read_molecule("[Cl-]"), reference="xtb:gfn2", names=["xtb:gfn1"])
    assert row.frequency_rmse is None
    assert row.frequency_problem == "one atom does not vibrate"
