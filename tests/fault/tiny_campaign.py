# SPDX-License-Identifier: MIT
"""What is a tiny real campaign, to be killed at random moments? Also a script that does so.

    python tests/fault/tiny_campaign.py --kills 20

prints how many kills hit the driver and how many its workers, and fails if a table differs from the
undisturbed one or a finished piece was computed again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from process_table import all_processes
from tiny_run import PATIENCE, PROGRAM, SETTINGS, numbers, times

MOLECULES = ("methane", "methanol")
SYSTEMS = Path(__file__).resolve().parents[1] / "data" / "systems"
TASK = "merrow.campaign.worker"


def write_table(folder):
    """Write the table of a tiny campaign, and a row of which the file is lost."""
    path = folder / "set.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("name", "prmtop", "inpcrd", "expt_kcal"))
        for name in MOLECULES:
            files = (SYSTEMS / f"{name}{suffix}" for suffix in (".prmtop", ".inpcrd"))
            writer.writerow((name, *files, -1.0))
        writer.writerow(("lost", "lost.prmtop", "lost.inpcrd", ""))
    return path


def pieces(folder):
    """Return the finished pieces of a campaign with their times."""
    return times(sorted(folder.glob("runs/*/tasks/*/segment-*.npz")))


def workers(parent):
    """Return the processes that compute runs for a process, at whatever distance."""
    below, found = {parent}, []
    for _ in range(4):  # driver, Dask's nanny, its worker, the run
        for process in all_processes():
            if process.parent in below and process.pid not in below:
                below.add(process.pid)
                found += [process.pid] if TASK in process.words else []
    return found


class TinyCampaign:
    """The command, its folder, and the process that runs it at present."""

    def __init__(self, table, folder, *more):
        self.folder = folder
        changes = [word for setting in SETTINGS for word in ("--set", setting)]
        self.words = ["campaign", "run", table, "--potential", "mm", *changes, *more]
        self.words += ["--out", folder]
        self.process = None
        self.wall = 0.0

    def start(self):
        """Begin, as the leader of a process group of its own."""
        self.process = subprocess.Popen(
            [PROGRAM, *map(str, self.words)],
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
        """Run to the end, at which one lost file is a failure; return stderr."""
        began = time.monotonic()
        self.start()
        code, _, err = self.finish()
        self.wall = time.monotonic() - began
        assert code == 1, err
        assert "1 of 3 runs failed" in err.splitlines()[-1], err
        return err

    def results(self):
        """Return the table and every result, without times and paths."""
        found = {
            path.parent.name: numbers(path.parent)
            for path in self.folder.glob("runs/*/result.json")
        }
        return (self.folder / "results.csv").read_text(), found

    def end(self):
        """Kill whatever is left."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def disturb(make, kills, seed, reference):
    """Kill driver or workers so many times at random moments; return how many of each.

    Args:
        make: Returns a new campaign in a folder of its own.
        kills: Number of kills that must hit something alive.
        seed: Of the random moments.
        reference: The undisturbed campaign; a kill follows a start within the time that it took.
    """
    undisturbed = reference.results()
    chance, hit = random.Random(seed), {"driver": 0, "worker": 0}
    campaign, kept = make(), {}
    while sum(hit.values()) < kills:
        if campaign.process is None or campaign.process.poll() is not None:
            if campaign.process is not None and campaign.process.returncode == 1:
                check(campaign, kept, undisturbed)  # it ended before the next kill: take another
                campaign, kept = make(), {}
            campaign.start()
        time.sleep(chance.uniform(0.0, reference.wall))
        seen = pieces(campaign.folder)
        kept = seen | kept
        victims = workers(campaign.process.pid)
        if hit["worker"] < hit["driver"]:  # in turn
            if victims:
                os.kill(chance.choice(victims), signal.SIGKILL)
                hit["worker"] += 1
        elif campaign.process.poll() is None:
            campaign.process.kill()
            campaign.process.communicate()
            hit["driver"] += 1
    if campaign.process.poll() is None:
        campaign.finish()
    if campaign.process.returncode != 1:
        campaign.complete()
    check(campaign, kept, undisturbed)
    return hit


def check(campaign, kept, undisturbed):
    """Assert that a campaign came to the undisturbed results and computed nothing twice."""
    assert campaign.results() == undisturbed
    now = pieces(campaign.folder)
    assert {path: now[path] for path in kept} == kept


def main():
    """Kill a campaign so many times and say how it ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        table = write_table(Path(name))
        count = iter(range(10_000))

        def make():
            return TinyCampaign(table, Path(name) / f"disturbed-{next(count)}" / "set")

        reference = TinyCampaign(table, Path(name) / "undisturbed" / "set")
        reference.complete()
        hit = disturb(make, options.kills, options.seed, reference)
        print(json.dumps({"seed": options.seed, "campaigns": next(count), "kills": hit}))


if __name__ == "__main__":
    sys.exit(main())
