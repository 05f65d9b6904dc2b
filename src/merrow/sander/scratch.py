# SPDX-License-Identifier: MIT
"""Running sander in a scratch folder, as if it ran in the user's own.

The files of its interface to external programs have fixed names, so each run needs its own folder,
with links to the content of the user's folder; new files are moved back at the end.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from merrow.ambertools.programs import find_program, with_own_data
from merrow.errors import InputError, MerrowError, UnsupportedPhysicsError
from merrow.sander import client
from merrow.sander.input import rewrite_redirections, why_unread

COMPILED_CLIENT: Final = Path(__file__).with_name("sander-client")
"""A program, not a library; named so that the build includes it."""
PREFIX: Final = "merrow-sander-"
LAST_WORDS: Final = 2.0
"""Time to wait for processes that still write into a folder being removed [s]."""
OWN_FILES = re.compile(
    r"(old\.)?(orc_job\.\w+(\.part)?|inpfile\.xyz|ptchrg\.xyz)|extern_location|merrow_\w+"
)
"""Files that the interface leaves in the scratch folder."""

UNANSWERED: Final = "Error reading Orca output"
"""sander's message if the result file is missing."""
UNREAD: Final = re.compile(r"error in reading namelist (\w+)")
"""sander's message if a namelist has a key that it does not know, or a value of another type."""

INPUTS: Final = {"-i": "mdin", "-p": "prmtop", "-c": "inpcrd"}
OUTPUTS: Final = {"-o": "mdout", "-r": "restrt", "-x": "mdcrd", "-inf": "mdinfo"}
OTHER_FILES: Final = (
    *("-ref", "-v", "-frc", "-e", "-mtmd", "-y", "-radii", "-rdip", "-mdip", "-refc"),
    *("-amd", "-gamd", "-scaledMD", "-cpin", "-cpout", "-cprestrt", "-cein", "-ceout"),
    *("-cerestrt", "-evbin", "-inptraj", "-l"),
)
SWITCHES: Final = ("-O", "-AllowSmallBox")
PARALLEL: Final = ("-ng", "-groupfile", "-rem", "-remlog", "-nslice", "-p4pg", "-np")
RANKS: Final = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")
"""Environment variables in which mpirun gives the number of ranks."""
LONGEST_NAME: Final = 255
"""Maximum length of a file name in sander [characters]."""
PULSE: Final = 1.0
"""Longest time before an interrupt is noticed [s]."""
GRACE: Final = 5.0
"""Time for sander to end after SIGTERM [s]."""


@dataclass(frozen=True)
class Arguments:
    """The command line of sander.

    Attributes:
        files: Absolute paths by flag, for all of `INPUTS` and `OUTPUTS`.
        switches: Flags without a value.
    """

    files: Mapping[str, Path]
    switches: tuple[str, ...]

    def words(self) -> list[str]:
        """Return the command line for sander."""
        named = [word for flag, path in self.files.items() for word in (flag, str(path))]
        return [*self.switches, *named]


def read_arguments(words: Sequence[str], folder: Path) -> Arguments:
    """Read sander's flags.

    Args:
        words: Words such as ("-O", "-i", "mdin").
        folder: Folder to which paths are relative.

    Raises:
        InputError: A flag is unknown or has no value, or a file is missing or would be overwritten.
        UnsupportedPhysicsError: A flag needs sander.MPI.
    """
    files = {flag: folder / name for flag, name in (INPUTS | OUTPUTS).items()}
    switches, rest = [], iter(words)
    for flag in rest:
        if flag in SWITCHES:
            switches.append(flag)
        elif flag == "-A":
            raise InputError("-A appends to an older mdout, which cannot be distinguished: use -O.")
        elif flag in PARALLEL:
            raise UnsupportedPhysicsError(
                f"{flag} needs sander.MPI, whose ranks would not all get the ML forces; run one "
                "serial `merrow sander` for each copy."
            )
        elif flag in (*INPUTS, *OUTPUTS, *OTHER_FILES):
            value = next(rest, None)
            if value is None:
                raise InputError(f"sander's flag {flag} needs the name of a file after it.")
            files[flag] = folder / value
        else:
            known = ", ".join((*SWITCHES, *INPUTS, *OUTPUTS, *OTHER_FILES))
            raise InputError(f"{flag!r} is no flag of sander; it has {known}.")
    for flag, path in files.items():
        if len(str(path)) > LONGEST_NAME:
            raise InputError(f"the path of {flag} is longer than sander can hold: {path}.")
        if flag in (*INPUTS, "-ref") and not path.is_file():
            raise InputError(f"there is no file {path} (sander's flag {flag}).")
        if flag in OUTPUTS and not path.parent.is_dir():
            raise InputError(f"there is no folder {path.parent} for sander's flag {flag}.")
        if flag in ("-o", "-r") and path.exists() and "-O" not in switches:
            raise InputError(f"{path} exists already: add -O to overwrite it.")
    return Arguments(files, tuple(switches))


def refuse_ranks(environment: Mapping[str, str]) -> None:
    """Refuse to run as one of several MPI ranks, each of which would be a complete run.

    Raises:
        UnsupportedPhysicsError: mpirun or the like started more than one rank.
    """
    for name in RANKS:
        ranks = environment.get(name, "1")
        if ranks.isdigit() and int(ranks) > 1:
            raise UnsupportedPhysicsError(
                f"{name}={ranks}: mpirun started {ranks} copies of `merrow sander`, which would "
                "all "
                "write the same files; start one without mpirun (its sander is serial, so that the "
                f"ML forces reach every atom), or unset {name} if each copy has files of its own."
            )


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a private folder, removed at the end; remove folders left by killed runs."""
    base = Path(tempfile.gettempdir())
    for old in base.glob(f"{PREFIX}*"):
        _remove_if_dead(old)
    new = Path(tempfile.mkdtemp(prefix="new-merrow-", dir=base))
    lock = os.open(new / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    folder = new.rename(base / new.name.replace("new-merrow-", PREFIX))  # now visible to others
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(lock)


def _remove(folder: Path) -> None:
    """Remove a folder into which an ending process may still write."""
    end = time.monotonic() + LAST_WORDS
    while folder.exists() and time.monotonic() < end:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.02)


def _remove_if_dead(folder: Path) -> None:
    """Remove a scratch folder of this user whose owner has ended."""
    with contextlib.suppress(OSError):
        if folder.stat().st_uid != os.getuid():
            return
        lock = os.open(folder / "lock", os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(folder)
        finally:
            os.close(lock)


def install_client(folder: Path) -> None:
    """Install the programs that sander calls into a folder: compiled, or else in Python."""
    folder.mkdir()
    if COMPILED_CLIENT.is_file():
        program = COMPILED_CLIENT
        if not os.access(program, os.X_OK):  # an installer may have dropped the permission
            program = folder / "client"
            shutil.copyfile(COMPILED_CLIENT, program)
            program.chmod(0o700)
        for name in ("orca", "rm", "mv"):
            (folder / name).symlink_to(program)
        return
    python = f"unset LD_LIBRARY_PATH\nexec '{sys.executable}' -I -S '{client.__file__}'"
    scripts = {
        "orca": f'rm -f orc_job.engrad\n{python} "$@"',
        "rm": '/bin/rm -f orc_job.engrad\nexec /bin/rm "$@"',
        "mv": '/bin/rm -f orc_job.engrad\nexec /bin/mv "$@"',
    }
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o700)


def run_sander(
    arguments: Arguments,
    text: str,
    *,
    folder: Path,
    scratch: Path,
    socket: Path,
    job: str,
) -> Path:
    """Run sander with a rewritten input and move its files to the user's folder.

    Args:
        arguments: The user's command line.
        text: The input for sander.
        folder: The user's folder.
        scratch: A private folder.
        socket: Socket of the model server.
        job: The job that the client sends to the server.

    Returns:
        The client's list of energies.

    Raises:
        InputError: sander could not read a namelist.
        MissingComponentError: sander is not installed.
        MerrowError: sander or the client failed.
        KeyboardInterrupt: The run was interrupted; sander was ended and its files were moved.
    """
    program = find_program("sander")
    install_client(scratch / "bin")
    work = scratch / "work"
    work.mkdir()
    kept = arguments.files["-r"]
    made = work / kept.name
    _mirror(folder, work, without=kept.name)
    mdin = scratch / "mdin"
    mdin.write_text(_relocated(text, folder, work), encoding="latin-1")
    command = replace(arguments, files={**arguments.files, "-i": mdin, "-r": made}).words()
    environment = {
        **with_own_data(program),
        "PATH": f"{scratch / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "MERROW_SOCKET": str(socket),
        "MERROW_JOB": job,
        "MERROW_RESTART": str(made),
        "MERROW_KEEP": str(kept),
        "MERROW_LOCK": str(scratch / "lock"),
    }
    log = scratch / "sander.log"
    try:
        code = _execute([str(program), *command], work, environment, log)
        if code == 0:
            client.keep_restart(str(made), str(kept))
    finally:
        made.unlink(missing_ok=True)  # it may be incomplete unless sander ended normally
        _bring_home(work, folder, restart=kept)
    _check(code, work / "merrow_failure", arguments.files, log, text)
    return work / "merrow_energies"


def _execute(command: list[str], work: Path, environment: Mapping[str, str], log: Path) -> int:
    """Run sander and return its exit code; an interrupt ends it."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            while True:  # a signal just before an endless wait would not be seen
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(timeout=PULSE)
        except BaseException:
            _end(process)
            raise


def _mirror(folder: Path, work: Path, *, without: str) -> None:
    """Link the content of the user's folder, except one name."""
    for path in folder.iterdir():
        if path.name != without and not OWN_FILES.fullmatch(path.name):
            (work / path.name).symlink_to(path)


def _relocated(text: str, folder: Path, work: Path) -> str:
    """Return an input whose redirections point from the scratch folder to the user's folder.

    A plain file name is kept; other paths get a short one, since sander truncates long lines.
    """
    names: dict[str, str] = {}

    def rename(name: str) -> str:
        short = name if "/" not in name else f"merrow_file_{len(names)}"
        names.setdefault(name, short)
        link = work / names[name]
        if not link.is_symlink():
            link.symlink_to(folder / name)
        return names[name]

    return rewrite_redirections(text, rename)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End sander and its child processes."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=GRACE)
            return


def _bring_home(work: Path, folder: Path, *, restart: Path) -> None:
    """Move new files of a run into the user's folder; for a renamed link, rename its target.

    Numbered restarts (ntwr < 0) go to the folder of the restart.
    """
    entries = sorted(work.iterdir(), key=lambda path: not path.is_symlink())
    for path in entries:
        if OWN_FILES.fullmatch(path.name):
            continue
        if not path.is_symlink():
            numbered = path.name.startswith(f"{restart.name}_")
            shutil.move(path, (restart.parent if numbered else folder) / path.name)
        elif (target := path.readlink()).parent == folder and target.name != path.name:
            with contextlib.suppress(FileNotFoundError):
                target.rename(folder / path.name)


def _check(code: int, failure: Path, files: Mapping[str, Path], log: Path, asked: str) -> None:
    """Raise the error of the client or sander, if any; `asked` is the input that sander got."""
    if failure.is_file():
        raise MerrowError(f"sander was stopped: {failure.read_text(errors='replace').strip()}")
    if code == 0:
        return
    mdout = files["-o"]
    text = log.read_text(errors="replace")
    if mdout.is_file():
        text += mdout.read_text(errors="replace")
    if code > 0 and (unread := UNREAD.search(text)):
        raise InputError(why_unread(asked, unread[1].lower(), source=files["-i"].name))
    if UNANSWERED in text:
        raise MerrowError(
            "sander was stopped: the client that asks the model died without an answer (was it "
            f"killed, or is the memory full?); {mdout} holds the steps until then."
        )
    tail = " | ".join(line.strip() for line in text.splitlines() if line.strip())[-400:]
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    raise MerrowError(f"sander {how}; see {mdout}; its last output: {tail}")
