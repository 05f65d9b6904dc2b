# SPDX-License-Identifier: MIT
"""Does the page that says how to add a potential lead to one that runs?"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from parmed import load_file

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "new-potential.md"
BLOCK = re.compile(r"^## \d\. [^`\n]*`([^`]+)`.*?^```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with the files of the page, and what `pip install .` would write beside them."""
    folder = tmp_path_factory.mktemp("site")
    files = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    assert sorted(files) == ["pyproject.toml", "springs.py", "test_springs.py"]
    for name, content in files.items():
        (folder / name).write_text(content)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    info = folder / f"merrow_springs-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["merrow.potentials"]
    lines = "\n".join(f"{name} = {value}" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[merrow.potentials]\n{lines}\n")
    return folder


def run(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a module of Python as if the folder were among the installed packages."""
    return subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def merrow(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("merrow")
    return subprocess.run(
        [program, *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_its_own_test_passes(installed):
    done = run(installed, "pytest", "-q", "-p", "no:cacheprovider", "test_springs.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_energy_is_computed_with_it(installed, systems):
    prmtop, inpcrd = systems / "acetone.prmtop", systems / "acetone.inpcrd"
    forces = installed / "forces.npy"
    words = ("-p", prmtop, "-c", inpcrd, "--ml-mask", ":1", "--potential", "springs")
    done = merrow(installed, "energy", *words, "--forces", forces, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    x = load_file(str(prmtop), str(inpcrd)).coordinates
    i, j = np.triu_indices(len(x), 1)
    stretch = np.linalg.norm(x[i] - x[j], axis=1) - 1.5
    assert answer["terms_kcal"]["ml"] == pytest.approx(2.5 * (stretch**2).sum(), abs=1e-4)
    assert answer["n_ml_atoms"] == len(x) == len(np.load(forces))


def test_it_is_listed_and_refuses_what_it_does_not_know(installed):
    rows = json.loads(merrow(installed, "models", "list", "--json").stdout)
    assert rows[-1]["name"] == "springs"
    assert rows[-1]["level_of_theory"] == "springs between all pairs, for this page"
    code = (
        "from merrow.potentials import Molecule, load_potential\n"
        "load_potential('springs', Molecule((8, 1), charge=-1))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "springs is made for neutral molecules only" in done.stderr


def test_a_plug_in_that_does_not_load_is_named_and_leaves_the_others_alone(installed, tmp_path):
    broken = tmp_path / "merrow_springs-0.1.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: merrow-springs\nVersion: 0.1\n")
    points = "[merrow.potentials]\nsprings = no_such_module:make\n"
    (broken / "entry_points.txt").write_text(points)
    done = merrow(tmp_path, "models", "describe", "springs")
    assert done.returncode == 2
    assert "the plug-in springs (no_such_module:make) does not load" in done.stderr
    assert merrow(tmp_path, "models", "describe", "ani1x").returncode == 0
    assert "springs: does not load" in merrow(tmp_path, "models", "list").stdout
