# SPDX-License-Identifier: MIT
"""Finding and running the programs of AmberTools, with their error messages."""

from __future__ import annotations

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


def find_program(name: str) -> Path:
    """Return the path of a program of AmberTools: on PATH, or next to the running Python.

    Raises:
        MissingComponentError: The program is in neither place.
    """
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name) or shutil.which(name, path=beside)
    if found is None:
        raise MissingComponentError(
            f"the AmberTools program {name!r} is neither on PATH nor in {beside}: install it with "
            '`conda install -c conda-forge ambertools` or `pip install "merrow[amber]"`.'
        )
    return Path(found)


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
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if path_first is not None:
        environment["PATH"] = f"{path_first}{os.pathsep}{os.environ.get('PATH', '')}"
    with subprocess.Popen(
        [str(find_program(name)), *arguments],
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
    command = [str(find_program("antechamber")), "-L"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    told = re.search(r"antechamber (\d[\d.]*\d)", done.stdout + done.stderr)
    if told is None:
        command = [str(find_program("sander")), "--version"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        told = re.search(r"Version (\d[\d.]*\d)", done.stdout)
    return told.group(1) if told else "unknown"
