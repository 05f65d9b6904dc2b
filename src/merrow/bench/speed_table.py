# SPDX-License-Identifier: MIT
"""Speed as a table for the terminal and one small picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib
from matplotlib.figure import Figure
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from merrow.report.style import BLUE, ORANGE, RC, WIDTH, to_svg

COLUMNS: Final = (
    ("atoms", "n_atoms", "d"),
    ("ML", "n_ml_atoms", "d"),
    ("MM", "mm_ms", ".2f"),
    ("ML/MM", "ml_mm_ms", ".2f"),
    ("2 cores", "overlap_ms", ".2f"),
    ("/MM", "ratio_vs_mm", ".2f"),
    ("ns/day", "ns_day", ".1f"),
)


def speed_table(found: Mapping[str, Any]) -> RenderableType:
    """Return the table of `merrow bench`, at most 80 columns wide.

    Args:
        found: `BenchResult.as_dict()`.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("system")
    table.add_column("potential")
    for name, _, _ in COLUMNS:
        table.add_column(name, justify="right")
    for row in found["rows"]:
        values = (format(row[key], style) for _, key, style in COLUMNS)
        table.add_row(row["system"], row["potential"], *values)
    step = found["timestep_fs"]
    note = (
        f"ms per step, one core; 2 cores: the potential in a thread beside MM; /MM: ML/MM over MM; "
        f"ns/day at {step:g} fs."
    )
    return Group(
        table, Text(note), Text(_pairs(found)), *(Text(f"- {line}") for line in found["advice"])
    )


def speed_figure(rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw the time of a step of every system and potential, MM beneath, as inline SVG."""
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(WIDTH, 1.1 + 0.55 * len(rows)), layout="constrained")
        axes = figure.subplots()
        names = [f"{row['system']}, {row['potential']}" for row in rows]
        mm = [row["mm_ms"] for row in rows]
        extra = [max(row["ml_mm_ms"] - row["mm_ms"], 0.0) for row in rows]
        axes.barh(names, mm, color=BLUE, label="MM")
        axes.barh(names, extra, left=mm, color=ORANGE, hatch="//", label="ML and coupling")
        axes.invert_yaxis()
        axes.set_xlabel("time of a step on one core [ms]")
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, fontsize=9)
        return to_svg(figure, "speed", "Time of a step by system and potential")


def _pairs(found: Mapping[str, Any]) -> str:
    threads = ", ".join(f"{k}: {ms:.2f} ms" for k, ms in found["threads_ms"].items())
    together = found["processes_ns_day"].items()
    processes = ", ".join(f"{k}: {speed:.1f} ns/day" for k, speed in together)
    return f"MM step by threads {threads}. All processes together {processes}."
