# SPDX-License-Identifier: MIT
"""How much faster are AIMNet2's members side by side than the published file one by one?

The file is called as its authors mean it, TorchScript with its optimisations on; both variants are
measured in turn, round after round, in one run on one thread. Times are CPU time (median), so that
a busy machine disturbs them least; differences of energies and forces are printed beside them.

    python benchmarks/aimnet2_network.py
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from common import geometry, interleaved, parser, save, show

from merrow.potentials import load_potential
from merrow.potentials.aimnet2.models import AIM_MODELS
from merrow.potentials.aimnet2.weights import weights_of
from merrow.units import EV_KCAL

BATCHES = (1, 8)
NAMES = ("methanol", "toluene", "erlotinib")
DISPLACEMENT, SEED = 0.05, 7
WARM_UP = 4
"""Rounds in which TorchScript still compiles."""


def main() -> None:
    """Measure, print, write `results/aimnet2_network.json`."""
    asked = parser(__doc__, "rounds").parse_args()
    torch.set_num_threads(1)
    rows = [row for name in NAMES for row in measure(name, asked.rounds)]
    show(rows)
    save("aimnet2_network", {"seed": SEED, "rounds": asked.rounds, "rows": rows})


def measure(name: str, rounds: int) -> list[dict[str, Any]]:
    """Return one row for each batch size of one molecule."""
    molecule, positions = geometry(name)
    potential = load_potential("aimnet2", molecule)
    published = torch.jit.load(str(weights_of(AIM_MODELS["aimnet2"]).fetch())).eval()
    rng, rows = np.random.default_rng(SEED), []
    for k in BATCHES:
        x = positions + DISPLACEMENT * rng.standard_normal((k, *positions.shape))
        x = np.round(x * 1024) / 1024  # what float32 holds, for the file rounds to it

        def theirs(x: np.ndarray = x) -> Any:
            return published({
                "coord": torch.tensor(x, dtype=torch.float32),
                "numbers": torch.tensor([molecule.numbers] * len(x)),
                "charge": torch.zeros(len(x)),
            })  # fmt: skip

        def ours(x: np.ndarray = x) -> Any:
            return potential.evaluate(x)

        answer, other = ours(), theirs()
        force = answer.forces / EV_KCAL - other["forces"].detach().numpy()
        energy = answer.energies / EV_KCAL - other["energy"].detach().numpy()
        times = interleaved({"ours": ours, "published": theirs}, rounds, warm_up=WARM_UP)
        rows.append({
            "molecule": name, "atoms": len(molecule.numbers), "batch": k,
            **{f"{key}_ms": value for key, value in times.items()},
            "speedup": times["published"] / times["ours"],
            "largest_energy_difference_ev": float(np.abs(energy).max()),
            "largest_force_difference_ev_per_a": float(np.abs(force).max()),
        })  # fmt: skip
    return rows


if __name__ == "__main__":
    main()
