# SPDX-License-Identifier: MIT
"""What do three kinds of potential say about the same two molecules, by the same command?

Methanol and dimethylamine, ANI-2x (networks of symmetry functions), AIMNet2 (message passing with
charges) and GFN2-xTB (a quantum method), each by `merrow hydration SMILES --potential NAME
--protocol demo`, so the endpoint route with AM1-BCC charges and GAFF2. Equal seeds make the MM path
of a molecule the same in all three runs, as far as the clock lets it go (the demo stops after 12
minutes), so that they differ by the corrections MM → ML in water and in gas. Resumable: run it
again to go on.

    python benchmarks/hydration_potentials.py --runs RUNS
"""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

from common import parser, save, show

from merrow import read_result

MOLECULES = {"methanol": ("CO", -5.10, 0.6), "dimethylamine": ("CNC", -4.29, 0.6)}
"""SMILES; experiment and its error in FreeSolv (10.1007/s10822-014-9747-x) [kcal/mol]."""
POTENTIALS = ("ani2x", "aimnet2", "xtb:gfn2")
SEED = 2025


def compute(name: str, potential: str, runs: Path) -> dict[str, Any]:
    """Run the command, or let it go on, and return what the user finds in `result.json`."""
    folder = runs / f"{name}-{potential.replace(':', '-')}"
    merrow = str(Path(sys.executable).with_name("merrow"))
    command = [merrow, "hydration", MOLECULES[name][0]]
    command += [
        "--potential",
        potential,
        "--protocol",
        "demo",
        "--charges",
        "bcc",
        "--seed",
        str(SEED),
    ]
    subprocess.run([*command, "--out", str(folder)], check=True)
    found = read_result(folder / "result.json")
    mm, total = found.estimates.mm_reference, found.estimates.endpoint_bar
    if mm is None or total is None:
        raise SystemExit(
            f"{folder}: the endpoint route gave no MM value or no end-state correction"
        )
    return {
        "dg_kcal": total.value_kcal,
        "stderr_kcal": total.stderr_kcal,
        "mm_kcal": mm.value_kcal,
        "mm_stderr_kcal": mm.stderr_kcal,
        "correction_kcal": total.value_kcal - mm.value_kcal,
        "correction_stderr_kcal": math.hypot(
            *(part.stderr_kcal for part in found.budget if part.name.startswith("MM to ML/MM"))
        ),
        "de_reorg": None if found.de_reorg is None else found.de_reorg.model_dump(),
        "verdicts": {v.name: v.status for v in found.diagnostics.verdicts if v.status != "pass"},
        "ps_per_state": found.diagnostics.numbers["ps_per_state"],
        "wall_s": found.wall_s,
    }


def main() -> None:
    """Run all and write `results/hydration_potentials.json`."""
    every = {"nargs": "+", "choices": MOLECULES, "default": tuple(MOLECULES)}
    kinds = {"nargs": "+", "choices": POTENTIALS, "default": POTENTIALS}
    asked = parser(__doc__, "runs", molecules=every, potentials=kinds).parse_args()
    results: dict[str, Any] = {}
    for name in asked.molecules:
        _, experiment, uncertainty = MOLECULES[name]
        results[name] = {"expt_kcal": experiment, "expt_unc_kcal": uncertainty}
        for potential in asked.potentials:
            results[name][potential] = compute(name, potential, asked.runs)
            show({name: {potential: results[name][potential]}})
    save("hydration_potentials", {"seed": SEED, "molecules": results})


if __name__ == "__main__":
    main()
