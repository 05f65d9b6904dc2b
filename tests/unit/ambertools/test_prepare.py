# SPDX-License-Identifier: MIT
"""Do AmberTools' files describe the molecule that was given, with whole charges and a cache?"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import parmed
import pytest

from merrow.ambertools import prepare
from merrow.ambertools.molecule import read_molecule
from merrow.ambertools.prepare import parametrize
from merrow.errors import InputError, MerrowError, UnsupportedPhysicsError


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.usefixtures("ambertools")
@pytest.mark.parametrize(("charges", "gaff"), [("bcc", 2), ("bcc", 1), ("abcg2", 2)])
def test_methanol_gets_files_of_its_own_atoms(tmp_path, store, charges, gaff):
    molecule = read_molecule("CO")
    files = parametrize(molecule, charges=charges, gaff=gaff, folder=tmp_path, cache=store)
    made = parmed.load_file(str(files.prmtop), str(files.inpcrd))
    assert tuple(atom.atomic_number for atom in made.atoms) == molecule.numbers
    assert [residue.name for residue in made.residues] == ["LIG"]
    assert [atom.type for atom in made.atoms] == ["c3", "oh", "h1", "h1", "h1", "ho"]
    assert sum(atom.charge for atom in made.atoms) == pytest.approx(0.0, abs=1e-7)
    # The sdf between RDKit and antechamber has four decimals, antechamber's mol2 has three.
    np.testing.assert_allclose(made.coordinates, molecule.positions, rtol=0, atol=6e-4)
    for name in ("input.sdf", "antechamber.log", "sqm.out", "ligand.mol2", "gas.leap.log"):
        assert (tmp_path / name).is_file(), name


@pytest.mark.usefixtures("ambertools")
def test_bcc_of_methanol_is_freesolvs(tmp_path, store):
    """Two AM1-BCC programs from two geometries: published charges, four decimals."""
    files = parametrize(read_molecule("CO"), folder=tmp_path, cache=store)
    ours = [atom.charge for atom in parmed.load_file(str(files.prmtop)).atoms]
    theirs = [0.1166, -0.5985, 0.0285, 0.0285, 0.0285, 0.3965]
    # The conformer is the same; AM1's optimised geometries differ in their last digits.
    np.testing.assert_allclose(ours, theirs, atol=0.005)


@pytest.mark.usefixtures("ambertools")
def test_abcg2_is_another_model_than_bcc(tmp_path, store):
    molecule = read_molecule("CO")
    oxygen = {}
    for model in ("bcc", "abcg2"):
        files = parametrize(molecule, charges=model, folder=tmp_path / model, cache=store)
        oxygen[model] = parmed.load_file(str(files.prmtop)).atoms[1].charge
    assert abs(oxygen["bcc"] - oxygen["abcg2"]) > 0.01


@pytest.mark.usefixtures("ambertools")
def test_charges_of_a_file_are_kept_but_for_a_reported_shift(tmp_path, store, systems):
    text = (systems / "methanol.mol2").read_text()
    (tmp_path / "mine.mol2").write_text(text.replace("0.39600000", "0.39610000"))
    molecule = read_molecule(tmp_path / "mine.mol2")
    files = parametrize(molecule, charges="file", gaff=1, folder=tmp_path, cache=store)
    made = np.array([atom.charge for atom in parmed.load_file(str(files.prmtop)).atoms])
    # Four decimals may add up to +0.0001 e.
    assert files.charge_shift == pytest.approx(-molecule.charges.sum(), abs=1e-8)
    assert files.charge_shift == pytest.approx(-1e-4, abs=1e-8)
    np.testing.assert_allclose(made, molecule.charges + files.charge_shift / 6, atol=2e-8)


@pytest.mark.usefixtures("ambertools")
def test_a_charged_molecule_keeps_its_whole_charge(tmp_path, store):
    files = parametrize(read_molecule("C[NH3+]"), folder=tmp_path, cache=store)
    made = parmed.load_file(str(files.prmtop))
    assert sum(atom.charge for atom in made.atoms) == pytest.approx(1.0, abs=1e-7)


@pytest.mark.usefixtures("ambertools")
def test_the_cache_answers_the_second_time_without_any_program(tmp_path, store, monkeypatch):
    first = parametrize(read_molecule("CO"), folder=tmp_path / "a", cache=store)

    def refuse(*args: object, **kwargs: object) -> str:
        raise MerrowError("no program may run")

    monkeypatch.setattr(prepare, "run_program", refuse)
    second = parametrize(read_molecule("CO"), folder=tmp_path / "b", cache=store)
    assert second.prmtop.read_bytes() == first.prmtop.read_bytes()
    assert second.charge_shift == first.charge_shift
    assert not list(store.glob(".draft-*"))
    with pytest.raises(MerrowError, match="no program may run"):
        parametrize(read_molecule("CCO"), folder=tmp_path / "c", cache=store)
    assert not (tmp_path / "c" / "gas.prmtop").exists()


def filled(folder):
    """Return a folder with files as AmberTools leaves them."""
    folder.mkdir()
    for name in (*prepare.PRODUCTS, "charges.json", "tleap.log"):
        (folder / name).write_text(name)
    return folder


def test_entries_of_the_cache_can_be_read_as_other_new_folders(tmp_path):
    made = filled(tmp_path / "made")
    for name in made.iterdir():
        name.chmod(0o600)
    before = os.umask(0o022)
    try:
        prepare._store(made, shelf := tmp_path / "cache" / "entry")
    finally:
        os.umask(before)
    assert stat.S_IMODE(shelf.stat().st_mode) == 0o755
    assert {stat.S_IMODE(path.stat().st_mode) for path in shelf.iterdir()} == {0o644}
    assert [path.name for path in shelf.parent.iterdir()] == ["entry"]
    assert prepare._taken(shelf, tmp_path)
    assert (tmp_path / "tleap.log").read_text() == "tleap.log"


def refuse(path, *_args, **_options):
    raise PermissionError(13, "Permission denied", str(path))


@pytest.mark.parametrize("step", ["is_file", "iterdir", "read_bytes"])
def test_an_entry_that_cannot_be_read_is_none(tmp_path, monkeypatch, step):
    prepare._store(filled(tmp_path / "made"), shelf := tmp_path / "cache" / "entry")
    (tmp_path / "new").mkdir()
    with monkeypatch.context() as somebody_elses:
        somebody_elses.setattr(Path, step, refuse)
        assert not prepare._taken(shelf, tmp_path / "new")
    assert not list((tmp_path / "new").iterdir())


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch, caplog):
    for step in ("mkdir", "is_dir"):
        monkeypatch.setattr(Path, step, refuse)
    prepare._store(tmp_path, tmp_path / "cache" / "entry")
    assert "could not be put into the cache" in caplog.text


@pytest.mark.usefixtures("ambertools")
def test_a_failure_of_antechamber_quotes_its_log(tmp_path, store):
    wrong = replace(read_molecule("CO"), charge=1)  # an odd number of electrons
    with pytest.raises(MerrowError, match=r"antechamber ended with exit code.*odd") as caught:
        parametrize(wrong, folder=tmp_path, cache=store)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("charges", "gaff", "message"),
    [
        ("abcg2", 1, "GAFF2"),
        ("file", 2, "mol2"),
        ("resp", 2, "bcc, abcg2 or file"),
        ("bcc", 3, "1"),
    ],
)
def test_choices_that_do_not_fit_are_refused_before_anything_runs(tmp_path, charges, gaff, message):
    with pytest.raises(InputError, match=message):
        parametrize(read_molecule("CO"), charges=charges, gaff=gaff, folder=tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(("smiles", "symbol"), [("C[Si](C)(C)C", "Si"), ("[Na+]", "Na")])
def test_elements_that_gaff_does_not_know_are_named(tmp_path, smiles, symbol):
    with pytest.raises(UnsupportedPhysicsError, match=rf"atom \d \({symbol}\)"):
        parametrize(read_molecule(smiles), folder=tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.usefixtures("ambertools")
def test_ammonia_has_gaffs_own_parameters_every_time(tmp_path):
    # parmchk2 takes n9 for unknown in one run of two or three, as the addresses of its memory are
    molecule = read_molecule("N")
    for k in range(4):
        files = parametrize(molecule, folder=tmp_path / f"{k}", cache=tmp_path / f"cache{k}")
        nitrogen = parmed.load_file(str(files.prmtop)).atoms[0]
        assert (nitrogen.type, nitrogen.rmin) == ("n9", pytest.approx(2.27, abs=1e-6))
        assert nitrogen.epsilon == pytest.approx(0.0095, abs=1e-7)


def test_a_type_that_parmchk_never_knows_is_named(tmp_path, monkeypatch):
    def write(*_: object, folder: Path, **_also: object) -> str:
        text = "Remark\nMASS\nn9 14.010  0.530  same as n3\n\nBOND\n"
        (folder / "ligand.frcmod").write_text(text)
        return ""

    monkeypatch.setattr(prepare, "run_program", write)
    with pytest.raises(MerrowError, match="atom type n9 of its own gaff2"):
        prepare._write_frcmod(read_molecule("N"), "gaff2", tmp_path)


def test_missing_parameters_are_named(tmp_path):
    frcmod = tmp_path / "x.frcmod"
    frcmod.write_text("BOND\nbo-c3    0.00   0.000       ATTN, need revision\n")
    with pytest.raises(UnsupportedPhysicsError, match="bo-c3"):
        prepare._refuse_missing_parameters(read_molecule("CO"), frcmod)


def test_charges_are_shifted_equally_and_only_by_little():
    text = "@<TRIPOS>ATOM\n 1 C  0 0 0 c3 1 LIG  0.5004\n 2 C  0 0 0 c3 1 LIG -0.5000\n"
    new, shift = prepare._normalize(text + "@<TRIPOS>BOND\n", 0)
    assert shift == pytest.approx(-0.0004)
    assert [line.split()[-1] for line in new.splitlines()[1:3]] == ["0.50020000", "-0.50020000"]
    with pytest.raises(InputError, match="formal charge is \\+1"):
        prepare._normalize(text + "@<TRIPOS>BOND\n", 1)


@pytest.mark.usefixtures("ambertools")
def test_charges_of_a_molecule_that_am1_rearranges_are_refused(tmp_path, store):
    """In gas a proton goes from N to O, and the charges would be those of the neutral acid."""
    zwitterion = read_molecule("[NH3+]CCC(=O)[O-]")
    for _ in range(2):  # the second time from the cache
        with pytest.raises(UnsupportedPhysicsError, match=r"breaks the bond N1-H\d+ .* in gas"):
            parametrize(zwitterion, folder=tmp_path / "am1", cache=store)
    own = np.zeros(len(zwitterion.numbers))
    own[[0, 5]] = 0.5, -0.5
    given = replace(zwitterion, charges=own)
    files = parametrize(given, charges="file", folder=tmp_path / "own", cache=store)
    assert files.charge_shift == pytest.approx(0.0, abs=1e-9)
