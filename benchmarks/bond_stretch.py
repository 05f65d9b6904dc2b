# SPDX-License-Identifier: MIT
"""How far does water stretch the bonds of a flexible MM solute, and what is that worth?

From the frames of a finished run with an MM path (the endpoint route, or `--potential mm`): the
mean length of each bond of the solute, coupled to water and decoupled from it. A spring k (r − r₀)²
that a
constant force stretches by Δ has a free energy lower by k Δ² than a rigid bond under that force: so
much of ΔG is missing from a value that was computed with constrained bonds.

    python benchmarks/bond_stretch.py --run RUNS/methanol-R2
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import parmed
from common import parser, save

from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.tasks import MM_SOLUTE, Task, leg_plan
from merrow.samples import COUPLED, DECOUPLED, LambdaState
from merrow.uncertainty import mean
from merrow.units import ANGSTROM_PER_NM


def frames(run: Path, state: LambdaState) -> np.ndarray:
    """Return the solute of all repeats in one state of the MM path [Å], shape (F, N, 3)."""
    found = []
    folder = RunFolder(run)
    config = folder.config()
    for repeat in range(config.repeats):
        task = Task("path", MM_SOLUTE, repeat)
        plan = leg_plan(config, task)
        segments = folder.task(task).read_segments(plan.states, plan.ensemble.temperature)
        for segment in segments:
            here = segment.samples.state[segment.frame_rows] == plan.states.index(state)
            found.append(ANGSTROM_PER_NM * segment.frames[here])
    if not found:
        raise SystemExit(f"bond_stretch: {run} has no MM path.")
    return np.concatenate(found)


def length(positions: np.ndarray, i: int, j: int) -> tuple[float, float]:
    """Return the mean length of a bond and its error [Å]."""
    values = np.linalg.norm(positions[:, i] - positions[:, j], axis=1)
    return float(values.mean()), mean(values).stderr


def stretches(run: Path) -> list[dict[str, Any]]:
    """Return both lengths of every bond [Å], and the worth of their difference [kcal/mol]."""
    wet, dry = frames(run, COUPLED), frames(run, DECOUPLED)
    solute = parmed.load_file(str(next((run / "inputs").glob("*.prmtop"))))
    rows = []
    for bond in solute.bonds:
        i, j = bond.atom1.idx, bond.atom2.idx
        (water, error), (gas, other) = length(wet, i, j), length(dry, i, j)
        change, stderr = water - gas, math.hypot(error, other)
        rows.append({
            "bond": f"{bond.atom1.name}-{bond.atom2.name}", "k_kcal_per_a2": bond.type.k,
            "coupled_a": water, "decoupled_a": gas,
            "change_a": change, "change_stderr_a": stderr,
            "worth_kcal": -bond.type.k * change**2,
            "worth_stderr_kcal": 2.0 * bond.type.k * abs(change) * stderr,
        })  # fmt: skip
    return rows


def main() -> None:
    """Print the bonds and write them to `results/bond_stretch.json`."""
    run = parser(__doc__, run={"type": Path, "required": True}).parse_args().run
    rows = stretches(run)
    for row in rows:
        print(
            f"{row['bond']:>8}: {row['coupled_a']:.4f} Å coupled, {row['decoupled_a']:.4f} "
            f"decoupled, {row['change_a']:+.4f} ± {row['change_stderr_a']:.4f}: "
            f"{row['worth_kcal']:+.3f} ± {row['worth_stderr_kcal']:.3f} kcal/mol"
        )
    save("bond_stretch", {"run": run.name, "bonds": rows})


if __name__ == "__main__":
    main()
