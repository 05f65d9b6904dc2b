# SPDX-License-Identifier: MIT
"""Do inputs of the original program run here, all but their number of steps unchanged?"""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from test_bad_input import one_sentence

from mdout_reader import read_mdout
from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.trajectory import RestartMetadata, write_netcdf_restart

ORIGINAL = runpy.run_path(str(Path(__file__).parents[1] / "unit" / "md" / "test_md_settings.py"))[
    "ORIGINAL"
]


def prepare(text, files):
    """Write the input with two steps, and a restart at rest; return prmtop and restart."""
    text = re.sub(r"nstlim=\d+", "nstlim=2", text)
    text = re.sub(r"ntpr=\d+", "ntpr=1", text)
    # the molecules of these tests are residue 1, and their box is 21 Å wide
    Path("mdin").write_text(text.replace(":LIG", ":1").replace("cut=9.0", "cut=8.0"))
    name = "gas" if "ntb=0" in text else "wet"
    found = read_coordinates(files[f"{name}_crd"])
    still = Coordinates(found.positions, found.positions * 0.0, found.lengths, found.angles)
    write_netcdf_restart(Path("start.rst"), still, RestartMetadata(0.0))
    return files[name], "start.rst"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ORIGINAL if name != "ti v0"])
def test_an_input_of_the_original_program_runs(merrow, files, name):
    prmtop, start = prepare(ORIGINAL[name], files)
    answer = merrow("md", "-p", prmtop, "-c", start)
    assert answer.code == 0, answer.err
    last = read_mdout(Path("mdout"))[-1]
    assert last.step == 2
    assert -26000 < last.values["EML"] < -25000  # methane, absolute
    assert ("DV/DL" in last.values) == name.startswith("ti")
    assert ("VOLUME" in last.values) == (name == "npt")


def test_the_first_of_a_pair_for_coupling_needs_the_second(merrow, files):
    prmtop, start = prepare(ORIGINAL["ti v0"], files)
    told = one_sentence(merrow("md", "-p", prmtop, "-c", start))
    assert "icfe=1 needs crgmask='...', the ML region: one input holds the whole leg here" in told
