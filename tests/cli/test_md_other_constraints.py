# SPDX-License-Identifier: MIT
"""Does a run that goes on with other constraints than before begin with them satisfied?"""

from __future__ import annotations

from pathlib import Path

import pytest

from mdout_reader import read_mdout

FREE = """flexible
 &cntrl imin=0, nstlim=4, dt=0.001, tempi=300.0, ig=3, ntb=0, ntxo={kind}, nscm=0, ifmlp=1 /
 &mlp animask=':1', potential='mm' /
"""
HELD = """rigid bonds to hydrogen
 &cntrl imin=0, irest=1, ntx=5, nstlim=2, dt=0.001, ntb=0, ntc=2, ntpr=1, nscm=0, ifmlp=1 /
 &mlp animask=':1', potential='mm', mlp_shake=1 /
"""


def test_a_run_that_goes_on_with_other_constraints_meets_them_first(merrow, files):
    energies = {}
    for kind in (2, 1):  # a text restart has no step, so that its run begins anew
        Path("mdin").write_text(FREE.format(kind=kind))
        md = "md", "-O", "-p", files["gas"], "--platform", "Reference", "-c"
        assert merrow(*md, files["gas_crd"], "-r", "free").code == 0
        Path("mdin").write_text(HELD)
        assert merrow(*md, "free").code == 0
        assert "| Note: lengths that are held" in Path("mdout").read_text()
        energies[kind] = read_mdout(Path("mdout"))[0].values["Etot"]
    assert energies[2] == pytest.approx(energies[1], abs=1e-3)
