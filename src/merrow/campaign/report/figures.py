# SPDX-License-Identifier: MIT
"""Figures of calculated against experimental values: correlation and box plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from merrow.campaign.comparison import Array
from merrow.campaign.report.data import Comparison
from merrow.campaign.rows import Reference
from merrow.report.style import COLOURS, WIDTH, own_style, to_svg
from merrow.report.svg import BAND, INK, SOFT

LABEL: Final = 8.0
"""Font size of a label [points]."""
POINTS_PER_INCH: Final = 72.0
MOST_NAMES: Final = 20
"""Maximum number of labelled points: all, or those with the largest errors."""
SIDE: Final = 4.05
"""Side of the square plotting area [inches]."""


def correlation_figures(columns: Sequence[Comparison], expt: Mapping[str, Reference]) -> list[str]:
    """Draw calculated against experimental values, one figure per column, on equal axes.

    Args:
        columns: The calculated values.
        expt: The experimental values, by name.
    """
    measured = [np.array([expt[name].value_kcal for name in one.errors]) for one in columns]
    calculated = [x + list(one.errors.values()) for x, one in zip(measured, columns, strict=True)]
    every = np.concatenate([*measured, *calculated])
    ends = float(every.min()) - 1.0, float(every.max()) + 1.0
    drawn = zip(columns, measured, calculated, cycle(COLOURS), strict=False)
    return [
        _correlation(f"correlation-{k}", one, x, y, expt, ends, colour)
        for k, (one, x, y, colour) in enumerate(drawn)
    ]


def _correlation(
    name: str,
    one: Comparison,
    x: Array,
    y: Array,
    expt: Mapping[str, Reference],
    ends: tuple[float, float],
    colour: str,
) -> str:
    """Draw one column with the identity line, ±1 kcal/mol, bars of known errors and labels."""
    low, high = ends
    line = np.array(ends)
    with own_style():
        figure = Figure(figsize=(WIDTH, WIDTH))
        left = 0.75 / WIDTH
        axes = figure.add_axes((left, 0.6 / WIDTH, SIDE / WIDTH, SIDE / WIDTH))
        axes.fill_between(line, line - 1.0, line + 1.0, color=BAND, linewidth=0, zorder=0)
        axes.plot(line, line, color=SOFT, linewidth=0.8, zorder=1)
        axes.errorbar(
            x,
            y,
            xerr=[expt[key].stderr_kcal or 0.0 for key in one.errors],
            yerr=[error or 0.0 for error in one.stderr.values()],
            linestyle="none",
            marker="o",
            markersize=5,
            color=colour,
            elinewidth=0.9,
        )
        scale = SIDE * POINTS_PER_INCH / (high - low)
        largest = sorted(one.errors, key=lambda key: -abs(one.errors[key]))[:MOST_NAMES]
        points = {
            key: ((float(a) - low) * scale, (float(b) - low) * scale)
            for key, a, b in zip(one.errors, x, y, strict=True)
        }
        for key, offset in label_places(points, largest, SIDE * POINTS_PER_INCH).items():
            place = points[key][0] / scale + low, points[key][1] / scale + low
            axes.annotate(
                key, place, offset, textcoords="offset points", fontsize=LABEL, va="center"
            )
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_title(one.label, fontsize=10)
        axes.set_xlabel("measured ΔG of hydration [kcal/mol]")
        axes.set_ylabel("calculated [kcal/mol]")
        return to_svg(figure, name, f"Calculated against measured free energies, {one.label}")


def label_places(
    points: Mapping[str, tuple[float, float]], names: Sequence[str], side: float
) -> dict[str, tuple[float, float]]:
    """Place labels beside their points without overlap.

    A label without room is left out.

    Args:
        points: All points [points] from the lower left corner of the drawing.
        names: Points to label, the most important first.
        side: Side of the drawing [points].

    Returns:
        Offset of the left end of each label's middle line from its point.
    """
    taken = [(x - 4.0, y - 4.0, x + 4.0, y + 4.0) for x, y in points.values()]
    found: dict[str, tuple[float, float]] = {}
    for name in names:
        x, y = points[name]
        width, half = 0.62 * LABEL * len(name), 0.6 * LABEL
        for dx, dy in _offsets(width):
            box = (x + dx, y + dy - half, x + dx + width, y + dy + half)
            inside = box[0] >= 0.0 and box[1] >= 0.0 and box[2] <= side and box[3] <= side
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                found[name] = (dx, dy)
                break
    return found


def _offsets(width: float) -> Iterator[tuple[float, float]]:
    """Yield positions beside a point, the best ones first."""
    for distance in (0.0, 7.0, 14.0, 22.0):
        for sign in (1.0, -1.0) if distance else (1.0,):
            yield 7.0, sign * distance
            yield -7.0 - width, sign * distance


def _overlap(one: tuple[float, ...], two: tuple[float, ...]) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def error_figure(comparisons: Sequence[Comparison]) -> str:
    """Draw the errors of every column as a box plot with whiskers to the extremes, and points."""
    with own_style():
        figure = Figure(figsize=(WIDTH, 1.4 + 0.8 * len(comparisons)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0.0, color=SOFT, linewidth=0.8)
        boxes = [_box(comparison) for comparison in comparisons]
        places = np.arange(len(boxes), 0, -1)
        lines = ("boxprops", "whiskerprops", "capprops", "medianprops")
        ink: dict[str, Any] = {key: {"color": INK} for key in lines}
        axes.bxp(
            boxes, positions=places, widths=0.5, vert=False, showfliers=False, showmeans=True, **ink
        )
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
