# SPDX-License-Identifier: MIT
"""Is the motion as a whole removed where it is free, and nowhere else, as in sander?"""

from __future__ import annotations

import pytest

from merrow.md.from_mdin import md_settings, read_md_settings
from merrow.md.run import MdOutputs, run_md
from merrow.md.settings import drift_removal
from merrow.mdin.namelist import parse_mdin
from merrow.units import GAS_CONSTANT, KCAL_PER_KJ

MDIN = """velocities of 300 K
 &cntrl imin=0, nstlim=1, tempi=300.0, ntb=0, nscm=50, ifmlp=1, {more} /
 &mlp animask=':1', potential='mm' {mlp} /
"""
HELD = "ntr=1, restraint_wt=1.0, restraintmask='@1'"
WALL = ", mlp_confine=1, confine1=9.0, confinek=1.0, confine_center="
ATOMS = 5
"""Atoms of methane."""


@pytest.mark.parametrize(
    ("more", "mlp", "steps"),
    [
        ("", "", 50),
        ("ntt=11", "", 50),
        ("ntt=3, gamma_ln=2.0", "", 0),
        (HELD, "", 0),
        (f"ntt=11, {HELD}", "", 0),
        ("", f"{WALL}'fixed'", 0),
        ("", f"{WALL}'follow'", 50),
    ],
)
def test_motion_as_a_whole_is_removed_only_where_it_is_free(more, mlp, steps):
    settings = md_settings(parse_mdin(MDIN.format(more=more, mlp=mlp), source="mdin"))
    assert drift_removal(settings) == steps


def test_the_temperature_of_a_restrained_molecule_counts_all_its_motions(
    systems, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mdin").write_text(MDIN.format(more=HELD, mlp=""))
    files = systems / "methane.prmtop", systems / "methane.inpcrd"
    settings = read_md_settings("mdin")
    result = run_md(settings, *files, outputs=MdOutputs(), reference=files[1], platform="Reference")
    first, last = (one.values for one in result.energies)
    kinetic = 0.5 * 3 * ATOMS * GAS_CONSTANT * first["TEMP"] * KCAL_PER_KJ
    assert first["EKtot"] == pytest.approx(kinetic, rel=1e-9)
    assert last["Etot"] == pytest.approx(first["Etot"], abs=0.1)
    note = "| Note: nscm=0: ntr=1 holds atoms in space, so that the motion as a whole is not free."
    assert note in (tmp_path / "mdout").read_text()
