# SPDX-License-Identifier: MIT
"""The page of a campaign: one HTML file, no network, no script, no second file."""

from __future__ import annotations

from pathlib import Path

from merrow.campaign.comparison import Interval
from merrow.campaign.report.data import CampaignData, CampaignRow, ClassErrors, Comparison
from merrow.campaign.report.figures import correlation_figure, error_figure
from merrow.campaign.report.files import status_words
from merrow.campaign.rows import Reference
from merrow.files import atomic_write
from merrow.free_energy.stored import Estimate
from merrow.report.html import render
from merrow.report.text import energy, minus, stderr

RUN_HEADER = (
    *("molecule", "charges", "status", "ΔG", "±", "published sum", "MM"),
    *("measured", "±", "between charges"),
)


def write_campaign_page(data: CampaignData, path: Path) -> None:
    """Write the page, whole or not at all."""
    atomic_write(path, render_campaign(data))


def render_campaign(data: CampaignData) -> str:
    """Return the whole page as HTML; every text of the user is escaped."""
    compared, labels = data.comparisons, _labels(data)
    expt = {row.name: row.experiment.value_kcal for row in data.rows if row.experiment}
    class_header, classes = _classes(data)
    return render(
        "campaign/report/page.html",
        title=data.title,
        data=data,
        counts=counts_words(data),
        mae=interval_words(compared[0].statistics.mae) if compared else "",
        statistics=[_statistics(one) for one in compared],
        correlation=correlation_figure(compared, expt) if compared else "",
        errors=error_figure(compared) if compared else "",
        pairs=[
            (
                f"{pair.first} − {pair.second}",
                pair.difference.n,
                *map(
                    interval_words,
                    (pair.difference.mae, pair.difference.rmse, pair.difference.shift),
                ),
            )
            for pair in data.pairs
        ],
        class_header=class_header,
        classes=classes,
        run_header=(*RUN_HEADER, *labels, "warnings"),
        runs=[_run(row, labels) for row in data.rows],
    )


def counts_words(data: CampaignData) -> str:
    """Return how many runs came how far, in words."""
    told = [f"{n} {status}" for status, n in data.counts.items() if n]
    many = "run" if len(data.rows) == 1 else "runs"
    return f"{len(data.rows)} {many}: {', '.join(told)}." if told else "No runs."


def interval_words(interval: Interval | None) -> str:
    """Return a number with its interval in brackets."""
    if interval is None:
        return ""
    text = energy(interval.value)
    if interval.low is None or interval.high is None:
        return text
    return f"{text} [{minus(energy(interval.low))}, {minus(energy(interval.high))}]"


def _statistics(comparison: Comparison) -> tuple[object, ...]:
    found = comparison.statistics
    return (
        comparison.label,
        found.n,
        *map(interval_words, (found.me, found.mae, found.rmse, found.r2, found.tau)),
        stderr(found.mean_stderr),
    )


def _classes(data: CampaignData) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return the header and a line for each class."""
    found = {(one.kind, one.label): one for one in data.classes}
    kinds, labels = (list(dict.fromkeys(key[i] for key in found)) for i in (0, 1))
    rows: list[tuple[object, ...]] = []
    for kind in kinds:
        cells = [found.get((kind, label)) for label in labels]
        count = max(one.n for one in cells if one is not None)
        rows.append((kind, count, *map(_mae_me, cells)))
    return ("class", "n", *labels), rows


def _mae_me(one: ClassErrors | None) -> str:
    return "" if one is None else f"{energy(one.mae)} ({minus(energy(one.me))})"


def _labels(data: CampaignData) -> list[str]:
    return sorted({label for row in data.rows for label in row.references})


def _run(row: CampaignRow, labels: list[str]) -> tuple[str, ...]:
    found, spread = row.estimates, row.charges_spread
    return (
        row.name,
        row.charges,
        status_words(row),
        *value_and_stderr(row.exact),
        number(found.as_published),
        number(found.mm_reference),
        *value_and_stderr(row.experiment),
        "" if spread is None else f"{energy(spread.value_kcal)} ± {stderr(spread.stderr_kcal)}",
        *(number(row.references.get(label)) for label in labels),
        "; ".join(row.warnings),
    )


def number(found: Estimate | Reference | None) -> str:
    """Return a value, or nothing."""
    return "" if found is None else energy(found.value_kcal)


def value_and_stderr(found: Estimate | Reference | None) -> tuple[str, str]:
    """Return a value and its standard error, each empty where it is not known."""
    error = None if found is None else found.stderr_kcal
    return number(found), "" if error is None else energy(error)
