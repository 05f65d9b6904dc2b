# SPDX-License-Identifier: MIT
"""Does it help to do as is said where a box is too narrow for its pressure?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from helped import helped
from merrow.amber.coordinates import read_coordinates, write_restart
from merrow.ambertools.solvent import solvate
from merrow.md.from_mdin import read_md_settings
from merrow.md.run import run_md

MDIN = """one step at constant pressure
 &cntrl imin=0, nstlim=1, tempi=300.0, ntt=3, gamma_ln=2.0, ntb=2, ntp=1, cut={cut:.7f}, ifmlp=1 /
 &mlp animask=':1', potential='mm' /
"""


def test_what_is_recommended_for_a_narrow_box_is_taken(systems, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gas = systems / "methane.prmtop", systems / "methane.inpcrd"
    prmtop, inpcrd = solvate(*gas, folder=Path("wet"), n_waters=80)
    given = read_coordinates(inpcrd)
    half = given.lengths[0] / 2

    def run(cut, scale=1.0):
        write_restart("c.rst7", replace(given, lengths=given.lengths * scale))
        Path("mdin").write_text(MDIN.format(cut=cut))
        run_md(read_md_settings("mdin"), prmtop, "c.rst7", overwrite=True, mm_kernel="openmm")

    helped(lambda: run(half), "take a larger box", lambda: run(half, scale=1.01))
    helped(lambda: run(half), "or a shorter cutoff", lambda: run(half * 0.99))
