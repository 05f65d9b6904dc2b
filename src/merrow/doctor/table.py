# SPDX-License-Identifier: MIT
"""The examination as a table of 80 columns, no meaning by colour."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from merrow.doctor.check import Check


def check_table(checks: Sequence[Check]) -> RenderableType:
    """Return the lines of an examination for a `rich` console."""
    grid = Table.grid(padding=(0, 2), pad_edge=False, expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    for check in checks:
        words = f"{check.found} → {check.advice}" if check.advice else check.found
        grid.add_row(Text(check.status.upper()), Text(check.name), Text(words))
    return Constrain(grid, width=80)
