# SPDX-License-Identifier: MIT
"""Does it still pay to compute the potential beside MM, now that MM is fast?

Wall time of an ML/MM step of toluene and methanol in a 26 Å box, the potential after MM on one core
or beside it on two, with OpenMM's nonbonded forces and with our kernel. All take turns in one run;
the figure is the least wall time over rounds, which is that of a quiet machine.

    python benchmarks/overlap.py --rounds 40
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from common import SMILES, ani_weights, parser, save, show

from merrow.bench.speed import hybrid_of, open_system, solvated, stepper
from merrow.engine.timing import time_in_turn
from merrow.native import MmKernel
from merrow.system.potentials import open_potential

MOLECULES = ("toluene", "methanol")
CUTOFF, STEPS = 9.0, 10
KERNELS: dict[str, MmKernel] = {"openmm": "openmm", "native": "auto"}


def main() -> None:
    """Measure, print, write `results/overlap.json`."""
    options = parser(
        __doc__, "models", "rounds", folder={"type": Path, "help": "where systems are kept"}
    ).parse_args()
    torch.set_num_threads(1)
    model, _ = ani_weights(options.models, "ani2x", "ani1ccx")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        rows = [measure(name, folder / name, model, options.rounds) for name in MOLECULES]
    report = {"potential": model, "cutoff_angstrom": CUTOFF, "rounds": options.rounds, "rows": rows}
    save("overlap", report)
    show(report)


def measure(name: str, folder: Path, model: str, rounds: int) -> dict[str, object]:
    """Return least wall times of a step [ms] and what the second core gains."""
    system = open_system(name, *solvated(SMILES[name], folder), ":1", CUTOFF)
    potential = open_potential(model, system.topology, system.region)
    calls = {
        f"{kernel}_{cores}": stepper(
            system, hybrid_of(system, potential, overlap=cores == 2, kernel=chosen), 1.0, STEPS
        )
        for kernel, chosen in KERNELS.items()
        for cores in (1, 2)
    }
    times = time_in_turn(calls, rounds=rounds, units=STEPS)
    best = {key: timing.best for key, timing in times.items()}
    return {
        "molecule": name,
        "n_atoms": len(system.topology),
        "least_wall_ms": best,
        "gain": {kernel: best[f"{kernel}_1"] / best[f"{kernel}_2"] for kernel in KERNELS},
    }


if __name__ == "__main__":
    main()
