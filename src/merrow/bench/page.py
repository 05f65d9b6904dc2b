# SPDX-License-Identifier: MIT
"""The report of `merrow bench`: speed and best use of this machine."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from merrow.bench.speed_table import COLUMNS, speed_figure, where
from merrow.executor import core_count
from merrow.files import atomic_write, save_json
from merrow.report.html import render
from merrow.report.style import BLUE, WIDTH, own_style, to_svg
from merrow.report.svg import SOFT


def write_bench(found: Mapping[str, Any], folder: Path) -> None:
    """Write bench.json, bench.html and speed.svg.

    Args:
        found: `BenchResult.as_dict()`.
        folder: Output folder.
    """
    save_json(folder / "bench.json", dict(found))
    atomic_write(folder / "speed.svg", speed_figure(found["rows"]))
    atomic_write(folder / "bench.html", render_bench(found))


def render_bench(found: Mapping[str, Any]) -> str:
    """Return the page as HTML; user-supplied text is escaped.

    Args:
        found: `BenchResult.as_dict()`.
    """
    rows = found["rows"]
    together = {int(k): float(v) for k, v in found["processes_ns_day"].items()}
    return render(
        "bench/page.html",
        verb="speed",
        page="explanation/speed.md",
        contents=(("advice", "Advice"), ("numbers", "Numbers")),
        title="Speed of this machine",
        machine=f"{platform.machine()}, {core_count()} cores",
        where=where(found),
        best=max(rows, key=lambda row: row["ns_day"]),
        step=f"{found['timestep_fs']:g}",
        speed=speed_figure(rows),
        scaling=scaling_figure(together) if len(together) > 1 else "",
        advice=found["advice"],
        rows=[
            (row["system"], row["potential"], *(format(row[key], how) for _, key, how in COLUMNS))
            for row in rows
        ],
        threads={
            f"{k} thread{'s' * (int(k) > 1)}": f"{ms:.2f} ms"
            for k, ms in found["threads_ms"].items()
        },
    )


def scaling_figure(together: Mapping[int, float]) -> str:
    """Draw the total speed [ns/day] against the number of processes."""
    counts = sorted(together)
    speeds = [together[count] for count in counts]
    with own_style():
        figure = Figure(figsize=(WIDTH, 2.8), layout="constrained")
        axes = figure.subplots()
        ideal = [speeds[0] * count / counts[0] for count in counts]
        axes.plot(counts, ideal, "--", color=SOFT, linewidth=1.0)
        axes.plot(counts, speeds, "o-", color=BLUE)
        axes.set_xticks(counts)
        axes.set_ylim(bottom=0.0)
        axes.set_xlabel("processes")
        axes.set_ylabel("ns/day, all together")
        return to_svg(figure, "scaling", "Speed of all processes together")
