# SPDX-License-Identifier: MIT
"""Which potential is how far from the reference, and does its spread know? One picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from merrow.report.style import BLUE, ORANGE, RC, to_svg

Array = NDArray[np.float64]
COLORS: Final = (BLUE, ORANGE, "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito, told apart by colour-blind eyes; the markers differ too."""
MARKERS: Final = "os^DvPX"
WHISKERS: Final = (5.0, 95.0)
"""Percentiles."""


@dataclass(frozen=True, eq=False)
class ModelErrors:
    """What is drawn of one potential.

    Attributes:
        name: Its name.
        ms: Time of energy and forces of one conformer [ms].
        energies: Errors of energy differences [kcal/mol], shape (K,).
        forces: Lengths of the errors of the forces on atoms [kcal/mol/Å], shape (n,).
        spread: Spread over its members [kcal/mol], shape (K,), or None.
    """

    name: str
    ms: float
    energies: Array
    forces: Array
    spread: Array | None


def model_figure(models: Sequence[ModelErrors], reference: str) -> str:
    """Draw errors against a reference: energies by the spread of the members, forces with times.

    Args:
        models: One for each potential, the best first.
        reference: Name of the reference.
    """
    ensembles = [(k, m, m.spread) for k, m in enumerate(models) if m.spread is not None]
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(7.2, max(3.2, 1.2 + 0.45 * len(models))), layout="constrained")
        panels = figure.subplots(1, 1 + bool(ensembles), squeeze=False)[0]
        if ensembles:
            _energies(panels[0], ensembles)
        _forces(panels[-1], models)
        figure.suptitle(f"against {reference}", fontsize=10)
        return to_svg(figure, "models", f"Errors of potentials against {reference}")


def _energies(axes: Any, ensembles: Sequence[tuple[int, ModelErrors, Array]]) -> None:
    """Draw |error| by spread; on the dashed line both are equal."""
    top = 0.0
    for k, model, spread in ensembles:
        size = np.abs(model.energies)
        axes.plot(
            spread,
            size,
            linestyle="none",
            marker=MARKERS[k % len(MARKERS)],
            markersize=4,
            color=COLORS[k % len(COLORS)],
            alpha=0.8,
            label=model.name,
        )
        top = max(top, float(size.max()), float(spread.max()))
    axes.plot([0, top], [0, top], color="0.5", linestyle="--", linewidth=0.8)
    axes.set_xlim(0.0, 1.1 * max(float(spread.max()) for _, _, spread in ensembles))
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("spread of the members [kcal/mol]")
    axes.set_ylabel("|error of the energy| [kcal/mol]")
    axes.legend(frameon=False, fontsize=8)


def _forces(axes: Any, models: Sequence[ModelErrors]) -> None:
    """Draw the distribution of the errors of forces: quartiles, 5 to 95 %."""
    boxes = axes.boxplot(
        [model.forces for model in models],
        orientation="horizontal",
        whis=WHISKERS,
        showfliers=False,
        widths=0.6,
        patch_artist=True,
        medianprops={"color": "black"},
    )
    for k, box in enumerate(boxes["boxes"]):
        box.set_facecolor(COLORS[k % len(COLORS)])
        box.set_alpha(0.5)
    labels = [f"{model.name}\n{model.ms:.3g} ms" for model in models]
    axes.set_yticks(range(1, len(models) + 1), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(left=0.0)
    axes.set_xlabel("force error of an atom [kcal/mol/Å]")
