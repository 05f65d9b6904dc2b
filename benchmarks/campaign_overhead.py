# SPDX-License-Identifier: MIT
"""What does the driver of a campaign cost, from 1 to 10,000 runs, and what does each run cost more?

The runs are simulated: the work of each is to return at once, so that all time is the driver's. CPU
seconds are given, which other work on the machine changes little.

    python benchmarks/campaign_overhead.py --runs 1 4 16 64 1000 10000
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from machine import save

from merrow.campaign.config import CampaignConfig
from merrow.campaign.driver import ComputeBackend, Driver
from merrow.campaign.plan import JOBS, Job
from merrow.campaign.rows import Row
from merrow.campaign.table import CAMPAIGN_FILE, write_results
from merrow.campaign.worker import Outcome
from merrow.engine.storage import save_json
from merrow.executor import run_program, subprocess_pool
from merrow.files import atomic_write

WORKERS = 64


def nothing(*_: object) -> Outcome:
    """Be a run that costs nothing."""
    return Outcome("done")


def driver_cost(count: int) -> dict[str, Any]:
    """Return the CPU time of the driver for so many runs, and of the final table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs = [Job(Row(i + 2, f"m{i}", {"smiles": "C"}), "bcc") for i in range(count)]
        for job in jobs:
            job.folder(folder).mkdir(parents=True)
        save_json(folder / JOBS, [asdict(job) for job in jobs])
        atomic_write(folder / CAMPAIGN_FILE, CampaignConfig(table="set.csv").to_yaml())
        began = time.process_time()
        with subprocess_pool(min(WORKERS, count)) as executor:
            backend = ComputeBackend("processes", WORKERS)
            Driver(folder, jobs, nothing, backend, None, lambda _: None).work(executor)
        driven = time.process_time() - began
        write_results(folder)
        table = time.process_time() - began - driven
    return {"runs": count, "driver_ms_per_run": 1e3 * driven / count, "table_s": table}


def process_cost() -> float:
    """Return the CPU time of a process that imports what a run needs and ends [s]."""
    before = os.times()
    words = [sys.executable, "-c", "import merrow.hydration.run, torch, openmm"]
    with tempfile.TemporaryDirectory() as name:
        run_program(words, Path(name) / "log")
    after = os.times()
    return (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )


def main() -> None:
    """Measure and write `results/campaign_overhead.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 4, 16, 64, 1000, 10000])
    options = parser.parse_args()
    costs = [driver_cost(count) for count in options.runs]
    content = {"seed": None, "process_start_cpu_s": process_cost(), "driver": costs}
    print(save("campaign_overhead", content).read_text())


if __name__ == "__main__":
    main()
