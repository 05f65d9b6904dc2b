# SPDX-License-Identifier: MIT
"""Sources and verification of the weights of the ANI models."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from merrow.potentials.ani.models import WHEEL, WHEEL_SHA256, AniModel
from merrow.potentials.ani.parameters import AniParameters
from merrow.potentials.weights import Weights, file_digest, from_web, from_wheel, require_hash


def weights_of(model: AniModel) -> Weights[AniParameters]:
    """Return the weights of a model, from its state dict or the wheel of torchani 2.0."""
    sources = [from_web(*model.urls)]
    if model.wheel_folder is not None:
        extract = partial(_extract, model=model)
        sources.append(from_wheel(WHEEL, WHEEL_SHA256, extract))
    read = partial(read_verified, model=model)
    return Weights(model.name, model.file_name, read, tuple(sources), model.license)


def read_verified(path: Path, model: AniModel) -> AniParameters:
    """Read the parameters in a file, which must be the published ones.

    Raises:
        InputError: The file cannot be read, or its content has another hash.
    """
    from merrow.potentials.ani.files import read_ani  # noqa: PLC0415  (torch)

    if path.suffix == ".whl":
        require_hash(path, file_digest(path), WHEEL_SHA256, WHEEL)
    parameters = read_ani(path, model)
    require_hash(path, parameters.digest(), model.digest, model.name)
    return parameters


def _extract(wheel: Path, path: Path, *, model: AniModel) -> None:
    """Write a model in the wheel as a state dict."""
    from merrow.potentials.ani.files import write_state_dict  # noqa: PLC0415  (torch)

    write_state_dict(path, read_verified(wheel, model))
