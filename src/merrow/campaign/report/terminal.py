# SPDX-License-Identifier: MIT
"""The terminal summary of a campaign: its runs and statistics.

At most fifteen lines with the file paths; of a larger set, the runs that need attention.
"""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from merrow.campaign.report.data import CampaignData, CampaignRow, Comparison
from merrow.campaign.report.files import status_words
from merrow.campaign.report.page import counts_words, interval_words, number
from merrow.report.text import energy, failed_checks, stderr

MOST_RUNS: Final = 6
MOST_COMPARISONS: Final = 2
WIDEST: Final = 22
"""Maximum widths of a name and of a status [characters]."""
FULL: Final = 30
"""Width up to which a name stays on one line where nothing is cut."""


def render_campaign_table(data: CampaignData, *, full: bool = False) -> RenderableType:
    """Render runs and statistics for a `rich` console.

    Args:
        data: The campaign.
        full: Whether all runs and comparisons are shown; else failures and the largest errors.
    """
    rows = data.rows if full else tuple(sorted(data.rows, key=_urgency))[:MOST_RUNS]
    if len(rows) == len(data.rows):
        rows = data.rows
    parts: list[RenderableType] = [Text(data.title, style="bold"), _runs(rows, full=full)]
    if left := len(data.rows) - len(rows):
        parts.append(Text(f"… {left} more: --full, or the report"))
    if data.comparisons:
        shown = data.comparisons if full else data.comparisons[:MOST_COMPARISONS]
        parts += [Text(), _statistics(shown)]
    return Group(*parts, Text(counts_words(data)))


def _urgency(row: CampaignRow) -> tuple[bool, bool, float]:
    """Return a sort key: failures first, failed checks, the largest deviations from experiment."""
    exact, expt = row.exact, row.experiment
    error = 0.0 if exact is None or expt is None else abs(exact.value_kcal - expt.value_kcal)
    return row.status != "failed", not row.failed_checks, -error


def _runs(rows: tuple[CampaignRow, ...], *, full: bool) -> Table:
    table = _table(
        ("kcal/mol", "charges", "ΔG", "±", "MM", "measured", "status"), numbers=range(2, 6)
    )
    names, status = table.columns[0], table.columns[-1]
    for column in (names, status):
        if full:  # nothing is cut, if need be at the cost of further lines
            column.overflow = "fold"
        else:
            column.no_wrap, column.overflow, column.max_width = True, "ellipsis", WIDEST
    if full:
        names.min_width = min(max((len(row.name) for row in rows), default=0), FULL)
        status.min_width = len("2 FAILED")
    for row in rows:
        exact = row.exact
        table.add_row(
            Text(row.name),
            row.charges,
            number(exact),
            "" if exact is None else stderr(exact.stderr_kcal),
            number(row.estimates.mm_reference),
            number(row.experiment),
            Text(failed_checks(row.failed_checks) or status_words(row)),
        )
    return table


def _statistics(comparisons: tuple[Comparison, ...]) -> Table:
    table = _table(
        ("against experiment", "n", "MAE [95 %]", "RMSE [95 %]", "τ"), numbers=(1, 2, 3, 4)
    )
    for comparison in comparisons:
        found = comparison.statistics
        tau = "" if found.tau is None else energy(found.tau.value)
        words = (interval_words(found.mae), interval_words(found.rmse), tau)
        table.add_row(Text(comparison.label), str(found.n), *map(Text, words))
    return table


def _table(header: tuple[str, ...], *, numbers: range | tuple[int, ...]) -> Table:
    table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 1))
    for column, name in enumerate(header):
        right = column in numbers
        table.add_column(name, justify="right" if right else "left", no_wrap=right)
    return table
