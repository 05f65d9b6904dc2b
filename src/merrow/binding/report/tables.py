# SPDX-License-Identifier: MIT
"""CSV tables of the analysis of a complex: by residue, and against time."""

from __future__ import annotations

import csv
import io

import numpy as np
from numpy.typing import NDArray

from merrow.binding.report.data import ComplexReport


def residue_table(report: ComplexReport, inner: NDArray[np.bool_]) -> str:
    """Return B-factors by residue as CSV [Å²].

    Args:
        report: The numbers.
        inner: Whether a residue is away from the ends of its chain, shape (R,).
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [f"{kind}_{i}" for i, _ in enumerate(report.runs) for kind in ("b", "stderr")]
    writer.writerow(["residue", "inner", "b_crystal", *names])
    for k, label in enumerate(report.residues):
        crystal = "" if report.crystal_b is None else f"{report.crystal_b[k]:.2f}"
        values = [f"{x[k]:.3f}" for run in report.runs for x in (run.b_values, run.b_stderr)]
        writer.writerow([label, int(inner[k]), crystal.replace("nan", ""), *values])
    return out.getvalue()


def series_table(report: ComplexReport) -> str:
    """Return RMSD against time as CSV [ps, Å]; an unknown time is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["trajectory", "time_ps", *report.runs[0].rmsd])
    for run in report.runs:
        for k, time in enumerate(run.times):
            values = [f"{series[k]:.4f}" for series in run.rmsd.values()]
            told = "" if run.span is None else f"{round(float(time), 3):.15g}"
            writer.writerow([run.name, told, *values])
    return out.getvalue()
