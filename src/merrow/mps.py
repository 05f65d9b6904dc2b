# SPDX-License-Identifier: MIT
"""Several processes on one GPU at the same time, through a private daemon of NVIDIA MPS.

Without MPS, processes take turns on a GPU: fourteen did 1.1 times what one did alone (H200, 1.7k
atoms), with it 3.4 times. The daemon needs no privileges and changes no GPU setting. Its folder
is private, existing MPS daemons are left alone, and it ends with this process, also after
`kill -9`.

With several GPUs, processes are distributed over them. Only the GPUs in CUDA_VISIBLE_DEVICES, if
it is set, are used.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Final

CONTROL: Final = "nvidia-cuda-mps-control"
PIPES: Final = "CUDA_MPS_PIPE_DIRECTORY"
LOGS: Final = "CUDA_MPS_LOG_DIRECTORY"
DEVICES: Final = "CUDA_VISIBLE_DEVICES"
SHARE: Final = "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"
GPUS: Final = "MERROW_GPUS"
"""Variable that holds the number of GPUs that a set of processes shares."""
HIDDEN: Final = ("", "-1", "NoDevFiles")
"""Names that end the list of visible GPUs: some users and schedulers hide all in this way."""
LIST: Final = "nvidia-smi"
START_S: Final = 60.0
MOST_PER_GPU: Final = 12
"""Processes that share a GPU unless more are asked for. MPS serves 48 CUDA contexts on a GPU (newer
drivers more), and a process opens up to four: of its network, of OpenMM, and of two scaled
torsions. Eight did 95 % of what fourteen did (H200)."""
WATCH: Final = 'exec 3<&0; (read _ <&3; echo quit | "$0"; rm -rf "$1") >/dev/null 2>&1 &'
"""Detached shell command: ends the daemon when the pipe from this process closes."""

logger = logging.getLogger(__name__)


Environment = Mapping[str, str]


@contextmanager
def shared_gpu(platform: str, processes: int) -> Iterator[tuple[Environment, ...]]:
    """Yield the environment variables that let each process share GPUs; empty without a GPU.

    Args:
        platform: OpenMM platform of the processes; MPS is for CUDA only, which "auto" may mean
            where NVIDIA's programs are installed.
        processes: Number of processes.
    """
    program = shutil.which(CONTROL)
    possible = platform == "CUDA" or (platform == "auto" and bool(program or shutil.which(LIST)))
    if not possible or processes < 2:
        yield ({},) * processes
        return
    gpus = visible_gpus()
    if not gpus:
        yield ({},) * processes
        return
    if PIPES in os.environ or program is None:
        if PIPES not in os.environ and platform == "CUDA":
            logger.warning(
                "%d processes take turns on the GPU: %s is not here.", processes, CONTROL
            )
        yield _dealt(gpus, processes)
        return
    folder = Path(tempfile.mkdtemp(prefix="mps-"))  # short: a socket's path has 108 characters
    own = {PIPES: str(folder), LOGS: str(folder)}
    environment = {**os.environ, **own}
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", WATCH, program, str(folder)], stdin=subprocess.PIPE, env=environment
    )
    try:
        if _started(program, environment):
            share = {SHARE: str(max(1, min(100, 200 * len(gpus) // processes)))}
            renumbered = tuple(str(k) for k, _ in enumerate(gpus))  # the daemon counts from 0
            yield _dealt(renumbered, processes, own | share)
        else:
            logger.warning("%d processes take turns on the GPU: MPS did not start.", processes)
            yield _dealt(gpus, processes)
    finally:
        if watcher.stdin is not None:
            watcher.stdin.close()  # this is what the watcher waits for
        watcher.wait()


def visible_gpus() -> tuple[str, ...]:
    """Return the GPUs of this process as CUDA names them: those assigned to it, or all.

    There are none where they are hidden, and one is assumed where their number is unknown.
    """
    given = os.environ.get(DEVICES)
    if given is not None:
        names = (name.strip() for name in given.split(","))
        return tuple(takewhile(lambda name: name not in HIDDEN, names))
    try:
        told = subprocess.run(
            [LIST, "-L"], capture_output=True, text=True, timeout=START_S, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError):
        told = ""
    count = sum(line.startswith("GPU ") for line in told.splitlines())
    return tuple(str(k) for k in range(max(1, count)))


def _dealt(
    gpus: tuple[str, ...], processes: int, common: Environment | None = None
) -> tuple[Environment, ...]:
    """Return the environment of each process, with a GPU of its own where there are several."""
    common = {**(common or {}), GPUS: str(len(gpus))}
    if len(gpus) == 1 and DEVICES not in os.environ:
        return (common,) * processes
    return tuple({**common, DEVICES: gpus[k % len(gpus)]} for k in range(processes))


def _started(program: str, environment: Mapping[str, str]) -> bool:
    """Start the daemon; tell whether it reports that it runs."""
    try:
        done = subprocess.run(
            [program, "-d"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=START_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
