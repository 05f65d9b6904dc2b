# SPDX-License-Identifier: MIT
"""What the terminal shows at the end of a campaign: its runs, and how they compare."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from merrow.campaign.report.data import CampaignData
from merrow.campaign.report.files import status_words
from merrow.campaign.report.page import counts_words, interval_words, number
from merrow.report.text import energy, stderr


def render_campaign_table(data: CampaignData) -> RenderableType:
    """Return runs and statistics for a `rich` console."""
    parts: list[RenderableType] = [Text(data.title, style="bold"), _runs(data)]
    if data.comparisons:
        parts += [Text(), _statistics(data)]
    return Group(*parts, Text(counts_words(data)))


def _runs(data: CampaignData) -> Table:
    table = _table(
        ("kcal/mol", "charges", "ΔG", "±", "MM", "measured", "status"), numbers=range(2, 6)
    )
    for row in data.rows:
        exact = row.exact
        table.add_row(
            Text(row.name),
            row.charges,
            number(exact),
            "" if exact is None else stderr(exact.stderr_kcal),
            number(row.estimates.mm_reference),
            number(row.experiment),
            Text(status_words(row)),
        )
    return table


def _statistics(data: CampaignData) -> Table:
    table = _table(
        ("against experiment", "n", "MAE [95 %]", "RMSE [95 %]", "τ"), numbers=(1, 2, 3, 4)
    )
    for comparison in data.comparisons:
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
