# SPDX-License-Identifier: MIT
"""Machine-readable files of a campaign: `results.csv`, one row per run, and `results.json`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, astuple, replace
from pathlib import Path
from typing import Any

from merrow.campaign.report.data import CampaignData, CampaignRow
from merrow.campaign.rows import Reference
from merrow.files import atomic_write
from merrow.free_energy.stored import Estimate
from merrow.report.text import failed_checks

SCHEMA_VERSION = 1


def write_table(data: CampaignData, path: Path) -> None:
    """Write `results.csv` atomically; unknown values are empty cells."""
    rows = table_rows(data)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0] if rows else ())
    writer.writerows(row.values() for row in rows)
    atomic_write(path, text.getvalue())


def table_rows(data: CampaignData) -> list[dict[str, object]]:
    """Return the rows of `results.csv`, all with the same columns; unknown values are None."""
    labels = sorted({label for row in data.rows for label in row.references})
    return [dict(_cells(row, labels)) for row in data.rows]


def write_campaign_json(data: CampaignData, path: Path) -> None:
    """Write `results.json` atomically."""
    atomic_write(path, campaign_json(data))


def campaign_json(data: CampaignData) -> str:
    """Return the text of `results.json`, which `--json` prints."""
    rows = [
        {key: getattr(row, key) for key in ("name", "status", "charges", "folder", "kind", "why")}
        | {"smiles": row.smiles, "method": None if row.headline is None else row.headline.method}
        | dict(_numbers(row))
        | {"references": {label: astuple(value) for label, value in row.references.items()}}
        | {"warnings": row.warnings, "failed_checks": row.failed_checks}
        for row in data.rows
    ]
    found: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "counts": data.counts}
    found |= asdict(replace(data, rows=())) | {"rows": rows}
    return json.dumps(found, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def status_words(row: CampaignRow) -> str:
    """Return the status of a run, with the reason of a failure."""
    return f"failed: {row.why}" if row.status == "failed" else row.status


def checks_words(row: CampaignRow) -> str:
    """Return how many checks of a finished run failed and how many warned; "" if all passed."""
    warned = len(row.warnings) - row.failed_checks
    told = (
        failed_checks(row.failed_checks),
        f"{warned} warning{'s' * (warned > 1)}" * bool(warned),
    )
    return ", ".join(filter(None, told))


def _cells(row: CampaignRow, labels: list[str]) -> Iterator[tuple[str, object]]:
    yield "name", row.name
    yield "status", status_words(row)
    yield "charges", row.charges
    yield from _numbers(row)
    for label in labels:
        yield from _pair(f"ref_{label}_", row.references.get(label))
    yield "class", row.kind
    yield "method", None if row.headline is None else row.headline.method
    yield "smiles", row.smiles
    yield "warnings", len(row.warnings)
    yield "failed_checks", row.failed_checks
    yield "folder", row.folder


def _numbers(row: CampaignRow) -> Iterator[tuple[str, float | None]]:
    """Yield the free energies of a run and their errors [kcal/mol]."""
    found, head = row.estimates, row.headline
    yield "dg_kcal", None if head is None else head.value_kcal
    yield "stderr_kcal", None if head is None else head.stderr_kcal
    yield from _pair("decoupling_", found.decoupling_mbar)
    yield from _pair("as_published_", found.as_published)
    yield from _pair("mm_", found.mm_reference)
    # in the endpoint route it is the headline
    yield from _pair("endpoint_", None if row.closure is None else found.endpoint_bar)
    yield from _pair("closure_", row.closure)
    yield from _pair("expt_", row.experiment)
    yield from _pair("charges_spread_", row.charges_spread)


def _pair(name: str, value: Estimate | Reference | None) -> Iterator[tuple[str, float | None]]:
    yield f"{name}kcal", None if value is None else value.value_kcal
    yield f"{name}stderr_kcal", None if value is None else value.stderr_kcal
