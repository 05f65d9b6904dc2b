# SPDX-License-Identifier: MIT
"""Do trajectories of the free species give strain and three-trajectory energies, and no more?"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import parmed
import pytest
from short_runs import short_run

from merrow.amber.mask import select_atoms
from merrow.amber.topology import read_topology
from merrow.binding.ensembles import MmpbsaRequest
from merrow.binding.free_states import FreeRequest
from merrow.binding.mmpbsa import mmpbsa
from merrow.binding.mmpbsa_program import Settings, read_frames_table, split_topology

if shutil.which("MMPBSA", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") is None:
    pytest.skip("no AmberTools", allow_module_level=True)


@pytest.fixture(scope="module")
def files(systems, tmp_path_factory):
    """An ester with an ether beside it, and each of them alone, of different lengths."""
    out = tmp_path_factory.mktemp("free")
    prmtop, inpcrd = systems / "complex.prmtop", systems / "complex.inpcrd"
    guest = systems / "guest.prmtop"
    own = select_atoms(read_topology(prmtop), ":GST")
    host = split_topology(prmtop, range(34), own, igb=5, folder=out / "top").receptor
    return {
        "prmtop": prmtop,
        "guest": guest,
        "host": host,
        "complex": short_run(prmtop, inpcrd, out / "complex.nc", frames=10),
        "ligand": short_run(guest, guest.with_suffix(".inpcrd"), out / "ligand.nc", frames=12),
        "receptor": short_run(host, inpcrd, out / "receptor.nc", frames=11),
    }


def estimate(files, out, potential):
    free = FreeRequest(files["guest"], files["ligand"], files["host"], files["receptor"], potential)
    settings = Settings(surface_tension=0.0)
    request = MmpbsaRequest(
        files["prmtop"], files["complex"], ":GST", out, free=free, settings=settings
    )
    return mmpbsa(request)["runs"][0]


@pytest.fixture(scope="module")
def with_mm(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("mm") / "out"
    return out, estimate(files, out, "mm")


def test_three_trajectories_are_one_and_the_strains(with_mm):
    run = with_mm[1]
    free = run["free_species"]
    parts = [free["ligand_strain"]["total"], free["receptor_strain"]["total"]]
    total = free["three_trajectories"]["TOTAL"]
    # both sums hold the same numbers of MMPBSA's tables
    expected = run["delta_kcal"]["TOTAL"]["value"] + sum(part["value"] for part in parts)
    assert total["difference"]["value"] == pytest.approx(expected, abs=1e-6)
    errors = [total[name]["stderr"] for name in ("complex", "receptor", "ligand")]
    assert total["difference"]["stderr"] == pytest.approx(np.sqrt(np.square(errors).sum()))
    assert [total[name]["n_frames"] for name in ("complex", "receptor", "ligand")] == [10, 11, 12]


def test_strain_of_a_short_run_is_told_but_not_in_the_headline(with_mm):
    out, run = with_mm
    strain = run["free_species"]["ligand_strain"]["total"]
    assert strain["stderr"] > 0.5
    assert run["headline_kcal"]["value"] == run["delta_kcal"]["TOTAL"]["value"]
    assert "The strain is not in the headline" in run["headline_kcal"]["told"]
    page = (out / "mmpbsa.html").read_text()
    assert "strain of the ligand" in page
    assert "Interaction entropy is refused here" in page


def test_the_terms_that_a_potential_replaces_are_those_of_the_prmtop(files, with_mm, tmp_path):
    """A potential that is the guest's own MM terms changes nothing, if the right ones go."""
    plain = with_mm[1]["free_species"]
    other = estimate(files, tmp_path / "out", f"mm:{files['guest']}")["free_species"]
    three = [free["three_trajectories"]["TOTAL"]["difference"] for free in (plain, other)]
    strains = [free["ligand_strain"]["total"] for free in (plain, other)]
    for one, two in (three, strains):
        # eight terms of four printed decimals, and a Coulomb constant that differs by 3.5e-5
        assert two["value"] == pytest.approx(one["value"], abs=2e-3)
        assert two["stderr"] == pytest.approx(one["stderr"], abs=2e-3)
    ml = other["three_trajectories"]["E_ML"]
    assert ml["ligand"]["value"] == pytest.approx(0.0, abs=1e-9)
    gone = other["three_trajectories"]["EEL"]["ligand"]["value"]
    assert gone == 0.0 != plain["three_trajectories"]["EEL"]["ligand"]["value"]


@pytest.mark.slow
def test_the_three_tables_are_those_of_a_run_by_hand(files, with_mm, tmp_path):
    beside = Path(sys.executable).parent
    path = f"{beside}:{os.environ['PATH']}"
    (tmp_path / "gb.in").write_text(
        "&general\n use_sander=1, netcdf=1, verbose=2,\n/\n"
        "&gb\n igb=5, saltcon=0.15, surften=0.0,\n/\n"
    )
    top = with_mm[0] / "topologies"
    words = ("-cp", top / "complex.prmtop", "-rp", top / "receptor.prmtop")
    words = (*words, "-lp", top / "ligand.prmtop", "-y", files["complex"])
    words = (*words, "-yr", files["receptor"], "-yl", files["ligand"])
    command = [shutil.which("MMPBSA", path=path), "-O", "-i", "gb.in", "-eo", "frames.csv", *words]
    subprocess.run(
        list(map(str, command)),
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        check=True,
        capture_output=True,
        timeout=300,
    )
    by_hand = tables(tmp_path / "frames.csv")
    run = with_mm[0] / "gb_run"
    ours = {
        "Complex": read_frames_table(run / "frames.csv")["complex"],
        "Receptor": read_frames_table(run / "free_receptor" / "frames.csv", alone=True)["complex"],
        "Ligand": read_frames_table(run / "free_ligand" / "frames.csv", alone=True)["complex"],
    }
    for name, terms in ours.items():
        assert list(terms) == list(by_hand[name])
        for term, values in terms.items():
            assert values.tolist() == by_hand[name][term], (name, term)


def tables(path):
    """Return every table of MMPBSA's file by the first word of its title."""
    found, title, names = {}, "", []
    for row in csv.reader(path.read_text().splitlines()):
        if len(row) == 1:
            title = row[0].split()[0]
        elif row and row[0] == "Frame #":
            names = row[1:]
            found[title] = {name: [] for name in names}
        elif row:
            for name, value in zip(names, row[1:], strict=True):
                found[title][name].append(float(value))
    return found


@pytest.mark.slow
def test_an_ml_potential_replaces_the_energy_of_the_ligand(merrow, files):
    words = ("mmpbsa", "-p", files["prmtop"], "-y", files["complex"], "--ligand-mask", ":GST")
    free = ("--free-ligand", files["ligand"], "--free-ligand-prmtop", files["guest"])
    done = merrow(*words, *free, "--potential", "ani2x", "-o", "out", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)["runs"][0]["free_species"]
    # C3H8O2: the energies of ANI-2x are absolute
    assert found["e_ml_reference_kcal"] == pytest.approx(-170_000, rel=0.02)
    assert found["ligand_sampled_with"] == "ani2x"
    assert found["three_trajectories"] is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--free-ligand LIGAND", "--free-ligand and --free-ligand-prmtop belong together"),
        ("--free-receptor RECEPTOR --free-receptor-prmtop HOST", "needs --free-ligand too"),
        ("--potential ani2x", "need --free-ligand"),
        ("--free-ligand LIGAND --free-ligand-prmtop HOST", "has 21 atoms that are neither"),
        ("--free-ligand RECEPTOR --free-ligand-prmtop GUEST", "has 21 atoms, but"),
        (
            "--free-ligand LIGAND --free-ligand-prmtop GUEST --mm-reference LIGAND",
            "the MM reference has no free ligand",
        ),
        (
            "--free-ligand LIGAND --free-ligand-prmtop GUEST --potential ani3",
            "there is no potential 'ani3'",
        ),
        (
            # a host file with another Lennard-Jones radius of its first atom than the complex
            "--free-ligand LIGAND --free-ligand-prmtop GUEST "
            "--free-receptor RECEPTOR --free-receptor-prmtop OTHER",
            "is not the :1@C1 of the receptor of",
        ),
        (
            "--free-ligand LIGAND --free-ligand-prmtop GUEST "
            "--free-receptor RECEPTOR --free-receptor-prmtop MAPPED",
            "has maps of two torsions (CMAP, as in ff19SB)",
        ),
    ],
)
def test_half_a_question_and_other_molecules_are_refused(
    merrow, files, tmp_path_factory, words, told
):
    names = {key.upper(): str(path) for key, path in files.items()}
    mapped = tmp_path_factory.mktemp("mapped") / "mapped.prmtop"
    maps = (
        "%FLAG CMAP_COUNT\n%FORMAT(2I8)\n       1       1\n"
        "%FLAG CMAP_RESOLUTION\n%FORMAT(20I4)\n   2\n"
        "%FLAG CMAP_PARAMETER_01\n%FORMAT(8F9.5)\n  0.00000  0.00000  0.00000  0.00000\n"
        "%FLAG CMAP_INDEX\n%FORMAT(6I8)\n       1       2       3       4       5       1\n"
    )
    mapped.write_text(Path(names["HOST"]).read_text() + maps)
    names["MAPPED"] = str(mapped)
    other = parmed.load_file(names["HOST"])
    parmed.tools.changeLJSingleType(other, "@1", 2.0, 0.1).execute()
    names["OTHER"] = str(mapped.with_name("other.prmtop"))
    other.write_parm(names["OTHER"])
    given = [names.get(word, word) for word in words.split()]
    first = ("-p", files["prmtop"], "-y", files["complex"], "--ligand-mask", ":GST", "-o", "out")
    answer = merrow("mmpbsa", *first, *given)
    assert answer.code == 2, answer
    assert len(answer.err.splitlines()) == 1
    assert told in answer.err
    assert list(Path.cwd().iterdir()) == []
