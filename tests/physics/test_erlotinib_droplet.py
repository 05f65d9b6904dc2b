# SPDX-License-Identifier: MIT
"""Does a droplet of erlotinib and 33 waters have the energy and forces of an independent build?

The reference was made without any of our code: OpenMM's Reference platform on the prmtop, less the
ligand alone, plus ANI-2x of torchani in float64.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_md_ml_region import START

from merrow.md.from_mdin import read_md_settings
from merrow.md.run import run_md
from merrow.single_point import EnergyResult, SinglePoint, single_point

BAR = 0.02
"""kcal/mol, as the reference states; the hartree of the two differs in the ninth digit, 1e-4."""


@pytest.fixture(scope="module")
def folder(shared):
    return shared / "data" / "erlotinib"


@pytest.fixture(scope="module")
def case(folder):
    return json.loads((folder / "reference_mlmm_ani2x.json").read_text())["cases"][
        "erlotinib_33wat_min"
    ]


def ask(shared, folder, **changes) -> EnergyResult:
    options = {
        "ml_mask": ":ERL",
        "amber_coulomb": False,  # the reference has OpenMM's constant
        "potential": "ani2x",
        "weights": shared / "models" / "ani2x_state_dict.pt",
        **changes,
    }
    files = folder / "erlotinib_33wat.prmtop", folder / "erlotinib_33wat_min.inpcrd"
    return single_point(SinglePoint(*files, **options))


@pytest.fixture(scope="module")
def answer(shared, folder):
    if not (shared / "models" / "ani2x_state_dict.pt").is_file():
        pytest.skip("no weights of ANI-2x")
    return ask(shared, folder)


def test_total_and_ml_energy_are_the_reference(answer, case):
    assert answer.n_ml_atoms == len(case["ml_atoms"]) == 52
    assert answer.terms["ml"] == pytest.approx(case["E_ML_ani2x"], abs=BAR)
    expected = case["no_cutoff"]["E_total_mechanical_embedding"]
    assert answer.total == pytest.approx(expected, abs=BAR)
    assert sum(answer.terms.values()) == pytest.approx(answer.total, abs=1e-6)


def test_the_embedding_alone_is_the_reference(answer, case):
    # Free of the network and its large absolute energy: nine digits of a prmtop remain.
    reference = case["no_cutoff"]
    expected = reference["E_MM_all"] - reference["E_MM_ml_alone"]
    embedding = answer.total - answer.terms["ml"]
    assert embedding == pytest.approx(expected, abs=1e-5)


def test_forces_are_the_reference(answer, case):
    reference = case["no_cutoff"]
    first = np.array(reference["forces_first_ml_atoms_total"])
    after = np.array(reference["forces_next_6_mm_atoms_total"])
    # The reference has six decimals and a hartree that differs in the ninth digit.
    np.testing.assert_allclose(answer.forces[:52], first, rtol=1e-6, atol=1e-4)
    np.testing.assert_allclose(answer.forces[52:58], after, rtol=1e-6, atol=1e-4)
    norm = float(np.linalg.norm(answer.forces))
    assert norm == pytest.approx(reference["force_norm_all"], rel=1e-5)


def test_forces_on_the_droplet_sum_to_zero(answer):
    assert np.abs(answer.forces.sum(axis=0)).max() < 1e-6


def test_plain_mm_is_the_reference(shared, folder, case):
    answer = ask(shared, folder, potential="mm", ml_mask=None, weights=None)
    reference = case["no_cutoff"]
    parts = reference["E_MM_components"]
    assert answer.total == pytest.approx(reference["E_MM_all"], abs=1e-6)
    for ours, theirs in (
        (("bond",), "HarmonicBondForce"),
        (("angle",), "HarmonicAngleForce"),
        (("dihedral",), "PeriodicTorsionForce"),
        (("vdw", "vdw14", "elec", "elec14"), "NonbondedForce"),
    ):
        total = sum(answer.terms[name] for name in ours)
        assert total == pytest.approx(parts[theirs], abs=1e-6), theirs


def test_the_ligand_as_its_own_potential_gives_plain_mm_back(shared, folder, case):
    potential = f"mm:{folder / 'erlotinib_gas.prmtop'}"
    answer = ask(shared, folder, potential=potential, weights=None)
    reference = case["no_cutoff"]
    assert answer.terms["ml"] == pytest.approx(reference["E_MM_ml_alone"], abs=1e-5)
    assert answer.total == pytest.approx(reference["E_MM_all"], abs=1e-5)


def test_the_first_block_of_a_run_holds_the_same_energy(
    shared, folder, case, tmp_path, monkeypatch
):
    monkeypatch.setenv("MERROW_MODELS", str(shared / "models"))
    monkeypatch.chdir(tmp_path)
    ml = "potential='ani2x', precision='float64'"
    Path("mdin").write_text(START.format(mask=":1", ml=ml, more="", steps=1, dt=0.0005, ntpr=1))
    files = folder / "erlotinib_33wat.prmtop", folder / "erlotinib_33wat_min.inpcrd"
    first = run_md(read_md_settings("mdin"), *files).energies[0].values
    assert first["EML"] == pytest.approx(case["E_ML_ani2x"], abs=1e-3)
    # the reference has OpenMM's Coulomb constant, 3.5e-5 larger: 0.01 in these 400 kcal/mol
    total = case["no_cutoff"]["E_total_mechanical_embedding"]
    assert first["EPtot"] == pytest.approx(total, abs=0.03)
    assert first["EMLREL"] == pytest.approx(0.0, abs=1e-6)
    assert "atoms    = 52 (C 22, H 23, N 3, O 4)" in Path("mdout").read_text()
