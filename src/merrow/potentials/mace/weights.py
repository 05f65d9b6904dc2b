# SPDX-License-Identifier: MIT
"""Where is the file of a MACE model, and is it the published one?

Order: the file that the user gives, the folder in MERROW_MODELS, the cache of merrow, the cache of
mace-torch, the official download. The file of a named model must have the hash in `MACE_MODELS`.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from merrow.errors import InputError, MissingComponentError
from merrow.files import atomic_write
from merrow.potentials.mace.models import MACE_MODELS, MaceModel
from merrow.potentials.weights import cache_folder, download, file_digest, find_file

PREFIX: Final = "mace:"


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


def find_weights(name: str, weights: Path | None = None) -> Path | None:
    """Return the file that would be used for a named model, or None; no network.

    Raises:
        InputError: The file or folder that the user names does not exist.
    """
    model = MACE_MODELS[name]
    found = find_file(model.file_name, weights)
    if found is None and (_mace_cache() / model.file_name).is_file():
        return _mace_cache() / model.file_name
    return found


def _mace_cache() -> Path:
    """Return the folder where mace-torch itself keeps models."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "mace"


def verified_file(name: str, weights: Path | None = None) -> Path:
    """Return the file of a named model, fetched into the cache where it is missing.

    Raises:
        InputError: A file is not the published one.
        MissingComponentError: No file is here and none could be fetched.
    """
    path = find_weights(name, weights)
    if path is None:
        return fetch_weights(name)
    _verify(path, MACE_MODELS[name])
    return path


def _verify(path: Path, model: MaceModel) -> None:
    if model.sha256 is not None and (found := file_digest(path)) != model.sha256:
        raise InputError(
            f"{path} is not the published {model.name}: its SHA-256 is {found}, expected "
            f"{model.sha256}; remove it and run `merrow models get {model.name}`, or use it under "
            f"its own name with --potential {PREFIX}{path}."
        )


def fetch_weights(name: str) -> Path:
    """Return the verified file of a named model in the cache, after fetching it if missing.

    Raises:
        MissingComponentError: It could not be reached, or is not what it should be.
    """
    model = MACE_MODELS[name]
    target = cache_folder() / model.file_name
    if target.is_file():
        _verify(target, model)
        return target
    cause = "no hash of it is known, so it is never downloaded"
    if model.sha256 is not None:
        with TemporaryDirectory(prefix="merrow-weights-") as folder:
            path = Path(folder) / model.file_name
            try:
                download(model.urls, path)
                _verify(path, model)
            except InputError as error:
                cause = str(error).rstrip(".")
            else:
                atomic_write(target, path.read_bytes())
                return target
    raise MissingComponentError(
        f"the weights of {name} are not here and could not be fetched ({cause}): set MERROW_MODELS "
        f"to a folder with {model.file_name}, or give the file with --weights. Licence of the "
        f"weights: {model.license}."
    )
