# SPDX-License-Identifier: MIT
"""`--dry-run`: the cost of a command, estimated from a short measurement; nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Protocol, TypeVar

import typer

from merrow.progress import Listener, Progress

DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Print time, memory and disk, measured briefly; write nothing."),
]


class Cost(Protocol):
    """Estimated cost of a command."""

    def to_json(self) -> str:
        """Return all numbers as JSON."""


C = TypeVar("C", bound=Cost)


def print_cost(
    measure: Callable[[Listener], C], lines: Callable[[C], Sequence[str]], *, as_json: bool = False
) -> None:
    """Measure the cost and print it.

    Args:
        measure: Takes a progress listener, returns the cost.
        lines: Returns the cost as lines of text.
        as_json: Whether the cost is printed as JSON instead.
    """
    from merrow.report.progress_line import ProgressLine  # noqa: PLC0415
    from merrow.report.text import wrapped  # noqa: PLC0415

    with ProgressLine(quiet=as_json) as line:
        line.listen(Progress("preparing and measuring", known=False))
        cost = measure(line.listen)
    if as_json:
        typer.echo(cost.to_json(), nl=False)
        return
    for text in (*lines(cost), "nothing was written; leave out --dry-run to start"):
        told = text.lstrip()
        for part in wrapped(told, " " * (len(text) - len(told)), more="  "):
            typer.echo(part)


def resources(memory_mib: float, disk_mib: float, out: object) -> str:
    """Return memory and disk as text."""
    return f"  memory {_size(memory_mib)}, disk up to {_size(disk_mib)} in {out}"


def _size(mib: float) -> str:
    return f"{mib:.0f} MiB" if mib < 10_000 else f"{mib / 1024:.1f} GiB"
