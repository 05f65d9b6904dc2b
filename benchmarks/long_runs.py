# SPDX-License-Identifier: MIT
"""One small run of every verb that takes its time, from the systems of the tests."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
from common import ROOT, SYSTEMS

from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.trajectory import TrajectoryWriter
from merrow.ambertools.solvent import solvate

MERROW = str(Path(sys.executable).with_name("merrow"))
POTENTIAL = "tiny-ani"
"""A plug-in of the tests, in `PLUGINS`: a small network."""
PLUGINS = str(ROOT / "tests" / "plugins")
MDIN = """as long as it is let
 &cntrl
  imin=0, irest=0, ntx=1, nstlim=10000000, dt=0.0005, tempi=300.0, ig=11, ntt=3, gamma_ln=5.0,
  temp0=300.0, ntb=1, cut=8.0, ntpr=50, ntwr=500, ifmlp=1,
 /
 &mlp animask=':1', potential='tiny-ani' /
"""
FRAMES = {"helix": 4000, "dimer": 400}
"""Of the trajectories that are analysed, so that it takes some seconds."""
SIGNS = {
    "hydration": "equilibrating",
    "campaign run": "runs ended",
    "md": "step",
    "simulate": "heat",
    "analyze": "/helix.nc",
    "mmpbsa": "MM-GBSA",
    "validate nve": "fs",
    "bench": "timing",
    "prepare complex": "ligand",
}
"""What the terminal shows when each of them is at its work, or a file that it then reads."""


def make_inputs(folder: Path) -> None:
    """Write what the commands read into a folder."""
    gas = SYSTEMS / "methane.prmtop"
    made = solvate(gas, gas.with_suffix(".inpcrd"), folder=folder / "made", n_waters=300)
    for path, name in zip(made, ("wet.prmtop", "wet.inpcrd"), strict=True):
        shutil.copy(path, folder / name)
    (folder / "mdin").write_text(MDIN)
    (folder / "set.csv").write_text("name,smiles\nmethane,C\nmethanol,CO\n")
    for name, stem in (("helix", "helix_complex"), ("dimer", "complex")):
        start = read_coordinates(SYSTEMS / f"{stem}.inpcrd").positions
        rng = np.random.default_rng(3)
        with TrajectoryWriter(
            folder / f"{name}.nc", Coordinates(start), velocities=False
        ) as writer:
            for k in range(FRAMES[name]):
                writer.append(Coordinates(start + rng.normal(0.0, 0.1, start.shape)), k + 1.0)


def commands(out: str) -> dict[str, list[str]]:
    """Return the command of every verb, to be given in the folder of the inputs.

    Args:
        out: Name of the folder that it writes.
    """
    wet = ["-p", "wet.prmtop", "-c", "wet.inpcrd", "--ml-mask", ":1"]
    solvated = ["wet.prmtop", "wet.inpcrd", "--ml-mask", ":1"]
    network = ["--potential", POTENTIAL]
    helix = ["-p", str(SYSTEMS / "helix_complex.prmtop"), "-y", "helix.nc", "--ligand-mask", ":1"]
    dimer = ["-p", str(SYSTEMS / "complex.prmtop"), "-y", "dimer.nc", "--ligand-mask", ":GST"]
    structure = ["--protein", str(SYSTEMS / "helix.pdb"), "--remove", "CL"]
    ligand = ["--ligand", str(SYSTEMS / "helix_ligand.sdf")]
    words = {
        "hydration": ["hydration", *solvated, *network, "--set", "cutoff_angstrom=7", "--out", out],
        "campaign run": ["campaign", "run", "set.csv", *network, "--out", out],
        "md": ["md", "-O", "-p", "wet.prmtop", "-c", "wet.inpcrd", "-r", f"{out}.rst"],
        "simulate": ["simulate", *wet, *network, "--cutoff", "8", "--out", out],
        "analyze": ["analyze", *helix, "--out", out],
        "mmpbsa": ["mmpbsa", *dimer, "--out", out],
        "validate nve": ["validate", "nve", *wet, *network, "--cutoff", "8"],
        "bench": ["bench", *wet, *network, "--cutoff", "8"],
        "prepare complex": ["prepare", "complex", *structure, *ligand, "--out", out],
    }
    return {verb: [MERROW, *given] for verb, given in words.items()}
