# SPDX-License-Identifier: MIT
"""Do states with weaker torsions make conformers change, and what do they cost?

Dimethoxymethane with GAFF2 and AM1-BCC by MM, whose two C–O bonds turn in hundreds of picoseconds:
the path of protocol quick in TIP3P with conformers from the gas phase, once without further states
and once with those that the protocol chooses. Equally long runs of both kinds from the same seeds,
two repeats each, which begin in different conformers. In every repeat, the fraction of anti of each
C–O bond in the coupled state; the two bonds are equivalent, so all should be the same number. The
scatter of these fractions over all repeats is what a run of this length does not know.

    python benchmarks/scaled_torsions.py --folder KEPT [--ps 60] [--minutes 60]

Runs are kept, so that the same command goes on.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import end_of, parser, save, show

from merrow.engine.storage import load_arrays
from merrow.geometry import Quadruple, torsion_angles
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.protocol import PROTOCOLS, TORSION_SCALES
from merrow.hydration.result import HydrationResult
from merrow.hydration.run import run_hydration
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.tasks import MM_SOLUTE, Task
from merrow.units import ANGSTROM_PER_NM

SMILES = "COCOC"
TORSIONS: tuple[Quadruple, ...] = ((0, 1, 2, 3), (1, 2, 3, 4))
ANTI = 120.0
"""|φ| above which a C–O bond is anti [degree]."""
KINDS = {"without": TORSION_SCALES[0], "with": TORSION_SCALES[2]}
REPEATS = 2


def main() -> None:
    """Run what is missing, print, write `results/scaled_torsions.json`."""
    asked = parser(__doc__, "folder", "minutes", ps=60.0, seeds=2).parse_args()
    end = end_of(asked.minutes)
    for seed in range(1, asked.seeds + 1):
        for kind in KINDS:
            if time.monotonic() < end:
                run_hydration(settings(asked, kind, seed), place(asked, kind, seed), base=Path())
                print(kind, seed, flush=True)
    rows = {kind: summary(asked, kind) for kind in KINDS}
    save("scaled_torsions", {"ps_per_repeat": asked.ps, "kinds": rows})
    show(rows)


def settings(asked: argparse.Namespace, kind: str, seed: int) -> HydrationConfig:
    """Return a run of a fixed length."""
    changes = {
        "name": "custom",
        "route": "direct",
        "target_stderr_kcal": None,
        "minimum_sampling_ps": REPEATS * asked.ps,
        "maximum_sampling_ps": REPEATS * asked.ps,
        "torsion_scales": KINDS[kind],
    }
    return HydrationConfig(
        source=Source(kind="smiles", smiles=SMILES, charges="bcc"),
        potential="mm",
        protocol=PROTOCOLS["quick"].model_copy(update=changes),
        seed=seed,
        repeats=REPEATS,
        processes=1,
    )


def place(asked: argparse.Namespace, kind: str, seed: int) -> Path:
    """Return the folder of a run."""
    return Path(asked.folder.resolve() / f"{kind}-{seed}")


def finished(asked: argparse.Namespace, kind: str, seed: int) -> HydrationResult | None:
    """Return the result of a run, or None."""
    where = place(asked, kind, seed)
    return RunFolder(where).finished() if where.is_dir() else None


def summary(asked: argparse.Namespace, kind: str) -> dict[str, Any]:
    """Return the fractions of anti, their scatter, the changes and the CPU time of a kind."""
    fractions, changes, results = [], 0, []
    for seed in range(1, asked.seeds + 1):
        if (result := finished(asked, kind, seed)) is None:
            continue
        results.append(result)
        for repeat in range(REPEATS):
            anti = coupled(place(asked, kind, seed), repeat)
            fractions += anti.mean(axis=0).tolist()
            changes += int(np.sum(anti[1:] != anti[:-1]))
    if len(fractions) < 2:
        return {}
    return {
        "runs": len(results),
        "anti": [round(value, 3) for value in fractions],
        "mean": float(np.mean(fractions)),
        "sd": float(np.std(fractions, ddof=1)),
        "gas_conformers_carried": sum(
            int(r.diagnostics.numbers["gas_conformers_carried"]) for r in results
        ),
        "changes_per_100_ps": 100.0 * changes / (len(fractions) * asked.ps),
        "dg_kcal": [[r.headline.value_kcal, r.headline.stderr_kcal] for r in results],
        "wall_s": [r.wall_s for r in results],
    }


def coupled(folder: Path, repeat: int) -> np.ndarray:
    """Return whether each C–O bond is anti in each record of the coupled state, shape (n, 2)."""
    task = RunFolder(folder).task(Task("path", MM_SOLUTE, repeat))
    found = []
    for index in range(task.count_segments()):
        data = load_arrays(task.segment(index))
        here = data["state"][data["frame_rows"]] == 0
        found.append(np.asarray(data["frames"])[here])
    angles = torsion_angles(np.concatenate(found) * ANGSTROM_PER_NM, TORSIONS)
    return np.asarray(np.abs(angles) > ANTI)


if __name__ == "__main__":
    main()
