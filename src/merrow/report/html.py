# SPDX-License-Identifier: MIT
"""Pages from templates: one HTML file each, no network, every text escaped.

A template of a job extends `report/base.html`, whose one stylesheet is `style.css`; tables,
verdicts and pictures come from `macros.html`. A page runs no script but the one that it is given,
which its own policy names by hash.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from merrow import __version__
from merrow.report.svg import themed
from merrow.report.text import (
    documentation,
    duration,
    energy,
    minus,
    minus_all,
    number,
    stderr,
)

_ADDRESS = re.compile(r"(https://[^\s<]*[^\s<.,;:)])|(?:doi:)?\b(10\.\d{4,}/[^\s<;,]*[^\s<;,.)])")


def script(name: str) -> str:
    """Return the text of a script of the package, such as "report/sort.js"."""
    return resources.files("merrow").joinpath(name).read_text(encoding="utf-8")


def render(template: str, *, verb: str, page: str, scripts: str = "", **values: object) -> str:
    """Return a page.

    Args:
        template: Path of the template in the package, such as "hydration/report/page.html".
        verb: What was done, in a few words.
        page: Page of the documentation that explains it, below `docs/`.
        scripts: What the page runs; empty for nothing.
        values: What it shows; SVG goes through `picture`, all other text is escaped.
    """
    found = _environment().get_template(template)
    return found.render(values, verb=verb, page=page, script=scripts, version=__version__)


def _script_hash(text: str) -> str:
    """Return what a Content Security Policy calls a script."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _themed(svg: str) -> Markup:
    return Markup(themed(svg))


def _linked(text: str) -> Markup:
    """Return a text whose addresses and DOIs are links."""

    def link(found: re.Match[str]) -> str:
        address = found[1] or f"https://doi.org/{found[2]}"
        return f'<a href="{address}" rel="noreferrer">{found[0]}</a>'

    return Markup(_ADDRESS.sub(link, str(escape(text))))


@functools.cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("merrow", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (duration, energy, minus, minus_all, number, stderr, documentation)
    found.filters |= {f.__name__: f for f in filters}
    found.filters |= {"themed": _themed, "linked": _linked, "script_hash": _script_hash}
    return found
