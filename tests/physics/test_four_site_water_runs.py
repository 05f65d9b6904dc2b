# SPDX-License-Identifier: MIT
"""Water of four sites is minimised and simulated as any other, its extra points always in place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merrow.amber.topology import read_topology
from merrow.md.from_mdin import read_md_settings
from merrow.md.run import run_md
from merrow.system.configuration import place_sites, read_configuration
from merrow.system.rendering import rendered

LEAP = """source leaprc.protein.ff14SB
source leaprc.water.opc
m = sequence { ACE NME }
solvateBox m OPCBOX 6.5
saveamberparm m wet.prmtop wet.inpcrd
quit
"""
CNTRL = "ntb=1, cut=7.0, ntpr=5, ifmlp=1"
MLP = "&mlp animask='!:WAT', potential='mm' /"
MINIMISE = f"flexible\n &cntrl imin=1, maxcyc=20, {CNTRL} /\n {MLP}\n"
RIGID = f"rigid\n &cntrl imin=1, maxcyc=20, ntc=2, ntf=2, {CNTRL} /\n {MLP}\n"
DYNAMICS = f"""300 K, a comment with a letter of latin-1: Bj\xf6rk
 &cntrl imin=0, nstlim=10, dt=0.001, ntc=2, ntf=2, ntt=3, gamma_ln=2.0, tempi=300.0, {CNTRL} /
 {MLP}
"""


@pytest.fixture(scope="module")
def opc(tmp_path_factory, tleap):
    """Return prmtop and coordinates of a peptide bond in OPC water."""
    folder = tmp_path_factory.mktemp("opc")
    tleap(folder, LEAP)
    return folder / "wet.prmtop", folder / "wet.inpcrd"


@pytest.mark.parametrize("text", [MINIMISE, RIGID, DYNAMICS], ids=["free", "rigid", "dynamics"])
def test_it_runs_and_extra_points_are_in_place(opc, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mdin").write_bytes(text.encode("latin-1"))
    energies = run_md(read_md_settings("mdin"), *opc).energies
    if "imin=1" in text:
        first, last = (block.values["EPtot"] for block in (energies[0], energies[-1]))
        assert last < first - 50.0
    topology = read_topology(opc[0])
    found = read_configuration("restrt", topology).positions / 10
    placed = found.copy()
    place_sites(rendered(topology), placed)
    np.testing.assert_allclose(placed, found, atol=1e-5)  # nm; a restart has 1e-8
    extra = [i for i, number in enumerate(topology.numbers) if number == 0]
    assert len(extra) > 100
