# SPDX-License-Identifier: MIT
"""The protein chain from three sides, coloured by B-factor, as an inline SVG.

The figure is static, for paper and without scripts: three views along the principal axes replace
rotation. `binding/view.py` has the interactive view.
"""

from __future__ import annotations

from typing import Any, Final

import matplotlib
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from merrow.binding.report.data import Array, ComplexReport, Shape
from merrow.report.style import own_style, to_svg
from merrow.report.svg import INK

MAP: Final = "viridis"
WIDTHS: Final = 1.0, 3.4
"""Line widths of the farthest and of the nearest segment [points]."""
BAR: Final = 10.0
"""Length of the scale bar [Å]."""


def shape_figure(report: ComplexReport) -> str:
    """Draw the chain of each run, and the crystal's B-factors on the first run's positions."""
    runs = report.runs
    together = np.concatenate([run.b_values for run in runs])
    rows = [(run.name, run.shape, run.b_values, limits(together)) for run in runs]
    if report.crystal_b is not None:
        known = report.crystal_b[np.isfinite(report.crystal_b)]
        rows.append(("crystal", runs[0].shape, report.crystal_b, limits(known)))
    axes_of_inertia = _axes(runs[0].shape.carbons)
    with own_style():
        figure = Figure(figsize=(7.2, 2.6 * len(rows)), layout="constrained")
        panels = figure.subplots(len(rows), 3, squeeze=False)
        for line, (name, shape, b, scale) in zip(panels, rows, strict=True):
            for view, axes in enumerate(line):
                order = np.roll(np.arange(3), -view)  # across, up, towards the eye
                _draw(axes, shape, b, axes_of_inertia[:, order], scale)
            line[0].set_title(name, loc="left", fontsize=9)
            colours = matplotlib.cm.ScalarMappable(scale, MAP)
            bar = figure.colorbar(colours, ax=line.tolist(), label="B [Å²]", shrink=0.8)
            if bar.solids is not None:
                bar.solids.set_rasterized(False)  # no bitmap in a page
                bar.solids.set_edgecolor("face")  # and no seams
        return to_svg(figure, "shape", "The chain of alpha carbons coloured by B-factor")


def limits(b: Array) -> Normalize:
    """Return the colour scale of B-factors [Å²], from their 5th to their 95th percentile."""
    low, high = np.percentile(b, (5, 95))
    return Normalize(low, high, clip=True)


def _axes(carbons: Array) -> Array:
    """Return the principal axes of a chain as columns, longest first, right-handed."""
    _, _, rows = np.linalg.svd(carbons - carbons.mean(axis=0), full_matrices=False)
    rows[2] = np.cross(rows[0], rows[1])
    return np.asarray(rows.T)


def _draw(axes: Any, shape: Shape, b: Array, view: Array, scale: Normalize) -> None:
    """Draw one view; the columns of its matrix point right, up and to the viewer."""
    centre = shape.carbons.mean(axis=0)
    chain, ligand = (shape.carbons - centre) @ view, (shape.ligand - centre) @ view
    ends = np.stack([chain[:-1], chain[1:]], axis=1)[shape.joined]
    value = (0.5 * (b[:-1] + b[1:]))[shape.joined]
    bonds = ligand[np.array(shape.bonds, dtype=np.int64).reshape(-1, 2)]
    segments = np.concatenate([ends, bonds])
    colours = matplotlib.colormaps[MAP](scale(np.nan_to_num(value)))
    colours[~np.isfinite(value)] = (0.7, 0.7, 0.7, 1.0)  # its B is unknown
    colours = np.concatenate([colours, np.tile(matplotlib.colors.to_rgba(INK), (len(bonds), 1))])
    depth = segments[:, :, 2].mean(axis=1)
    nearness = (depth - depth.min()) / max(float(np.ptp(depth)), 1e-9)
    back = np.argsort(depth)
    widths = WIDTHS[0] + (WIDTHS[1] - WIDTHS[0]) * nearness
    axes.add_collection(
        LineCollection(
            list(segments[back][:, :, :2]),
            colors=colours[back],
            linewidths=widths[back],
            capstyle="round",
        )
    )
    reach = float(np.abs((shape.carbons - centre) @ view).max()) + 2.0
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.axis("off")
    bar = np.array([-0.5, 0.5]) * BAR
    axes.plot(bar, [-0.94 * reach] * 2, color=INK, linewidth=1.2)
    axes.text(0.0, -0.97 * reach, f"{BAR:g} Å", ha="center", va="top", fontsize=7)
