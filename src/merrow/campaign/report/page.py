# SPDX-License-Identifier: MIT
"""The HTML report of a campaign: one self-contained file, with one script that sorts the runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from merrow.campaign.comparison import Interval
from merrow.campaign.report.data import CampaignData, CampaignRow, ClassErrors, Comparison
from merrow.campaign.report.figures import MOST_NAMES, correlation_figures, error_figure
from merrow.campaign.report.files import checks_words
from merrow.campaign.rows import Reference
from merrow.errors import MerrowError
from merrow.files import atomic_write
from merrow.free_energy.stored import Estimate
from merrow.hydration.measured import is_room
from merrow.hydration.report.lines import MM
from merrow.hydration.report.methods import methods
from merrow.hydration.result import HydrationResult
from merrow.report.citations import Work
from merrow.report.html import render, script
from merrow.report.structure import structure_from_smiles
from merrow.report.text import energy, minus, stderr

CONTENTS: Final = (
    ("runs", "Runs"),
    ("statistics", "Against experiment"),
    ("methods", "Methods"),
)
MOST_PICTURES: Final = 200
"""Maximum number of runs for which molecules are drawn, to keep the page small."""
SIGNS: Final = {"done": "pass", "failed": "fail"}
WORSE: Final = 20
"""Warnings that a failed check is worth, where runs are sorted by status."""
ORDER: Final = {"failed": -1, "running": 1000, "stopped": 1000, "pending": 1000}
"""Places of the runs without a result in that order."""


def write_campaign_page(
    data: CampaignData,
    path: Path,
    *,
    settings: Mapping[str, str],
    example: HydrationResult | None,
) -> None:
    """Write the page atomically; see `render_campaign`."""
    atomic_write(path, render_campaign(data, settings=settings, example=example))


def render_campaign(
    data: CampaignData,
    *,
    settings: Mapping[str, str] | None = None,
    example: HydrationResult | None = None,
) -> str:
    """Return the page as HTML; user-supplied text is escaped.

    Args:
        data: The campaign.
        settings: Settings as text.
        example: Result of a run, for the methods section.
    """
    compared, labels = data.comparisons, _labels(data)
    expt = {row.name: row.experiment for row in data.rows if row.experiment}
    class_header, classes = _classes(data)
    several, summed = len({row.charges for row in data.rows}) > 1, data.potential != MM
    paragraph, works = _methods(data, example)
    most = max((len(one.errors) for one in compared), default=0)
    return render(
        "campaign/report/page.html",
        verb="campaign of hydration free energies",
        page="how-to/campaigns.md",
        scripts=script("report/sort.js"),
        contents=CONTENTS,
        title=data.title,
        data=data,
        counts=counts_words(data),
        warned=sum(bool(row.warnings) and not row.failed_checks for row in data.rows),
        interval=_ends(compared[0].statistics.mae) if compared else "",
        statistics=[_statistics(one) for one in compared],
        correlations=correlation_figures(compared, expt) if compared else [],
        named="" if most <= MOST_NAMES else f" The {MOST_NAMES} largest errors are named.",
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
        several=several,
        header=_header(labels, several=several, summed=summed),
        summed=summed,
        runs=[_run(row, labels, draw=len(data.rows) <= MOST_PICTURES) for row in data.rows],
        settings=settings or {},
        elsewhere=_elsewhere(data),
        paragraph=paragraph,
        works=works,
    )


def _methods(data: CampaignData, example: HydrationResult | None) -> tuple[str, list[Work]]:
    """Return the methods paragraph and its works; nothing without a finished run."""
    if example is None:
        return "", []
    done = [row for row in data.rows if row.status == "done"]
    charges, gaff = dict.fromkeys(row.charges for row in done), data.settings.get("gaff")
    return methods(
        example,
        molecules=len({row.name for row in done}),
        charges=charges,
        gaff=None if gaff is None else int(gaff),
    )


def _elsewhere(data: CampaignData) -> str:
    """Return the temperature, if it is not that of most measured values; else ""."""
    told = data.settings.get("protocol.temperature_k")
    return "" if told is None or is_room(float(told)) else f"{float(told):g} K"


def _header(labels: list[str], *, several: bool, summed: bool) -> list[tuple[str, str]]:
    """Return the column names of the table of runs with their CSS classes."""
    minor = "number minor"
    return [
        ("molecule", ""),
        *([("charges", "")] if several else []),
        ("ΔG", "number"),
        ("measured", "number middle"),
        ("deviation", "number"),
        ("MM", minor),
        *([("published sum", minor)] if summed else []),
        *([("between charges", minor)] if several else []),
        *((label, minor) for label in labels),
        ("class", "minor"),
        ("status", ""),
    ]


def counts_words(data: CampaignData) -> str:
    """Return the number of runs by status as text."""
    told = [f"{n} {status}" for status, n in data.counts.items() if n]
    many = "run" if len(data.rows) == 1 else "runs"
    failed = f" Checks FAILED in {data.doubtful}: do not trust these yet." if data.doubtful else ""
    return f"{len(data.rows)} {many}: {', '.join(told)}.{failed}" if told else "No runs."


def interval_words(interval: Interval | None) -> str:
    """Format a number with its interval in brackets."""
    if interval is None:
        return ""
    return " ".join(filter(None, (energy(interval.value), _ends(interval))))


def _ends(interval: Interval) -> str:
    """Format the ends of an interval; "" if there were too few molecules for one."""
    if interval.low is None or interval.high is None:
        return ""
    return f"[{minus(energy(interval.low))}, {minus(energy(interval.high))}]"


def _statistics(comparison: Comparison) -> tuple[object, ...]:
    found = comparison.statistics
    return (
        comparison.label,
        found.n,
        *map(interval_words, (found.me, found.mae, found.rmse, found.r2, found.tau)),
        "" if found.mean_stderr is None else stderr(found.mean_stderr),
    )


def _classes(data: CampaignData) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return the header and one row per class."""
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


def _run(row: CampaignRow, labels: list[str], *, draw: bool) -> dict[str, object]:
    """Return the table row of a run."""
    found, exact, expt = row.estimates, row.exact, row.experiment
    error = "" if exact is None or expt is None else energy(exact.value_kcal - expt.value_kcal)
    status, many = row.status, len(row.warnings)
    words, details = checks_words(row) or status, list(row.warnings)
    sign = "fail" if row.failed_checks else "warn" if many else SIGNS.get(status, "none")
    if row.why:
        details = [row.why]
    return {
        "row": row,
        "picture": _picture(row.smiles) if draw and row.smiles else "",
        "link": f"{quote(row.folder)}/report.html" if status == "done" else "",
        "exact": value_words(exact),
        "experiment": value_words(expt),
        "error": error,
        "mm": number(found.mm_reference),
        "published": number(found.as_published),
        "spread": value_words(row.charges_spread),
        "references": [number(row.references.get(label)) for label in labels],
        "sign": sign,
        "words": words,
        "order": ORDER.get(status, many + WORSE * row.failed_checks),
        "summary": "Why it failed" if row.why else ", ".join(w.split(":")[0] for w in details),
        "details": details,
    }


def _picture(smiles: str) -> str:
    try:
        return structure_from_smiles(smiles)
    except MerrowError:
        return ""


def number(found: Estimate | Reference | None) -> str:
    """Format a value; empty if None."""
    return "" if found is None else energy(found.value_kcal)


def value_words(found: Estimate | Reference | None) -> str:
    """Format a value with its standard error, if known; empty if None."""
    if found is None or found.stderr_kcal is None:
        return number(found)
    return f"{number(found)} ± {stderr(found.stderr_kcal)}"
