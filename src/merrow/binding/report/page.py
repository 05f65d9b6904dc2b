# SPDX-License-Identifier: MIT
"""The HTML report of the analysis of a complex: one self-contained file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from merrow import __version__
from merrow.binding.report.checks import judge_frames
from merrow.binding.report.data import ComplexReport, TrajectoryNumbers
from merrow.binding.report.figures import b_figure, rmsd_figure
from merrow.binding.report.shape import shape_figure
from merrow.free_energy.stored import Verdict, verdict
from merrow.report.citations import Cited, Work
from merrow.report.html import render
from merrow.report.scene import view_script
from merrow.report.text import number, stderr

CONTENTS: Final[tuple[tuple[str, str], ...]] = (
    ("checks", "Checks"),
    ("numbers", "Numbers"),
    ("chain", "Chain"),
    ("ligand", "Ligand"),
    ("methods", "Methods"),
)
MOST_PARTS = 30
"""Maximum number of residues or hydrogen bonds in a table."""


def render_complex(report: ComplexReport) -> str:
    """Return the page of an analysis as HTML; user-supplied text is escaped."""
    names = tuple(run.name for run in report.runs)
    checks = _checks(report)
    first = report.runs[0]
    key = next(
        (name for name in reversed(first.means) if "frame of" in name), next(iter(first.means))
    )
    paragraph, works = _methods(report)
    return render(
        "binding/report/complex.html",
        verb="motions of a complex",
        page="how-to/analyze.md",
        scripts=view_script(report.view),
        contents=[one for one in CONTENTS if report.structure or one[0] != "ligand"],
        title=report.title,
        sampled="; ".join(f"{run.name}: {run.extent}" for run in report.runs),
        answer={
            "name": key,
            "value": f"{first.means[key].value:.2f}",
            "stderr": stderr(first.means[key].stderr),
        },
        leads=list(_leads(report, key)),
        checks=checks,
        counts=Counter(check.status for check in checks),
        paragraph=paragraph,
        works=works,
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


def _leads(report: ComplexReport, key: str) -> Iterator[str]:
    """Yield the leading sentences of the report."""
    for run in report.runs[1:]:
        mean = run.means[key]
        yield f"MM reference ({run.name}): {mean.value:.2f} ± {stderr(mean.stderr)} Å."
    for run in report.runs:
        if found := run.correlation:
            low, high = found["pearson_low_95"], found["pearson_high_95"]
            interval = "" if low is None or high is None else f" [{low:.2f}, {high:.2f}]"
            yield (
                f"B-factors against the crystal, {run.name}: Pearson {found['pearson']:.2f}"
                f"{interval} over {found['residues']:.0f} residues."
            )


def _checks(report: ComplexReport) -> list[Verdict]:
    """Return the checks of the numbers."""
    found = []
    for run in report.runs:
        found.append(judge_frames(run.name, run.means.values()))
        if report.crystal_b is not None:
            words = f"It has {run.extent}."
            long = bool(run.correlation)
            advice = "" if long else "loops need nanoseconds before B-factors mean something"
            found.append(verdict(f"time for B-factors, {run.name}", long, words, advice))
    return found


def _methods(report: ComplexReport) -> tuple[str, list[Work]]:
    """Return the methods paragraph and its works."""
    cited = Cited()
    words = (
        f"Trajectories ({'; '.join(run.name for run in report.runs)}) were analysed with merrow "
        f"{__version__}: frames were superposed on the protein's backbone (N, CA, C) "
        f"{cited('superposition')}, B-factors are 8π²/3 ⟨u²⟩ about the mean structure, contacts "
        "count heavy atoms, and ± is one standard error from blocks and autocorrelation."
    )
    if len(report.runs) > 1:
        words += f" ML/MM dynamics {cited('ML/MM')} and MM dynamics are compared."
    return words, cited.works


def _parts(found: Sequence[Mapping[str, float]]) -> list[tuple[str, ...]]:
    """Return the largest fractions of frames in each run, one row per name."""
    largest = {name: max(one.get(name, 0.0) for one in found) for run in found for name in run}
    names = sorted(largest, key=lambda name: (-largest[name], name))[:MOST_PARTS]
    return [(name, *(f"{one.get(name, 0.0):.2f}" for one in found)) for name in names]


def _populations(run: TrajectoryNumbers, name: str) -> str:
    return " / ".join(f"{part:.2f}" for part in run.torsions[name].values())
