# SPDX-License-Identifier: MIT
"""How long does a user wait for a hydration free energy, from the command to the report?

`merrow hydration SMILES --protocol quick` with ANI-2x (ANI-1ccx where it cannot be had), as many
processes as it takes by itself, in wall time: everything is in it, starting Python, AM1 charges,
the box of water, equilibration, sampling, the report. Three ways of MM take turns: OpenMM's own
forces, our kernel within OpenMM, our own loop. A machine that does other things beside tells
nothing here; the load at the beginning is in the file.

    python benchmarks/time_to_answer.py --runs RUNS [--molecules methanol toluene] [--errors 0.3]

Runs are kept and not done again. The error that a run ends with is below the one asked for, since
it looks once in a while and samples some picoseconds of each state in any case.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from common import SMILES, ani_weights, parser, save, show

WAYS = {
    "loop": ("native", "native"),
    "kernel": ("native", "openmm"),
    "openmm": ("openmm", "openmm"),
}
"""Options --mm-kernel and --engine of each."""
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
    rows = [
        measure(asked.runs, molecule, way, error, model, asked.seed)
        for molecule in asked.molecules
        for error in asked.errors
        for way in asked.ways
    ]
    report = {"potential": model, "load_before": load, "seed": asked.seed, "rows": rows}
    save("time_to_answer", report)
    if asked.json:
        show(report)
    else:
        print(table(rows))


def measure(
    runs: Path, molecule: str, way: str, error: float, model: str, seed: int
) -> dict[str, Any]:
    """Run one to its error, or read what it took, and return its figures."""
    folder = runs / f"{molecule}-{way}-{error:g}"
    clock = folder.with_name(f"{folder.name}.json")
    if not clock.exists():
        if folder.exists():
            raise SystemExit(f"{folder} was not finished: remove it, its time is not known")
        runs.mkdir(parents=True, exist_ok=True)
        kernel, engine = WAYS[way]
        words = ["hydration", SMILES[molecule], "--potential", model, "--protocol", "quick"]
        words += ["--mm-kernel", kernel, "--engine", engine, "--seed", str(seed)]
        words += ["--target-stderr", str(error), "--json", "--out", str(folder)]
        began = time.monotonic()
        done = subprocess.run([MERROW, *words], capture_output=True, text=True, check=False)
        wall = time.monotonic() - began
        if done.returncode:
            raise SystemExit(f"{folder.name}: {done.stderr}")
        clock.write_text(json.dumps({"wall_s": wall}))
    wall = json.loads(clock.read_text())["wall_s"]
    result = json.loads((folder / "result.json").read_text())
    found = result["headline"]
    return {
        "molecule": molecule,
        "way": way,
        "asked_kcal": error,
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
