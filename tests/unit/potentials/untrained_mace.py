# SPDX-License-Identifier: MIT
"""A MACE with random weights, of any architecture."""

from __future__ import annotations

import numpy as np
import torch

from merrow.potentials.mace import network as mace_network
from merrow.potentials.mace.network import library


def untrained(path, kind="ScaleShiftMACE", interaction="", **changes):
    """Save a MACE with random weights, as mace-torch would; it is of no use but to be compared."""
    modules, irreps = library(), library("e3nn.o3").Irreps
    block = modules.interaction_classes[f"RealAgnostic{interaction}InteractionBlock"]
    arguments = {
        "r_max": 2.5, "num_bessel": 4, "num_polynomial_cutoff": 5, "max_ell": 2,
        "interaction_cls": block, "interaction_cls_first": block, "num_interactions": 2,
        "num_elements": 3, "hidden_irreps": irreps("4x0e + 4x1o"), "MLP_irreps": irreps("8x0e"),
        "gate": torch.nn.functional.silu, "atomic_energies": np.array([-13.6, -1030.0, -2043.9]),
        "avg_num_neighbors": 3.7, "atomic_numbers": [1, 6, 8], "correlation": 2,
        "radial_MLP": [8],
    }  # fmt: skip
    if kind == "ScaleShiftMACE":
        arguments |= {"atomic_inter_scale": 1.3, "atomic_inter_shift": -0.4}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = getattr(modules, kind)(**(arguments | changes)).to(torch.float64)
        mace_network._sharpen(model)  # as if it had been trained in float64
    torch.save(model, path)
    return path
