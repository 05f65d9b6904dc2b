# SPDX-License-Identifier: MIT
"""Where the files of MACE models come from, and what makes them the published ones."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from merrow.errors import InputError
from merrow.potentials.mace.models import MaceModel
from merrow.potentials.weights import Weights, file_digest, from_nowhere, from_web, require_hash

if TYPE_CHECKING:
    from merrow.potentials.mace.files import MaceParameters

PREFIX: Final = "mace:"


def weights_of(model: MaceModel) -> Weights[MaceParameters]:
    """Return the weights of a named model; they may lie in the cache of mace-torch, too."""
    source = from_web(*model.urls)
    if model.sha256 is None:
        source = from_nowhere("no hash of it is known, so it is never downloaded")
    read = partial(_read_verified, model=model)
    return Weights(model.name, model.file_name, read, (source,), model.license, other_cache="mace")


def _read_verified(path: Path, *, model: MaceModel) -> MaceParameters:
    from merrow.potentials.mace.files import read_mace  # noqa: PLC0415  (torch)

    if model.sha256 is not None:
        instead = f"use it under its own name with --potential {PREFIX}{path}"
        names = {"what": model.name, "model": model.name, "instead": instead}
        require_hash(path, file_digest(path), model.sha256, **names)
    return read_mace(path)


def file_of(name: str, weights: Path | None = None) -> Path:
    """Return FILE of "mace:FILE".

    Raises:
        InputError: There is no FILE, or the user names another one at the same time.
    """
    text = name.removeprefix(PREFIX)
    if not text:
        raise InputError("mace: lacks its file; write mace:FILE with the path of a .model file.")
    if weights is not None:
        raise InputError(f"{name} names its file already; leave --weights {weights} out.")
    return Path(text).expanduser()
