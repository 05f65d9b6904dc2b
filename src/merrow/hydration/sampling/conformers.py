# SPDX-License-Identifier: MIT
"""From which conformers do the independent repeats start? From those that differ most.

Repeats and gas-phase ladders that begin in different conformers and end with different populations
show that a barrier was not crossed. The conformers come from a short hot MM run in gas, so every
kind of input has them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from merrow.engine import gas
from merrow.engine.leg import segment_path
from merrow.engine.seeds import derive_seed
from merrow.engine.storage import load_arrays, save_arrays
from merrow.geometry import torsion_angles
from merrow.hydration.config import HydrationConfig
from merrow.hydration.prepare import SYSTEM, Prepared
from merrow.potentials.interface import Array, Potential
from merrow.system.masses import region_masses
from merrow.system.region import bonds_within
from merrow.system.torsions import most_different, rotatable_torsions
from merrow.units import ANGSTROM_PER_NM, NM_PER_ANGSTROM

WALKERS = 4
STEP = 0.001
"""Time step of the hot run [ps]; it only proposes starting structures."""


def conformers_path(run: Path) -> Path:
    """Return where the starting conformers are kept."""
    return run / SYSTEM / "conformers.npz"


def read_conformers(run: Path) -> Array:
    """Return the starting conformers [Å], shape (count, n, 3); the first is the input's."""
    return np.array(load_arrays(conformers_path(run))["positions"])


def make_conformers(
    run: Path, config: HydrationConfig, prepared: Prepared, classical: Potential
) -> None:
    """Choose one conformer for each repeat or gas-phase ladder, whichever are more.

    The choice is greedy and the hot run is kept, so repeats that are added later change nothing
    for those before them.

    Args:
        run: The run folder; nothing happens where enough conformers are there already.
        config: Seed, repeats, ladders.
        prepared: The system.
        classical: The solute's MM terms, which drive the hot run.
    """
    count = max(config.repeats, config.protocol.n_gas_ladders)
    if conformers_path(run).exists() and len(read_conformers(run)) >= count:
        return
    own = prepared.positions[None, list(prepared.region.atoms)]
    torsions = rotatable_torsions(prepared.topology, prepared.region.atoms)
    if not torsions:
        save_arrays(conformers_path(run), {"positions": np.repeat(own, count, axis=0)})
        return
    masses = region_masses(prepared.topology, prepared.region, config.protocol.solute_masses)
    plan = gas.GasPlan(
        temperatures=(gas.HOTTEST,),
        ladders=WALKERS,
        masses=tuple(masses.tolist()),
        timestep=STEP,
        friction=config.protocol.gas_friction_per_ps,
        equilibration=1000,
        steps_per_record=250,
        records_per_segment=40,
        seed=derive_seed(config.seed, "conformers"),
        bonds=bonds_within(prepared.topology, prepared.region),
    )
    folder = run / SYSTEM / "hot"
    starts = np.repeat(own, WALKERS, axis=0) * NM_PER_ANGSTROM
    gas.start_gas(classical, plan, starts, folder)
    if not segment_path(folder, 0).exists():
        gas.run_gas_segment(classical, plan, folder, 0)
    hot = gas.read_gas(folder).positions * ANGSTROM_PER_NM
    pool = np.concatenate([own, hot])
    chosen = most_different(torsion_angles(pool, torsions), count)
    save_arrays(conformers_path(run), {"positions": pool[chosen]})
