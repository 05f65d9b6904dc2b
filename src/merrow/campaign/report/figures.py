# SPDX-License-Identifier: MIT
"""Figures of calculated against measured values: a correlation and a box plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, Final

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from merrow.campaign.report.data import Comparison
from merrow.report.style import COLOURS, RC, to_svg

PANELS_ACROSS: Final = 3


def correlation_figure(columns: Sequence[Comparison], expt: Mapping[str, float]) -> str:
    """Draw calculated against measured values, a panel each, with equality and ±1 kcal/mol."""
    measured = [np.array([expt[name] for name in one.errors]) for one in columns]
    calculated = [x + list(one.errors.values()) for x, one in zip(measured, columns, strict=True)]
    every = np.concatenate([*measured, *calculated])
    ends = np.array([every.min() - 1.0, every.max() + 1.0])
    across = min(len(columns), PANELS_ACROSS)
    down = -(-len(columns) // across)
    with matplotlib.rc_context(RC):
        size = (2.6 * across + 0.6, 2.7 * down + 0.4)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
        panels = list(grid.flat)
        drawn = zip(panels, columns, measured, calculated, cycle(COLOURS), strict=False)
        for axes, one, x, y, colour in drawn:
            axes.fill_between(ends, ends - 1.0, ends + 1.0, color="0.9", linewidth=0, zorder=0)
            axes.plot(ends, ends, color="0.5", linewidth=0.8, zorder=1)
            axes.errorbar(
                x,
                y,
                yerr=list(one.stderr.values()),
                linestyle="none",
                marker="o",
                markersize=4,
                markerfacecolor="none",
                color=colour,
                elinewidth=0.8,
            )
            axes.set_xlim(*ends)
            axes.set_ylim(*ends)
            axes.set_aspect("equal")
            axes.set_title(one.label, fontsize=9)
        for axes in panels[len(columns) :]:
            axes.set_visible(False)
        figure.supxlabel("measured ΔG of hydration [kcal/mol]", fontsize=10)
        figure.supylabel("calculated [kcal/mol]", fontsize=10)
        return to_svg(figure, "correlation", "Calculated against measured free energies")


def error_figure(comparisons: Sequence[Comparison]) -> str:
    """Draw every column's errors as a box of quartiles, whiskers to the extremes, and points."""
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(7.2, 1.4 + 0.6 * len(comparisons)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0.0, color="0.5", linewidth=0.8)
        boxes = [_box(comparison) for comparison in comparisons]
        places = np.arange(len(boxes), 0, -1)
        axes.bxp(boxes, positions=places, widths=0.5, vert=False, showfliers=False, showmeans=True)
        for place, comparison, colour in zip(places, comparisons, cycle(COLOURS), strict=False):
            errors = list(comparison.errors.values())
            spread = place + 0.12 * np.cos(2.4 * np.arange(len(errors)))
            axes.plot(
                errors,
                spread,
                linestyle="none",
                marker="o",
                markersize=4,
                markerfacecolor="none",
                color=colour,
            )
        axes.set_xlabel("calculated − measured [kcal/mol]")
        return to_svg(figure, "errors", "Errors of every column as boxes of quartiles")


def _box(comparison: Comparison) -> dict[str, Any]:
    low, lower, middle, upper, high = comparison.statistics.quartiles
    return {
        "label": comparison.label,
        "med": middle,
        "q1": lower,
        "q3": upper,
        "whislo": low,
        "whishi": high,
        "mean": comparison.statistics.me.value,
    }
