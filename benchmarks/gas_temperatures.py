# SPDX-License-Identifier: MIT
"""Does a solute without torsions need a ladder of temperatures in the gas phase?

The gas phases of protocol quick, MM and ANI-2x, with temperature exchange up to 900 K and at 298 K
alone, for molecules without rotatable torsions. What the endpoint route takes from them is
D = E_ML − E_MM: its mean must be the same, and its statistical inefficiency and the CPU time say
what the ladder costs.

    python benchmarks/gas_temperatures.py --folder KEPT [--molecules toluene acetone] [--seeds 4]
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
from common import SMILES, parser, prepared, save, show
from scipy import stats

from merrow.engine.gas import GasPlan, run_gas_segment, start_gas, temperature_ladder
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.sampling.context import RunContext
from merrow.hydration.sampling.tasks import (
    ML_SOLUTE,
    MM_SOLUTE,
    Hamiltonian,
    first_gas_segments,
)
from merrow.process import use_one_thread
from merrow.uncertainty import inefficiency
from merrow.units import ANGSTROM_PER_NM, KJ_PER_KCAL, NM_PER_ANGSTROM, thermal_energy

KINDS = ("ladder", "one temperature")


def main() -> None:
    """Sample, print, write `results/gas_temperatures.json`."""
    molecules = {"nargs": "+", "choices": tuple(SMILES), "default": ("toluene", "acetone")}
    asked = parser(__doc__, "folder", molecules=molecules, seeds=4).parse_args()
    use_one_thread()
    rows = []
    for molecule in asked.molecules:
        config = HydrationConfig(
            source=Source(kind="smiles", smiles=SMILES[molecule]),
            potential="ani2x",
            protocol=PROTOCOLS["quick"],
        )
        run = prepared(config, asked.folder / molecule)
        if run.flexible or run.prepared.puckers:
            raise SystemExit(f"{molecule} has slow motions in gas")
        rows += [measure(run, molecule, kind, asked.seeds) for kind in (MM_SOLUTE, ML_SOLUTE)]
    save("gas_temperatures", {"seeds": asked.seeds, "rows": rows})
    show(rows)


def measure(run: RunContext, molecule: str, own: Hamiltonian, seeds: int) -> dict[str, Any]:
    """Return D, its inefficiency and the CPU time of both kinds, and how far the means agree."""
    row: dict[str, Any] = {"molecule": molecule, "sampled": own.name}
    for kind in KINDS:
        every = [sampled(run, own, kind, seed) for seed in range(1, seeds + 1)]
        means = np.array([float(d.mean()) for d, _ in every])
        kt = thermal_energy(run.config.protocol.temperature_k) / KJ_PER_KCAL
        row[kind] = {
            "temperatures": len(plan_of(run, own, kind, 0).temperatures),
            "d_kcal": [float(means.mean()), float(stats.sem(means))],
            "inefficiency": float(np.mean([inefficiency(list(d.T / kt)) for d, _ in every])),
            "cpu_s": float(np.mean([seconds for _, seconds in every])),
        }
    (one, s), (two, t) = (row[kind]["d_kcal"] for kind in KINDS)
    row["difference_kcal"] = [two - one, math.hypot(s, t)]
    return row


def plan_of(run: RunContext, own: Hamiltonian, kind: str, seed: int) -> GasPlan:
    """Return the gas phase of one kind."""
    plan, temperature = run.gas_plan(own), run.config.protocol.temperature_k
    ladder = temperature_ladder(temperature, len(plan.masses))
    return replace(plan, seed=seed, temperatures=ladder if kind == KINDS[0] else (temperature,))


def sampled(run: RunContext, own: Hamiltonian, kind: str, seed: int) -> tuple[np.ndarray, float]:
    """Return D of the records of all ladders, (records, ladders), and CPU time [s].

    D [kcal/mol] is relative to that of the first conformer.
    """
    plan, driver = plan_of(run, own, kind, seed), run.driver(own)
    other, sign = (run.classical, 1.0) if own == ML_SOLUTE else (run.potential, -1.0)
    first = run.prepared.solute[None]
    zero = driver.evaluate(first).energies - other.evaluate(first).energies
    began = time.process_time()
    walkers = start_gas(driver, plan, run.conformers[: plan.ladders] * NM_PER_ANGSTROM)
    found = []
    for index in range(first_gas_segments(run.config.protocol)):
        segment, walkers = run_gas_segment(driver, plan, walkers, index)
        frames = segment.positions * ANGSTROM_PER_NM
        energies = other.evaluate(frames.reshape(-1, *frames.shape[2:])).energies
        found.append(segment.energies / KJ_PER_KCAL - energies.reshape(segment.energies.shape))
    seconds = time.process_time() - began
    return sign * (np.concatenate(found) - zero), seconds


if __name__ == "__main__":
    main()
