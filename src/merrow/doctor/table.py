# SPDX-License-Identifier: MIT
"""The check as a table of 80 columns; colour carries no meaning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from merrow.doctor.check import Check

NETWORK, NETWORKS = "network ", "networks"


def check_table(checks: Sequence[Check], *, full: bool = True) -> RenderableType:
    """Return the lines of the check for a `rich` console.

    Args:
        checks: The checks.
        full: Whether every line is shown in full; else passed checks take one line each, all
            networks together.
    """
    grid = Table.grid(padding=(0, 2), pad_edge=False, expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    for check in checks if full else _joined(checks):
        words = f"{check.found} → {check.advice}" if check.advice else check.found
        text = Text(words)
        if check.status == "ok" and check.name != NETWORKS and not full:
            text.no_wrap, text.overflow = True, "ellipsis"
        grid.add_row(Text(check.status.upper()), Text(check.name), text)
    return Constrain(grid, width=80)


def _joined(checks: Sequence[Check]) -> Iterator[Check]:
    """Yield the checks with one line for all networks that passed."""
    good = [check for check in checks if check.name.startswith(NETWORK) and check.status == "ok"]
    for check in checks:
        if check not in good:
            yield check
        elif check is good[0]:
            words = (
                f"{one.name.removeprefix(NETWORK)} {one.found.split(' for ')[0]}" for one in good
            )
            yield Check(NETWORKS, "ok", ", ".join(words))
