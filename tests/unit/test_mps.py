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

from merrow.hydration import workers
from merrow.hydration.workers import usual_processes
from merrow.mps import (
    CONTROL,
    DEVICES,
    GPUS,
    LIST,
    LOGS,
    MOST_PER_GPU,
    PIPES,
    SHARE,
    shared_gpu,
    visible_gpus,
)

DAEMON = """#!/bin/sh
if [ "$1" = "-d" ]; then echo "start $CUDA_MPS_PIPE_DIRECTORY" >> "$MPS_TEST_LOG"; exit {code}; fi
read word; echo "$word $CUDA_MPS_PIPE_DIRECTORY" >> "$MPS_TEST_LOG"
"""
LONG_S = 60.0
"""A machine may be busy: what must happen is waited for so long."""


@pytest.fixture
def gpus(tmp_path, monkeypatch):
    """Install a program that lists so many GPUs."""

    def install(count):
        program = tmp_path / LIST
        told = "".join(f"echo 'GPU {k}: one (UUID: GPU-{k})'\n" for k in range(count))
        program.write_text(f"#!/bin/sh\n{told}")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        monkeypatch.delenv(DEVICES, raising=False)

    return install


@pytest.fixture
def daemon(tmp_path, monkeypatch, gpus):
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
        gpus(1)
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
    with shared_gpu("CUDA", 4) as environments:
        folder = Path(environments[0][PIPES])
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (
            environments == ({PIPES: str(folder), LOGS: str(folder), SHARE: "50", GPUS: "1"},) * 4
        )
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
    with shared_gpu("auto", 4) as environments:
        assert PIPES in environments[3]
    monkeypatch.setattr("shutil.which", lambda name: None)
    with shared_gpu("auto", 4) as environments:
        assert environments == ({},) * 4


@pytest.mark.parametrize("mps", [True, False])
def test_the_gpus_that_a_scheduler_gave_are_dealt_out_and_no_other(daemon, monkeypatch, mps):
    """A daemon counts those that it was given from 0; without one they keep their names."""
    daemon(code=0 if mps else 1)
    monkeypatch.setenv(DEVICES, "3,GPU-5")
    with shared_gpu("CUDA", 5) as environments:
        first, second = ("0", "1") if mps else ("3", "GPU-5")
        assert [e[DEVICES] for e in environments] == [first, second, first, second, first]
        assert {e[GPUS] for e in environments} == {"2"}
        assert {e.get(SHARE) for e in environments} == ({"80"} if mps else {None})
        assert os.environ[DEVICES] == "3,GPU-5"


def test_all_gpus_are_used_where_nobody_gave_some(daemon, gpus):
    daemon()
    gpus(3)
    assert visible_gpus() == ("0", "1", "2")
    with shared_gpu("CUDA", 4) as environments:
        assert [e[DEVICES] for e in environments] == ["0", "1", "2", "0"]


def test_one_gpu_of_a_job_is_the_daemons_first(daemon, monkeypatch):
    daemon()
    monkeypatch.setenv(DEVICES, "3")
    with shared_gpu("CUDA", 2) as environments:
        assert [e[DEVICES] for e in environments] == ["0", "0"]


@pytest.mark.parametrize("hidden", ["", "-1", "NoDevFiles", " -1,0"])
@pytest.mark.parametrize("platform", ["CUDA", "auto"])
def test_a_hidden_gpu_stays_hidden(daemon, monkeypatch, hidden, platform):
    log = daemon()
    monkeypatch.setenv(DEVICES, hidden)
    assert visible_gpus() == ()
    with shared_gpu(platform, 3) as environments:
        assert environments == ({},) * 3
    assert log.read_text() == ""


def test_gpus_after_a_hidden_one_are_not_used(monkeypatch):
    monkeypatch.setenv(DEVICES, "3, 1,-1,0")
    assert visible_gpus() == ("3", "1")


@pytest.mark.parametrize(("platform", "processes"), [("CPU", 4), ("OpenCL", 4), ("CUDA", 1)])
def test_it_is_not_started_where_nothing_is_shared(daemon, platform, processes):
    log = daemon()
    with shared_gpu(platform, processes) as environments:
        assert environments == ({},) * processes
    assert log.read_text() == ""


def test_a_daemon_of_the_user_is_left_as_it_is(daemon, monkeypatch, tmp_path):
    log = daemon()
    monkeypatch.setenv(PIPES, str(tmp_path))
    with shared_gpu("CUDA", 4) as environments:
        assert environments == ({GPUS: "1"},) * 4
    assert log.read_text() == ""


def test_where_it_cannot_be_had_that_is_told(daemon, monkeypatch, caplog):
    log = daemon(code=1)
    with shared_gpu("CUDA", 4) as environments:
        assert environments == ({GPUS: "1"},) * 4
    assert "MPS did not start" in caplog.text
    folder = Path(lines(log, 2)[0].removeprefix("start "))
    assert gone(folder)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with shared_gpu("CUDA", 4) as environments:
        assert environments == ({GPUS: "1"},) * 4
    assert f"4 processes take turns on the GPU: {CONTROL} is not here." in caplog.text


@pytest.mark.parametrize(
    ("platform", "cores", "count", "usual"),
    [
        ("CPU", 128, 1, 128),
        ("CUDA", 8, 1, 8),
        ("CUDA", 128, 1, MOST_PER_GPU),
        ("CUDA", 128, 4, 4 * MOST_PER_GPU),
        ("CUDA", 128, 0, MOST_PER_GPU),
    ],
)
def test_no_more_processes_share_a_gpu_than_it_has_contexts_for(
    platform, cores, count, usual, gpus, monkeypatch
):
    gpus(count)
    monkeypatch.setattr(workers, "core_count", lambda: cores)
    assert usual_processes(platform) == usual


def test_at_least_one_process_works_where_every_gpu_is_hidden(monkeypatch):
    monkeypatch.setenv(DEVICES, "")
    assert usual_processes("CUDA") == 1
