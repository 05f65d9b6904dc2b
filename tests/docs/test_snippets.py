# SPDX-License-Identifier: MIT
"""Does the Python of every page run, from its first block to its last?

The blocks of a page are one script. What a page takes for granted is here: a solvated `lig.prmtop`,
an OpenMM System of it, an mdin, a table of molecules, a protein with its ligand. A small network
takes the place of the published ones, and runs are as short as they can be.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from merrow.ambertools.solvent import solvate

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^( *)```python\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
PAGES = {
    str(path.relative_to(ROOT)): [dedent(block) for _, block in FENCE.findall(path.read_text())]
    for path in DOCUMENTS
}
LONG = ("docs/how-to/python.md",)
PRELUDE = """
from tiny_settings import TINY
import openmm
from openmm import app, unit
import numpy as np
import merrow
from merrow.testing import METHANOL_GEOMETRY

SHORT = {"minimisation": 5, "equilibration_ps": 0.04, "length_ps": 0.1, "chunk_ps": 0.05}
SHORT |= {"frame_interval_ps": 0.01, "timestep_ps": 0.001, "cutoff_angstrom": 8.0}
SHORT["potential"] = "tiny-ani"


def shortened(one, **changes):
    return lambda *words, **named: one(*words, **named, **changes)


simulate = merrow.simulate
merrow.Hydration = shortened(merrow.Hydration, settings=TINY, processes=1)
merrow.Campaign = shortened(merrow.Campaign, settings=TINY, potential="tiny-ani")
merrow.simulate = lambda *words, **named: simulate(*words, **{**named, **SHORT})

prmtop, inpcrd = app.AmberPrmtopFile("lig.prmtop"), app.AmberInpcrdFile("lig.inpcrd")
topology = prmtop.topology
mm_system = prmtop.createSystem(nonbondedMethod=app.PME, nonbondedCutoff=0.8 * unit.nanometer)
integrator = openmm.VerletIntegrator(0.0005)
positions = METHANOL_GEOMETRY + np.random.default_rng(7).normal(0.0, 0.03, (2, 6, 3))
"""
MDIN = """a few steps
 &cntrl
  imin=0, nstlim=2, dt=0.0005, ntpr=1, ntwr=2, ntt=3, gamma_ln=2.0, ntb=1, cut=8.0, ifmlp=1, ig=7,
 /
 &mlp animask=':LIG', potential='tiny-ani' /
"""


@pytest.fixture(scope="session")
def files(systems, tmp_path_factory) -> Path:
    """A folder with the files that the pages speak of."""
    folder = tmp_path_factory.mktemp("pages")
    gas = systems / "ethanol.prmtop"
    (folder / "ethanol" / "system").mkdir(parents=True)
    wet = solvate(gas, gas.with_suffix(".inpcrd"), folder=folder / "made", n_waters=300)
    for path, ending in zip(wet, ("prmtop", "inpcrd"), strict=True):
        shutil.copy(path, folder / "ethanol" / "system" / f"solvated.{ending}")
        shutil.copy(path, folder / f"lig.{ending}")
    top = folder / "lig.prmtop"
    names = re.search(r"%FLAG RESIDUE_LABEL\s+%FORMAT\(\S+\)\s+(\S+)", top.read_text())
    top.write_text(top.read_text().replace(names[0], names[0].replace(names[1], "LIG"), 1))
    shutil.copy(folder / "lig.inpcrd", folder / "lig.rst7")
    lines = (systems / "helix.pdb").read_text().splitlines(keepends=True)
    (folder / "protein.pdb").write_text("".join(x for x in lines if x[17:20].strip() != "CL"))
    shutil.copy(systems / "helix_ligand.sdf", folder / "pose.sdf")
    (folder / "mdin").write_text(MDIN)
    (folder / "set.csv").write_text("name,smiles,expt_kcal\nmethanol,CO,-5.1\n")
    return folder


def check(page: str, files: Path, folder: Path) -> None:
    script = re.sub(r"\"(?:ani2x|ani1ccx|aimnet2)\"", '"tiny-ani"', "\n".join(PAGES[page]))
    shutil.copytree(files, folder, dirs_exist_ok=True)
    (folder / "page.py").write_text(f"{PRELUDE}\n{script}")
    paths = [str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "page.py"],
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{page}: {done.stderr[-2000:]}"


@pytest.mark.parametrize("page", [p for p, blocks in PAGES.items() if blocks and p not in LONG])
def test_the_python_of_a_page_runs(page: str, files: Path, tmp_path: Path) -> None:
    check(page, files, tmp_path)


@pytest.mark.slow  # it prepares a complex, and samples two free energies
@pytest.mark.parametrize("page", LONG)
def test_the_python_of_a_long_page_runs(page: str, files: Path, tmp_path: Path) -> None:
    check(page, files, tmp_path)


def test_no_block_of_python_hides() -> None:
    """A block without a language that assigns or calls something of merrow's is Python."""
    hidden = re.compile(
        r"^ *```(?:py)?\n(?:[^`]*?\n)?(?:import merrow|\w+ = merrow\.|merrow\.\w+\()"
    )
    found = [
        str(path.relative_to(ROOT))
        for path in DOCUMENTS
        if "reference" not in path.parts
        for block in re.split(r"^(?=```)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if hidden.match(block)
    ]
    assert not found
