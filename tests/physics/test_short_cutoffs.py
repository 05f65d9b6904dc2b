# SPDX-License-Identifier: MIT
"""Is a run with a short cutoff as exact as others, in its energy and its pressure?"""

from __future__ import annotations

from pathlib import Path

import pytest

from merrow.ambertools.solvent import solvate
from merrow.md.from_mdin import read_md_settings
from merrow.md.run import run_md

MDIN = """one step from rest
 &cntrl imin=0, nstlim=1, dt=0.0005, ntt=3, gamma_ln=2.0, ntb=2, ntp=1, cut=5.0, ifmlp=1 /
 &mlp animask=':1', potential='mm' /
 &ewald {grid} /
"""


def test_a_short_cutoff_has_the_energy_and_the_pressure_of_a_fine_mesh(
    systems, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    gas = systems / "methane.prmtop", systems / "methane.inpcrd"
    files = solvate(*gas, folder=Path("wet"), n_waters=80)
    found = []
    for grid in ("", "nfft1=48, nfft2=48, nfft3=48"):
        Path("mdin").write_text(MDIN.format(grid=grid))
        result = run_md(read_md_settings("mdin"), *files, overwrite=True, mm_kernel="openmm")
        found.append(result.energies[0].values)
    own, fine = found
    assert own["EPtot"] == pytest.approx(fine["EPtot"], abs=0.3)
    assert own["PRESS"] == pytest.approx(fine["PRESS"], abs=30.0)
