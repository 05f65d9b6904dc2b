# SPDX-License-Identifier: MIT
"""Table, statistics and report of a campaign from its run folders."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from merrow.campaign.classes import compound_class
from merrow.campaign.config import CampaignConfig
from merrow.campaign.plan import Job, read_jobs
from merrow.campaign.report.data import CampaignData, CampaignRow
from merrow.campaign.report.files import (
    campaign_json,
    table_rows,
    write_campaign_json,
    write_table,
)
from merrow.campaign.report.page import write_campaign_page
from merrow.campaign.statistics import statistics
from merrow.errors import InputError
from merrow.free_energy.stored import Estimate
from merrow.hydration.result import HydrationResult
from merrow.hydration.state import Failure
from merrow.locks import is_held
from merrow.report.notebook import html_table
from merrow.report.text import flatten, named_settings
from merrow.versions import versions

if TYPE_CHECKING:
    import pandas as pd

CAMPAIGN_FILE = "campaign.yaml"


@dataclass(frozen=True)
class CampaignResult:
    """The table of a campaign; its files are in the folder.

    Attributes:
        folder: Campaign folder.
        data: Rows and statistics.
    """

    folder: Path
    data: CampaignData

    @property
    def complete(self) -> bool:
        """Whether no run remains."""
        counts = self.data.counts
        return counts["running"] + counts["stopped"] + counts["pending"] == 0

    def to_json(self) -> str:
        """Return the text of `results.json`."""
        return campaign_json(self.data)

    def to_frame(self) -> pd.DataFrame:
        """Return the table of `results.csv`, one row per run; energies in kcal/mol."""
        import pandas as pd  # noqa: PLC0415

        return pd.DataFrame(table_rows(self.data))

    def _repr_html_(self) -> str:
        shown = ["name", "status", "charges", "dg_kcal", "stderr_kcal", "mm_kcal", "expt_kcal"]
        return html_table(self.data.title, self.to_frame()[shown])


def write_results(folder: Path, *, final: bool = True) -> CampaignResult:
    """Write `results.csv` and, at the end, `results.json` and `report.html`.

    Args:
        folder: Campaign folder.
        final: Whether statistics and report are also written.

    Raises:
        InputError: The folder contains no campaign.
    """
    jobs = read_jobs(folder)
    config = read_config(folder)
    rows = _with_spread([job_row(folder, job) for job in jobs])
    data = CampaignData(folder.resolve().name, config.potential, config.protocol.name, rows)
    if final:
        data = replace(
            data,
            **vars(statistics(data.rows, config.potential)),
            settings=dict(flatten(config.model_dump(mode="json"))),
            versions=versions(),
        )
        write_campaign_json(data, folder / "results.json")
        found = (job.run(folder).finished() for job in jobs if job.problem is None)
        finished = [result for result in found if result is not None]
        write_campaign_page(
            data,
            folder / "report.html",
            settings=named_settings(config.model_dump(mode="json")),
            example=max(finished, key=_is_flexible, default=None),
        )
    write_table(data, folder / "results.csv")
    return CampaignResult(folder, data)


def _is_flexible(result: HydrationResult) -> bool:
    """Tell whether a run had states with scaled torsions, which the methods of all then name."""
    protocol = result.settings.get("protocol")
    return isinstance(protocol, dict) and bool(protocol.get("torsion_scales"))


def _with_spread(rows: list[CampaignRow]) -> tuple[CampaignRow, ...]:
    """Return the rows with the spread between the charge models of a molecule."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row.exact is not None:
            pair = (row.exact.value_kcal, row.exact.stderr_kcal)
            found.setdefault(row.name, []).append(pair)
    spread = {}
    for name, values in found.items():
        if len(values) > 1:
            (low, low_error), (high, high_error) = min(values), max(values)
            spread[name] = Estimate(high - low, math.hypot(low_error, high_error))
    return tuple(replace(row, charges_spread=spread.get(row.name)) for row in rows)


def read_config(folder: Path) -> CampaignConfig:
    """Return the configuration of a campaign.

    Raises:
        InputError: The folder holds no campaign.
    """
    path = folder / CAMPAIGN_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be read; give a campaign's folder.") from error
    return CampaignConfig.from_yaml(text, source=str(path))


def job_row(folder: Path, job: Job) -> CampaignRow:
    """Return the current row of a run."""
    run, row = job.run(folder), job.row
    status, why, result = "pending", "", None
    if job.problem is not None:
        status, why = "failed", job.problem
    elif (result := run.finished()) is not None:
        status = "done"
    elif (failure := run.read(Failure)) is not None:
        status, why = "failed", failure.why
    elif run.system.exists():
        status = "running" if is_held(run.path) else "stopped"
    smiles = row.source.get("smiles") or (result.molecule.smiles if result else None)
    known = CampaignRow(
        name=row.name,
        status=status,
        why=why,
        charges=job.charges,
        kind=row.kind or compound_class(smiles),
        smiles=smiles,
        experiment=row.experiment,
        references=row.references,
        folder=str(run.path.relative_to(folder)),
    )
    return known if result is None else with_result(known, result)


def with_result(row: CampaignRow, result: HydrationResult) -> CampaignRow:
    """Return a row with the results of its run."""
    doubts = [verdict for verdict in result.diagnostics.verdicts if not verdict.ok]
    doubts.sort(key=lambda verdict: verdict.status != "fail")
    return replace(
        row,
        headline=result.headline,
        estimates=result.estimates,
        closure=result.closure,
        warnings=tuple(f"{verdict.name}: {verdict.message}" for verdict in doubts),
        failed_checks=result.diagnostics.failed,
    )
