# SPDX-License-Identifier: MIT
"""An SVG document as a part of a page: no header, its own ids, a name for readers, its colours."""

from __future__ import annotations

import re
from html import escape
from typing import Final

INK: Final = "#1b1f24"
SOFT: Final = "#8a949d"
BAND: Final = "#e4e9ec"
PAPER: Final = "#fefefe"
"""Of text and axes, of lines that may stand back, of areas behind the data, of the background."""

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
"""Colours of figures and formulas, and the variable of the stylesheet that replaces each: a page
that turns dark takes its figures along."""
_ID = re.compile(r'\bid="([^"]+)"')
_LINK = re.compile(r'(url\(|href=")#([^")]+)')
_SIZE = re.compile(r"""\s(?:width|height)=(["'])[^"']*\1""")
_COLOUR = re.compile("|".join(THEME), re.IGNORECASE)


def inline_svg(document: str, *, name: str, title: str) -> str:
    """Return the `<svg>` element of a document, fit to stand in a page beside others.

    Args:
        document: A whole SVG document.
        name: Prefix of all ids, different for every picture of a page.
        title: What the picture shows, for those who cannot see it.
    """
    body = document[document.index("<svg") :]
    body = _ID.sub(rf'id="{name}-\1"', body)
    body = _LINK.sub(rf"\1#{name}-\2", body)
    tag, rest = body.split(">", 1)
    tag = _SIZE.sub("", tag) + f' role="img" aria-label="{escape(title)}">'
    return f"{tag}<title>{escape(title)}</title>{rest.strip()}"


def themed(svg: str) -> str:
    """Return an SVG of a page with the colours of its stylesheet."""
    return _COLOUR.sub(lambda found: f"var(--{THEME[found[0].lower()]})", svg)
