# SPDX-License-Identifier: MIT
"""Finding and running the programs of AmberTools, with their error messages."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from merrow.errors import MerrowError, MissingComponentError
from merrow.process import end_tree

LOOK = 2.0
"""Polling interval for the progress of a program [s]."""
HOME = "AMBERHOME"
"""Variable that tells the programs where their data are."""
CHEMISTRY = ("antechamber/*", "leap/parm/gaff*.dat", "leap/cmd/leaprc.gaff*")
"""Data from which antechamber, parmchk2 and tleap take charges and parameters of a molecule."""


def find_program(name: str, *other_names: str) -> Path:
    """Return the path of a program of AmberTools: on PATH, or next to the running Python.

    Args:
        name: Name of the program.
        other_names: Names that it has in other distributions.

    Raises:
        MissingComponentError: The program is in neither place.
    """
    beside = str(Path(sys.executable).parent)
    for each in (name, *other_names):
        found = shutil.which(each) or shutil.which(each, path=beside)
        if found is not None:
            return Path(found)
    raise MissingComponentError(
        f"the AmberTools program {name!r} is neither on PATH nor in {beside}: install it with "
        '`conda install -c conda-forge ambertools` or `pip install "merrow[amber]"`.'
    )


def with_own_data(program: Path) -> dict[str, str]:
    """Return this process's environment, in which AMBERHOME is that of a program.

    It may be of another Amber, whose charges would differ. It is kept where the folder of the
    program has no data.
    """
    places = (place.absolute().parent.parent for place in (program, program.resolve()))
    for home in places:
        if all((home / "dat" / part).is_dir() for part in ("antechamber", "leap")):
            return {**os.environ, HOME: str(home)}
    return dict(os.environ)


def data_digest() -> str:
    """Return the hash of the data for small molecules that antechamber uses; "" without any.

    Raises:
        MissingComponentError: AmberTools is not installed.
    """
    return _digest(with_own_data(find_program("antechamber")).get(HOME, ""))


@cache
def _digest(home: str) -> str:
    data = Path(home) / "dat"
    found = sorted(path for part in CHEMISTRY for path in data.glob(part) if path.is_file())
    if not home or not found:
        return ""
    each = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in found]
    return hashlib.sha256(repr(each).encode()).hexdigest()


def run_program(
    name: str,
    arguments: Sequence[str],
    *,
    folder: Path,
    log: str,
    path_first: Path | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> str:
    """Run a program of AmberTools in a folder, on one thread, and save its output.

    Args:
        name: Name of the program, such as "antechamber".
        arguments: Its arguments; paths in them are relative to the folder.
        folder: Working folder.
        log: Name of the log file in the folder.
        path_first: Folder to put before the user's PATH.
        meanwhile: Called every few seconds while the program runs.

    Returns:
        The output, including standard error.

    Raises:
        MissingComponentError: The program is not installed.
        MerrowError: The program ended with a non-zero exit code.
        BaseException: What `meanwhile` or a signal raised; the program and all that it started were
            ended.
    """
    program_path = find_program(name)
    environment = {**with_own_data(program_path), "OMP_NUM_THREADS": "1"}
    if path_first is not None:
        environment["PATH"] = f"{path_first}{os.pathsep}{os.environ.get('PATH', '')}"
    with subprocess.Popen(
        [str(program_path), *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as program:
        try:
            output = _output(program, meanwhile)
        except BaseException:
            end_tree(program.pid)  # antechamber has started sqm, MMPBSA sander
            raise
    (folder / log).write_text(output)
    if program.returncode != 0:
        raise failure(name, folder / log, f"ended with exit code {program.returncode}")
    return output


def _output(program: subprocess.Popen[str], meanwhile: Callable[[], None]) -> str:
    while True:
        try:
            return program.communicate(timeout=LOOK)[0]
        except subprocess.TimeoutExpired:
            meanwhile()


def failure(name: str, log: Path, what: str) -> MerrowError:
    """Return an error that says what failed, with the end and the path of the log."""
    text = log.read_text(errors="replace") if log.is_file() else ""
    clean = re.sub(r"\x1b\[[0-9;]*m", "", text)
    tail = " | ".join(line.strip() for line in clean.splitlines() if line.strip())[-400:]
    return MerrowError(f"{name} {what}; its files and log are in {log}; its last output: {tail}")


@cache
def version() -> str:
    """Return the version of AmberTools, such as "26.0", or "unknown".

    Raises:
        MissingComponentError: AmberTools is not installed.
    """
    told = re.search(r"antechamber (\d[\d.]*\d)", _said("antechamber", "-L"))
    if told is None:
        told = re.search(r"Version (\d[\d.]*\d)", _said("sander", "--version"))
    return told.group(1) if told else "unknown"


def _said(name: str, flag: str) -> str:
    program = find_program(name)
    done = subprocess.run(
        [str(program), flag],
        env=with_own_data(program),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return done.stdout + done.stderr
