# SPDX-License-Identifier: MIT
"""The page of an end-point binding energy: terms with errors, the series, residues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from merrow.binding.report.figures import STYLES
from merrow.report.html import render
from merrow.report.style import RC, to_svg
from merrow.report.text import energy, number, stderr
from merrow.uncertainty import Mean

Array = NDArray[np.float64]
MOST_RESIDUES = 20


@dataclass(frozen=True, eq=False)
class Comparison:
    """Terms in several ensembles, side by side [kcal/mol].

    Attributes:
        caption: What the table shows.
        columns: The ensembles.
        rows: Mean and standard error in each column, by term.
        bold: The row that counts.
        told: A sentence below the table; empty where there is none.
    """

    caption: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[tuple[float, float], ...]]
    bold: str
    told: str = ""


@dataclass(frozen=True, eq=False)
class BindingRun:
    """One ensemble with one description of the solvent.

    Attributes:
        name: Trajectory and method.
        terms: Mean of each term of the difference [kcal/mol].
        series: Binding energy of each frame [kcal/mol], shape (F,).
        entropy: What is said about −TΔS.
        residues: Share of each residue [kcal/mol]; empty where not asked for.
        check: What a second program says; empty where it was not asked.
        headline: The sentence with the number that counts.
        comparisons: What trajectories of the free species add.
    """

    name: str
    terms: Mapping[str, Mean]
    series: Array
    entropy: str
    residues: Mapping[str, float] = field(default_factory=dict)
    check: str = ""
    headline: str = ""
    comparisons: Sequence[Comparison] = ()


def render_binding(title: str, runs: Sequence[BindingRun], notes: Sequence[str]) -> str:
    """Return the whole page as HTML; every text of the user is escaped."""
    return render(
        "binding/report/energy.html",
        title=title,
        subtitle="merrow mmpbsa",
        notes=notes,
        runs=[{**vars(run), **_tables(run)} for run in runs],
        series=series_figure(runs),
    )


def _tables(run: BindingRun) -> dict[str, object]:
    """Return the rows of a run's tables as texts."""
    largest = sorted(run.residues.items(), key=lambda item: -abs(item[1]))[:MOST_RESIDUES]
    return {
        "terms": [
            (name, energy(q.value), stderr(q.stderr), number(q.inefficiency))
            for name, q in run.terms.items()
        ],
        "bold": [i for i, name in enumerate(run.terms) if name == "TOTAL"],
        "shares": [(name, energy(value)) for name, value in largest],
        "comparisons": [
            {
                "caption": found.caption,
                "header": ("term", *found.columns),
                "rows": [
                    (term, *(f"{energy(value)} ± {stderr(error)}" for value, error in cells))
                    for term, cells in found.rows.items()
                ],
                "bold": [i for i, term in enumerate(found.rows) if term == found.bold],
                "told": found.told,
            }
            for found in run.comparisons
        ],
    }


def series_figure(runs: Sequence[BindingRun]) -> str:
    """Draw the binding energy of each frame, one panel per run."""
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(7.2, 1.9 * len(runs) + 0.6), layout="constrained")
        panels = figure.subplots(len(runs), 1, squeeze=False, sharex=True)[:, 0]
        for axes, run in zip(panels, runs, strict=True):
            place = np.arange(1, len(run.series) + 1)
            axes.plot(place, run.series, ".-", color=STYLES[0][0], lw=0.7, ms=3)
            axes.axhline(run.terms["TOTAL"].value, color=STYLES[1][0], ls="--", lw=1.0)
            axes.set_title(run.name, fontsize=9)
            axes.set_ylabel("ΔE [kcal/mol]")
        panels[-1].set_xlabel("frame")
        return to_svg(figure, "binding", "Binding energy of each frame")
