# SPDX-License-Identifier: MIT
"""How is the analysis of a complex shown on one page? One HTML file: no network, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources

from merrow.binding.report.data import ComplexReport, TrajectoryNumbers
from merrow.binding.report.figures import b_figure, rmsd_figure
from merrow.binding.report.shape import shape_figure
from merrow.report.html import escaped, picture, table
from merrow.report.text import number

SHAPE = (
    "The chain through its CA along its own three axes, in the frame nearest to the mean, "
    "coloured by B [Å²] from the 5th to the 95th percentile; thick is near, the ligand is black. "
    "Trajectory and control share their colours, the crystal has its own: patterns are compared, "
    "not sizes. The PDB files of this folder hold the same for a viewer."
)


def render_complex(report: ComplexReport) -> str:
    """Return the whole page of an analysis as HTML; every text of the user is escaped."""
    crystal = "the dotted line is the crystal" if report.crystal_b is not None else "no crystal"
    parts = [
        "".join(f"<p>{escaped(note)}</p>" for note in report.notes),
        _means(report),
        picture(rmsd_figure(report), escaped("After superposition of the protein's backbone.")),
        picture(b_figure(report), escaped(f"8π²/3 ⟨u²⟩; bands are one standard error; {crystal}.")),
        picture(shape_figure(report), escaped(SHAPE)),
        _correlations(report),
        *(
            _parts(report, title, kind)
            for title, kind in (
                ("Residues in contact with the ligand", "contacts"),
                ("Hydrogen bonds of the ligand", "hydrogen_bonds"),
            )
        ),
        _torsions(report),
    ]
    return page(report.title, "merrow analyze", parts)


def page(title: str, subtitle: str, parts: Sequence[str]) -> str:
    """Return a page in the style of the other reports.

    Args:
        title, subtitle: Plain texts.
        parts: Pieces of HTML, already escaped.
    """
    source = resources.files("merrow.report").joinpath("page.html").read_text(encoding="utf-8")
    head = source.split("<body>", 1)[0].replace("$title", escaped(title))
    return (
        f'{head}<body><header><h1>{escaped(title)}</h1><p class="soft">{escaped(subtitle)}</p>'
        f"</header><main>{''.join(parts)}</main></body></html>\n"
    )


def _means(report: ComplexReport) -> str:
    rows = [
        (f"{name}, {run.name}", number(q.value), number(q.stderr), number(q.inefficiency))
        for run in report.runs
        for name, q in run.means.items()
    ]
    header = ("", "mean [Å]", "±", "frames per independent frame")
    caption = "Means; ± is one standard error from blocks or autocorrelation, the larger one."
    return table(header, rows, caption=caption, numbers=(1, 2, 3))


def _correlations(report: ComplexReport) -> str:
    rows = [
        (f"{name.replace('_', ' ')}, {run.name}", number(value))
        for run in report.runs
        for name, value in run.correlation.items()
    ]
    if not rows:
        return "<p>No correlation with a crystal is given.</p>"
    return table(("", "value"), rows, caption="B-factors against the crystal.", numbers=(1,))


def _parts(report: ComplexReport, title: str, kind: str) -> str:
    found: list[Mapping[str, float]] = [getattr(run, kind) for run in report.runs]
    names = sorted({name for one in found for name in one}, key=lambda n: (-_largest(found, n), n))
    if not names:
        return f"<p>{escaped(title)}: none.</p>"
    rows = [(name, *(f"{one.get(name, 0.0):.2f}" for one in found)) for name in names[:30]]
    header = ("", *(run.name for run in report.runs))
    columns = tuple(range(1, len(header)))
    return table(header, rows, caption=f"{title}, part of the frames.", numbers=columns)


def _largest(found: Sequence[Mapping[str, float]], name: str) -> float:
    return max(one.get(name, 0.0) for one in found)


def _torsions(report: ComplexReport) -> str:
    def cell(run: TrajectoryNumbers, name: str) -> str:
        return " / ".join(f"{part:.2f}" for part in run.torsions[name].values())

    names = list(report.runs[0].torsions)
    if not names:
        return "<p>The ligand has no torsion of heavy atoms outside rings.</p>"
    rows = [(name, *(cell(run, name) for run in report.runs)) for name in names]
    header = ("torsion", *(run.name for run in report.runs))
    return table(header, rows, caption="Populations of 0–120° / 120–240° / 240–360°.")
