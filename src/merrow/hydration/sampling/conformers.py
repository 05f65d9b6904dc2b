# SPDX-License-Identifier: MIT
"""Starting conformers of independent repeats, chosen to differ as much as possible.

If repeats and gas-phase ladders started from different conformers end with different populations,
a barrier was not crossed. The conformers come from a short high-temperature MM run in gas, so they
are available for every kind of input.
"""

from __future__ import annotations

import numpy as np

from merrow.engine.advance import advance_gas
from merrow.engine.gas import HOTTEST, GasPlan
from merrow.engine.seeds import derive_seed
from merrow.engine.segments import gas_frames
from merrow.engine.storage import TaskFolder
from merrow.geometry import torsion_angles
from merrow.hydration.config import HydrationConfig
from merrow.hydration.prepare import Prepared
from merrow.hydration.run_folder import RunFolder
from merrow.potentials.interface import Array, Potential
from merrow.system.torsions import most_different
from merrow.units import ANGSTROM_PER_NM, NM_PER_ANGSTROM

WALKERS = 4
STEP = 0.001
"""Time step of the high-temperature run [ps]; it only generates starting structures."""


def make_conformers(
    folder: RunFolder, config: HydrationConfig, prepared: Prepared, classical: Potential
) -> Array:
    """Return one conformer per repeat or gas-phase ladder, whichever are more.

    The choice is greedy and the high-temperature run is kept, so later repeats do not change the
    conformers of earlier ones.

    Args:
        folder: Run folder; if it already has enough conformers, they are read.
        config: Seed, repeats and ladders.
        prepared: The system.
        classical: MM terms of the solute, for the high-temperature run.

    Returns:
        Positions [Å], shape (count, n, 3); the first conformer is the input's.
    """
    count = max(config.repeats, config.protocol.n_gas_ladders)
    there = folder.read_conformers()
    if there is not None and len(there) >= count:
        return there
    chosen = np.repeat(prepared.solute[None], count, axis=0)
    if prepared.torsions:
        hot = _hot_run(folder.hot, config, prepared, classical)
        pool = np.concatenate([prepared.solute[None], hot])
        chosen = pool[most_different(torsion_angles(pool, prepared.torsions), count)]
    folder.save_conformers(chosen)
    return chosen


def _hot_run(
    folder: TaskFolder, config: HydrationConfig, prepared: Prepared, classical: Potential
) -> Array:
    """Return conformers [Å] from a short run at 900 K, shape (m, n, 3)."""
    plan = GasPlan(
        temperatures=(HOTTEST,),
        ladders=WALKERS,
        masses=tuple(prepared.masses.tolist()),
        timestep=STEP,
        friction=config.protocol.gas_friction_per_ps,
        equilibration=1000,
        steps_per_record=250,
        records_per_segment=40,
        seed=derive_seed(config.seed, "conformers"),
        bonds=prepared.bonds,
    )
    starts = np.repeat(prepared.solute[None], WALKERS, axis=0) * NM_PER_ANGSTROM
    while not folder.count_segments():
        advance_gas(folder, classical, plan, starts)
    return gas_frames(folder.read_gas()).positions * ANGSTROM_PER_NM
