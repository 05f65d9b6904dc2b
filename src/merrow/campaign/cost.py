# SPDX-License-Identifier: MIT
"""Cost of a campaign, from measurements on its smallest and largest molecules.

Nothing is written to the campaign's folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merrow.campaign.config import CampaignConfig
from merrow.campaign.driver import ComputeBackend
from merrow.campaign.plan import plan_jobs
from merrow.campaign.rows import read_rows
from merrow.cost import MeasuredCost
from merrow.executor import check_cluster
from merrow.hydration.config import HydrationConfig
from merrow.hydration.cost import Cost, estimate_cost, prepare_hydration
from merrow.hydration.prepare import check_source
from merrow.progress import Listener, Progress, silent


@dataclass(frozen=True)
class CampaignCost(MeasuredCost):
    """Estimated cost of the unfinished runs of a campaign.

    Attributes:
        runs: Number of unfinished runs.
        refused: Number of rows that cannot be computed.
        problems: Name of each of them and the reason.
        at_a_time: Number of runs at a time.
        least_minutes: Wall time if every run ends with its first estimate [min].
        most_minutes: Wall time if every run takes the protocol's maximum sampling [min].
        memory_mib: Memory of the simultaneous runs [MiB].
        disk_mib: Samples of all runs at the maximum sampling [MiB].
        probes: The molecules that were measured.
    """

    runs: int
    refused: int
    problems: tuple[str, ...]
    at_a_time: int
    least_minutes: float
    most_minutes: float
    memory_mib: float
    disk_mib: float
    probes: tuple[str, ...]


def campaign_cost(
    config: CampaignConfig,
    folder: Path,
    *,
    base: Path,
    backend: ComputeBackend,
    listen: Listener = silent,
) -> CampaignCost:
    """Check a campaign as `run_campaign` does, and time its smallest and largest molecules.

    Args:
        config: Configuration; the table and its paths relative to `base`.
        folder: Campaign folder; finished runs there cost nothing.
        base: Folder that a relative path of the table refers to.
        backend: Where it will run; the speed is always measured on this machine.
        listen: Called with the progress.

    Raises:
        InputError: The table, the configuration or the cluster is wrong.
    """
    table = base / config.table
    rows = read_rows(table, config.columns)
    if backend.executor == "dask":
        check_cluster(backend.cluster)
    backend, here = backend.on(config.platform), backend.cluster is None
    plan = plan_jobs(config, rows, folder, table.parent, here=here)
    runs = [
        (job.name, run.model_copy(update={"processes": 1}))
        for job, run in plan
        if run is not None and job.run(folder).finished(run) is None
    ]
    problems = tuple(f"{job.name}: {job.problem}" for job, run in plan if run is None)
    if not runs:
        return CampaignCost(
            runs=0,
            refused=len(problems),
            problems=problems,
            at_a_time=backend.width,
            least_minutes=0.0,
            most_minutes=0.0,
            memory_mib=0.0,
            disk_mib=0.0,
            probes=(),
        )
    sizes = [len(check_source(run, table.parent)[0].numbers) for _, run in runs]
    order = np.argsort(sizes, kind="stable")
    chosen = sorted({int(order[0]), int(order[-1])}, key=lambda k: sizes[k])
    found = {}
    for k in chosen:
        name, run = runs[k]
        listen(Progress(f"preparing and measuring {name}", known=False))
        found[name] = _cost(run, table.parent)
    return _scaled(found, sizes, problems, min(backend.width, len(runs)))


def _scaled(
    found: Mapping[str, Cost], sizes: Sequence[int], problems: tuple[str, ...], width: int
) -> CampaignCost:
    """Return the cost of all runs from those of the smallest and the largest.

    Args:
        found: Cost of the smallest and the largest molecule by the names of their runs.
        sizes: Number of atoms of every molecule.
        problems: Rows that cannot be computed.
        width: Runs at a time.
    """
    measured = [min(sizes), max(sizes)][: len(found)]

    def total(values: Sequence[float]) -> float:
        return float(np.interp(sizes, measured, values).sum())

    least = [cost.least_minutes for cost in found.values()]
    most = [cost.most_minutes for cost in found.values()]
    return CampaignCost(
        runs=len(sizes),
        refused=len(problems),
        problems=problems,
        at_a_time=width,
        least_minutes=max(total(least) / width, *least),
        # of runs in any order: some processes may have nothing left while the longest ends
        most_minutes=total(most) / width + (1.0 - 1.0 / width) * max(most),
        memory_mib=width * max(cost.memory_mib for cost in found.values()),
        disk_mib=total([cost.disk_mib for cost in found.values()]),
        probes=tuple(found),
    )


def _cost(run: HydrationConfig, base: Path) -> Cost:
    with tempfile.TemporaryDirectory() as scratch:
        return estimate_cost(prepare_hydration(run, Path(scratch) / "run", base=base))
