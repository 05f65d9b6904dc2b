# SPDX-License-Identifier: MIT
"""Style of all figures: fonts, colours, sizes, and conversion to inline SVG."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from merrow.report.svg import INK, PAPER, SOFT, inline_svg

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", INK)
"""Palette of Okabe and Ito, distinguishable for colour-blind readers."""
BLUE, ORANGE, GREEN, *_ = COLOURS
RC: Final = {
    "font.family": "sans-serif",
    "font.size": 10,
    "svg.fonttype": "none",
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}
WIDTH: Final = 5.0
"""Size of a figure [inches]: legible at 400 pixels, so that two fit side by side."""
MAX_POINTS: Final = 2000
"""Maximum number of points of a time series, to keep the page small."""
NO_METADATA: Final = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@contextmanager
def own_style() -> Iterator[None]:
    """Give figures made in this block the same style everywhere, whatever a matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield


def to_svg(figure: Figure, name: str, title: str) -> str:
    """Return a figure as inline SVG with ids prefixed by its name."""
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        FigureCanvasSVG(figure).print_svg(stream, metadata=NO_METADATA)
    return inline_svg(stream.getvalue(), name=name, title=title)
