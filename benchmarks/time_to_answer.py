# SPDX-License-Identifier: MIT
"""How long does a user wait for a hydration free energy, from the command to the report?

`merrow hydration SMILES --protocol quick` with ANI-2x (ANI-1ccx where it cannot be had), as many
processes as it takes by itself, in wall time: everything is in it, starting Python, AM1 charges,
the box of water, equilibration, sampling, the report. Three ways of MM take turns: OpenMM's own
forces, our kernel within OpenMM, our own loop. A machine that does other things beside tells
nothing here; the load at the beginning is in the file.

    python benchmarks/time_to_answer.py --runs RUNS [--molecules methanol toluene] [--errors 0.3]

Runs are kept and not done again; the table is of all that are there. The error that a run ends
with is mostly below the one asked for: it looks once in a while and samples some ps in any case.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

from common import SMILES, ani_weights, parser, save, show

WAYS = {
    "loop": ("native", "native"),
    "kernel": ("native", "openmm"),
    "openmm": ("openmm", "openmm"),
}
"""Options --mm-kernel and --engine of each."""
LONGEST = 2000.0
"""No run ends before its error for want of sampling [ps of each state]; usual are 500."""
MERROW = Path(sys.executable).with_name("merrow")


def main() -> None:
    """Do the runs that are missing, print, write `results/time_to_answer.json`."""
    own: dict[str, Any] = {
        "molecules": {"nargs": "+", "choices": list(SMILES), "default": ["methanol", "toluene"]},
        "errors": {"nargs": "+", "type": float, "default": [0.3], "help": "[kcal/mol]"},
        "ways": {"nargs": "+", "choices": list(WAYS), "default": list(WAYS)},
        "seed": 2025,
    }
    asked = parser(__doc__, "runs", "models", "json", **own).parse_args()
    model, _ = ani_weights(asked.models, "ani2x", "ani1ccx")
    load = round(os.getloadavg()[0], 1)
    for molecule, error, way in product(asked.molecules, asked.errors, asked.ways):
        measure(asked.runs, molecule, way, error, model, asked.seed)
    rows = [read(clock) for clock in sorted(asked.runs.glob("*-*-*.json"))]
    rows.sort(key=lambda row: (row["molecule"], -row["asked_kcal"], list(WAYS).index(row["way"])))
    report = {"potential": model, "load_before": load, "seed": asked.seed, "rows": rows}
    save("time_to_answer", report)
    if asked.json:
        show(report)
    else:
        print(table(rows))


def measure(runs: Path, molecule: str, way: str, error: float, model: str, seed: int) -> None:
    """Run one to its error, unless that was done, and keep its wall time beside its folder."""
    folder = runs / f"{molecule}-{way}-{error:g}"
    clock = runs / f"{folder.name}.json"
    if clock.exists():
        return
    if folder.exists():
        raise SystemExit(f"{folder} was not finished: remove it, its time is not known")
    runs.mkdir(parents=True, exist_ok=True)
    kernel, engine = WAYS[way]
    words = ["hydration", SMILES[molecule], "--potential", model, "--protocol", "quick"]
    words += ["--mm-kernel", kernel, "--engine", engine, "--seed", str(seed)]
    words += ["--target-stderr", str(error), "--set", f"maximum_sampling_ps={LONGEST:g}"]
    words += ["--json", "--out", str(folder)]
    began = time.monotonic()
    done = subprocess.run([MERROW, *words], capture_output=True, text=True, check=False)
    wall = time.monotonic() - began
    if done.returncode:
        raise SystemExit(f"{folder.name}: {done.stderr}")
    clock.write_text(json.dumps({"wall_s": wall}))


def read(clock: Path) -> dict[str, Any]:
    """Return the figures of a run from the file that holds its wall time."""
    molecule, way, error = clock.stem.split("-")
    wall = json.loads(clock.read_text())["wall_s"]
    result = json.loads((clock.parent / clock.stem / "result.json").read_text())
    found = result["headline"]
    return {
        "molecule": molecule,
        "way": way,
        "asked_kcal": float(error),
        "dg_kcal": found["value_kcal"],
        "stderr_kcal": found["stderr_kcal"],
        "ps_per_state": result["diagnostics"]["ps_per_state"],
        "wall_s": round(wall, 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return what a terminal shows."""
    lines = ["molecule   MM by    asked   wall [s]      ΔG [kcal/mol]   ps/state"]
    lines += [
        f"{row['molecule']:10} {row['way']:8} {row['asked_kcal']:5.2f} {row['wall_s']:9.1f}"
        f"   {row['dg_kcal']:8.2f} ± {row['stderr_kcal']:.2f} {row['ps_per_state']:10.1f}"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
