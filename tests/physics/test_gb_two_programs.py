# SPDX-License-Identifier: MIT
"""Do OpenMM and sander find the same generalised Born energy, model by model, and in a protein?"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.topology import read_topology
from merrow.amber.trajectory import TrajectoryWriter
from merrow.binding.gb_check import DELTA, RELATIVE, ROUNDING, gb_check
from merrow.binding.mmpbsa_program import RADII, Settings, Topologies, run_alone, split_topology
from merrow.system import implicit

if shutil.which("MMPBSA", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") is None:
    pytest.skip("no AmberTools", allow_module_level=True)


def sander_gb(prmtop, frames, settings, folder):
    """Return EGB of each frame by MMPBSA [kcal/mol]."""
    folder.mkdir(parents=True)
    path = folder / "frames.nc"
    with TrajectoryWriter(path, Coordinates(frames[0]), velocities=False) as writer:
        for k, frame in enumerate(frames):
            writer.append(Coordinates(frame), float(k))
    return run_alone("gb", prmtop, path, settings, folder=folder)["EGB"]


@pytest.fixture(scope="module")
def host_and_guest(systems):
    """An ester with an ether beside it and three frames, in single precision as in a file."""
    start = read_coordinates(systems / "complex.inpcrd", 34).positions
    noise = 0.03 * np.random.default_rng(3).normal(size=(3, *start.shape))
    return systems / "complex.prmtop", (start + noise).astype(np.float32).astype(float)


def split(host_and_guest, igb, folder):
    return split_topology(host_and_guest[0], range(34), range(21, 34), igb=igb, folder=folder)


@pytest.mark.parametrize(("igb", "salt"), [(5, 0.0), *((igb, 0.3) for igb in RADII)])
def test_every_model_is_the_same_in_both(host_and_guest, tmp_path, igb, salt):
    prmtop = split(host_and_guest, igb, tmp_path).complex
    frames = host_and_guest[1]
    theirs = sander_gb(prmtop, frames, Settings(igb, salt, 0.0), tmp_path / "run")
    ours = implicit.gb_energies(prmtop, frames, igb=igb, salt=salt)
    assert ours == pytest.approx(theirs, rel=RELATIVE, abs=ROUNDING)


@pytest.mark.slow
def test_a_protein_wider_than_rgbmax_agrees_too(shared, tmp_path, monkeypatch):
    """BRD4 is 45 Å long: sander cuts the integral of the Born radii at 25 Å, and so must OpenMM."""
    folder = shared / "data" / "protein-ligand" / "systems" / "brd4_5uez"
    prmtop = folder / "5uez_receptor.prmtop"
    place = read_coordinates(folder / "5uez_receptor.inpcrd", len(read_topology(prmtop))).positions
    frames = place[None].astype(np.float32).astype(float)
    # radii as tleap wrote them; here only their being the same counts
    theirs = sander_gb(prmtop, frames, Settings(5, 0.15, 0.0), tmp_path / "run")
    ours = implicit.gb_energies(prmtop, frames, igb=5, salt=0.15)
    assert ours == pytest.approx(theirs, rel=RELATIVE, abs=ROUNDING)
    monkeypatch.setattr(implicit, "RADII_CUTOFF", 100.0)
    uncut = implicit.gb_energies(prmtop, frames, igb=5, salt=0.15)
    assert uncut != pytest.approx(theirs, rel=10 * RELATIVE)


def test_a_difference_is_told(host_and_guest, tmp_path):
    species: Topologies = split(host_and_guest, 5, tmp_path)
    frames = host_and_guest[1]
    parts = {"complex": frames, "receptor": frames[:, :21], "ligand": frames[:, 21:]}
    files = {"complex": species.complex, "receptor": species.receptor, "ligand": species.ligand}
    settings = Settings(igb=5, salt=0.15)
    tables = {
        name: {"EGB": np.round(implicit.gb_energies(path, parts[name], igb=5, salt=0.15), 4)}
        for name, path in files.items()
    }
    delta = tables["complex"]["EGB"] - tables["receptor"]["EGB"] - tables["ligand"]["EGB"]
    tables["delta"] = {"EGB": delta}
    same = gb_check(species, parts, tables, settings)
    assert same.agree
    assert same.frames == (0, 1, 2)
    assert "agree on GB in 3 frames" in same.sentence()
    other = gb_check(species, parts, tables, Settings(igb=5, salt=0.0))
    assert not other.agree
    assert "do NOT agree" in other.sentence()
    tables["delta"]["EGB"] = delta + 1.1 * DELTA
    assert not gb_check(species, parts, tables, settings).agree
