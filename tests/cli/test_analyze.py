# SPDX-License-Identifier: MIT
"""Does `merrow analyze` find again what was put into a trajectory, and refuse what does not fit?"""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import parmed
import pytest
from parmed.amber import NetCDFTraj

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from page_reader import check_page

pytestmark = pytest.mark.filterwarnings("ignore:Could not find netCDF4")


@pytest.fixture(scope="module")
def helix(systems):
    """Topology, coordinates and crystal of a helix with toluene; the ligand comes first."""
    return [systems / f"helix{end}" for end in ("_complex.prmtop", "_complex.inpcrd", ".pdb")]


def write_trajectory(path, frames, step):
    """Write frames [Å] as AMBER NetCDF, `step` ps apart."""
    file = NetCDFTraj.open_new(str(path), frames.shape[1], box=False, crds=True)
    for k, frame in enumerate(frames):
        file.add_coordinates(frame)
        file.add_time((k + 1) * step)
    file.close()


@pytest.fixture(scope="module")
def crystal_motion(helix, tmp_path_factory):
    """Frames whose CA move with the amplitudes of the crystal's B-factors, everything else a bit.

    B = 8π²σ² of each coordinate, so a correct pipeline must find the crystal's B again.
    """
    prmtop, inpcrd, pdb = helix
    topology = read_topology(prmtop)
    start = read_coordinates(inpcrd).positions
    rng = np.random.default_rng(3)
    sigma = np.full(len(topology), 0.2)
    of_crystal = [
        float(line[60:66])
        for line in pdb.read_text().splitlines()
        if line.startswith("ATOM") and line[12:16] == " CA "
    ]
    alphas = [i for i, name in enumerate(topology.names) if name == "CA"]
    sigma[alphas] = np.sqrt(np.array(of_crystal) / (8 * np.pi**2))
    frames = start + sigma[:, None] * rng.normal(size=(80, len(topology), 3))
    folder = tmp_path_factory.mktemp("motion")
    write_trajectory(folder / "long.nc", frames, 20.0)
    write_trajectory(folder / "short.nc", frames[:20], 1.0)
    write_trajectory(folder / "few.nc", frames[:5], 1.0)
    write_trajectory(folder / "other.nc", frames[:20, :-1], 1.0)
    return folder


def test_the_crystals_b_factors_are_found_again(merrow, helix, crystal_motion):
    prmtop, inpcrd, pdb = helix
    done = merrow(
        *("analyze", "-p", prmtop, "-y", crystal_motion / "long.nc", "-c", inpcrd, "--pdb", pdb),
        *(
            "--ligand-mask",
            ":1",
            "--mm-reference",
            crystal_motion / "short.nc",
            "--out",
            "out",
            "--json",
        ),
    )
    assert done.code == 0, done.err
    long, short = json.loads(done.out)["runs"]
    # 80 frames give a B to 9 %, so the correlation cannot be perfect
    assert long["b_factor_correlation"]["pearson"] > 0.95
    assert long["b_factor_correlation"]["residues"] == 17
    assert short["b_factor_correlation"] is None
    rows = list(csv.DictReader(Path("out/residues.csv").read_text().splitlines()))
    ratio = [float(row["b_0"]) / float(row["b_crystal"]) for row in rows]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.1)
    assert sum(row["inner"] == "1" for row in rows) == 17 - 6
    page = check_page(Path("out/analysis.html").read_text())
    assert len(page.tags("svg")) == 4  # the ligand, RMSD, B-factors, the chain
    assert "at least 1000 ps are needed" in page.text
    assert_written_for_viewers(Path("out/bfactors.pdb"), rows, read_topology(prmtop))
    assert Path("out/bfactors_mm.pdb").exists()
    words = ("-p", prmtop, "-y", crystal_motion / "long.nc", "--out", "out")
    assert merrow("analyze", *words).code == 0
    assert not Path("out/bfactors_mm.pdb").exists(), "nothing of an earlier analysis is left"
    # toluene has no rotatable bond, and lies at the end of the helix
    assert long["torsion_populations"] == {}
    assert {"LYS 17", "GLY 18"} <= long["contacts"].keys()


def test_a_ligand_of_amino_acids_is_not_superposed_on_itself(merrow, helix, tmp_path):
    prmtop, inpcrd, _ = helix
    topology = read_topology(prmtop)
    frames = np.repeat(read_coordinates(inpcrd).positions[None], 20, axis=0)
    ligand = np.isin(topology.residue_index, [1, 2, 3, 4])
    shift = np.tile([0.5, 1.0], 10)
    frames[1:, ligand, 0] += shift[1:, None]
    write_trajectory(tmp_path / "moved.nc", frames, 1.0)
    words = ("-p", prmtop, "-y", tmp_path / "moved.nc", "--ligand-mask", ":2-5", "-o", "out")
    found = json.loads(merrow("analyze", *words, "--json").out)["runs"][0]["rmsd_a"]
    moved = found["ligand in the frame of the protein"]["value"]
    assert moved == pytest.approx(shift[1:].sum() / 20, abs=1e-3)
    assert found["protein backbone"]["value"] == pytest.approx(0.0, abs=1e-3)


def assert_written_for_viewers(path, rows, topology):
    """Atoms, numbers of residues and B-factors are those of the run; the ligand is a chain."""
    structure = parmed.read_PDB(str(path), skip_bonds=True)
    assert [a.name for a in structure.atoms] == list(topology.names)
    assert [a.atomic_number for a in structure.atoms] == list(topology.numbers)
    assert {a.residue.chain for a in structure.atoms} == {"A", "B"}
    alphas = [a for a in structure.atoms if a.name == "CA" and a.residue.chain == "B"]
    assert [f"{a.residue.number}" for a in alphas] == [row["residue"].split()[1] for row in rows]
    b = [float(row["b_0"]) for row in rows]
    np.testing.assert_allclose([a.bfactor for a in alphas], b, atol=0.006)


def test_three_residues_have_a_correlation_without_an_interval(merrow, helix, crystal_motion):
    prmtop, inpcrd, pdb = helix
    parm = parmed.load_file(str(prmtop), str(inpcrd))
    kept = [atom.idx for atom in parm.atoms if 1 <= atom.residue.idx <= 3]
    frames = NetCDFTraj.open_old(str(crystal_motion / "long.nc"))
    write_trajectory(Path("three.nc"), frames.coordinates[:, kept], 20.0)
    parm.strip(":1,5-18")  # noqa: B005 (atoms of a mask, not characters)
    parm.save("three.prmtop")
    words = ("analyze", "-p", "three.prmtop", "-y", "three.nc", "--pdb", pdb, "--out", "out")
    done = merrow(*words)
    assert done.code == 0, done.err
    assert "(blocks ± " in " ".join(done.out.split())
    found = json.loads(Path("out/analysis.json").read_text(), parse_constant=pytest.fail)
    numbers = found["runs"][0]["b_factor_correlation"]
    assert (numbers["residues"], abs(numbers["pearson"]) <= 1.0) == (3, True)
    assert (numbers["pearson_low_95"], numbers["pearson_high_95"]) == (None, None)
    page = check_page(Path("out/analysis.html").read_text())
    assert re.search(r"Pearson −?[\d.]+ over 3 residues", page.text)


def test_a_short_run_prints_no_correlation(merrow, helix, crystal_motion):
    prmtop, _, pdb = helix
    words = ("analyze", "-p", prmtop, "-y", crystal_motion / "short.nc", "--pdb", pdb, "-o", "out")
    done = merrow(*words)
    assert done.code == 0, done.err
    assert "Pearson" not in done.out
    told = " ".join(done.out.split())
    assert "it covers 20 ps, and at least 1000 ps are needed" in told
    assert told.count("20 frames over 20 ps") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("-y {motion}/few.nc", "few.nc has 5 frames"),
        ("-y {motion}/short.nc --stride 3", "at least 10 are needed"),
        ("-y {motion}/other.nc", "has 260 atoms, but helix_complex.prmtop has 261"),
        ("-y lost.nc", "there is no trajectory file lost.nc"),
        ("-y {sdf}", "is not a trajectory that can be read"),
        ("-y {inpcrd}", "helix_complex.inpcrd has 1 frames"),
        ("-y {motion}/short.nc --ligand-mask :LIGAND", "selects 0 of"),
        ("-y {motion}/short.nc --pdb lost.pdb", "there is no structure file"),
        ("-y {motion}/short.nc --pdb {other}", "give the crystal structure of the same protein"),
        ("-y {motion}/short.nc -c lost.rst7", "there is no coordinate file"),
    ],
)
def test_analyze_refuses(merrow, systems, helix, crystal_motion, words, told):
    prmtop, inpcrd, pdb = helix
    other, sdf = crystal_motion / "other.pdb", systems / "helix_ligand.sdf"
    other.write_text(pdb.read_text().replace("LEU", "TRP").replace("LYS", "TYR"))
    given = words.format(
        motion=crystal_motion, pdb=pdb, inpcrd=inpcrd, other=other, sdf=sdf
    ).split()
    answer = merrow("analyze", "-p", prmtop, *given, "-o", "out")
    assert answer.code == 2, answer
    assert len(answer.err.splitlines()) == 1
    assert told in answer.err
    assert list(Path.cwd().iterdir()) == []


def test_a_reader_of_another_format_keeps_its_warnings_to_itself(helix, tmp_path):
    """In a process of its own: MDAnalysis sets filters of warnings when it is imported."""
    mda = pytest.importorskip("MDAnalysis")
    prmtop, inpcrd, _ = helix
    start = read_coordinates(inpcrd).positions
    universe = mda.Universe.empty(len(start), trajectory=True)
    with mda.Writer(str(tmp_path / "run.dcd"), n_atoms=len(start)) as writer:
        for k in range(12):
            universe.atoms.positions = start + 0.01 * k
            writer.write(universe.atoms)
    words = ("analyze", "-p", prmtop, "-y", "run.dcd", "--out", "out")
    told = subprocess.run(
        [sys.executable, "-m", "merrow", *map(str, words)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stderr == ""
    assert told.stdout.startswith("run.dcd: 12 frames")
