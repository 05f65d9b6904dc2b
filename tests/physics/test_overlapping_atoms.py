# SPDX-License-Identifier: MIT
"""Atoms that lie on each other are refused, through the walls of the box too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.amber.topology import AmberTopology, read_topology
from merrow.errors import InputError
from merrow.md.from_mdin import read_md_settings
from merrow.md.run import run_md
from merrow.system.box import box_vectors
from merrow.system.configuration import read_configuration

LEAP = """source leaprc.protein.ff14SB
source leaprc.water.tip3p
m = sequence {{ ACE NME }}
{solvate}
saveamberparm m wet.prmtop wet.inpcrd
quit
"""
SHAPES = {"box": "solvateBox m TIP3PBOX 7.0", "octahedron": "solvateOct m TIP3PBOX 7.0"}
CNTRL = "imin=0, nstlim=1, ntb=1, cut=6.0, ntc=2, ntf=2, ifmlp=1"


@pytest.fixture(scope="module", params=SHAPES)
def wet(request, tmp_path_factory, tleap) -> tuple[Path, AmberTopology, Coordinates]:
    """A prmtop, what it says, and coordinates with every molecule whole."""
    folder = tmp_path_factory.mktemp(request.param)
    tleap(folder, LEAP.format(solvate=SHAPES[request.param]))
    topology = read_topology(folder / "wet.prmtop")
    read = read_coordinates(folder / "wet.inpcrd", len(topology))
    return folder / "wet.prmtop", topology, read


def water_beyond_the_wall(wet, apart: float, path: Path) -> Path:
    """Write coordinates in which one water stands on another's image, so far apart [Å]."""
    _, topology, read = wet
    box, x = box_vectors(read), read.positions.copy()
    first, last = (list(topology.molecules[k]) for k in (1, -1))
    images = np.array([1.0, -1.0, 1.0]) @ box
    x[last] += x[first[0]] - x[last[0]] + images + [0.0, 0.0, apart]
    near = x[last][:, None] - x[None, : first[-1] + 1]
    assert np.linalg.norm(near, axis=-1).min() > 5.0  # far apart but for the box
    write_restart(path, Coordinates(x, None, read.lengths, read.angles))
    return path


def test_one_place_in_two_images_is_refused(wet, tmp_path):
    both = water_beyond_the_wall(wet, 0.0, tmp_path / "both.rst7")
    with pytest.raises(InputError, match=r"@O and :\d+@O are at one place in both\.rst7"):
        read_configuration(both, wet[1])


def test_dynamics_does_not_start_with_a_water_upon_an_image(wet, tmp_path, monkeypatch):
    near = water_beyond_the_wall(wet, 0.05, tmp_path / "near.rst7")
    read_configuration(near, wet[1])  # an energy it has, if a large one
    monkeypatch.chdir(tmp_path)
    Path("mdin").write_text(f"x\n &cntrl {CNTRL} /\n &mlp animask=':1-2', potential='tiny-ani' /\n")
    with pytest.raises(InputError, match=r"lie on each other \(0\.050 Å\)"):
        run_md(read_md_settings("mdin"), prmtop=wet[0], inpcrd=near, platform="CPU")


def test_no_structure_is_refused_for_its_images(wet, tmp_path):
    read_configuration(wet[0].with_suffix(".inpcrd"), wet[1])
