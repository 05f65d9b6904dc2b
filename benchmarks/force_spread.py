# SPDX-License-Identifier: MIT
"""What does the spread of the forces over the members cost, where mdout tells it?

One conformer, one thread: an evaluation as a step makes it, and `force_spread` as a block of mdout
makes it, in turn, round after round; CPU time of the process, median over rounds. The cost for a
step is that of the block divided by ntpr.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ.setdefault("TORCHANI_NO_WARN_EXTENSIONS", "1")

import argparse
from collections.abc import Callable

import torch
from machine import save
from turns import interleaved

from merrow.ambertools.molecule import read_molecule
from merrow.potentials import Molecule, load_potential
from merrow.potentials.ensemble import force_spread

MOLECULES = {
    "methanol": "CO",
    "toluene": "Cc1ccccc1",
    "erlotinib": "COCCOc1cc2ncnc(Nc3cccc(C#C)c3)c2cc1OCCOC",
}


def main() -> None:
    """Measure, print, write `results/force_spread.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--potentials", nargs="+", default=["ani2x", "aimnet2"])
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in arguments.potentials:
        for molecule, smiles in MOLECULES.items():
            row = {"potential": name, "molecule": molecule, **measure(name, smiles, arguments)}
            rows.append(row)
            print(" ".join(f"{value:>10}" for value in row.values()))
    print(save("force_spread", {"threads": 1, "rounds": arguments.rounds, "rows": rows}))


def measure(name: str, smiles: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Return the times [ms] of an evaluation and of the spread, and their ratio."""
    source = read_molecule(smiles)
    potential = load_potential(name, Molecule(source.numbers), precision="float32")
    x = source.positions[None]
    tasks: dict[str, Callable[[], object]] = {
        "evaluate_ms": lambda: potential.evaluate(x),
        "force_spread_ms": lambda: force_spread(potential, x),
    }
    median = interleaved(tasks, arguments.rounds)
    ratio = median["force_spread_ms"] / median["evaluate_ms"]
    return {task: round(ms, 3) for task, ms in median.items()} | {"ratio": round(ratio, 2)}


if __name__ == "__main__":
    main()
