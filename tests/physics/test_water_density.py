# SPDX-License-Identifier: MIT
"""Does a box of TIP3P reach the density of TIP3P under our barostat, cutoff and tail?"""

from __future__ import annotations

import numpy as np
import pytest
from hybrids import make_box

from merrow.engine.plans import Ensemble
from merrow.engine.simulation import Snapshot, get_snapshot, open_context, set_snapshot
from merrow.system.pme import Nonbonded, pme_parameters
from merrow.units import BAR_PER_ATM

DALTON_PER_NM3 = 1.66053906660e-3
"""g/cm³."""


@pytest.mark.slow
def test_methane_in_300_waters_has_the_density_of_tip3p(systems, tmp_path):
    # TIP3P at 298 K and 1 atm: 0.982 g/cm³ with PME and tail; ±1.5 % holds the fluctuations of a
    # small box over 40 ps (its spread is 1 %, correlated over about 1 ps) and the methane.
    box = make_box(systems / "methane.prmtop", tmp_path, 300)
    pme = pme_parameters(tuple(np.diag(box.vectors)), 0.8, 5e-4)
    nonbonded = Nonbonded(0.8, pme=pme)
    hybrid = box.hybrid(nonbonded=nonbonded, rigid=True, solute_masses="repartitioned")
    ensemble = Ensemble(298.0, BAR_PER_ATM, 0.002, 1.0)
    context = open_context(hybrid, ensemble, platform="CPU", seed=5)
    set_snapshot(context, Snapshot(box.positions, np.zeros_like(box.positions), box.vectors))
    context.setVelocitiesToTemperature(298.0, 5)
    context.getIntegrator().step(10000)  # 20 ps
    volumes = []
    for _ in range(200):  # 40 ps
        context.getIntegrator().step(100)
        volumes.append(np.linalg.det(get_snapshot(context).box))
    mass = box.topology.masses.sum()
    density = mass * DALTON_PER_NM3 / np.mean(volumes)
    assert 0.97 < density < 1.00
