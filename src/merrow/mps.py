# SPDX-License-Identifier: MIT
"""Several processes on one GPU at the same time, through a daemon of NVIDIA's MPS of our own.

Without it processes take turns on a GPU: fourteen did less than one alone (H100, 1.7k atoms), with
it eight times more. The daemon needs no rights and changes no setting of the card. It is ours
alone: its folder is private, a daemon of the system or of the user is left as it is, and it ends
with this process, after a `kill -9` too.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CONTROL: Final = "nvidia-cuda-mps-control"
PIPES: Final = "CUDA_MPS_PIPE_DIRECTORY"
LOGS: Final = "CUDA_MPS_LOG_DIRECTORY"
DEVICES: Final = "CUDA_VISIBLE_DEVICES"
SHARE: Final = "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"
START_S: Final = 60.0
WATCH: Final = 'exec 3<&0; (read _ <&3; echo quit | "$0"; rm -rf "$1") >/dev/null 2>&1 &'
"""Waits, as nobody's child, until the pipe from this process is closed, and ends the daemon."""

logger = logging.getLogger(__name__)


@contextmanager
def shared_gpu(platform: str, processes: int) -> Iterator[Mapping[str, str]]:
    """Yield what the processes' environment needs to share GPUs; nothing where that is not so.

    Args:
        platform: OpenMM platform of the processes; only CUDA has such a daemon, and "auto" may be
            CUDA where the daemon's program is.
        processes: How many there are.
    """
    program = shutil.which(CONTROL)
    possible = platform == "CUDA" or (platform == "auto" and program is not None)
    if not possible or processes < 2 or PIPES in os.environ:
        yield {}
        return
    if program is None:
        logger.warning("%d processes take turns on the GPU: %s is not here.", processes, CONTROL)
        yield {}
        return
    folder = Path(tempfile.mkdtemp(prefix="mps-"))  # short: a socket's path has 108 characters
    own = {PIPES: str(folder), LOGS: str(folder)}
    environment = {**os.environ, **own}
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", WATCH, program, str(folder)], stdin=subprocess.PIPE, env=environment
    )
    try:
        if _started(program, environment):
            yield {**own, **_renumbered(), SHARE: str(max(1, min(100, 200 // processes)))}
        else:
            logger.warning("%d processes take turns on the GPU: MPS did not start.", processes)
            yield {}
    finally:
        if watcher.stdin is not None:
            watcher.stdin.close()  # what the watcher waits for
        watcher.wait()


def _started(program: str, environment: Mapping[str, str]) -> bool:
    """Start the daemon; tell whether it says that it runs."""
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


def _renumbered() -> dict[str, str]:
    """Return the devices as clients count them: the daemon's first is 0."""
    visible = os.environ.get(DEVICES)
    if not visible:
        return {}
    return {DEVICES: ",".join(str(k) for k, _ in enumerate(visible.split(",")))}
