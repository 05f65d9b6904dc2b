# SPDX-License-Identifier: MIT
"""Statistics of a table of hydration free energies, such as results.csv."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from run import MOLECULES, RESULTS, read  # noqa: E402

from merrow.campaign.report.data import CampaignRow, Comparison, Pair  # noqa: E402
from merrow.campaign.rows import Reference, read_rows  # noqa: E402
from merrow.campaign.statistics import statistics  # noqa: E402
from merrow.free_energy.stored import Estimate, Estimates, Headline  # noqa: E402


@dataclass(frozen=True)
class Found:
    """What results.csv says.

    Attributes:
        comparisons: Against experiment.
        pairs: Column against column on the same molecules.
        shift: Published sum − exact value by column: mean, its 95 % interval, SD [kcal/mol].
    """

    comparisons: tuple[Comparison, ...]
    pairs: tuple[Pair, ...]
    shift: dict[str, dict[str, float]]


def found(results: Path = RESULTS) -> Found:
    """Return the statistics of a table of results, with what `molecules.csv` says of its rows."""
    given = {row.name: row for row in read_rows(MOLECULES, {})}
    rows: dict[str, list[CampaignRow]] = {}
    for row in read(results):
        here = given.get(row["name"])
        dg = _estimate(row, "dg_kcal", "stderr_kcal")
        estimates = Estimates(
            decoupling_mbar=None,
            decoupling_ti=None,
            endpoint_bar=dg,
            mm_reference=_estimate(row, "mm_kcal", "mm_stderr_kcal"),
            as_published=_estimate(row, "as_published_kcal", "as_published_stderr_kcal"),
        )
        one = CampaignRow(
            name=row["name"],
            status="done",
            charges=row["charges"],
            folder="",
            headline=Headline(dg.value_kcal, dg.stderr_kcal, method="endpoint_bar"),
            estimates=estimates,
            experiment=Reference(float(row["expt_kcal"]), float(row["expt_stderr_kcal"])),
            references={} if here is None else here.references,
        )
        rows.setdefault(row["potential"], []).append(one)
    parts = [statistics(group, potential) for potential, group in rows.items()]
    return Found(
        comparisons=tuple({c.label: c for part in parts for c in part.comparisons}.values()),
        pairs=tuple(pair for part in parts for pair in part.pairs),
        shift=dict(_shifts(rows)),
    )


def _estimate(row: dict[str, str], value: str, error: str) -> Estimate:
    return Estimate(float(row[value]), float(row[error]))


def _shifts(rows: dict[str, list[CampaignRow]]) -> Iterator[tuple[str, dict[str, float]]]:
    for potential, group in rows.items():
        for charges in dict.fromkeys(row.charges for row in group):
            shift = np.array(
                [
                    row.estimates.as_published.value_kcal - row.headline.value_kcal
                    for row in group
                    if row.charges == charges and row.estimates.as_published and row.headline
                ]
            )
            spread = float(shift.std(ddof=1)) if len(shift) > 1 else 0.0
            yield (
                f"{potential}, {charges}",
                {"n": len(shift), "mean_kcal": float(shift.mean()), "sd_kcal": spread},
            )
