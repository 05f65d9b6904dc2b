# SPDX-License-Identifier: MIT
"""What does the spread of the forces over the members cost, where mdout tells it?

One conformer, one thread: an evaluation as a step makes it, and `force_spread` as a block of mdout
makes it, in turn, round after round; CPU time of the process, median over rounds. The cost for a
step is that of the block divided by ntpr.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from common import geometry, interleaved, parser, save

from merrow.potentials import load_potential
from merrow.potentials.ensemble import force_spread

MOLECULES = ("methanol", "toluene", "erlotinib")


def main() -> None:
    """Measure, print, write `results/force_spread.json`."""
    kinds = {"nargs": "+", "default": ["ani2x", "aimnet2"]}
    arguments = parser(__doc__, "rounds", potentials=kinds).parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in arguments.potentials:
        for molecule in MOLECULES:
            measured = measure(name, molecule, arguments.rounds)
            row = {"potential": name, "molecule": molecule, **measured}
            rows.append(row)
            print(" ".join(f"{value:>10}" for value in row.values()))
    save("force_spread", {"threads": 1, "rounds": arguments.rounds, "rows": rows})


def measure(name: str, about: str, rounds: int) -> dict[str, float]:
    """Return the times [ms] of an evaluation and of the spread, and their ratio."""
    molecule, positions = geometry(about)
    potential = load_potential(name, molecule, precision="float32")
    x = positions[None]
    tasks: dict[str, Callable[[], object]] = {
        "evaluate_ms": lambda: potential.evaluate(x),
        "force_spread_ms": lambda: force_spread(potential, x),
    }
    median = interleaved(tasks, rounds)
    ratio = median["force_spread_ms"] / median["evaluate_ms"]
    return {task: round(ms, 3) for task, ms in median.items()} | {"ratio": round(ratio, 2)}


if __name__ == "__main__":
    main()
