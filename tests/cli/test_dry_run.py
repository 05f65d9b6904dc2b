# SPDX-License-Identifier: MIT
"""Does a dry run measure, tell what the run will take, and write nothing?"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from short_answers import assert_short
from short_runs import short_run

from merrow.amber.coordinates import read_coordinates, write_restart
from merrow.ambertools.programs import find_program
from merrow.ambertools.solvent import solvate
from merrow.errors import MissingComponentError


def short(answer, *words):
    """Assert a short answer that says what a run takes; return it."""
    return assert_short(answer, *words, "memory", "disk up to", "nothing was written")


def test_hydration_tells_time_memory_and_disk(merrow, systems):
    files = (systems / "methane.prmtop", systems / "methane.inpcrd")
    words = ("hydration", *files, "--solvate", "tip3p", "--potential", "mm", "--out", "run")
    short(merrow(*words, "--dry-run"), "of sampling at least", "at most", "ms a step: ")
    found = json.loads(merrow(*words, "--dry-run", "--json").out)
    assert 0 < found["least_minutes"] <= found["most_minutes"]
    assert not list(Path().iterdir())


def test_coordinates_in_which_openmm_cannot_move_are_one_sentence(merrow, systems, tmp_path):
    files = (systems / "methane.prmtop", systems / "methane.inpcrd")
    prmtop, inpcrd = solvate(*files, folder=tmp_path / "wet", n_waters=300)
    read = read_coordinates(inpcrd)
    water = read.positions[5:].reshape(-1, 3, 3)[:, [1, 0, 2]]  # H, O, H for O, H, H
    positions = np.concatenate([read.positions[:5], water.reshape(-1, 3)])
    write_restart(other := tmp_path / "other.rst7", replace(read, positions=positions))
    words = ("--potential", "mm", "--set", "cutoff_angstrom=6", "--out", "run", "--dry-run")
    answer = merrow("hydration", prmtop, other, *words)
    assert answer.code == 1
    assert "OpenMM stopped" in answer.err
    assert "look at the starting structure" in answer.err
    assert "report it" not in answer.err


def test_the_run_that_is_there_stays_as_it_is(merrow, systems):
    schedule = "schedule={lambda_electrostatics: [1.0, 0.0], lambda_sterics: [0.5, 0.0]}"
    settings = (
        *("cutoff_angstrom=6", "n_waters=200", "equilibration_ps=0.02"),
        *("equilibration_per_state_ps=0.004", "record_interval_ps=0.004", "gas_ps=0.9"),
        *("minimum_sampling_ps=0.096", "maximum_sampling_ps=0.096", "target_stderr_kcal=null"),
        schedule,
    )
    small = [word for setting in settings for word in ("--set", setting)]
    files = (systems / "methane.prmtop", systems / "methane.inpcrd")
    words = ("hydration", *files, "--solvate", "tip3p", "--potential", "mm", "--out", "run", *small)
    done = merrow(*words, "--repeats", "1")
    assert done.code == 0, done.err
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    told = short(merrow(*words, "--repeats", "3", "--max-time", "12h", "--dry-run"))
    assert "ms a step" in told
    assert before == {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    assert merrow(*words, "--repeats", "1").code == 0


def test_a_campaign_measures_its_smallest_and_largest_molecule(merrow, systems):
    names = ("methane", "methanol", "benzene")
    for name in names:
        for end in ("prmtop", "inpcrd"):
            shutil.copy(systems / f"{name}.{end}", f"{name}.{end}")
    rows = "".join(f"{name},{name}.prmtop,{name}.inpcrd\n" for name in names)
    Path("set.csv").write_text(f"name,prmtop,inpcrd\n{rows}lost,lost.prmtop,lost.inpcrd\n")
    answer = merrow("campaign", "run", "set.csv", "--potential", "mm", "--out", "set", "--dry-run")
    told = short(answer, "3 runs to do", "1 cannot be computed", "of sampling at least")
    assert "measured: methane-prmtop, benzene-prmtop" in told
    assert "lost-prmtop: line 5: " in told
    assert not Path("set").exists()


def test_simulate_tells_the_speed_of_both_legs(merrow, files):
    given = ("-p", files["wet"], "-c", files["wet_crd"], "--ml-mask", ":1", "-o", "out")
    words = ("simulate", *given, "--cutoff", "8", "--mm-reference", "--dry-run")
    told = short(merrow(*words), "1000 ps of production", "ml_mm", "ns/day", "stages to do")
    assert "ML/MM and MM" in told
    found = json.loads(merrow(*words, "--json").out)
    assert found["minutes"] > 0
    assert found["ns_per_day"]["mm"] > 0
    assert not Path("out").exists()


def test_mmpbsa_times_its_first_frames(merrow, systems, tmp_path):
    try:
        find_program("MMPBSA")
    except MissingComponentError as error:
        pytest.skip(str(error))
    prmtop = systems / "complex.prmtop"
    frames = short_run(prmtop, systems / "complex.inpcrd", tmp_path / "run.nc", frames=10)
    words = ("mmpbsa", "-p", prmtop, "-y", frames, "--ligand-mask", ":GST", "--out", "out")
    short(merrow(*words, "--dry-run"), "10 frames of run.nc", "s a frame")
    (tmp_path / "mm").mkdir()
    control = shutil.copy(frames, tmp_path / "mm" / "run.nc")  # both count
    both = json.loads(merrow(*words, "--mm-reference", control, "--dry-run", "--json").out)
    assert both["frames"] == {f"{tmp_path.name}/run.nc": 10, "mm/run.nc": 10}
    assert not Path("out").exists()


def test_analyze_counts_its_frames_and_writes_nothing(merrow, systems, tmp_path):
    prmtop, inpcrd = systems / "helix_complex.prmtop", systems / "helix_complex.inpcrd"
    frames = short_run(prmtop, inpcrd, tmp_path / "run.nc", frames=12)
    words = ("analyze", "-p", prmtop, "-y", frames, "--ligand-mask", ":1", "--out", "out")
    short(merrow(*words, "--dry-run"), "12 frames of run.nc", "for reading")
    found = json.loads(merrow(*words, "--dry-run", "--json").out)
    assert found["frames"] == {"run.nc": 12}
    assert 60 * found["minutes"] >= found["reading_s"] > 0
    assert found["disk_mib"] > 0
    assert not Path("out").exists()


def test_prepare_decides_the_protonation_and_times_a_step_of_am1(merrow, systems):
    pytest.importorskip("pdb2pqr")
    files = ("--protein", systems / "helix.pdb", "--ligand", systems / "helix_ligand.sdf")
    words = ("prepare", "complex", *files, "--remove", "CL", "--out", "helix", "--dry-run")
    short(merrow(*words), "protonation: ", "TIP3P waters", "ASN A 318")
    found = json.loads(merrow(*words, "--json").out)
    assert 0 < found["least_minutes"] < found["most_minutes"]
    assert found["waters"] == pytest.approx(3504, rel=0.1)  # tleap's own box has so many
    assert found["changes"]["unresolved_at_the_ends"] == ["ASN A 318", "LEU A 319"]
    assert not Path("helix").exists()
