# SPDX-License-Identifier: MIT
"""Does the whole pipeline run in water of four sites, and are its energies sander's?

What `merrow simulate` prints of its last step is compared with sander on its last restart file, for
MM alone, and for ML/MM with E(ML/MM) − E_ML = E_MM(all) − E_MM(region).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_simulate import SHORT, STAGES

from mdout_reader import read_mdout
from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.amber.topology import read_topology
from merrow.amber.trajectory import read_restart_metadata
from merrow.ambertools import sander
from merrow.single_point import SinglePoint
from merrow.single_point import single_point as energy_of
from merrow.system.configuration import place_sites
from merrow.system.pme import sander_pme
from merrow.system.rendering import rendered

LEAP = """source leaprc.gaff
source leaprc.water.{water}
m = loadmol2 {mol2}
saveamberparm m gas.prmtop gas.inpcrd
solvatebox m {box} 7.0
saveamberparm m wet.prmtop wet.inpcrd
quit
"""
WATERS = {"opc": "OPCBOX", "tip4pew": "TIP4PEWBOX"}
TIGHT = {"cutoff": 8.0, "ewald_coefficient": 0.4, "lj_tail": False}
"""One converged Ewald sum, without the tail, of which sander has the attractive term alone."""


@pytest.mark.slow
@pytest.mark.parametrize("water", WATERS)
def test_it_runs_to_the_end_with_the_energies_of_sander(water, merrow, systems, tleap):
    mol2 = systems / "methanol.mol2"
    tleap(Path.cwd(), LEAP.format(water=water, box=WATERS[water], mol2=mol2))
    files = ("-p", "wet.prmtop", "-c", "wet.inpcrd", "--ml-mask", ":1", "-o", "out")
    answer = merrow("simulate", *files, "--potential", "ani2x", "--mm-reference", *SHORT)
    assert answer.code == 0, answer.err
    topology = read_topology(Path("wet.prmtop"))
    for leg, potential in (("mm", "mm"), ("ml_mm", "ani2x")):
        folder = Path("out", leg)
        assert sorted(path.stem for path in folder.glob("*.rst")) == STAGES
        restart = folder / "prod-0002.rst"
        last = read_coordinates(restart, len(topology))
        placed = last.positions / 10
        place_sites(rendered(topology), placed)
        np.testing.assert_allclose(placed, last.positions / 10, atol=1e-5)

        # what the run prints of its last step is the energy of the structure that it leaves
        here = SinglePoint(Path("wet.prmtop"), restart, ":1", potential, cutoff=8.0)
        grid = read_restart_metadata(restart).grid
        alpha = sander_pme(last.lengths, 8.0, tolerance=1e-5).alpha / 10
        same = energy_of(replace(here, ewald_coefficient=alpha, pme_grid=grid))
        printed = read_mdout(folder / "prod-0002.out")
        ours = next(block for block in printed if block.step == 8).values
        if potential != "mm":
            assert ours["EML"] == pytest.approx(same.terms["ml"], abs=1e-3)
        # single precision of the run, some 1e-7 of sums that cancel
        assert ours["EPtot"] == pytest.approx(same.total, abs=0.02)

        # and that is sander's
        write_restart(Path("all.rst7"), last)
        write_restart(Path("region.rst7"), Coordinates(last.positions[:6]))
        found = energy_of(replace(here, **TIGHT, pme_grid=(64, 64, 64)))
        right = sander.single_point(here.prmtop, Path("all.rst7"), **TIGHT, grid=(64, 64, 64))
        inner = sander.single_point(Path("gas.prmtop"), Path("region.rst7"))
        rest = right["total"] - (inner["total"] if potential != "mm" else 0.0)
        assert found.total - found.terms["ml"] == pytest.approx(rest, abs=0.01)
