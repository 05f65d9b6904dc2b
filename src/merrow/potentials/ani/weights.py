# SPDX-License-Identifier: MIT
"""Where are the weights of an ANI model, and are they the published ones?

Order: the file that the user gives, the folder in MERROW_MODELS, the user's cache, the official
download, the wheel of torchani 2.0 from the package index. Whatever the place, the canonical
content must have the published hash.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from merrow.errors import InputError, MissingComponentError
from merrow.potentials.ani.files import read_ani, write_state_dict
from merrow.potentials.ani.models import WHEEL, WHEEL_SHA256, AniModel
from merrow.potentials.ani.parameters import AniParameters
from merrow.potentials.weights import cache_folder, download, download_wheel, file_digest, find_file


def load_parameters(model: AniModel, weights: Path | None = None) -> AniParameters:
    """Return the verified parameters of a model, fetched into the cache where they are missing.

    Args:
        model: Which model.
        weights: A file that the user gives (a state dict, or the wheel of torchani 2.0), or a
            folder with a file named as `model.file_name`; None searches.

    Raises:
        InputError: A file is not what it should be.
        MissingComponentError: No file is here and none could be fetched.
    """
    path = find_weights(model, weights)
    return read_verified(path if path is not None else fetch_weights(model), model)


def find_weights(model: AniModel, weights: Path | None = None) -> Path | None:
    """Return the file that would be used, without looking into it, or None; no network.

    Raises:
        InputError: The file or folder that the user names does not exist.
    """
    return find_file(model.file_name, weights)


def read_verified(path: Path, model: AniModel) -> AniParameters:
    """Return the parameters in a file if they are the published ones.

    Raises:
        InputError: The file cannot be read, or its content has another hash.
    """
    if path.suffix == ".whl" and (found := file_digest(path)) != WHEEL_SHA256:
        raise InputError(_wrong_hash(path, WHEEL, found, WHEEL_SHA256, model))
    parameters = read_ani(path, model)
    if (found := parameters.digest()) != model.digest:
        raise InputError(_wrong_hash(path, model.name, found, model.digest, model))
    return parameters


def _wrong_hash(path: Path, what: str, found: str, expected: str, model: AniModel) -> str:
    return (
        f"{path} is not the published {what}: its content has SHA-256 {found}, expected "
        f"{expected}; give another file, or, if this one is in your cache, remove it and run "
        f"`merrow models get {model.name}`."
    )


def fetch_weights(model: AniModel) -> Path:
    """Return the verified file of a model in the cache, after fetching it where it is missing.

    Raises:
        MissingComponentError: No source could be reached, or none has the right content.
    """
    target = cache_folder() / model.file_name
    if target.is_file():
        try:
            read_verified(target, model)
        except InputError:
            target.unlink()
        else:
            return target
    causes = []
    for source in (_official, _wheel):
        with TemporaryDirectory(prefix="merrow-weights-") as folder:
            try:
                parameters = read_verified(source(model, Path(folder)), model)
            except InputError as error:
                causes.append(str(error).rstrip("."))
                continue
        write_state_dict(target, parameters)
        return target
    raise MissingComponentError(
        f"the weights of {model.name} are not here and could not be fetched "
        f"({'; '.join(causes)}): set MERROW_MODELS to a folder with {model.file_name}, or give the "
        f"file with --weights."
    )


def _official(model: AniModel, folder: Path) -> Path:
    """Return the downloaded state dict of the official addresses."""
    path = folder / model.file_name
    download(model.urls, path)
    return path


def _wheel(model: AniModel, folder: Path) -> Path:
    """Return the wheel of torchani 2.0 from the package index; it is never installed."""
    if model.wheel_folder is None:
        raise MissingComponentError("the package index does not hold this model")
    return download_wheel(WHEEL, folder)
