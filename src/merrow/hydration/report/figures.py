# SPDX-License-Identifier: MIT
"""What do the samples look like? One function per figure, each returns one inline SVG.

Curves differ by marker and line as well as by colour, text stays text, and equal data give equal
bytes. All error bars are one standard error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from merrow.hydration.report.data import (
    Convergence,
    DvdlCurve,
    InternalEnergies,
    Overlap,
    StateProfile,
)
from merrow.report.style import BLUE, MAX_POINTS, ORANGE, RC, to_svg


def dvdl_figure(curves: Sequence[DvdlCurve]) -> str:
    """Draw ⟨∂V/∂λ⟩ along each leg, one panel per leg."""
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        panels = figure.subplots(1, len(curves), squeeze=False)[0]
        for axes, curve in zip(panels, curves, strict=True):
            axes.axhline(0.0, color="0.6", linewidth=0.8)
            _errorbar(axes, curve.lambdas, curve.mean_kcal, curve.stderr_kcal, color=BLUE)
            axes.set_title(curve.leg)
            axes.set_xlabel("λ (0 decoupled, 1 coupled)")
        panels[0].set_ylabel("⟨∂V/∂λ⟩ [kcal/mol]")
        return to_svg(figure, "dvdl", "Mean derivative of the energy along the path")


def profile_figure(profile: StateProfile) -> str:
    """Draw the free energy of every state relative to the decoupled one."""
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        axes = figure.subplots()
        place = np.arange(len(profile.labels), dtype=np.float64)
        axes.axhline(0.0, color="0.6", linewidth=0.8)
        _errorbar(axes, place, profile.dg_kcal, profile.stderr_kcal, color=BLUE)
        axes.set_xticks(place, profile.labels, rotation=60, fontsize=8)
        axes.set_xlabel("state: λ of the charges | λ of Lennard-Jones")
        axes.set_ylabel("ΔG [kcal/mol]")
        return to_svg(figure, "profile", "Free energy of every state")


def overlap_figure(overlap: Overlap) -> str:
    """Draw the overlap matrix as a map with its numbers; below 0.005 the cell stays empty."""
    matrix = np.asarray(overlap.matrix)
    with matplotlib.rc_context(RC):
        side = max(4.0, 0.44 * len(matrix) + 1.0)
        figure = Figure(figsize=(side, side), layout="constrained")
        axes = figure.subplots()
        edges = np.arange(len(matrix) + 1) - 0.5  # cells as vectors: imshow would embed a bitmap
        axes.pcolormesh(edges, edges, matrix, cmap="Blues", vmin=0.0, vmax=1.0)
        axes.invert_yaxis()
        axes.set_aspect("equal")
        for (i, j), value in np.ndenumerate(matrix):
            if value >= 0.005:
                ink = "white" if value > 0.55 else "black"
                text = f"{value:.2f}".removeprefix("0")
                axes.text(j, i, text, ha="center", va="center", color=ink, fontsize=8)
        ticks = range(len(matrix))
        axes.set_xticks(ticks, overlap.labels, rotation=60, fontsize=8)
        axes.set_yticks(ticks, overlap.labels, fontsize=8)
        axes.set_xlabel("state: λ of the charges | λ of Lennard-Jones")
        return to_svg(figure, "overlap", "Overlap matrix of the states")


def convergence_figure(convergence: Convergence) -> str:
    """Draw the estimate from the first and from the last part of the data."""
    c = convergence
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        axes = figure.subplots()
        percent = 100.0 * np.asarray(c.fraction)
        final = float(np.asarray(c.forward_kcal)[-1])
        axes.axhline(final, color="0.6", linewidth=0.8)
        _errorbar(
            axes, percent, c.forward_kcal, c.forward_stderr_kcal, color=BLUE, label="first part"
        )
        _errorbar(
            axes,
            percent,
            c.reverse_kcal,
            c.reverse_stderr_kcal,
            color=ORANGE,
            label="last part",
            marker="s",
            linestyle="--",
        )
        axes.set_xlabel("part of the data [%]")
        axes.set_ylabel(f"{c.what} [kcal/mol]")
        axes.legend(frameon=False)
        return to_svg(figure, "convergence", "Estimate from growing parts of the data")


def internal_figure(internal: InternalEnergies, name: str) -> str:
    """Draw the internal energy in water and gas along time and as histograms, from one zero.

    Args:
        internal: The energies and their zero.
        name: What the energy is called, E_ML or E_MM.
    """
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(3, 2), sharey=True)
        phases = (
            ("gas", internal.gas, ORANGE, "--"),
            ("water", internal.water, BLUE, "-"),
        )
        energies = [np.asarray(series.energy_kcal) for _, series, _, _ in phases]
        shifted = [energy - internal.reference_kcal for energy in energies]
        bins = np.histogram_bin_edges(np.concatenate(shifted), bins=30)
        for (phase, series, color, style), energy in zip(phases, shifted, strict=True):
            time, step = np.asarray(series.time_ps), len(energy) // MAX_POINTS + 1
            left.plot(
                time[::step],
                energy[::step],
                color=color,
                linestyle=style,
                linewidth=0.8,
                label=phase,
            )
            right.hist(
                energy,
                bins=bins,
                density=True,
                orientation="horizontal",
                histtype="step",
                color=color,
                linestyle=style,
                linewidth=1.6,
            )
        left.set_xlabel("time [ps]")
        left.set_ylabel(f"{name} − reference [kcal/mol]")
        left.legend(frameon=False, loc="upper right", ncols=2)
        right.set_xlabel("density [mol/kcal]")
        return to_svg(figure, "internal", "Internal energy of the solute in water and in gas")


def _errorbar(
    axes: Any,
    x: Any,
    y: Any,
    error: Any,
    *,
    color: str,
    label: str | None = None,
    marker: str = "o",
    linestyle: str = "-",
) -> None:
    """Draw points joined by a line, each with its standard error."""
    axes.errorbar(
        x,
        y,
        yerr=error,
        color=color,
        label=label,
        marker=marker,
        linestyle=linestyle,
        markersize=4,
        linewidth=1.2,
        capsize=3,
    )
