# SPDX-License-Identifier: MIT
"""Pages from templates: one HTML file each, no network, no script, every text escaped.

A template of a job extends `report/base.html`; tables and pictures come from `report/macros.html`.
"""

from __future__ import annotations

import functools

from jinja2 import Environment, PackageLoader, StrictUndefined

from merrow.report.text import duration, energy, minus, number, stderr

FILTERS = {f.__name__: f for f in (duration, energy, minus, number, stderr)}


def render(template: str, **values: object) -> str:
    """Return a page.

    Args:
        template: Path of the template in the package, such as "hydration/report/page.html".
        values: What it shows; SVG goes through `picture`, all other text is escaped.
    """
    return _environment().get_template(template).render(values)


@functools.cache
def _environment() -> Environment:
    loader = PackageLoader("merrow", ".")
    found = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= FILTERS
    return found
