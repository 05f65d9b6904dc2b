# SPDX-License-Identifier: MIT
"""Weights that stand in for the published ones of ANI, which are too large to be kept here.

`tiny_ani.pt` (see `tests/data/README.md`) is a small ensemble that holds molecules together. Under
the names of the published models it is used by tests whose subject is not what a model was fitted
to: while `StandIns.active` holds, its copies count as the published files, in this process only.
The plug-in `tiny-ani` (see `tests/plugins/tiny_ani.py`) is the same ensemble for every process.
`random_ani` makes networks of the published sizes, for tests of the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import torch
from tiny_ani import MODEL, read_tiny

from merrow.potentials.ani import family, models
from merrow.potentials.ani.files import write_state_dict
from merrow.potentials.ani.parameters import AniParameters, Layer
from merrow.potentials.ani.torch_engine import TorchAni
from merrow.potentials.ani.weights import weights_of

MEMBERS = 8
ATOMIC = {16: -398.1, 9: -99.8, 17: -460.1}
"""Energies of elements that the tiny ensemble does not know [Hartree]."""
SIZES = {
    "ani1x": {1: (160, 128, 96), 6: (144, 112, 96), 7: (128, 112, 96), 8: (128, 112, 96)},
    "ani2x": {
        **{1: (256, 192, 160), 6: (224, 192, 160), 7: (192, 160, 128), 8: (192, 160, 128)},
        **{16: (160, 128, 96), 9: (160, 128, 96), 17: (160, 128, 96)},
    },
}
"""Sizes of the hidden layers of the published networks."""


def stand_in(name: str) -> AniParameters:
    """Return the tiny ensemble with the elements and the eight members of a published model.

    Four members are those of `tiny_ani.pt`, four are these with some noise; noise that depends on
    the name makes each model another one. Networks of elements that it does not know are random.
    """
    model, tiny = models.ANI_MODELS[name], read_tiny()
    rng = np.random.default_rng(crc32(name.encode()))
    n_inputs = 16 * len(model.elements) + 32 * len(model.elements) * (len(model.elements) + 1) // 2
    grown = replace(tiny, elements=model.elements, networks=())
    columns = grown._columns([model.elements.index(number) for number in tiny.elements])
    networks, energies = [], []
    for number in model.elements:
        known = number in tiny.elements
        like = tiny.elements.index(number if known else 6)
        first, *rest = tiny.networks[like]
        wide = rng.normal(0, 0.05, (tiny.n_members, n_inputs, first.bias.shape[1]))
        if known:
            wide *= 0.01
            wide[:, columns] = first.weight
        layers = [Layer(wide.astype(np.float32), first.bias), *rest]
        networks.append(tuple(_with_noise(layer, rng) for layer in layers))
        energies.append(ATOMIC.get(number, tiny.self_energies[like]))
    return replace(
        tiny,
        name=name,
        elements=model.elements,
        networks=tuple(networks),
        self_energies=np.array(energies).astype(np.float32).astype(np.float64),
    )


def _with_noise(layer: Layer, rng: np.random.Generator) -> Layer:
    def grown(values: np.ndarray) -> np.ndarray:
        both = np.concatenate([values, values])[:MEMBERS]
        size = np.where(np.arange(MEMBERS) < len(values), 1e-3, 5e-3)
        size = size.reshape(-1, *[1] * (values.ndim - 1))
        return (both * (1 + size * rng.standard_normal(both.shape))).astype(np.float32)

    return Layer(grown(layer.weight), grown(layer.bias))


def random_ani(name: str) -> AniParameters:
    """Return random networks of the published size with the published symmetry functions."""
    model, tiny = models.ANI_MODELS[name], read_tiny()
    rng = np.random.default_rng(crc32(name.encode()))
    n = len(model.elements)
    sizes = SIZES["ani2x" if name == "ani2x" else "ani1x"]
    networks = []
    for number in model.elements:
        widths = (16 * n + 16 * n * (n + 1), *sizes[number], 1)
        layers = []
        for a, b in pairwise(widths):
            scale = 0.6 / np.sqrt(min(a, 60))  # few of the inputs are not zero
            weight = rng.normal(0, scale * (0.4 if b == 1 else 1), (MEMBERS, a, b))
            bias = rng.normal(0, 0.1, (MEMBERS, b))
            layers.append(Layer(weight.astype(np.float32), bias.astype(np.float32)))
        networks.append(tuple(layers))
    changes = {"radial_cutoff": model.radial_cutoff}
    if name == "ani2x":
        shifts, sections = 0.8 + 0.3375 * np.arange(8), (2 * np.arange(4) + 1) * np.pi / 8
        radial = 0.8 + 0.26875 * np.arange(16)
        for key, value in (
            *(("radial_shifts", radial), ("angular_shifts", shifts), ("sections", sections)),
            *(("radial_eta", 19.7), ("angular_eta", 12.5), ("zeta", 14.1)),
        ):
            rounded = np.asarray(value).astype(np.float32).astype(np.float64)
            changes[key] = rounded if rounded.ndim else float(rounded)
    energies = rng.normal(0, 0.5, n).astype(np.float32).astype(np.float64)
    return replace(
        tiny,
        name=name,
        elements=model.elements,
        networks=tuple(networks),
        self_energies=energies,
        **changes,
    )


def write_for_torchani(path: Path, parameters: AniParameters | None = None) -> None:
    """Write networks, else random ones of ANI-2x, with two tables that torchani reads as well."""
    parameters = parameters or random_ani("ani2x")
    write_state_dict(path, parameters)
    state = torch.load(path, weights_only=True)
    place = torch.full((120,), -1)
    place[list(parameters.elements)] = torch.arange(len(parameters.elements))
    state["species_converter.conv_tensor"] = place
    n = len(parameters.elements)
    row, column = np.triu_indices(n)
    table = np.zeros((n, n), dtype=np.int64)
    table[row, column] = table[column, row] = np.arange(len(row))
    state["potentials.nnp.aev_computer.triu_index"] = torch.from_numpy(table)
    torch.save(state, path)


class StandIns:
    """Files of all stand-ins in a folder.

    Attributes:
        folder: Where they are, under the names of the published files.
        models: What is known about each, in the place of what is known about the published ones.
    """

    def __init__(self, folder: Path) -> None:
        """Write the files."""
        self.folder, self.models = folder, {}
        numbers, positions = zip(*models.METHANE, strict=True)
        for name, model in models.ANI_MODELS.items():
            parameters = stand_in(name)
            write_state_dict(folder / model.file_name, parameters)
            members, _ = TorchAni(parameters, numbers, "float64").evaluate(np.array([positions]))
            self.models[name] = replace(
                model,
                radial_cutoff=MODEL.radial_cutoff,
                digest=parameters.digest(),
                methane_hartree=float(members.mean()),
            )

    @contextmanager
    def active(self, *, found: bool = True) -> Iterator[None]:
        """Let the stand-ins count as the published files, and be found first unless told not to."""
        with pytest.MonkeyPatch.context() as patch:
            for name, model in self.models.items():
                patch.setitem(models.ANI_MODELS, name, model)
                patch.setitem(family.FAMILY.weights, name, weights_of(model))
            if found:
                patch.setenv("MERROW_MODELS", str(self.folder))
            yield
