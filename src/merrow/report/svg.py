# SPDX-License-Identifier: MIT
"""Preparation of SVG for inline use: no header, unique ids, an accessible name, theme colours."""

from __future__ import annotations

import re
from html import escape
from typing import Final

INK: Final = "#1b1f24"
SOFT: Final = "#8a949d"
BAND: Final = "#e4e9ec"
PAPER: Final = "#fefefe"
"""Colours of text and axes, secondary lines, areas behind the data, and background."""

THEME: Final = {
    INK: "ink",
    SOFT: "faint",
    BAND: "band",
    PAPER: "card",
    "#0072b2": "blue",
    "#d55e00": "orange",
    "#009e73": "green",
    "#000000": "ink",
    "#ff0000": "red-atom",
    "#0000ff": "blue-atom",
}
"""Colours of figures and formulas, and the stylesheet variable that replaces each, so that figures
follow a dark theme."""
_ID = re.compile(r'\bid="([^"]+)"')
_LINK = re.compile(r'(url\(|href=")#([^")]+)')
_SIZE = re.compile(r"""\s(?:width|height)=(["'])[^"']*\1""")
_COLOUR = re.compile("|".join(THEME), re.IGNORECASE)


def inline_svg(document: str, *, name: str, title: str) -> str:
    """Return the `<svg>` element of a document for inclusion in a page.

    Args:
        document: A complete SVG document.
        name: Prefix of all ids, unique on a page.
        title: Text alternative of the figure.
    """
    body = document[document.index("<svg") :]
    body = _ID.sub(rf'id="{name}-\1"', body)
    body = _LINK.sub(rf"\1#{name}-\2", body)
    tag, rest = body.split(">", 1)
    tag = _SIZE.sub("", tag) + f' role="img" aria-label="{escape(title)}">'
    return f"{tag}<title>{escape(title)}</title>{rest.strip()}"


def themed(svg: str) -> str:
    """Return an SVG with the colours of the page's stylesheet."""
    return _COLOUR.sub(lambda found: f"var(--{THEME[found[0].lower()]})", svg)
