# SPDX-License-Identifier: MIT
"""A server with a simple answer, and both clients, started as sander starts them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from merrow.errors import NumericsError
from merrow.sander import client as python_client
from merrow.sander.scratch import COMPILED_CLIENT
from merrow.sander.server import ModelServer, Reply, Request


def answer(request: Request) -> Reply:
    """Echo; the job says what else happens."""
    if request.job == "refuse":
        raise NumericsError("the energy is not finite")
    if request.job == "fault":
        raise ZeroDivisionError("a fault")
    if request.job.startswith("sleep"):
        time.sleep(float(request.job.split()[1]))
    return Reply(f"{request.job}|{request.input}|{request.geometry}", "1.5 0.25\n")


@pytest.fixture
def private():
    """A folder with a short path that its owner alone may enter."""
    folder = Path(tempfile.mkdtemp(prefix="merrow-test-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def server(private):
    with ModelServer(private / "socket", answer) as running:
        yield running


class Client:
    """One of the clients in a folder of its own."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.command, self.folder = command, folder
        folder.mkdir()
        (folder / "orc_job.inp").write_text("input")
        (folder / "inpfile.xyz").write_text("geometry")
        (folder / "orc_job.engrad").write_text("of the step before")

    def start(self, socket: Path, job: str = "job", timeout: int = 10) -> subprocess.Popen[str]:
        environment = {
            "MERROW_SOCKET": str(socket),
            "MERROW_JOB": job,
            "MERROW_TIMEOUT": str(timeout),
        }
        return subprocess.Popen(
            [*self.command, "orc_job.inp"],
            cwd=self.folder,
            env={**os.environ, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, socket: Path, job: str = "job", timeout: int = 10) -> tuple[int, str]:
        process = self.start(socket, job, timeout)
        _, error = process.communicate(timeout=120)
        return process.returncode, error

    def read(self, name: str) -> str | None:
        try:  # not asked for first: the client that runs may remove it in between
            return (self.folder / name).read_text()
        except FileNotFoundError:
            return None


@pytest.fixture(params=["compiled", "python"])
def client(request, tmp_path):
    """Return a client in a fresh folder."""
    if request.param == "python":
        command = [sys.executable, "-I", "-S", str(python_client.__file__)]
    elif COMPILED_CLIENT.is_file():
        shutil.copyfile(COMPILED_CLIENT, tmp_path / "orca")
        (tmp_path / "orca").chmod(0o700)
        command = [str(tmp_path / "orca")]
    else:
        pytest.skip("the client was not compiled: no C compiler at installation")
    return Client(command, tmp_path / "work")
