# SPDX-License-Identifier: MIT
"""What is a tiny real run, as a process of its own that a test may disturb?"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from process_table import DEAD, all_processes

PROGRAM = Path(sys.executable).with_name("merrow")
SCHEDULE = "schedule={lambda_electrostatics: [1.0, 0.0], lambda_sterics: [0.5, 0.0]}"
SETTINGS = (
    *("cutoff_angstrom=6", "n_waters=200"),
    *("equilibration_ps=0.02", "equilibration_per_state_ps=0.004"),
    *("record_interval_ps=0.004", "minimum_sampling_ps=0.096", "maximum_sampling_ps=0.144"),
    "minimum_per_repeat_ps=0",
    *("gas_ps=0.9", "target_stderr_kcal=null", SCHEDULE),
)
SEGMENTS = 7
"""Pieces of the whole run: three of each repeat, one of the gas phase."""
PATIENCE = 300.0
"""No step of a tiny run takes as long [s], however busy the machine is."""


def segments(run):
    """Return the finished pieces of a run folder."""
    return sorted(run.glob("tasks/*/segment-*.npz"))


def times(paths):
    """Return when each file was written."""
    return {path: path.stat().st_mtime_ns for path in paths}


def numbers(run):
    """Return result.json without the time that it took."""
    found = json.loads((run / "result.json").read_text())
    assert found.pop("wall_s") > 0.0
    return found


def wait_for(question, what):
    """Wait until a question is answered with something true."""
    end = time.monotonic() + PATIENCE
    while not (answer := question()):
        assert time.monotonic() < end, f"waited too long for {what}"
        time.sleep(0.02)
    return answer


def workers(pid):
    """Return the living children of a process that do its pieces."""
    return [
        child.pid
        for child in all_processes()
        if child.parent == pid and child.state != DEAD and "spawn_main" in " ".join(child.words)
    ]


class TinyRun:
    """The command, its folder, and the process that runs it at present."""

    def __init__(self, folder, gas, processes):
        self.folder = folder
        words = [*map(str, gas), "--solvate", "tip3p", "--potential", "mm"]
        words += [w for setting in SETTINGS for w in ("--set", setting)]
        self.words = [*words, "--processes", str(processes), "--out", str(folder)]
        self.process = None

    def start(self):
        """Begin, as the leader of a process group of its own."""
        self.process = subprocess.Popen(
            [PROGRAM, "hydration", *self.words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | {"COLUMNS": "80"},
        )

    def finish(self):
        """Wait for the end; return exit code, stdout and stderr."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err

    def complete(self):
        """Run to the end and return what was said."""
        self.start()
        code, out, err = self.finish()
        assert code == 0, err
        return out, err

    def reach(self, count):
        """Wait until so many pieces are finished."""
        wait_for(
            lambda: len(segments(self.folder)) >= count or self.process.poll() is not None,
            f"{count} segments",
        )
        assert self.process.poll() is None, "the run ended before it could be disturbed"

    def reach_some_moment(self, seed):
        """Wait until a random moment of the sampling."""
        chance = random.Random(seed)
        self.reach(chance.randrange(1, SEGMENTS - 2))
        time.sleep(chance.uniform(0.0, 0.3))
