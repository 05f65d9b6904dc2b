# SPDX-License-Identifier: MIT
"""What does TorchScript save of the time of a MACE, beside the same layers called from Python?

The small MACE of the tests (trained on methanol), and an untrained one of the shape of
MACE-OFF23-small (96 scalar channels, two layers, correlation 3, angular momenta up to 3, 4.5 Å):
its numbers mean nothing, its time does. Both variants take turns in one run on one thread; CPU
time, median. Energies and forces are the same bits, which is checked here.

    python benchmarks/mace_script.py
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import ROOT, geometry, interleaved, parser, save, show

from merrow.potentials.mace.files import MaceParameters, read_mace
from merrow.potentials.mace.network import DTYPES, MaceEngine, build_network, library

TINY = ROOT / "tests" / "data" / "tiny_mace.model"
ELEMENTS = (1, 6, 7, 8)
ISOLATED_EV = (-13.6, -1030.0, -1486.0, -2043.9)
BATCHES = (1, 8)
DISPLACEMENT, SEED, PRECISION = 0.05, 7, "float32"


def main() -> None:
    """Measure, print, write `results/mace_script.json`."""
    asked = parser(__doc__, "rounds").parse_args()
    torch.set_num_threads(1)
    shaped = shaped_like_off23_small()
    models = (("methanol", "tiny", read_mace(TINY)), ("methanol", "off23-small", shaped))
    rows = []
    for name, model, parameters in (*models, ("toluene", "off23-small", shaped)):
        rows += measure(name, model, parameters, asked.rounds)
    show(rows)
    save("mace_script", {"seed": SEED, "rounds": asked.rounds, "rows": rows})


def shaped_like_off23_small() -> MaceParameters:
    """Return an untrained model of that shape."""
    modules, irreps = library(), library("e3nn.o3").Irreps
    torch.manual_seed(SEED)
    first = modules.interaction_classes["RealAgnosticInteractionBlock"]
    later = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    model = modules.ScaleShiftMACE(
        **{"r_max": 4.5, "num_bessel": 8, "num_polynomial_cutoff": 5, "max_ell": 3},
        **{"interaction_cls": later, "interaction_cls_first": first, "num_interactions": 2},
        **{"num_elements": len(ELEMENTS), "atomic_numbers": list(ELEMENTS)},
        **{"hidden_irreps": irreps("96x0e"), "MLP_irreps": irreps("16x0e"), "correlation": 3},
        **{"gate": torch.nn.functional.silu, "atomic_energies": np.array(ISOLATED_EV)},
        **{"avg_num_neighbors": 20.0, "radial_MLP": [64, 64, 64]},
        **{"atomic_inter_scale": 1.0, "atomic_inter_shift": 0.0},
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shaped.model"
        torch.save(model, path)
        return read_mace(path)


def measure(name: str, model: str, parameters: MaceParameters, rounds: int) -> list[dict[str, Any]]:
    """Return one row for each batch size."""
    molecule, positions = geometry(name)
    script = MaceEngine(parameters, molecule.numbers, PRECISION)
    layers = MaceEngine(parameters, molecule.numbers, PRECISION)
    network = build_network(parameters)
    network.get_buffer("atomic_energies_fn.atomic_energies").zero_()
    layers._network = network.to(DTYPES[PRECISION])
    rng, rows = np.random.default_rng(SEED), []
    for k in BATCHES:
        x = positions + DISPLACEMENT * rng.standard_normal((k, *positions.shape))
        one, other = script.evaluate(x), layers.evaluate(x)
        ms = interleaved(
            {"script": partial(script.evaluate, x), "layers": partial(layers.evaluate, x)}, rounds
        )
        rows.append({
            "molecule": name, "model": model, "batch": k,
            "script_ms": ms["script"], "layers_ms": ms["layers"],
            "ratio": ms["script"] / ms["layers"],
            "equal_energies": bool((one.energies == other.energies).all()),
            "largest_force_difference": float(np.abs(one.forces - other.forces).max()),
        })  # fmt: skip
    return rows


if __name__ == "__main__":
    main()
