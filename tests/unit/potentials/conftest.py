# SPDX-License-Identifier: MIT
"""Fixtures: stand-ins and random networks of our own, the published weights and their energies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from merrow.potentials.ani.models import ANI_MODELS
from merrow.potentials.ani.parameters import AniParameters
from merrow.potentials.ani.weights import read_verified
from stand_ins import random_ani


@pytest.fixture
def models_folder(stand_ins) -> Iterator[Path]:
    """The folder of the stand-ins, which count as the published files."""
    with stand_ins.active(found=False):
        yield stand_ins.folder


@pytest.fixture(scope="session")
def molecules(systems: Path) -> list[dict[str, Any]]:
    """Names, atomic numbers and coordinates [Å] of our own molecules."""
    found = []
    for path in sorted(systems.glob("*.inpcrd")):
        topology = read_topology(path.with_suffix(".prmtop"))
        x = read_coordinates(path, len(topology)).positions.tolist()
        found.append({"name": path.stem, "atomic_numbers": topology.numbers, "coordinates": x})
    return found


@pytest.fixture(scope="session")
def parameters_of():
    """Return a function from a model's name to random networks of its size, each made once."""
    return cache(random_ani)


@pytest.fixture(scope="session")
def published_folder(shared: Path) -> Path:
    """The folder with the state dicts of all three models."""
    folder = shared / "models"
    if not (folder / "ani2x_state_dict.pt").is_file():
        pytest.skip("no shared weights: MERROW_SHARED/models contains no state dicts")
    return folder


@pytest.fixture(scope="session")
def references(published_folder: Path) -> list[dict[str, Any]]:
    """13 molecules with energies [Hartree] and forces [Hartree/Å] of torchani in float64."""
    molecules: list[dict[str, Any]] = json.loads(
        (published_folder / "reference_energies.json").read_text()
    )["molecules"]
    return molecules


@pytest.fixture(scope="session")
def published(published_folder: Path):
    """Return a function from a model's name to its published parameters, each read once."""

    @cache
    def read(name: str) -> AniParameters:
        model = ANI_MODELS[name]
        return read_verified(published_folder / model.file_name, model)

    return read
