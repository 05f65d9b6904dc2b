# SPDX-License-Identifier: MIT
"""Does the kit for GPU machines run, part by part, on a processor?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import numpy as np
import pytest

from merrow.ambertools.solvent import solvate

KIT = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu"


@pytest.fixture(scope="module")
def prepared(systems, tmp_path_factory):
    """A folder with one small system under a name that the kit knows."""
    folder = tmp_path_factory.mktemp("systems")
    place = folder / "methanol26"
    place.mkdir()
    gas = systems / "methanol.prmtop"
    solvate(gas, gas.with_suffix(".inpcrd"), folder=place, n_waters=300)
    return folder


def run(prepared, out, *parts):
    """Run parts of the kit; return what they found."""
    words = [sys.executable, str(KIT / "kit.py"), "--out", str(out), "--systems", str(prepared)]
    words += ["--device", "cpu", "--small", "--potential", "tiny-ani", "--cutoff", "7.5"]
    done = subprocess.run(
        [*words, "--limit", "600", "--minutes", "30", *parts],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((out / "kit.json").read_text())


def test_platforms_are_compared_and_steps_timed(prepared, tmp_path):
    run(prepared, tmp_path, "correct")
    found = run(prepared, tmp_path, "steps-methanol26", "steps-toluene64")
    assert list(found) == ["correct", "steps-methanol26", "steps-toluene64"]
    assert "error" not in found["correct"]
    for key in ("cpu CPU  on_gpu", "cpu Reference  on_gpu", "cpu CPU  hybrid_of"):
        assert max(map(abs, found["correct"][key]["energy_kcal"])) < 0.01
        assert max(found["correct"][key]["forces"]) < 1e-5
    steps = found["steps-methanol26"]
    assert steps["region"] == 6
    assert all(steps[key] > 0.0 for key in ("mm", "path", "ml/mm, network on cpu"))
    assert "toluene64" in found["steps-toluene64"]["error"]  # a part that fails costs no other


@pytest.mark.slow
@pytest.mark.usefixtures("tleap")
def test_a_peptide_of_115_atoms_is_packed_and_its_steps_are_timed(tmp_path):
    SourceFileLoader("gpu_pack", str(KIT / "pack.py")).load_module().systems(tmp_path, ["helix"])
    steps = run(tmp_path, tmp_path, "steps-helix")["steps-helix"]
    assert "error" not in steps
    assert steps["region"] == 115
    timed = [steps["mm"], steps["ml/mm, network on cpu"], steps["the same, overlap, cpu"]]
    assert all(isinstance(ms, float) and ms > 0.0 for ms in timed), steps


@pytest.mark.slow
def test_the_other_parts_run_too(prepared, tmp_path):
    parts = ("machine", "forces", "record", "batches", "processes", "nve", "hydration", "campaign")
    found = run(prepared, tmp_path, *parts)
    assert {name: found[name]["error"] for name in found if "error" in found[name]} == {}
    assert found["machine"]["systems"] == ["methanol26"]
    assert found["forces"]["on gpu: whole"] > 0.0
    assert found["record"]["states"] == 14
    assert found["batches"]["methanol26 cpu 4"]["energy_error_kcal"] < 1e-3
    assert found["batches"]["methanol26 and waters cpu 4"]["energy_error_kcal"] < 0.02
    assert found["processes"]["mps mm"]["1"] > 0.0
    assert found["hydration"]["rc"] == 0, found["hydration"]
    assert found["hydration"].get("ml_device") == "cpu", found["hydration"]
    assert found["campaign"]["rc"] == 0, found["campaign"]
    assert found["campaign"]["rows"][0]["name"] == "methanol26"


@pytest.mark.slow
def test_a_complex_is_simulated_by_both_methods_and_analysed(systems, tmp_path):
    place, whole = tmp_path / "systems" / "complex", systems / "helix_complex.prmtop"
    place.mkdir(parents=True)
    solvate(whole, whole.with_suffix(".inpcrd"), folder=place, n_waters=1000)
    shutil.copy(systems / "helix.pdb", place / "crystal.pdb")
    found = run(place.parent, tmp_path, "complex")["complex"]
    assert "error" not in found
    assert found["rc"] == 0, found
    assert min(found["ns_per_day"][leg] for leg in ("ml_mm", "mm")) > 0.0
    assert [run["trajectory"] for run in found["analysis"]] == ["ml_mm", "mm"]
    assert all(0.0 < run["rmsd_a"]["protein backbone"]["value"] < 2.0 for run in found["analysis"])
    assert any("at least 1000 ps are needed" in note for note in found["notes"])
    with np.load(tmp_path / "complex" / "frames.npz") as frames:
        assert frames["ml_mm"].shape == frames["mm"].shape == (20, len(frames["atoms"]), 3)
        assert np.abs(frames["ml_mm"] - frames["mm"]).max() > 1e-3  # two Hamiltonians
    again = run(place.parent, tmp_path, "complex")["complex"]  # goes on: nothing is left to do
    assert again["analysis"] == found["analysis"]


def test_a_complex_that_was_not_prepared_is_told(prepared, tmp_path):
    assert "prepare complex" in run(prepared, tmp_path, "complex")["complex"]["skipped"]


def test_an_unknown_part_is_refused_with_the_names_of_all(tmp_path):
    words = [sys.executable, str(KIT / "kit.py"), "--out", str(tmp_path), "speed"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is no part speed; choose of machine, tests, correct," in done.stderr


@pytest.mark.slow
def test_the_pack_holds_package_kernels_weights_and_systems(prepared, tmp_path):
    """Without wheels, which come from an index; the archive is what the kit unpacks."""
    models = tmp_path / "models"
    models.mkdir()
    (models / "ani1ccx_state_dict.pt").write_bytes(b"weights")
    out, words = tmp_path / "pack.tar.xz", [sys.executable, str(KIT / "pack.py"), "--no-wheels"]
    words += ["--models", str(models), "--systems", str(prepared), "--out", str(out)]
    done = subprocess.run(
        [*words, "--only", "methanol26"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "and the checkout" in done.stdout
    found = tmp_path / "found"
    pack = tmp_path / "unpacked"
    words = [sys.executable, str(KIT / "kit.py"), "--pack", str(out), "--out", str(found)]
    words += ["--unpack", str(pack), "--device", "cpu", "machine"]
    clean = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}  # what runs writes no caches of its own
    subprocess.run(words, check=True, capture_output=True, env=clean)
    assert json.loads((found / "kit.json").read_text())["machine"]["systems"] == ["methanol26"]
    assert (pack / "models" / "ani1ccx_state_dict.pt").read_bytes() == b"weights"
    assert not [*pack.rglob("__pycache__")]
    source = KIT.parents[1] / "src" / "merrow"
    kernels = [path.relative_to(source.parent) for path in source.rglob("*.so")]
    assert all((pack / "src" / kernel).is_file() for kernel in kernels)
