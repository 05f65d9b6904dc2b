# SPDX-License-Identifier: MIT
"""Figures of an end-point binding energy: terms, time series, residues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.figure import Figure

from merrow.binding.report.figures import STYLES
from merrow.report.style import COLOURS, MAX_POINTS, WIDTH, own_style, to_svg
from merrow.report.svg import INK, SOFT

if TYPE_CHECKING:
    from merrow.binding.report.energy import BindingRun

SHOWN: Final = 12
"""Number of residues that are drawn."""
SUMS: Final = ("G gas", "G solv")
"""Partial sums, which the figure of the terms omits."""
HATCHES: Final = ("", "////", "....", "xxxx")
"""Styles of the runs, distinguished by hatch as well as by colour."""


def terms_figure(runs: Sequence[BindingRun], name: str) -> str:
    """Draw the terms of the difference by one method, one bar per ensemble.

    Args:
        runs: The ensembles.
        name: Name of the drawing, unique on a page.
    """
    names = dict.fromkeys(name for run in runs for name in run.terms if name not in SUMS)
    last = sorted(names, key=lambda name: name == "TOTAL")
    rows = {
        run.ensemble or run.name: {name: (q.value, q.stderr) for name, q in run.terms.items()}
        for run in runs
    }
    title = f"Terms of the binding energy by {runs[0].method}"
    return _bars(rows, last, name, title, f"{runs[0].method} [kcal/mol]")


def residue_figure(runs: Sequence[BindingRun]) -> str:
    """Draw the largest residue contributions, one bar per run that has them."""
    rows = {run.name: run.residues for run in runs if run.residues}
    largest = {name: max(abs(r[name][0]) for r in rows.values() if name in r)
               for row in rows.values() for name in row}  # fmt: skip
    names = sorted(largest, key=lambda name: -largest[name])[:SHOWN]
    title = "Largest shares of residues"
    return _bars(rows, names, "residues", title, "share of the binding energy [kcal/mol]")


def series_figure(runs: Sequence[BindingRun]) -> str:
    """Draw the binding energy of each frame, one panel per method."""
    found: dict[str, list[BindingRun]] = {}
    for run in runs:
        found.setdefault(run.method, []).append(run)
    with own_style():
        figure = Figure(figsize=(WIDTH, 2.5 * len(found) + 0.5), layout="constrained")
        panels = figure.subplots(len(found), 1, squeeze=False, sharex=True)[:, 0]
        for axes, (method, several) in zip(panels, found.items(), strict=True):
            for run, (colour, line) in zip(several, STYLES, strict=False):
                step = len(run.series) // MAX_POINTS + 1
                place = np.arange(1, len(run.series) + 1)
                label = run.ensemble or run.name
                axes.plot(
                    place[::step], run.series[::step], line, color=colour, lw=0.9, label=label
                )
                axes.axhline(run.terms["TOTAL"].value, color=colour, ls=":", lw=1.4)
            axes.set_ylabel(f"{method} [kcal/mol]")
            axes.legend(frameon=False, fontsize=8, ncols=2)
        panels[-1].set_xlabel("frame")
        return to_svg(figure, "series", "Binding energy of each frame")


def _bars(
    rows: Mapping[str, Mapping[str, tuple[float, float]]],
    names: Sequence[str],
    key: str,
    title: str,
    label: str,
) -> str:
    """Draw groups of horizontal bars with errors: one group per name, one bar per row."""
    thick = 0.8 / len(rows)
    with own_style():
        height = 0.9 + 0.25 * len(rows) + len(names) * (0.16 + 0.14 * len(rows))
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes: Any = figure.subplots()
        for k, (run, values) in enumerate(rows.items()):
            place = [i + (k - (len(rows) - 1) / 2) * thick for i, n in enumerate(names)
                     if n in values]  # fmt: skip
            found = [values[name] for name in names if name in values]
            axes.barh(
                place,
                [value for value, _ in found],
                height=0.9 * thick,
                xerr=[error for _, error in found],
                color=COLOURS[k % len(COLOURS)],
                hatch=HATCHES[k % len(HATCHES)],
                edgecolor="white" if k else None,
                linewidth=0.0,
                label=run,
                error_kw={"ecolor": INK, "elinewidth": 1.0, "capsize": 2},
            )
        axes.axvline(0.0, color=SOFT, linewidth=0.8)
        axes.set_yticks(range(len(names)), names, fontsize=9)
        axes.invert_yaxis()
        axes.set_xlabel(label)
        if len(rows) > 1:
            figure.legend(frameon=False, fontsize=8, loc="outside upper center")
        return to_svg(figure, key, title)
