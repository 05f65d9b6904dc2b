# SPDX-License-Identifier: MIT
"""How every figure looks: fonts, colours, and the way to inline SVG."""

from __future__ import annotations

import io
from typing import Final

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from merrow.report.svg import inline_svg

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's: told apart by colour-blind eyes."""
BLUE, ORANGE, *_ = COLOURS
RC: Final = {
    "font.family": "sans-serif",
    "font.size": 10,
    "svg.fonttype": "none",
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
}
MAX_POINTS: Final = 2000
"""A time series is drawn with every n-th point only, so that the page stays small."""
NO_METADATA: Final = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def to_svg(figure: Figure, name: str, title: str) -> str:
    """Return a figure as inline SVG whose ids begin with its name."""
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        FigureCanvasSVG(figure).print_svg(stream, metadata=NO_METADATA)
    return inline_svg(stream.getvalue(), name=name, title=title)
