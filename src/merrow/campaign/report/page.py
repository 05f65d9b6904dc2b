# SPDX-License-Identifier: MIT
"""How is a campaign shown on one page? One HTML file: no network, no script, no second file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from string import Template

from merrow.campaign.comparison import Interval
from merrow.campaign.report.data import CampaignData, ClassErrors, Comparison
from merrow.campaign.report.figures import Points, correlation_figure, error_figure
from merrow.campaign.report.files import status_words
from merrow.files import atomic_write
from merrow.report.html import escaped, facts, minus, picture, table
from merrow.report.text import energy, stderr

NO_EXPERIMENT = "<p>No finished run has a measured value to be compared with.</p>"
PAPER = (
    "For comparison, mean absolute errors of another set of 30 molecules (Wang et al. 2025, "
    "doi:10.1021/acs.jctc.5c00598, as a summary of it gives them): ANI-2x 0.45, MACE-OFF23(S) "
    "0.59, CGenFF 0.96, GAFF 0.80 kcal/mol. Indicative only: the molecules are others, and the "
    "ML/MM values there are published sums."
)
INTERVALS = "In brackets 95 % intervals from resampling molecules."


def write_campaign_page(data: CampaignData, path: Path) -> None:
    """Write the page, whole or not at all."""
    atomic_write(path, render_campaign(data))


def render_campaign(data: CampaignData) -> str:
    """Return the whole page as HTML; every text of the user is escaped."""
    html = resources.files("merrow")
    head = html.joinpath("report/page.html").read_text(encoding="utf-8").partition("<body>")[0]
    body = html.joinpath("campaign/report/campaign_body.html").read_text(encoding="utf-8")
    return Template(head + body).substitute(
        title=escaped(data.title),
        subtitle=escaped(
            f"hydration free energies, potential {data.potential}, protocol {data.protocol}"
        ),
        answer=_answer(data),
        counts=escaped(counts_words(data)),
        statistics=_statistics(data),
        figures=_figures(data),
        pairs=_pairs(data),
        classes=_classes(data),
        runs=_runs(data),
        methods=_methods(data),
    )


def counts_words(data: CampaignData) -> str:
    """Return how many runs came how far, in words."""
    told = [f"{n} {status}" for status, n in data.counts.items() if n]
    return f"{len(data.rows)} runs: {', '.join(told)}." if told else "No runs."


def interval_words(interval: Interval | None) -> str:
    """Return a number with its interval in brackets."""
    if interval is None:
        return ""
    text = energy(interval.value)
    if interval.low is None or interval.high is None:
        return text
    return f"{text} [{minus(energy(interval.low))}, {minus(energy(interval.high))}]"


def _answer(data: CampaignData) -> str:
    if not data.comparisons:
        return f"{data.counts['done']} <small>runs done</small>"
    first = data.comparisons[0]
    mae = escaped(interval_words(first.statistics.mae))
    small = f"kcal/mol, mean absolute error of {first.label}, {first.statistics.n} molecules"
    return f"{mae} <small>{escaped(small)}</small>"


def _statistics(data: CampaignData) -> str:
    if not data.comparisons:
        return NO_EXPERIMENT
    rows = [_statistics_row(comparison) for comparison in data.comparisons]
    header = ("", "n", "mean error", "MAE", "RMSE", "R²", "τ", "±")
    caption = (
        f"Calculated − measured, in kcal/mol. {INTERVALS} R² is Pearson's, τ Kendall's τ_b; ± is "
        "the root mean square statistical error of the calculated values."
    )
    expt = ""
    if data.expt_stderr_kcal is not None:
        expt = (
            "<p>The measured values carry an uncertainty of "
            f"{escaped(stderr(data.expt_stderr_kcal))} kcal/mol (root mean square): no method can "
            "be seen to do better than that.</p>"
        )
    return (
        table(header, rows, caption=caption, numbers=range(1, 8))
        + expt
        + f"<p>{escaped(PAPER)}</p>"
    )


def _statistics_row(comparison: Comparison) -> tuple[str, ...]:
    found = comparison.statistics
    return (
        comparison.label,
        str(found.n),
        *map(interval_words, (found.me, found.mae, found.rmse, found.r2, found.tau)),
        stderr(found.mean_stderr),
    )


def _figures(data: CampaignData) -> str:
    if not data.comparisons:
        return NO_EXPERIMENT
    points = [_points(data, comparison) for comparison in data.comparisons]
    return picture(
        correlation_figure(points),
        "Calculated against measured values; bars are one statistical standard error, the grey "
        "band is ±1 kcal/mol.",
    ) + picture(
        error_figure(data.comparisons),
        "Errors of every molecule: box from lower to upper quartile, line at the median, triangle "
        "at the mean, whiskers to the extremes.",
    )


def _points(data: CampaignData, comparison: Comparison) -> Points:
    measured = {row.name: row.expt_kcal for row in data.rows if row.expt_kcal is not None}
    names = list(comparison.errors)
    return Points(
        comparison.label,
        [measured[name] for name in names],
        [measured[name] + comparison.errors[name] for name in names],
        [comparison.stderr[name] for name in names],
    )


def _pairs(data: CampaignData) -> str:
    if not data.pairs:
        return "<p>There are no two columns with three molecules in common.</p>"
    rows = [
        (
            f"{pair.first} − {pair.second}",
            str(pair.difference.n),
            interval_words(pair.difference.mae),
            interval_words(pair.difference.rmse),
            interval_words(pair.difference.shift),
        )
        for pair in data.pairs
    ]
    caption = (
        "Differences on the same molecules, in kcal/mol. Where MAE or RMSE is below zero, the "
        f"first deviates less from experiment; the shift is first − second. {INTERVALS}"
    )
    header = ("", "n", "MAE", "RMSE", "shift")
    return table(header, rows, caption=caption, numbers=range(1, 5))


def _classes(data: CampaignData) -> str:
    if not data.classes:
        return NO_EXPERIMENT
    found = {(one.kind, one.label): one for one in data.classes}
    kinds, labels = (list(dict.fromkeys(names)) for names in zip(*found, strict=True))
    rows = []
    for kind in kinds:
        cells = [found.get((kind, label)) for label in labels]
        count = max(one.n for one in cells if one is not None)
        rows.append((kind, str(count), *("" if one is None else _mae_me(one) for one in cells)))
    caption = (
        "Mean absolute error and, in brackets, mean error (calculated − measured) by class, in "
        "kcal/mol; a class of few molecules says little."
    )
    header = ("class", "n", *labels)
    return table(header, rows, caption=caption, numbers=range(1, len(header)))


def _mae_me(one: ClassErrors) -> str:
    return f"{energy(one.mae)} ({minus(energy(one.me))})"


def _runs(data: CampaignData) -> str:
    labels = sorted({label for row in data.rows for label in row.references})
    ours = ("molecule", "charges", "status", "ΔG", "±", "published sum", "MM")
    header = (*ours, "measured", "±", "between charges")
    rows = [
        (
            row.name,
            row.charges,
            status_words(row),
            *map(_number, (*row.exact, row.as_published_kcal, row.mm_kcal)),
            *map(_number, (row.expt_kcal, row.expt_stderr_kcal)),
            _with_error(row.charges_spread_kcal, row.charges_spread_stderr_kcal),
            *(
                _number(row.references[label][0] if label in row.references else None)
                for label in labels
            ),
            "; ".join(row.warnings),
        )
        for row in data.rows
    ]
    caption = (
        "Free energies of transfer from gas to water at equal concentration, in kcal/mol; ± is one "
        "standard error. Between charges is the difference of the molecule's charge models. Each "
        "run has its own folder and report."
    )
    names = (*header, *labels, "warnings")
    return table(names, rows, caption=caption, numbers=range(3, 10 + len(labels)))


def _with_error(value: float | None, error: float | None) -> str:
    return "" if value is None or error is None else f"{energy(value)} ± {stderr(error)}"


def _number(value: float | None) -> str:
    return "" if value is None else energy(value)


def _methods(data: CampaignData) -> str:
    return facts(data.settings, caption="What was asked.") + facts(
        data.versions, caption="Versions of the programs."
    )
