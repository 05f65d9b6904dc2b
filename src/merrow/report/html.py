# SPDX-License-Identifier: MIT
"""HTML pages from templates: self-contained files with escaped text.

A template of a job extends `report/base.html` with the stylesheet `style.css`; tables, verdicts and
figures come from `macros.html`. A page runs only the script that it is given, which its Content
Security Policy allows by hash.
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
    """Return a script of the package, such as "report/sort.js"."""
    return resources.files("merrow").joinpath(name).read_text(encoding="utf-8")


def render(template: str, *, verb: str, page: str, scripts: str = "", **values: object) -> str:
    """Return a page.

    Args:
        template: Path of the template in the package, such as "hydration/report/page.html".
        verb: Short description of the calculation.
        page: Page of the documentation that explains it, below `docs/`.
        scripts: Script of the page, or "".
        values: Values for the template; SVG goes through `picture`, other text is escaped.
    """
    found = _environment().get_template(template)
    return found.render(values, verb=verb, page=page, script=scripts, version=__version__)


def _script_hash(text: str) -> str:
    """Return the hash of a script for a Content Security Policy."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _themed(svg: str) -> Markup:
    return Markup(themed(svg))


def _linked(text: str) -> Markup:
    """Return a text with its URLs and DOIs as links."""

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
