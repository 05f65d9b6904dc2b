# SPDX-License-Identifier: MIT
"""How do other programs read a campaign? `results.csv`, a row for each run, and `results.json`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from merrow.campaign.report.data import CampaignData, CampaignRow
from merrow.files import atomic_write

SCHEMA_VERSION = 1


def write_table(data: CampaignData, path: Path) -> None:
    """Write `results.csv` whole or not at all; what is not known is an empty cell."""
    labels = sorted({label for row in data.rows for label in row.references})
    rows = [dict(_cells(row, labels)) for row in data.rows]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0] if rows else ())
    writer.writerows(row.values() for row in rows)
    atomic_write(path, text.getvalue())


def write_campaign_json(data: CampaignData, path: Path) -> None:
    """Write `results.json` whole or not at all."""
    atomic_write(path, campaign_json(data))


def campaign_json(data: CampaignData) -> str:
    """Return the text of `results.json`, which `--json` prints too."""
    found: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "counts": data.counts}
    return json.dumps(found | asdict(data), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def status_words(row: CampaignRow) -> str:
    """Return the status of a run; a failure says why."""
    return f"failed: {row.why}" if row.status == "failed" else row.status


def _cells(row: CampaignRow, labels: list[str]) -> Iterator[tuple[str, object]]:
    yield "name", row.name
    yield "status", status_words(row)
    for key in (
        *("charges", "dg_kcal", "stderr_kcal", "decoupling_kcal", "decoupling_stderr_kcal"),
        *("as_published_kcal", "as_published_stderr_kcal"),
        *("mm_kcal", "mm_stderr_kcal", "endpoint_kcal", "endpoint_stderr_kcal", "closure_kcal"),
        *("closure_stderr_kcal", "expt_kcal", "expt_stderr_kcal", "charges_spread_kcal"),
        "charges_spread_stderr_kcal",
    ):
        yield key, getattr(row, key)
    for label in labels:
        value, stderr = row.references.get(label, (None, None))
        yield f"ref_{label}_kcal", value
        yield f"ref_{label}_stderr_kcal", stderr
    yield "class", row.kind
    yield "method", row.method
    yield "smiles", row.smiles
    yield "warnings", len(row.warnings)
    yield "folder", row.folder
