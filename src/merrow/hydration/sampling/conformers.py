# SPDX-License-Identifier: MIT
"""Starting conformers of independent repeats, chosen to differ as much as possible.

If repeats and gas-phase ladders started from different conformers end with different populations,
a barrier was not crossed. The conformers are MM minima from a short high-temperature run in gas, so
they are available for every kind of input. Minima that are hardly populated are left out: replicas
that start in one, such as E of an ester, may stay there because the water prefers it, while the
gas phase leaves it for good.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

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
from merrow.units import ANGSTROM_PER_NM, KCAL_PER_KJ, NM_PER_ANGSTROM, thermal_energy

WALKERS = 4
STEP = 0.001
"""Time step of the high-temperature run [ps]; it only generates starting structures."""

HIGHEST = 10.0
"""Energy of the highest starting conformer over the lowest minimum [kT], 6 kcal/mol at 298 K."""
MOST_ITERATIONS = 1000


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
        frames = np.concatenate([prepared.solute[None], hot])
        pool = populated_minima(frames, classical, config.protocol.temperature_k)
        chosen = pool[most_different(torsion_angles(pool, prepared.torsions), count)]
    folder.save_conformers(chosen)
    return chosen


def populated_minima(frames: Array, classical: Potential, temperature: float) -> Array:
    """Return the minima below frames that may be populated, after the first frame as it is.

    Args:
        frames: Positions [Å], shape (m, n, 3).
        classical: Potential of the minima.
        temperature: Temperature [K]; minima up to `HIGHEST` kT above the lowest are returned.
    """

    def energy(flat: Array) -> tuple[float, Array]:
        found = classical.evaluate(flat.reshape(frames.shape))
        return float(found.energies.sum()), -found.forces.ravel()

    found = minimize(
        energy, frames.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": MOST_ITERATIONS}
    )
    minima = found.x.reshape(frames.shape)
    energies = classical.evaluate(minima).energies
    limit = energies.min() + HIGHEST * thermal_energy(temperature) * KCAL_PER_KJ
    return np.concatenate([frames[:1], minima[1:][energies[1:] <= limit]])


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
