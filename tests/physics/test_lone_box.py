# SPDX-License-Identifier: MIT
"""A box in the coordinates alone: sander sums over it, OpenMM does not, so it is asked about."""

from __future__ import annotations

import re

import pytest
from parmed.amber import AmberFormat

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from merrow.ambertools.programs import run_program
from merrow.errors import InputError
from merrow.md.box import box_of
from merrow.md.from_mdin import md_settings
from merrow.mdin.namelist import parse_mdin
from merrow.single_point import SinglePoint, single_point

IFBOX = 27
LEAP = """source leaprc.protein.ff14SB
source leaprc.water.tip3p
m = sequence { ACE NME }
solvateBox m TIP3PBOX 7.0
saveamberparm m wet.prmtop wet.inpcrd
quit
"""


@pytest.fixture
def files(tmp_path, tleap):
    """Return a prmtop that announces no box, and coordinates with one."""
    tleap(tmp_path, LEAP)
    file = AmberFormat()
    file.rdparm_slow(str(tmp_path / "wet.prmtop"))
    file.parm_data["POINTERS"][IFBOX] = 0
    file.write_parm(str(tmp_path / "lone.prmtop"))
    return tmp_path / "lone.prmtop", tmp_path / "wet.inpcrd"


def energy(prmtop, inpcrd, cutoff=7.0):
    return single_point(SinglePoint(prmtop, inpcrd, None, "mm", cutoff=cutoff)).total


def test_a_box_of_the_coordinates_alone_is_refused_and_the_advice_helps(files, tmp_path):
    prmtop, inpcrd = files
    with pytest.raises(InputError, match=r"has a box, but .* announces none") as caught:
        energy(prmtop, inpcrd)
    assert re.findall(r"cpptraj: ([a-z, ]+)\)", str(caught.value)) == [
        "parmbox, parmwrite",
        "box nobox",
    ]
    x, y, z = read_coordinates(inpcrd).lengths
    lines = [
        f"parm {prmtop}",
        f"trajin {inpcrd}",
        "box nobox",
        "trajout bare.rst7",
        "run",
        f"parmbox x {x} y {y} z {z} alpha 90 beta 90 gamma 90",
        "parmwrite out boxed.prmtop",
    ]
    (tmp_path / "cpptraj.in").write_text("\n".join(lines) + "\nquit\n")
    run_program("cpptraj", ["-i", "cpptraj.in"], folder=tmp_path, log="cpptraj.log")
    right = energy(tmp_path / "wet.prmtop", inpcrd)
    assert energy(tmp_path / "boxed.prmtop", inpcrd) == pytest.approx(right, abs=0.01)
    assert abs(energy(prmtop, tmp_path / "bare.rst7", cutoff=None) - right) > 20.0


def test_a_run_asks_whether_it_has_a_box(files):
    prmtop, inpcrd = files
    topology, coordinates = read_topology(prmtop), read_coordinates(inpcrd)

    def box(keys):
        text = f"&cntrl {keys}ifmlp=1 /\n&mlp animask=':1' /\n"
        settings = md_settings(parse_mdin(text, source="mdin"))
        return box_of(settings, topology, inpcrd, coordinates)

    with pytest.raises(InputError, match="say ntb=0 for a run without a box"):
        box("")
    assert box("ntb=0, ") is None


def test_a_prmtop_with_a_box_of_which_it_tells_nothing_is_refused(files, tmp_path):
    file = AmberFormat()
    file.rdparm_slow(str(tmp_path / "wet.prmtop"))
    file.delete_flag("BOX_DIMENSIONS")
    file.write_parm(str(tmp_path / "silent.prmtop"))
    with pytest.raises(InputError, match="or are not there"):
        energy(tmp_path / "silent.prmtop", files[1])
