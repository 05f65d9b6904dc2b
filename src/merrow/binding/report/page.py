# SPDX-License-Identifier: MIT
"""The page of the analysis of a complex: one HTML file, no network, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merrow.binding.report.data import ComplexReport, TrajectoryNumbers
from merrow.binding.report.figures import b_figure, rmsd_figure
from merrow.binding.report.shape import shape_figure
from merrow.report.html import render
from merrow.report.text import number

MOST_PARTS = 30
"""Residues or hydrogen bonds that a table shows."""


def render_complex(report: ComplexReport) -> str:
    """Return the whole page of an analysis as HTML; every text of the user is escaped."""
    names = tuple(run.name for run in report.runs)
    return render(
        "binding/report/complex.html",
        title=report.title,
        subtitle="merrow analyze",
        report=report,
        means=[
            (f"{name}, {run.name}", number(q.value), number(q.stderr), number(q.inefficiency))
            for run in report.runs
            for name, q in run.means.items()
        ],
        rmsd=rmsd_figure(report),
        b_factors=b_figure(report),
        shape=shape_figure(report),
        correlations=[
            (f"{name.replace('_', ' ')}, {run.name}", number(value))
            for run in report.runs
            for name, value in run.correlation.items()
        ],
        header=("", *names),
        parts={
            "Residues in contact with the ligand": _parts([run.contacts for run in report.runs]),
            "Hydrogen bonds of the ligand": _parts([run.hydrogen_bonds for run in report.runs]),
        },
        torsion_header=("torsion", *names),
        torsions=[
            (name, *(_populations(run, name) for run in report.runs))
            for name in report.runs[0].torsions
        ],
    )


def _parts(found: Sequence[Mapping[str, float]]) -> list[tuple[str, ...]]:
    """Return the largest parts of the frames in each run, a line for each name."""
    largest = {name: max(one.get(name, 0.0) for one in found) for run in found for name in run}
    names = sorted(largest, key=lambda name: (-largest[name], name))[:MOST_PARTS]
    return [(name, *(f"{one.get(name, 0.0):.2f}" for one in found)) for name in names]


def _populations(run: TrajectoryNumbers, name: str) -> str:
    return " / ".join(f"{part:.2f}" for part in run.torsions[name].values())
