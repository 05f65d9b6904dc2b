# SPDX-License-Identifier: MIT
"""Does `merrow prepare complex` make what it says, and refuse what it would guess?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology


@pytest.fixture
def inputs(shared, tmp_path, monkeypatch):
    """Paths of crystal structures, and an empty place to work in."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    crystals = shared / "data" / "bfactor-crystals"
    return {f"{p.stem}_{p.suffix[1:]}": p for p in crystals.iterdir()}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("{181l_pdb} {181l_ligand_sdf}", "--remove CL,HED"),
        ("{181l_pdb} {181l_ligand_sdf} --remove CL,HED,GOL", "has no such residue"),
        ("{1m17_pdb} {1m17_ligand_sdf}", "gap between HIS A 964 and LEU A 977"),
        ("{1bju_pdb} {1bju_ligand_sdf}", "metal ion CA A 246"),
        ("lost.pdb {5uez_ligand_sdf}", "there is no protein file lost.pdb"),
        ("{5uez_ligand_sdf} {5uez_ligand_sdf}", "5uez_ligand.sdf"),
        ("{5uez_pdb} lost.sdf", "there is no molecule file lost.sdf"),
        ("{5uez_pdb} CO", "so it holds no pose"),
        ("{5uez_pdb} {181l_ligand_sdf}", "--remove 89G"),
        ("{5uez_pdb} {5uez_ligand_sdf} --ph 15", "not between 0 and 14"),
        ("{5uez_pdb} {5uez_ligand_sdf} --buffer 2", "not between 4 and 30"),
        ("{5uez_pdb} {5uez_ligand_sdf} --ions 5", "not between 0 and 2"),
        ("{5uez_pdb} {5uez_ligand_sdf} --waters some", "use keep or none"),
        ("{5uez_pdb} {5uez_ligand_sdf} --charges am1", "use bcc, abcg2 or file"),
        ("{5uez_pdb} {5uez_ligand_sdf} --charges file", "needs a mol2 file with charges"),
    ],
)
def test_prepare_refuses(merrow, inputs, words, told):
    pytest.importorskip("pdb2pqr")
    protein, ligand, *rest = words.format(**inputs).split()
    answer = merrow(
        "prepare", "complex", "--protein", protein, "--ligand", ligand, *rest, "-o", "c"
    )
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    assert told in answer.err
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.slow
def test_lysozyme_and_benzene_from_the_deposited_files(merrow, inputs):
    pytest.importorskip("pdb2pqr")
    words = ("--protein", inputs["181l_pdb"], "--ligand", inputs["181l_ligand_sdf"])
    done = merrow("prepare", "complex", *words, "--remove", "CL,HED", "-o", "c", "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report == json.loads(Path("c/preparation.json").read_text())
    assert report["changes"]["unresolved_at_the_ends"] == ["ASN A 163", "LEU A 164"]
    assert report["removed"]["groups"] == ["CL A 173", "CL A 178", "HED A 170"]
    assert report["system"]["dry_charge_e"] == 8
    assert report["system"]["chloride"] - report["system"]["sodium"] == 8
    # four decimals are printed; a parameter that went astray would be off by far more
    assert max(abs(row["difference"]) for row in report["energies_kcal"].values()) < 2e-3
    topology = read_topology("c/solvated.prmtop")
    assert topology.residue_names.count("LIG") == 1
    assert topology.charges.sum() == pytest.approx(0.0, abs=1e-4)
    place = read_coordinates("c/solvated.inpcrd", len(topology))
    pose = read_coordinates("c/complex.inpcrd").positions
    # tleap only shifts the complex as a whole when it adds the box; three decimals on the way
    shift = place.positions[: len(pose)] - pose
    assert np.abs(shift - shift.mean(axis=0)).max() < 2e-3
    assert np.array_equal(
        np.array(topology.residue_names)[:162], report["protein"]["residue_names"]
    )


@pytest.mark.slow
def test_ff19sb_has_its_cmap_in_both_programs(merrow, inputs):
    pytest.importorskip("pdb2pqr")
    words = ("--protein", inputs["181l_pdb"], "--ligand", inputs["181l_ligand_sdf"])
    more = ("--remove", "CL,HED", "--implicit", "--protein-ff", "ff19SB", "--json")
    done = merrow("prepare", "complex", *words, *more, "-o", "c")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["protein"]["force_field"] == "ff19SB"
    cmap = report["energies_kcal"]["cmap"]
    assert abs(cmap["sander"]) > 10.0
    assert cmap["difference"] == pytest.approx(0.0, abs=2e-3)
    wrong = merrow("prepare", "complex", *words, "--protein-ff", "ff99", "-o", "d")
    assert wrong.code == 2
    assert "use ff14SB or ff19SB" in wrong.err
