# SPDX-License-Identifier: MIT
"""An SVG document as a part of a page: no header, its own ids, a name for readers."""

from __future__ import annotations

import re
from html import escape

_ID = re.compile(r'\bid="([^"]+)"')
_LINK = re.compile(r'(url\(|href=")#([^")]+)')
_SIZE = re.compile(r"""\s(?:width|height)=(["'])[^"']*\1""")


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
