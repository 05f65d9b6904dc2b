# SPDX-License-Identifier: MIT
"""Does a daemon that lets processes share a GPU start, end with us, and leave others alone?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from merrow.mps import CONTROL, DEVICES, LOGS, PIPES, SHARE, shared_gpu

DAEMON = """#!/bin/sh
if [ "$1" = "-d" ]; then echo "start $CUDA_MPS_PIPE_DIRECTORY" >> "$MPS_TEST_LOG"; exit {code}; fi
read word; echo "$word $CUDA_MPS_PIPE_DIRECTORY" >> "$MPS_TEST_LOG"
"""
LONG_S = 60.0
"""A machine may be busy: what must happen is waited for so long."""


@pytest.fixture
def daemon(tmp_path, monkeypatch):
    """Install a program of that name, which writes down what it is asked; return its log."""

    def install(code=0):
        program = tmp_path / CONTROL
        program.write_text(DAEMON.format(code=code))
        program.chmod(0o755)
        log = tmp_path / "log"
        log.write_text("")
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        monkeypatch.setenv("MPS_TEST_LOG", str(log))
        for name in (PIPES, LOGS, DEVICES):
            monkeypatch.delenv(name, raising=False)
        return log

    return install


def lines(log, n):
    """Return the lines of the log once there are n of them."""
    end = time.monotonic() + LONG_S
    while time.monotonic() < end and len(log.read_text().splitlines()) < n:
        time.sleep(0.05)
    return log.read_text().splitlines()


def gone(folder):
    end = time.monotonic() + LONG_S
    while time.monotonic() < end and folder.exists():
        time.sleep(0.05)
    return not folder.exists()


def test_it_runs_while_it_is_needed(daemon):
    log = daemon()
    with shared_gpu("CUDA", 4) as environment:
        folder = Path(environment[PIPES])
        assert folder.stat().st_mode & 0o777 == 0o700
        assert environment == {PIPES: str(folder), LOGS: str(folder), SHARE: "50"}
        assert lines(log, 1) == [f"start {folder}"]
    assert lines(log, 2)[1:] == [f"quit {folder}"]
    assert gone(folder)


def test_it_ends_when_its_process_is_killed(daemon):
    log = daemon()
    script = (
        "import time\nfrom merrow.mps import shared_gpu\n"
        "with shared_gpu('CUDA', 2): print('on', flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "on\n"
        process.send_signal(signal.SIGKILL)
    started, ended = lines(log, 2)
    folder = Path(started.removeprefix("start "))
    assert ended == f"quit {folder}"
    assert gone(folder)


def test_a_platform_that_is_chosen_later_may_be_one_that_shares(daemon, monkeypatch):
    daemon()
    with shared_gpu("auto", 4) as environment:
        assert PIPES in environment
    monkeypatch.setattr("shutil.which", lambda name: None)
    with shared_gpu("auto", 4) as environment:
        assert environment == {}


def test_devices_are_counted_as_the_daemon_counts_them(daemon, monkeypatch):
    daemon()
    monkeypatch.setenv(DEVICES, "3,5")
    with shared_gpu("CUDA", 2) as environment:
        assert environment[DEVICES] == "0,1"
        assert os.environ[DEVICES] == "3,5"


@pytest.mark.parametrize(("platform", "processes"), [("CPU", 4), ("OpenCL", 4), ("CUDA", 1)])
def test_it_is_not_started_where_nothing_is_shared(daemon, platform, processes):
    log = daemon()
    with shared_gpu(platform, processes) as environment:
        assert environment == {}
    assert log.read_text() == ""


def test_a_daemon_of_the_user_is_left_as_it_is(daemon, monkeypatch, tmp_path):
    log = daemon()
    monkeypatch.setenv(PIPES, str(tmp_path))
    with shared_gpu("CUDA", 4) as environment:
        assert environment == {}
    assert log.read_text() == ""


def test_where_it_cannot_be_had_that_is_told(daemon, monkeypatch, caplog):
    log = daemon(code=1)
    with shared_gpu("CUDA", 4) as environment:
        assert environment == {}
    assert "MPS did not start" in caplog.text
    folder = Path(lines(log, 2)[0].removeprefix("start "))
    assert gone(folder)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with shared_gpu("CUDA", 4) as environment:
        assert environment == {}
    assert f"4 processes take turns on the GPU: {CONTROL} is not here." in caplog.text
