# SPDX-License-Identifier: MIT
"""Fixtures: the published weights, and reference energies that torchani made from them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from merrow.potentials.ani.models import ANI_MODELS
from merrow.potentials.ani.parameters import AniParameters
from merrow.potentials.ani.weights import read_verified


@pytest.fixture(scope="session")
def models_folder(shared: Path) -> Path:
    """The folder with the state dicts of all three models."""
    folder = shared / "models"
    if not (folder / "ani2x_state_dict.pt").is_file():
        pytest.skip("no shared weights: MERROW_SHARED/models holds no state dicts")
    return folder


@pytest.fixture(scope="session")
def references(models_folder: Path) -> list[dict[str, Any]]:
    """13 molecules with energies [Hartree] and forces [Hartree/Å] of torchani in float64."""
    molecules: list[dict[str, Any]] = json.loads(
        (models_folder / "reference_energies.json").read_text()
    )["molecules"]
    return molecules


@pytest.fixture(scope="session")
def parameters_of(models_folder: Path):
    """Return a function from a model's name to its parameters, each read once."""

    @cache
    def read(name: str) -> AniParameters:
        model = ANI_MODELS[name]
        return read_verified(models_folder / model.file_name, model)

    return read
