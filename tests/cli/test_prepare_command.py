# SPDX-License-Identifier: MIT
"""Does `merrow prepare complex` make what it says, and refuse what it would guess?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology

OTHER = """\
HETATM  901  C1  GOL A 401     -21.844 -12.575   4.826  1.00 20.00           C
HETATM  902  C2  GOL A 401     -21.138 -11.937   3.667  1.00 20.00           C
HETATM  903  O2  GOL A 401     -19.744 -11.810   3.669  1.00 20.00           O
END
"""
"""Another molecule in the place of the ligand."""


@pytest.fixture
def inputs(systems, tmp_path, monkeypatch):
    """Paths of structures of a helix, whole and with faults, and an empty place to work in."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    text = (systems / "helix.pdb").read_text()
    gap = "".join(line for line in text.splitlines(True) if line[22:26] not in (" 307", " 308"))
    metal = text.replace(" CL   CL A", "CA    CA A").replace("          CL", "          CA")
    alone = "".join(line for line in text.splitlines(True) if line[17:20] not in ("TOL", " CL"))
    crystals = {"helix": text, "gap": gap, "metal": metal, "alone": alone}
    crystals["other"] = alone.replace("END\n", "") + OTHER
    for name, content in crystals.items():
        (tmp_path / f"{name}.pdb").write_text(content)
    return {
        **{name: tmp_path / f"{name}.pdb" for name in crystals},
        "ligand": systems / "helix_ligand.sdf",
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("{helix} {ligand}", "--remove CL"),
        ("{helix} {ligand} --remove CL,GOL", "has no such residue"),
        ("{gap} {ligand} --remove CL", "gap between CYS A 306 and ALA A 309"),
        ("{metal} {ligand}", "metal ion CA A 402"),
        ("lost.pdb {ligand}", "there is no structure file lost.pdb"),
        ("{ligand} {ligand}", "helix_ligand.sdf"),
        ("{alone} lost.sdf", "there is no molecule file lost.sdf"),
        ("{alone} CO", "so it contains no pose"),
        ("{other} {ligand}", "--remove GOL"),
        ("{alone} {ligand} --ph 15", "not between 0 and 14"),
        ("{alone} {ligand} --buffer 2", "not between 4 and 30"),
        ("{alone} {ligand} --ions 5", "not between 0 and 2"),
        ("{alone} {ligand} --waters some", "use keep or none"),
        ("{alone} {ligand} --charges am1", "use bcc, abcg2 or file"),
        ("{alone} {ligand} --charges file", "needs a mol2 file with charges"),
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
def test_a_helix_and_toluene_from_the_files(merrow, inputs):
    pytest.importorskip("pdb2pqr")
    words = ("--protein", inputs["helix"], "--ligand", inputs["ligand"])
    done = merrow("prepare", "complex", *words, "--remove", "CL", "-o", "c", "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report == json.loads(Path("c/preparation.json").read_text())
    assert report["changes"]["unresolved_at_the_ends"] == ["ASN A 318", "LEU A 319"]
    assert report["removed"]["groups"] == ["CL A 402"]
    assert report["system"]["dry_charge_e"] == 1
    assert report["system"]["chloride"] - report["system"]["sodium"] == 1
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
    assert np.array_equal(np.array(topology.residue_names)[:17], report["protein"]["residue_names"])


@pytest.mark.slow
def test_ff19sb_has_its_cmap_in_both_programs(merrow, inputs):
    pytest.importorskip("pdb2pqr")
    words = ("--protein", inputs["helix"], "--ligand", inputs["ligand"])
    more = ("--remove", "CL", "--implicit", "--protein-ff", "ff19SB", "--json")
    done = merrow("prepare", "complex", *words, *more, "-o", "c")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["protein"]["force_field"] == "ff19SB"
    cmap = report["energies_kcal"]["cmap"]
    assert abs(cmap["sander"]) > 1.0
    assert cmap["difference"] == pytest.approx(0.0, abs=2e-3)
    wrong = merrow("prepare", "complex", *words, "--protein-ff", "ff99", "-o", "d")
    assert wrong.code == 2
    assert "use ff14SB or ff19SB" in wrong.err
