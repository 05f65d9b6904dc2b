# SPDX-License-Identifier: MIT
"""HTML tables for notebooks, used by `_repr_html_` of all results."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 20


def html_table(title: str, table: pd.DataFrame) -> str:
    """Return a table with a title; long tables are truncated in the middle.

    Args:
        title: One line of plain text.
        table: Rows and columns; numbers are shown with five digits.
    """
    cells = table.to_html(
        border=0, max_rows=MOST_ROWS, na_rep="", float_format=lambda value: f"{value:.5g}"
    )
    return f"<div><strong>{html.escape(title)}</strong>{cells}</div>"
