# SPDX-License-Identifier: MIT
"""The results of `merrow bench` as a terminal table and a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.figure import Figure

from merrow.report.style import BLUE, ORANGE, WIDTH, own_style, to_svg
from merrow.report.text import fitted, wrapped

COLUMNS: Final = (
    ("atoms", "n_atoms", "d"),
    ("ML", "n_ml_atoms", "d"),
    ("MM", "mm_ms", ".2f"),
    ("ML/MM", "ml_mm_ms", ".2f"),
    ("2 cores", "overlap_ms", ".2f"),
    ("/MM", "ratio_vs_mm", ".2f"),
    ("ns/day", "ns_day", ".1f"),
)
NAMES: Final = 13, 10
"""Maximum widths of the names of system and potential [characters]."""


def speed_lines(
    found: Mapping[str, Any], last: Sequence[str] = (), *, full: bool = False
) -> list[str]:
    """Return the results of `merrow bench` in at most fifteen lines of 80 columns.

    Args:
        found: `BenchResult.as_dict()`.
        last: Final lines.
        full: Whether everything is shown.
    """
    wide, narrow = NAMES
    head = f"{'ms per step':<{wide}} {'potential':<{narrow}}"
    rows = [head + "".join(f"{name:>8}" for name, _, _ in COLUMNS)]
    for row in found["rows"]:
        names = f"{row['system'][:wide]:<{wide}} {row['potential'][:narrow]:<{narrow}}"
        rows.append(names + "".join(f"{row[key]:>8{style}}" for _, key, style in COLUMNS))
    step, told = found["timestep_fs"], where(found)
    rows += wrapped(
        f"{told[0].upper()}{told[1:]}; 2 cores: the potential in a thread beside MM; "
        f"/MM: ML/MM over MM; ns/day at {step:g} fs."
    )
    threads = ", ".join(f"{k}: {ms:.2f} ms" for k, ms in found["threads_ms"].items())
    together = found["processes_ns_day"].items()
    processes = ", ".join(f"{k}: {speed:.1f} ns/day" for k, speed in together)
    first = f"MM step by threads: {threads}. " if threads else ""
    more = wrapped(f"{first}Processes together: {processes}.")
    advice = [line for text in found["advice"] for line in wrapped(f"- {text}", more="  ")]
    return fitted(rows, [*advice, *more], last, full=full)


def where(found: Mapping[str, Any]) -> str:
    """Return the hardware of each process: one core, or a GPU.

    Args:
        found: `BenchResult.as_dict()`.
    """
    if found["platform"] == "CPU":
        return "one core"
    devices = sorted({row["ml_device"] for row in found["rows"]})
    return f"OpenMM {found['platform']}, networks on {' and '.join(devices)}"


def speed_figure(rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw the step time of every system and potential over the MM time, as inline SVG."""
    with own_style():
        figure = Figure(figsize=(WIDTH, 1.1 + 0.55 * len(rows)), layout="constrained")
        axes = figure.subplots()
        names = [f"{row['system']}, {row['potential']}" for row in rows]
        mm = [row["mm_ms"] for row in rows]
        extra = [max(row["ml_mm_ms"] - row["mm_ms"], 0.0) for row in rows]
        axes.barh(names, mm, color=BLUE, label="MM")
        axes.barh(names, extra, left=mm, color=ORANGE, hatch="//", label="ML and coupling")
        axes.invert_yaxis()
        axes.set_xlabel("time of a step in one process [ms]")
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, fontsize=9)
        return to_svg(figure, "speed", "Time of a step by system and potential")
