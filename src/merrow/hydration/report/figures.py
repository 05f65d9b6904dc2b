# SPDX-License-Identifier: MIT
"""Figures of the samples: one function per figure, each returns one inline SVG.

Curves differ by marker and line as well as by colour, text stays text, and equal data give equal
bytes. All error bars are one standard error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from merrow.free_energy.schedule import COMPONENT, legs
from merrow.hydration.sampling.tasks import GAS_RECORD_INTERVAL
from merrow.report.style import BLUE, MAX_POINTS, ORANGE, RC, to_svg
from merrow.units import KCAL_PER_KJ

if TYPE_CHECKING:
    from merrow.engine.segments import GasFrames
    from merrow.free_energy.convergence import Convergence
    from merrow.free_energy.decorrelate import Correlation
    from merrow.free_energy.estimate import PathEstimate
    from merrow.hydration.analysis.gather import SolvatedFrames
    from merrow.samples import WindowSamples


LEG_NAMES = {"charging": "charging", "lj": "Lennard-Jones"}


def dvdl_figure(samples: WindowSamples, rows: Correlation) -> str:
    """Draw ⟨∂V/∂λ⟩ along each leg, one panel per leg."""
    found = legs(samples.states)
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        panels = figure.subplots(1, len(found), squeeze=False)[0]
        for axes, (leg, states) in zip(panels, found.items(), strict=True):
            column, means, errors = COMPONENT[leg], [], []
            for k in states:
                here = samples.state == k
                values = samples.dvdl[here & rows.equilibrated, column] * KCAL_PER_KJ
                count = max(int(np.sum(here & rows.independent)), 2)
                means.append(values.mean())
                errors.append(values.std(ddof=1) / np.sqrt(count))
            axes.axhline(0.0, color="0.6", linewidth=0.8)
            lambdas = [samples.states[k][column] for k in states]
            _errorbar(axes, lambdas, means, errors, color=BLUE)
            axes.set_title(LEG_NAMES[leg])
            axes.set_xlabel("λ (0 decoupled, 1 coupled)")
        panels[0].set_ylabel("⟨∂V/∂λ⟩ [kcal/mol]")
        return to_svg(figure, "dvdl", "Mean derivative of the energy along the path")


def profile_figure(path: PathEstimate) -> str:
    """Draw the free energy of every state relative to the decoupled one."""
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        axes = figure.subplots()
        place = np.arange(len(path.states), dtype=np.float64)
        axes.axhline(0.0, color="0.6", linewidth=0.8)
        _errorbar(axes, place, path.profile_kcal, path.profile_stderr_kcal, color=BLUE)
        axes.set_xticks(place, _labels(path), rotation=60, fontsize=8)
        axes.set_xlabel("state: λ of the charges | λ of Lennard-Jones")
        axes.set_ylabel("ΔG [kcal/mol]")
        return to_svg(figure, "profile", "Free energy of every state")


def overlap_figure(path: PathEstimate) -> str:
    """Draw the overlap matrix as a map with its numbers; below 0.005 the cell stays empty."""
    matrix = np.asarray(path.overlap)
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
        axes.set_xticks(ticks, _labels(path), rotation=60, fontsize=8)
        axes.set_yticks(ticks, _labels(path), fontsize=8)
        axes.set_xlabel("state: λ of the charges | λ of Lennard-Jones")
        return to_svg(figure, "overlap", "Overlap matrix of the states")


def convergence_figure(convergence: Convergence) -> str:
    """Draw the estimate from the first and from the last part of the data."""
    parts = convergence.complete_parts
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        axes = figure.subplots()
        percent = [100.0 * fraction for fraction, _, _ in parts]
        axes.axhline(parts[-1][1].value_kcal, color="0.6", linewidth=0.8)
        styles = (
            (1, {"color": BLUE, "label": "first part"}),
            (2, {"color": ORANGE, "label": "last part", "marker": "s", "linestyle": "--"}),
        )
        for column, style in styles:
            found: list[Any] = [part[column] for part in parts]
            values, errors = [e.value_kcal for e in found], [e.stderr_kcal for e in found]
            _errorbar(axes, percent, values, errors, **style)
        axes.set_xlabel("part of the data [%]")
        axes.set_ylabel("ΔG of the sampled path [kcal/mol]")
        axes.legend(frameon=False)
        return to_svg(figure, "convergence", "Estimate from growing parts of the data")


def internal_figure(water: SolvatedFrames, gas: GasFrames, name: str) -> str:
    """Draw the internal energy in water and gas along time and as histograms.

    The zero is the lowest energy in gas; repeats in water are drawn one after the other.

    Args:
        water: The coupled state.
        gas: The gas phase.
        name: What the energy is called, E_ML or E_MM.
    """
    time = water.samples.time[water.rows]
    zero, in_gas = gas.internal.min(), GAS_RECORD_INTERVAL * np.arange(1, len(gas.internal) + 1)
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(3, 2), sharey=True)
        phases = (
            ("gas", in_gas, gas.internal, ORANGE, "--"),
            ("water", time + time.max() * water.group, water.internal, BLUE, "-"),
        )
        shifted = [(internal - zero) * KCAL_PER_KJ for _, _, internal, _, _ in phases]
        bins = np.histogram_bin_edges(np.concatenate(shifted), bins=30)
        for (phase, time, _, color, style), energy in zip(phases, shifted, strict=True):
            step = len(energy) // MAX_POINTS + 1
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


def _labels(path: PathEstimate) -> list[str]:
    return [f"{charges:.3g} | {lj:.3g}" for charges, lj in path.states]


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
