# SPDX-License-Identifier: MIT
"""Figures of the analysis of a complex; each function returns an SVG."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from merrow.binding.report.data import ComplexReport
from merrow.report.style import BLUE, MAX_POINTS, ORANGE, WIDTH, own_style, to_svg
from merrow.report.svg import INK
from merrow.units import NS_PER_PS

LONG = 1000.0
"""Time above which the axis is in nanoseconds [ps]."""
STYLES = ((BLUE, "-"), (ORANGE, "--"))
"""Styles of the trajectory and its MM reference, distinguished by line and colour."""


def rmsd_figure(report: ComplexReport) -> str:
    """Draw the RMSD of backbone and ligand against time, one panel each."""
    names = list(report.runs[0].rmsd)
    long = max(float(run.times[-1]) for run in report.runs) >= LONG
    known = all(run.span is not None for run in report.runs)
    scale = NS_PER_PS if known and long else 1.0
    axis = f"time [{'ns' if long else 'ps'}]" if known else "frame, of unknown time"
    with own_style():
        figure = Figure(figsize=(WIDTH, 1.6 * len(names) + 0.6), layout="constrained")
        panels = figure.subplots(len(names), 1, squeeze=False, sharex=True)[:, 0]
        for axes, name in zip(panels, names, strict=True):
            for run, (colour, line) in zip(report.runs, STYLES, strict=False):
                step = max(1, len(run.times) // MAX_POINTS)
                x = scale * run.times if known else np.arange(len(run.times))
                series = run.rmsd[name][::step]
                axes.plot(x[::step], series, line, color=colour, label=run.name, lw=1.0)
            axes.set_title(name, fontsize=9)
            axes.set_ylabel("RMSD [Å]")
            axes.set_ylim(bottom=0.0)
        panels[-1].set_xlabel(axis)
        if len(report.runs) > 1:
            panels[0].legend(frameon=False, fontsize=8)
        return to_svg(figure, "rmsd", "Root mean square deviation against time")


def b_figure(report: ComplexReport) -> str:
    """Draw B-factors of CA against residue: simulated, with one standard error, and crystal."""
    place = np.arange(1, len(report.residues) + 1)
    with own_style():
        figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
        axes = figure.subplots()
        if report.crystal_b is not None:
            axes.plot(place, report.crystal_b, ":", color=INK, lw=1.4, label="crystal")
        for run, (colour, line) in zip(report.runs, STYLES, strict=False):
            low, high = run.b_values - run.b_stderr, run.b_values + run.b_stderr
            axes.fill_between(place, low, high, color=colour, alpha=0.25, linewidth=0.0)
            axes.plot(place, run.b_values, line, color=colour, lw=1.2, label=run.name)
        axes.set_xlabel("residue, in order")
        axes.set_ylabel("B of CA [Å²]")
        axes.set_ylim(bottom=0.0)
        axes.legend(frameon=False, fontsize=8)
        return to_svg(figure, "bfactors", "B-factors of the alpha carbons against residue")
