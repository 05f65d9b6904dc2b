# SPDX-License-Identifier: MIT
"""What is the smallest leg worth resuming? Methane, three states, a few steps, CPU platform.

Also a script: `python tiny_leg.py PRMTOP INPCRD FOLDER COUNT` runs it until it is killed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from merrow.engine.advance import advance_leg
from merrow.engine.plans import Ensemble, LegPlan
from merrow.engine.reservoir import Reservoir
from merrow.engine.simulation import Snapshot
from merrow.engine.storage import TaskFolder
from merrow.samples import LambdaState
from merrow.system.box import box_vectors
from merrow.system.build import HybridSystem, hybrid_system
from merrow.system.native_forces import with_native_forces
from merrow.system.pme import Nonbonded, pme_parameters
from merrow.system.potentials import open_potential
from merrow.system.region import select_region

STATES = (LambdaState(1.0, 1.0), LambdaState(0.0, 0.7), LambdaState(0.0, 0.0))
PLAN = LegPlan(
    states=STATES,
    ensemble=Ensemble(298.15, 1.01325, 0.002, 1.0, barostat_interval=2),
    equilibration=4,
    equilibration_per_state=2,
    steps_per_record=3,
    records_per_sweep=2,
    sweeps_per_segment=2,
    platform="CPU",
    seed=77,
    repeat=1,
)


def build(prmtop: Path, inpcrd: Path, *, native: bool = False) -> tuple[HybridSystem, Snapshot]:
    """Build everything anew, as a new process would; on our nonbonded kernel or on OpenMM's."""
    topology = read_topology(prmtop)
    region = select_region(topology, ":1")
    coordinates = read_coordinates(inpcrd, len(topology))
    vectors = box_vectors(coordinates) / 10
    nonbonded = Nonbonded(0.8, pme=pme_parameters(tuple(np.diag(vectors)), 0.8, 5e-4))
    potential = open_potential("mm", topology, region)
    masses = "repartitioned"
    hybrid = hybrid_system(topology, region, potential, nonbonded=nonbonded, solute_masses=masses)
    if native:
        hybrid = with_native_forces(hybrid)
    positions = coordinates.positions / 10
    return hybrid, Snapshot(positions, np.zeros_like(positions), vectors)


def run(
    prmtop: Path, inpcrd: Path, folder: Path, count: int, reservoir: Reservoir | None = None
) -> None:
    """Do what is missing until there are `count` segments."""
    hybrid, start = build(prmtop, inpcrd)
    task = TaskFolder(folder)
    while task.count_segments() < count:
        advance_leg(task, hybrid, PLAN, lambda: start, reservoir=reservoir)


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
