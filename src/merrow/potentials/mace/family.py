# SPDX-License-Identifier: MIT
"""The family of MACE models."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from merrow.potentials.families import Family, Model
from merrow.potentials.interface import Molecule, Potential
from merrow.potentials.mace.models import MACE_MODELS, MaceModel
from merrow.potentials.mace.weights import file_of, weights_of


def _load(name: str, molecule: Molecule, weights: Path | None, precision: str) -> Potential:
    # torch is heavy: it is imported when a potential is really wanted
    from merrow.potentials.mace.potential import load_mace  # noqa: PLC0415

    return load_mace(name, molecule, weights, precision)


def _describe(name: str) -> Model:
    from merrow.potentials.mace.files import read_mace  # noqa: PLC0415
    from merrow.potentials.mace.potential import file_capabilities  # noqa: PLC0415

    known = file_capabilities(name, read_mace(file_of(name)))
    return Model(known, "what its author fitted it to", "what its author says", "a file of yours")


def _verdict(name: str, path: Path) -> str:
    """Say whether a hash is known, and which content the file has."""
    known = "hash right" if MACE_MODELS[name].sha256 else "no hash of it is known"
    return f"{known}, content {FAMILY.weights[name].read(path).digest}"


def _model(model: MaceModel) -> Model:
    source = "GitHub of the MACE authors, or the cache of mace-torch"
    return Model(model.capabilities, model.level_of_theory, model.license, source)


FAMILY: Final = Family(
    models={name: _model(model) for name, model in MACE_MODELS.items()},
    load=_load,
    generic="mace:FILE",
    describe=_describe,
    takes_file=True,
    weights={name: weights_of(model) for name, model in MACE_MODELS.items()},
    verdict=_verdict,
)
