# SPDX-License-Identifier: MIT
"""Does `merrow energy` print what it computed, and refuse the rest in one sentence?"""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import parmed
import pytest
import torch
from parmed.amber import AmberFormat

from merrow import energy
from merrow.amber.topology import read_topology
from merrow.errors import InputError
from merrow.md.nve.runs import open_region_potential
from merrow.potentials import device
from merrow.potentials.device import device_of
from merrow.system.region import select_region
from reordered import reorder

TERMS = ["bond", "angle", "dihedral", "vdw", "vdw14", "elec", "elec14", "lj_tail", "ml"]


def ask(merrow, files, *words, box="wet"):
    prmtop, inpcrd = (files[box], files[f"{box}_crd"])
    return merrow("energy", "-p", prmtop, "-c", inpcrd, *words)


def read(answer):
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_json_holds_every_term_and_their_sum(merrow, files):
    found = read(ask(merrow, files, "--ml-mask", ":1", "--potential", "ani1ccx", "--json"))
    assert list(found["terms_kcal"]) == TERMS
    assert sum(found["terms_kcal"].values()) == pytest.approx(found["total_kcal"], abs=1e-6)
    assert found["n_ml_atoms"] == 5
    # Methane by coupled cluster: −40.4 hartree.
    assert found["terms_kcal"]["ml"] == pytest.approx(-40.43 * 627.51, abs=40)


def test_a_region_that_comes_near_to_its_own_image_is_noted(merrow, systems, tmp_path):
    ester = [str(systems / f"ethoxyethyl_acetate.{end}") for end in ("prmtop", "inpcrd")]
    molecule = parmed.load_file(*ester)
    for edge, noted in ((40.0, False), (15.0, True)):
        molecule.box = [edge, edge, edge, 90.0, 90.0, 90.0]
        files = [tmp_path / f"{edge:g}.{end}" for end in ("prmtop", "rst7")]
        for file in files:
            molecule.save(str(file))
        words = ("energy", "-p", files[0], "-c", files[1], "--ml-mask", ":1", "--cutoff", "7")
        words = (*words, "--potential", "ani1ccx")
        assert bool(read(merrow(*words, "--json"))["notes"]) == noted
        assert ("\nNote: the ML region comes within" in merrow(*words).out) == noted


def test_a_check_computes_on_the_processor_where_there_is_a_gpu(merrow, files, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    asked = []
    monkeypatch.setattr(device, "_is_here", lambda name: asked.append(name) or True)
    read(ask(merrow, files, "--ml-mask", ":1", "--potential", "ani1ccx", "--json"))
    topology = read_topology(files["wet"])
    region = select_region(topology, ":1")
    request = SimpleNamespace(weights=None, potential="ani1ccx", platform="Reference")
    assert device_of(open_region_potential(request, topology, region, "float32")) == "cpu"
    assert set(asked) == {"cpu"}


def test_the_table_shows_the_same_numbers(merrow, files):
    found = read(ask(merrow, files, "--potential", "mm", "--json"))
    table = ask(merrow, files, "--potential", "mm")
    rows = [line.split() for line in table.out.splitlines()]
    assert [row[0] for row in rows] == [*TERMS, "total"]
    assert {row[2] for row in rows} == {"kcal/mol"}
    expected = [*found["terms_kcal"].values(), found["total_kcal"]]
    # Four decimals are printed.
    assert [float(row[1]) for row in rows] == pytest.approx(expected, abs=5.1e-5)


def test_a_solute_that_is_its_own_potential_changes_nothing(merrow, files):
    plain = read(ask(merrow, files, "--potential", "mm", "--no-lj-tail", "--json"))
    name = f"mm:{files['gas']}"
    words = ("--ml-mask", ":1", "--potential", name, "--no-lj-tail", "--json")
    hybrid = read(ask(merrow, files, *words))
    # A and B of pairs against a combination rule: the ninth digit.
    assert hybrid["total_kcal"] == pytest.approx(plain["total_kcal"], abs=1e-4)
    assert hybrid["terms_kcal"]["ml"] != 0.0
    assert plain["terms_kcal"]["lj_tail"] == hybrid["terms_kcal"]["lj_tail"] == 0.0


def test_amber_coulomb_scales_the_inside_of_the_solute_too(merrow, files):
    name, options = f"mm:{files['gas']}", ("--no-lj-tail", "--json")
    plain = read(ask(merrow, files, "--potential", "mm", *options))
    hybrid = read(ask(merrow, files, "--ml-mask", ":1", "--potential", name, *options))
    assert hybrid["total_kcal"] == pytest.approx(plain["total_kcal"], abs=1e-4)
    openmm = read(ask(merrow, files, "--potential", "mm", "--openmm-coulomb", *options))
    # 332.0522 against 332.0637 of about −3000 kcal/mol.
    ratio = plain["terms_kcal"]["elec"] / openmm["terms_kcal"]["elec"]
    assert ratio == pytest.approx(332.0522 / 332.0637, abs=2e-7)


def test_forces_are_written_and_their_sum_vanishes(merrow, files, tmp_path):
    target = tmp_path / "f.npy"
    answer = ask(merrow, files, "--ml-mask", ":1", "--potential", "ani2x", "--forces", target)
    assert answer.code == 0, answer.err
    forces = np.load(target)
    assert forces.shape == (905, 3)
    # PME interpolates on a grid: momentum is conserved to its error tolerance.
    assert np.abs(forces.sum(axis=0)).max() < 1e-2 * np.linalg.norm(forces)


def test_single_precision_is_near_double(merrow, files):
    options = ("--ml-mask", ":1", "--potential", "ani2x", "--json")
    double = read(ask(merrow, files, *options))
    single = read(ask(merrow, files, *options, "--precision", "single"))
    # float32 networks keep their large reference energies apart in float64.
    assert single["terms_kcal"]["ml"] == pytest.approx(double["terms_kcal"]["ml"], abs=1e-3)
    assert single["total_kcal"] == pytest.approx(double["total_kcal"], abs=0.1)


def test_a_tighter_ewald_sum_converges(merrow, files):
    def elec(*words):
        found = read(ask(merrow, files, "--potential", "mm", "--json", *words))
        return found["terms_kcal"]["elec"] + found["terms_kcal"]["elec14"]

    loose, tight = elec("--ewald-tol", "5e-4"), elec("--ewald-tol", "1e-6")
    given = elec("--ewald-coeff", "0.42", "--pme-grid", "80,80,80")
    assert given == pytest.approx(tight, abs=0.01)
    assert abs(loose - tight) > abs(given - tight)


def test_gas_files_have_no_cutoff_and_no_tail(merrow, files):
    options = ("--potential", "mm", "--json")
    found = read(ask(merrow, files, *options, box="gas"))
    assert found["terms_kcal"]["lj_tail"] == 0.0


@pytest.mark.parametrize(
    ("words", "box", "told"),
    [
        ("--cutoff 9", "gas", "--cutoff has no effect without a periodic box"),
        ("--ewald-tol 1e-5", "gas", "--ewald-tol has no effect without"),
        ("--ewald-coeff 0.4 --pme-grid 32,32,32", "gas", "--ewald-coeff has no effect without"),
        ("--no-lj-tail", "gas", "--no-lj-tail has no effect without"),
        (
            "--ewald-coeff 0.4 --pme-grid 32,32,32 --ewald-tol 1e-5",
            "wet",
            "--ewald-tol has no effect beside --ewald-coeff",
        ),
    ],
)
def test_a_setting_of_the_ewald_sum_without_effect_is_refused(merrow, files, words, box, told):
    answer = ask(merrow, files, "--potential", "mm", *words.split(), box=box)
    assert answer.code == 2
    assert told in answer.err
    assert answer.out == ""


@pytest.mark.parametrize("cutoff", [-5.0, 0.5, float("nan")])
def test_python_has_the_shortest_cutoff_of_the_command(files, cutoff):
    with pytest.raises(InputError, match="is not one of 3 Å or more"):
        energy(files["wet"], files["wet_crd"], potential="mm", cutoff=cutoff)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--potential", "ani2x"), "needs --ml-mask"),
        (("--ml-mask", ":1@C1"), "cuts the covalent bond"),
        (("--ml-mask", ":1-2"), "of water into the ML region"),
        (("--ml-mask", ":1", "--potential", "ani9"), "there is no potential 'ani9'"),
        (("--potential", "mm", "--cutoff", "15"), "less than twice the cutoff"),
        (("--potential", "mm", "--precision", "half"), "use double or single"),
        (("--potential", "mm", "--ewald-coeff", "0.4"), "give both"),
        (
            ("--potential", "mm", "--ewald-coeff", "0.4", "--pme-grid", "48x48"),
            "not of the form 64,64,64",
        ),
    ],
)
def test_what_cannot_be_computed_is_refused_in_one_sentence(merrow, files, words, message):
    answer = ask(merrow, files, *words)
    assert answer.code == 2
    assert message in answer.err
    assert answer.out == ""
    assert "Traceback" not in answer.err


def test_another_molecule_cannot_stand_in(merrow, files, systems):
    other = systems / "acetone.prmtop"
    answer = ask(merrow, files, "--ml-mask", ":1", "--potential", f"mm:{other}")
    assert answer.code == 2
    assert "holds other atoms than the solute" in answer.err


def test_another_order_of_the_atoms_cannot_stand_in(merrow, systems, tmp_path):
    gas = systems / "methanol.prmtop"
    # H1 of the methyl group and H4 of the hydroxyl change places
    other = reorder(gas, [0, 1, 5, 3, 4, 2], tmp_path / "other.prmtop")
    words = ("-p", gas, "-c", systems / "methanol.inpcrd", "--ml-mask", ":1")
    answer = merrow("energy", *words, "--potential", f"mm:{other}")
    assert answer.code == 2
    assert "other.prmtop has the solute's elements but other bonds" in answer.err


def test_twelve_six_four_terms_are_refused(merrow, files, tmp_path):
    parm = AmberFormat()
    parm.rdparm_slow(files["wet"])
    size = len(parm.parm_data["LENNARD_JONES_ACOEF"])
    parm.add_flag("LENNARD_JONES_CCOEF", "5E16.8", data=[1.0] * size)
    parm.write_parm(str(tmp_path / "c.prmtop"))
    answer = merrow(
        "energy", "-p", tmp_path / "c.prmtop", "-c", files["wet_crd"], "--potential", "mm"
    )
    assert answer.code == 2
    assert "12-6-4" in answer.err
