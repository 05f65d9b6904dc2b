# SPDX-License-Identifier: MIT
"""A figure of the errors of potentials and of their ensemble spread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from merrow.bench.errors import PotentialErrors
from merrow.errors import InputError
from merrow.files import atomic_write
from merrow.potentials.interface import Array
from merrow.report.style import COLOURS, own_style, to_svg

MARKERS: Final = "os^DvPX"
WHISKERS: Final = (5.0, 95.0)
"""Percentiles."""


def check_plot(path: Path) -> None:
    """Check the path of a figure before anything is computed.

    Raises:
        InputError: The path is not an .svg file, or its folder is missing.
    """
    if path.suffix.lower() != ".svg":
        raise InputError(f"--plot {path}: pictures are SVG; give a name that ends in .svg.")
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"--plot {path} cannot be written; make its folder, or rename it.")


def plot_errors(rows: Sequence[PotentialErrors], reference: str, path: Path) -> None:
    """Write a figure of energy errors against ensemble spread, and force errors with timings.

    Args:
        rows: One per potential, the best first; those with a problem are left out.
        reference: Name of the reference.
        path: Path of the SVG file.

    Raises:
        InputError: No potential could be compared.
    """
    drawn = [row for row in rows if row.errors is not None]
    if not drawn:
        raise InputError(
            f"there is nothing to draw in {path}: no potential could be compared with {reference}."
        )
    ensembles = [
        (k, row.name, row.errors.energies, row.errors.spread)
        for k, row in enumerate(drawn)
        if row.errors is not None and row.errors.spread is not None
    ]
    with own_style():
        figure = Figure(figsize=(7.2, max(3.2, 1.2 + 0.45 * len(drawn))), layout="constrained")
        panels = figure.subplots(1, 1 + bool(ensembles), squeeze=False)[0]
        if ensembles:
            _energies(panels[0], ensembles)
        _forces(panels[-1], drawn)
        figure.suptitle(f"against {reference}", fontsize=10)
        svg = to_svg(figure, "models", f"Errors of potentials against {reference}")
    atomic_write(path, svg)


def _energies(axes: Any, ensembles: Sequence[tuple[int, str, Array, Array]]) -> None:
    """Draw |error| against spread, with a dashed identity line."""
    top = 0.0
    for k, name, errors, spread in ensembles:
        size = np.abs(errors)
        axes.plot(
            spread,
            size,
            linestyle="none",
            marker=MARKERS[k % len(MARKERS)],
            markersize=4,
            color=COLOURS[k % len(COLOURS)],
            alpha=0.8,
            label=name,
        )
        top = max(top, float(size.max()), float(spread.max()))
    axes.plot([0, top], [0, top], color="0.5", linestyle="--", linewidth=0.8)
    axes.set_xlim(0.0, 1.1 * max(float(spread.max()) for *_, spread in ensembles))
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("spread of the members [kcal/mol]")
    axes.set_ylabel("|error of the energy| [kcal/mol]")
    axes.legend(frameon=False, fontsize=8)


def _forces(axes: Any, rows: Sequence[PotentialErrors]) -> None:
    """Draw the distribution of atomic force errors: quartiles, and 5 to 95 %."""
    errors = (row.errors for row in rows)
    boxes = axes.boxplot(
        [np.linalg.norm(each.forces, axis=-1).ravel() for each in errors if each is not None],
        orientation="horizontal",
        whis=WHISKERS,
        showfliers=False,
        widths=0.6,
        patch_artist=True,
        medianprops={"color": "black"},
    )
    for k, box in enumerate(boxes["boxes"]):
        box.set_facecolor(COLOURS[k % len(COLOURS)])
        box.set_alpha(0.5)
    labels = [f"{row.name}\n{row.ms or 0.0:.3g} ms" for row in rows]
    axes.set_yticks(range(1, len(rows) + 1), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(left=0.0)
    axes.set_xlabel("force error of an atom [kcal/mol/Å]")
