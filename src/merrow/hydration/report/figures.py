# SPDX-License-Identifier: MIT
"""Figures of the samples; each function returns one inline SVG.

Curves differ by marker and line style as well as by colour, text stays text, and equal data give
identical bytes. All error bars are one standard error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from merrow.free_energy.schedule import COMPONENT, legs
from merrow.free_energy.stored import Estimate
from merrow.hydration.report.lines import drawn_estimates
from merrow.hydration.sampling.tasks import GAS_RECORD_INTERVAL
from merrow.report.style import BLUE, GREEN, MAX_POINTS, ORANGE, WIDTH, own_style, to_svg
from merrow.report.svg import BAND, INK, PAPER, SOFT
from merrow.units import KCAL_PER_KJ, NS_PER_PS

if TYPE_CHECKING:
    from merrow.engine.segments import GasFrames
    from merrow.free_energy.convergence import Convergence
    from merrow.free_energy.decorrelate import Correlation
    from merrow.free_energy.estimate import PathEstimate
    from merrow.hydration.analysis.gather import SolvatedFrames
    from merrow.hydration.result import HydrationResult
    from merrow.samples import WindowSamples


LEG_NAMES: Final = {"charging": "charging", "lj": "Lennard-Jones"}
SHORT: Final = {"charging": "charges", "lj": "LJ"}
MOST_NUMBERS: Final = 18
"""Maximum number of states for which the cells of the overlap matrix show numbers."""


def estimates_figure(result: HydrationResult) -> str:
    """Draw the result, the other estimates and the experimental value on one axis."""
    found = drawn_estimates(result)
    measured = result.measured
    with own_style():
        rows = len(found) + (measured is not None)
        figure = Figure(figsize=(WIDTH, 1.0 + 0.6 * rows), layout="constrained")
        axes = figure.subplots()
        if measured is not None:
            value, spread = measured.value_kcal, measured.stderr_kcal or 0.0
            axes.axvspan(value - spread, value + spread, color=BAND, linewidth=0.0)
            axes.axvline(value, color=GREEN, linewidth=1.2, linestyle="--")
            found.append(("measured", Estimate(value, spread), False))
        for place, (name, estimate, first) in enumerate(found):
            colour = GREEN if name == "measured" else ORANGE if first else BLUE
            axes.errorbar(
                estimate.value_kcal,
                place,
                xerr=estimate.stderr_kcal,
                color=colour,
                marker="D" if name == "measured" else "o",
                markersize=8 if first else 5.5,
                linewidth=2.4 if first else 1.4,
                capsize=4 if first else 3,
            )
        axes.set_yticks(range(rows), [name for name, _, _ in found])
        if found[0][2]:
            axes.get_yticklabels()[0].set_fontweight("bold")
        axes.set_ylim(rows - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("ΔG of hydration [kcal/mol]")
        return to_svg(figure, "estimates", "The headline, other estimates and the measured value")


def dvdl_figure(samples: WindowSamples, rows: Correlation) -> str:
    """Draw ⟨∂V/∂λ⟩ along each leg, one panel per leg."""
    found = legs(samples.states)
    with own_style():
        figure = Figure(figsize=(WIDTH, 2.8), layout="constrained")
        panels = figure.subplots(1, len(found), squeeze=False)[0]
        for axes, (leg, states) in zip(panels, found.items(), strict=True):
            column, means, errors = COMPONENT[leg], [], []
            for k in states:
                here = samples.state == k
                values = samples.dvdl[here & rows.equilibrated, column] * KCAL_PER_KJ
                count = max(int(np.sum(here & rows.independent)), 2)
                means.append(values.mean())
                errors.append(values.std(ddof=1) / np.sqrt(count))
            axes.axhline(0.0, color=SOFT, linewidth=0.8)
            lambdas = [samples.states[k][column] for k in states]
            _errorbar(axes, lambdas, means, errors, color=BLUE)
            axes.set_title(LEG_NAMES[leg], fontsize=10)
            axes.set_xlabel(f"λ({SHORT[leg]})")
        panels[0].set_ylabel("⟨∂V/∂λ⟩ [kcal/mol]")
        return to_svg(figure, "dvdl", "Mean derivative of the energy along the path")


def profile_figure(path: PathEstimate) -> str:
    """Draw the free energy of every state relative to the decoupled one."""
    with own_style():
        figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
        axes = figure.subplots()
        place = np.arange(len(path.states), dtype=np.float64)
        axes.axhline(0.0, color=SOFT, linewidth=0.8)
        _errorbar(axes, place, path.profile_kcal, path.profile_stderr_kcal, color=BLUE)
        _name_states(axes, path)
        axes.set_ylabel("ΔG [kcal/mol]")
        return to_svg(figure, "profile", "Free energy of every state")


def overlap_figure(path: PathEstimate) -> str:
    """Draw the overlap matrix as a heat map with its numbers; cells below 0.005 stay empty."""
    matrix = np.asarray(path.overlap)
    size = 8 if len(matrix) <= MOST_NUMBERS else 0
    with own_style():
        figure = Figure(figsize=(WIDTH, WIDTH), layout="constrained")
        axes = figure.subplots()
        for (i, j), value in np.ndenumerate(matrix):
            if value >= 0.005:
                corner = (j - 0.5, i - 0.5)
                axes.add_patch(
                    Rectangle(corner, 1.0, 1.0, color=BLUE, alpha=min(float(value), 1.0), lw=0.0)
                )
                if size:
                    ink = PAPER if value > 0.55 else INK
                    text = f"{value:.2f}".removeprefix("0")
                    axes.text(j, i, text, ha="center", va="center", color=ink, fontsize=size)
        axes.set_xlim(-0.5, len(matrix) - 0.5)
        axes.set_ylim(len(matrix) - 0.5, -0.5)
        axes.set_aspect("equal")
        _name_states(axes, path)
        axes.set_yticks(range(len(matrix)), _labels(path), fontsize=8)
        return to_svg(figure, "overlap", "Overlap matrix of the states")


def convergence_figure(convergence: Convergence, total_ns: float) -> str:
    """Draw the estimate from the first and from the last part of the data.

    Args:
        convergence: The estimates.
        total_ns: Total sampling time of all states [ns].
    """
    parts = convergence.complete_parts
    with own_style():
        figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
        axes = figure.subplots()
        times = [total_ns * fraction for fraction, _, _ in parts]
        last = parts[-1][1]
        low, high = (last.value_kcal + sign * last.stderr_kcal for sign in (-1.0, 1.0))
        axes.axhspan(low, high, color=BAND, linewidth=0.0)
        styles = (
            (1, {"color": BLUE, "label": "the first part"}),
            (2, {"color": ORANGE, "label": "the last part", "marker": "s", "linestyle": "--"}),
        )
        for column, style in styles:
            found: list[Any] = [part[column] for part in parts]
            values, errors = [e.value_kcal for e in found], [e.stderr_kcal for e in found]
            _errorbar(axes, times, values, errors, **style)
        axes.set_xlim(0.0, 1.04 * total_ns)
        axes.set_xlabel("sampling used, all states together [ns]")
        axes.set_ylabel("ΔG of the path [kcal/mol]")
        axes.legend(frameon=False, fontsize=9)
        return to_svg(figure, "convergence", "Estimate from growing parts of the data")


def sampled_ns(samples: WindowSamples) -> float:
    """Return the total sampling time of all states and repeats [ns]."""
    total = 0.0
    for repeat, state in np.unique(np.stack([samples.repeat, samples.state]), axis=1).T:
        times = np.unique(samples.time[(samples.repeat == repeat) & (samples.state == state)])
        if len(times) > 1:
            total += float(times[-1] - times[0] + times[1] - times[0])
    return total * NS_PER_PS


def internal_figure(water: SolvatedFrames, gas: GasFrames, name: str) -> str:
    """Draw the internal energy in water and gas against time and as histograms.

    The zero is the lowest energy in gas; repeats in water are drawn one after the other.

    Args:
        water: The coupled state.
        gas: The gas phase.
        name: Name of the energy, E_ML or E_MM.
    """
    time = water.samples.time[water.rows]
    zero, in_gas = gas.internal.min(), GAS_RECORD_INTERVAL * np.arange(1, len(gas.internal) + 1)
    with own_style():
        figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
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
        left.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, fontsize=9)
        right.set_xlabel("density [mol/kcal]")
        return to_svg(figure, "internal", "Internal energy of the solute in water and in gas")


def _name_states(axes: Any, path: PathEstimate) -> None:
    """Label the states below an axis by the λ that changes, and the legs by their names."""
    axes.set_xticks(range(len(path.states)), _labels(path), rotation=60, fontsize=8)
    axes.set_xlabel("coupled → decoupled; q: charges, LJ: Lennard-Jones", fontsize=9)


def _labels(path: PathEstimate) -> list[str]:
    """Return the λ that changes at each state, with the symbol of the leg."""
    return [f"q {elec:.3g}" if lj == 1.0 else f"LJ {lj:.3g}" for elec, lj in path.states]


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
    """Draw points with standard errors, joined by a line."""
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
