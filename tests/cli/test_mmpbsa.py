# SPDX-License-Identifier: MIT
"""Is `merrow mmpbsa` MMPBSA itself, digit for digit, and do two programs agree on its GB energy?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from openmm import app, unit
from short_runs import short_run

from merrow.amber.coordinates import Coordinates
from merrow.amber.trajectory import TrajectoryWriter
from merrow.ambertools.solvent import solvate
from merrow.binding.mmpbsa_program import Settings, read_frames_table
from page_reader import check_page

if shutil.which("MMPBSA", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") is None:
    pytest.skip("no AmberTools", allow_module_level=True)

N_FRAMES = 10


@pytest.fixture(scope="module")
def dimer(systems, tmp_path_factory):
    """An ester with an ether beside it, and frames of a short run in implicit water."""
    prmtop, inpcrd = systems / "complex.prmtop", systems / "complex.inpcrd"
    path = tmp_path_factory.mktemp("dimer") / "run.nc"
    return prmtop, short_run(prmtop, inpcrd, path, frames=N_FRAMES)


@pytest.fixture(scope="module")
def estimate(dimer, tmp_path_factory):
    """What our own run made of these frames."""
    from merrow.binding.ensembles import MmpbsaRequest  # noqa: PLC0415
    from merrow.binding.mmpbsa import mmpbsa  # noqa: PLC0415

    prmtop, trajectory = dimer
    out = tmp_path_factory.mktemp("estimate") / "out"
    settings = Settings(igb=5, salt=0.15, surface_tension=0.0, decompose=True)
    answer = mmpbsa(MmpbsaRequest(prmtop, trajectory, ":GST", out, settings=settings))
    return out, answer


def by_hand(program, *arguments, folder):
    beside = Path(sys.executable).parent
    path = f"{beside}:{os.environ['PATH']}"
    subprocess.run(
        [shutil.which(program, path=path), *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PATH": path},
        check=True,
        capture_output=True,
        timeout=300,
    )


def test_the_table_is_that_of_a_run_by_hand(dimer, estimate, tmp_path):
    prmtop, trajectory = dimer
    names = {"-c": "com.prmtop", "-r": "rec.prmtop", "-l": "lig.prmtop"}
    words = [word for pair in names.items() for word in pair]
    split = ("-p", prmtop, *words, "-s", ":WAT", "-m", ":HST", "--radii", "mbondi2")
    by_hand("ante-MMPBSA", *split, folder=tmp_path)
    (tmp_path / "gb.in").write_text(
        "&general\n use_sander=1, netcdf=1,\n/\n&gb\n igb=5, saltcon=0.15, surften=0.0,\n/\n"
        "&decomp\n idecomp=1, dec_verbose=0, csv_format=1,\n/\n"
    )
    files = ("-cp", "com.prmtop", "-rp", "rec.prmtop", "-lp", "lig.prmtop", "-y", trajectory)
    outputs = ("-o", "final.dat", "-eo", "frames.csv", "-do", "residues.csv")
    by_hand("MMPBSA", "-O", "-i", "gb.in", *outputs, *files, folder=tmp_path)
    ours = (estimate[0] / "gb_run" / "frames.csv").read_text()
    assert ours == (tmp_path / "frames.csv").read_text()


def test_the_answer_is_the_table(estimate):
    out, answer = estimate
    delta = read_frames_table(out / "gb_run" / "frames.csv")["delta"]
    told = answer["runs"][0]["delta_kcal"]
    assert len(delta["TOTAL"]) == N_FRAMES
    for name, values in delta.items():
        assert told[name]["value"] == pytest.approx(values.mean(), abs=1e-9)
        plain = values.std(ddof=1) / np.sqrt(N_FRAMES)
        assert told[name]["stderr"] >= plain * (1 - 1e-9)
    parts = told["VDWAALS"]["value"] + told["EEL"]["value"] + told["EGB"]["value"]
    assert told["TOTAL"]["value"] == pytest.approx(parts, abs=1e-3)
    shares = answer["runs"][0]["residues_kcal"]
    # four decimals of five terms, twice
    assert sum(shares.values()) == pytest.approx(told["TOTAL"]["value"], abs=2e-3)
    errors = answer["runs"][0]["residues_stderr_kcal"]
    assert errors.keys() == shares.keys()
    # the ligand and its host alone make the sum, so each has about its error
    assert max(errors.values()) >= 0.3 * told["TOTAL"]["stderr"]
    page = check_page((out / "mmpbsa.html").read_text())
    assert "no entropy is in TOTAL" in page.text
    for words in ("igb = 5", "0.15 mol/L", "10.1021/ct300418h", "10.1002/prot.20033"):
        assert words in page.text, words
    assert len(page.tags("svg")) == 4  # the ligand, terms, series, residues


def test_openmm_and_sander_agree_on_the_gb_energy(estimate):
    out, answer = estimate
    check = answer["runs"][0]["openmm_check"]
    assert check["frames"] == (0, 4, 9)
    assert set(check["relative"]) == {"complex", "receptor", "ligand"}
    assert max(check["relative"].values()) <= 1e-5
    assert check["delta"] <= 0.05
    assert "OpenMM and sander agree on GB in 3 frames" in (out / "mmpbsa.html").read_text()


@pytest.mark.slow
def test_an_mm_reference_stands_beside(merrow, dimer):
    prmtop, trajectory = dimer
    words = ("mmpbsa", "-p", prmtop, "-y", trajectory, "--ligand-mask", ":GST", "-o", "out")
    Path("mm").mkdir()
    mine = shutil.copy(trajectory, Path("mm") / Path(trajectory).name)  # the same name
    done = merrow(*words, "--mm-reference", mine, "--json")
    assert done.code == 0, done.err
    run, reference = json.loads(done.out)["runs"]
    assert [one["ensemble"] for one in (run, reference)] == ["ML/MM", "MM"]
    assert run["trajectory"] != reference["trajectory"] == f"mm/{mine.name}"
    assert run["delta_kcal"] == reference["delta_kcal"]
    (apart,) = json.loads(done.out)["ml_mm_minus_mm_kcal"].values()
    error = run["delta_kcal"]["TOTAL"]["stderr"]
    assert apart == {"value": 0.0, "stderr": pytest.approx(error * 2**0.5)}
    assert "ML/MM − MM: 0.00 ±" in check_page(Path("out/mmpbsa.html").read_text()).text
    assert Path("out/gb_mm/frames.csv").is_file()


@pytest.mark.slow
def test_poisson_boltzmann_shares_the_gas_phase_with_gb(merrow, dimer, estimate):
    prmtop, trajectory = dimer
    words = ("mmpbsa", "-p", prmtop, "-y", trajectory, "--ligand-mask", ":GST", "-o", "out")
    done = merrow(*words, "--method", "pb", "--json")
    assert done.code == 0, done.err
    runs = [*estimate[1]["runs"], *json.loads(done.out)["runs"]]
    assert [run["method"] for run in runs] == ["gb", "pb"]
    gas = [run["delta_kcal"]["G gas"]["value"] for run in runs]
    # the gas-phase part does not know of the solvent model; PB prints its own four decimals
    assert gas[0] == pytest.approx(gas[1], abs=2e-3)


@pytest.mark.slow
def test_water_is_left_out_and_images_are_joined(merrow, systems, tmp_path):
    """Frames of the dry complex, and the same frames in water with the guest one box away."""
    dry = systems / "complex.prmtop", systems / "complex.inpcrd"
    prmtop, inpcrd = solvate(*dry, folder=tmp_path / "wet", n_waters=300)
    wet, start = app.AmberPrmtopFile(str(prmtop)), app.AmberInpcrdFile(str(inpcrd))
    place = np.array(start.positions.value_in_unit(unit.angstrom))
    box = np.diag(start.boxVectors.value_in_unit(unit.angstrom))
    names = [residue.name for residue in wet.topology.residues()]
    assert names[:2] == ["HST", "GST"]
    rng = np.random.default_rng(5)
    frames = place + 0.02 * rng.normal(size=(10, *place.shape))
    angles = np.full(3, 90.0)
    moved = frames.copy()
    moved[5:, 21:34] += [box[0], 0.0, -box[2]]
    answers = []
    for name, some in (("here", frames), ("there", moved)):
        path = tmp_path / f"{name}.nc"
        like = Coordinates(some[0], lengths=box, angles=angles)
        with TrajectoryWriter(path, like, velocities=False) as writer:
            for k, frame in enumerate(some):
                writer.append(Coordinates(frame, lengths=box, angles=angles), 1.0 * k)
        words = ("mmpbsa", "-p", prmtop, "-y", path, "--ligand-mask", ":GST", "-o", name, "--json")
        done = merrow(*words)
        assert done.code == 0, done.err
        answers.append(json.loads(done.out)["runs"][0]["delta_kcal"]["TOTAL"]["value"])
    # single precision of coordinates near the wall moves the last printed digits
    assert answers[0] == pytest.approx(answers[1], abs=2e-2)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--ligand-mask :GUEST", "selects 0 of"),
        ("--ligand-mask :HST,GST", "must leave a receptor"),
        ("--ligand-mask :GST@C1", "cuts the residue GST 2"),
        ("--ligand-mask :GST --method mm", "use gb, pb or gb,pb"),
        ("--ligand-mask :GST --igb 3", "igb 3 is not known"),
        ("--ligand-mask :GST --stride 4", "at least 10 are needed"),
        ("--ligand-mask :GST --mm-reference lost.nc", "there is no trajectory file lost.nc"),
        ("--ligand-mask :GST --mm-reference SAME", "are the same file"),
    ],
)
def test_mmpbsa_refuses(merrow, dimer, words, told):
    prmtop, trajectory = dimer
    given = [str(trajectory) if word == "SAME" else word for word in words.split()]
    answer = merrow("mmpbsa", "-p", prmtop, "-y", trajectory, *given, "-o", "out")
    assert answer.code == 2, answer
    assert len(answer.err.splitlines()) == 1
    assert told in answer.err
    assert list(Path.cwd().iterdir()) == []
