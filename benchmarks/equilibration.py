# SPDX-License-Identifier: MIT
"""How long must the states of a path equilibrate before they are recorded?

Many short repeats of a path with MM terms, each as a run begins: minimised, the coupled state for
some picoseconds at constant pressure, then each state from its neighbour for fewer. What is then
recorded of each state, without exchange, is cut into equal parts. What has not relaxed shows as a
difference between the first part and the last, in ∂V/∂λ integrated over the path and in the volume.
A run that records T ps in each state takes over that difference times (length of a part)/T.

    python benchmarks/equilibration.py --folder KEPT [--molecules methanol toluene] [--repeats 24]

Repeats are kept, so that the same command resumes it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
from common import SMILES, parser, prepared, save, show

from merrow.engine.leg import equilibrate_coupled, equilibrate_state
from merrow.engine.record import set_state, take_record
from merrow.engine.simulation import Snapshot, open_context, set_snapshot
from merrow.free_energy.schedule import weights
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.sampling.context import RunContext
from merrow.hydration.sampling.pieces import beginning
from merrow.hydration.sampling.tasks import MM_SOLUTE, Task, leg_plan
from merrow.process import use_one_thread
from merrow.units import KCAL_PER_KJ, PS_PER_FS

MOLECULES = ("methanol", "toluene")
RECORD = 0.1
"""Time between records [ps]."""
PART, PARTS = 1.2, 4
"""Length [ps] and number of the parts."""


def main() -> None:
    """Sample what is missing, print, write `results/equilibration.json`."""
    asked = parser(
        __doc__,
        "folder",
        "json",
        molecules={"nargs": "+", "choices": tuple(SMILES), "default": MOLECULES},
        repeats=24,
        coupled=4.0,
        each=1.0,
    ).parse_args()
    use_one_thread()
    rows = [measure(name, asked) for name in asked.molecules]
    report = {
        "equilibration_ps": asked.coupled,
        "equilibration_per_state_ps": asked.each,
        "part_ps": PART,
        "repeats": asked.repeats,
        "rows": rows,
    }
    save("equilibration", report)
    if asked.json:
        show(report)
    else:
        print(table(rows))


def measure(molecule: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Return free energy and volume of each part, and the drift from the first to the last."""
    protocol = PROTOCOLS["quick"].model_copy(
        update={
            "name": "custom",
            "route": "direct",
            "equilibration_ps": asked.coupled,
            "equilibration_per_state_ps": asked.each,
        }
    )
    source = Source(kind="smiles", smiles=SMILES[molecule])
    config = HydrationConfig(source=source, potential="mm", protocol=protocol)
    run = prepared(config, asked.folder / molecule)
    w = weights(leg_plan(run.config, Task("path", MM_SOLUTE)).states, "trapezoid")
    found = []
    for repeat in range(asked.repeats):
        kept = run.folder.path / f"repeat-{asked.coupled:g}-{asked.each:g}-{repeat}.npz"
        if not kept.exists():
            dvdl, volume = sample(run, repeat)
            scratch = kept.with_suffix(".part.npz")
            np.savez(scratch, dvdl=dvdl, volume=volume)
            scratch.rename(kept)
        with np.load(kept) as data:
            slopes, volumes = in_parts(data["dvdl"]), in_parts(data["volume"])
            found.append((np.einsum("kpc,kc->p", slopes, w), volumes.mean(axis=0)))
    dg = np.array([row[0] for row in found]) * KCAL_PER_KJ
    volume = np.array([row[1] for row in found])
    return {
        "molecule": molecule,
        "n_atoms": len(run.prepared.topology),
        "dg_kcal": spread(dg),
        "volume_nm3": spread(volume),
        "drift_kcal": spread(dg[:, :1] - dg[:, -1:])[0],
        "drift_nm3": spread(volume[:, :1] - volume[:, -1:])[0],
    }


def sample(run: RunContext, repeat: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ∂V/∂λ [kJ/mol], shape (K, n, 2), and volume [nm³], shape (K, n), of all states."""
    task = Task("path", MM_SOLUTE, repeat)
    plan, hybrid = leg_plan(run.config, task), run.hybrid(MM_SOLUTE)
    first = beginning(run, replace(task, repeat=0))
    snapshots: list[Snapshot] = [equilibrate_coupled(hybrid, plan, first)]
    for state in range(len(plan.states)):
        snapshots.append(equilibrate_state(hybrid, plan, snapshots[-1], state))
    context = open_context(hybrid, plan.ensemble, platform=plan.platform, seed=plan.seed)
    steps = round(RECORD / (run.config.protocol.timestep_fs * PS_PER_FS))
    records = []
    for here, snapshot in zip(plan.states, snapshots[1:], strict=True):
        set_snapshot(context, snapshot)
        set_state(context, here)
        for _ in range(round(PARTS * PART / RECORD)):
            context.getIntegrator().step(steps)
            records.append(
                take_record(
                    context, hybrid, (here,), here=here, temperature=plan.ensemble.temperature
                )
            )
    shape = (len(plan.states), -1)
    return (
        np.array([record.dvdl for record in records]).reshape(*shape, 2),
        np.array([record.volume for record in records]).reshape(shape),
    )


def in_parts(values: np.ndarray) -> np.ndarray:
    """Return the mean of each part of a series, shape (K, n, …) → (K, PARTS, …)."""
    return values.reshape(len(values), PARTS, -1, *values.shape[2:]).mean(axis=2)


def spread(values: np.ndarray) -> list[tuple[float, float]]:
    """Return mean and standard error of each column over the rows."""
    stderr = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return [(float(a), float(b)) for a, b in zip(values.mean(axis=0), stderr, strict=True)]


def table(rows: list[dict[str, Any]]) -> str:
    """Return what a terminal shows."""
    lines = ["molecule   ΔG of each part [kcal/mol]; drift; volume of each part [nm³]; drift"]
    for row in rows:
        told = [
            " ".join(f"{a:8.{n}f}({b:.{n}f})" for a, b in (*row[key], row[drift]))
            for key, drift, n in (("dg_kcal", "drift_kcal", 2), ("volume_nm3", "drift_nm3", 3))
        ]
        lines.append(f"{row['molecule']:9} {' | '.join(told)}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
