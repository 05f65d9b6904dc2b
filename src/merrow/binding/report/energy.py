# SPDX-License-Identifier: MIT
"""The report of an end-point binding energy: effect of ML, terms, time series, residues."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from merrow.binding.report.energy_figures import residue_figure, series_figure, terms_figure
from merrow.free_energy.stored import Verdict
from merrow.report.citations import Cited, Work
from merrow.report.html import render
from merrow.report.scene import View, view_script
from merrow.report.text import energy, number, stderr
from merrow.uncertainty import Mean

Array = NDArray[np.float64]
MOST_RESIDUES: Final = 20
GB: Final = {
    1: ("igb1", "Hawkins, Cramer and Truhlar"),
    2: ("OBC", "Onufriev, Bashford and Case (I)"),
    5: ("OBC", "Onufriev, Bashford and Case (II)"),
    7: ("GBn", "GBn"),
    8: ("GBneck2", "GB-neck2"),
}
"""Key in `WORKS` and name of a generalised Born model."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """A table of terms in several ensembles [kcal/mol].

    Attributes:
        caption: Caption of the table.
        columns: The ensembles.
        rows: Mean and standard error in each column, by term.
        bold: The row printed in bold.
        told: A sentence below the table, or "".
    """

    caption: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[tuple[float, float], ...]]
    bold: str
    told: str = ""


@dataclass(frozen=True, eq=False)
class BindingRun:
    """One ensemble with one solvent model.

    Attributes:
        name: Name of trajectory and method.
        method: MM-GBSA or MM-PBSA.
        ensemble: ML/MM or MM; empty if there is only one ensemble.
        answer: The headline and its standard error [kcal/mol].
        kind: The trajectories that the headline includes.
        terms: Mean of each term of the difference [kcal/mol].
        series: Binding energy of each frame [kcal/mol], shape (F,).
        entropy: The sentence on −TΔS.
        residues: Contribution of each residue and its standard error [kcal/mol]; empty if not
            requested.
        headline: The sentence with the headline.
        comparisons: Tables of the free species.
        checks: Checks of the numbers.
    """

    name: str
    method: str
    ensemble: str
    answer: tuple[float, float]
    kind: str
    terms: Mapping[str, Mean]
    series: Array
    entropy: str
    residues: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    headline: str = ""
    comparisons: Sequence[Comparison] = ()
    checks: Sequence[Verdict] = ()


@dataclass(frozen=True)
class BindingAbout:
    """Description of the calculation.

    Attributes:
        ligand: Name of the ligand.
        prmtop: Name of the topology.
        sampled: Frames and time, as text.
        temperature: Temperature of the interaction entropy [K].
        igb, salt, surface_tension, radii: GB model, ionic strength [mol/l], nonpolar term
            [kcal/mol/Å²], set of radii.
        settings: The same as text, by name.
        versions: Versions of programs, by name.
        structure: Drawing of the ligand; empty without one.
        view: Interactive view; None if not requested.
    """

    ligand: str
    prmtop: str
    sampled: str
    temperature: float
    igb: int
    salt: float
    surface_tension: float
    radii: str
    settings: Mapping[str, str]
    versions: Mapping[str, str]
    structure: str = ""
    view: View | None = None


@dataclass(frozen=True)
class Changed:
    """Effect of ML by one method: value and standard error each [kcal/mol]."""

    method: str
    ml: tuple[float, float]
    mm: tuple[float, float]
    difference: tuple[float, float]


def changes(runs: Sequence[BindingRun]) -> list[Changed]:
    """Return ML/MM − MM of every method that has both ensembles.

    The two trajectories are independent, so their errors add in quadrature.
    """
    found = []
    for ml in runs:
        for mm in runs:
            if (ml.ensemble, mm.ensemble) == ("ML/MM", "MM") and ml.method == mm.method:
                a, b = ml.terms["TOTAL"], mm.terms["TOTAL"]
                apart = a.value - b.value, math.hypot(a.stderr, b.stderr)
                pair = (a.value, a.stderr), (b.value, b.stderr)
                found.append(Changed(ml.method, *pair, apart))
    return found


def render_binding(
    about: BindingAbout,
    runs: Sequence[BindingRun],
    notes: Sequence[str],
    checks: Sequence[Verdict] = (),
) -> str:
    """Return the page as HTML; user-supplied text is escaped.

    Args:
        about: Description of the calculation.
        runs: Ensembles and methods.
        notes: Notes for the reader.
        checks: Checks of all runs; each run also has its own.
    """
    differences = changes(runs)
    checks = [*checks, *(check for run in runs for check in run.checks)]
    paragraph, works = _methods(about, runs)
    contents = [("checks", "Checks"), ("numbers", "Numbers"), ("methods", "Methods")]
    shared = any(run.residues for run in runs)
    if shared:
        contents.insert(2, ("residues", "Residues"))
    return render(
        "binding/report/energy.html",
        verb="end-point binding energy",
        page="how-to/mmpbsa.md",
        scripts=view_script(about.view),
        contents=contents,
        title=f"Binding energy of {about.ligand} in {about.prmtop}",
        about=about,
        structure=about.structure,
        notes=notes,
        checks=checks,
        counts=Counter(check.status for check in checks),
        differences=differences,
        compared=[
            (one.method, *(_words(pair) for pair in (one.ml, one.mm, one.difference)))
            for one in differences
        ],
        runs=[{**vars(run), **_tables(run)} for run in runs],
        figures={
            "terms": {
                method: terms_figure([run for run in runs if run.method == method], f"terms-{k}")
                for k, method in enumerate(dict.fromkeys(run.method for run in runs))
            },
            "series": series_figure(runs),
            "residues": residue_figure(runs) if shared else "",
        },
        paragraph=paragraph,
        works=works,
    )


def _methods(about: BindingAbout, runs: Sequence[BindingRun]) -> tuple[str, list[Work]]:
    """Return the methods paragraph and its works."""
    cited, used = Cited(), list(dict.fromkeys(run.method for run in runs))
    tools = about.versions.get("AmberTools", "")
    sentences = [
        f"End-point binding energies ({' and '.join(used)}) of {about.ligand} were computed with "
        f"MMPBSA.py {cited('MMPBSA')} of AmberTools {tools} {cited('AmberTools')} through merrow "
        f"{about.versions.get('merrow', '')} from {about.sampled}.",
        "Terms are of the MM force field; complex, receptor and ligand are of one trajectory "
        "unless stated.",
    ]
    if "MM-GBSA" in used:
        key, name = GB[about.igb]
        sentences.append(
            f"GB: the model of {name} {cited(key)} (igb = {about.igb}, {about.radii} radii), "
            f"{about.salt:g} mol/L of salt, and a nonpolar term of {about.surface_tension:g} "
            "kcal/mol/Å² of surface."
        )
    if "MM-PBSA" in used:
        sentences.append(
            f"PB {cited('PBSA')}: {about.radii} radii (radiopt = 0), nonpolar term inp = 2, ionic "
            f"strength {about.salt:g} mol/L."
        )
    if {run.ensemble for run in runs} == {"ML/MM", "MM"}:
        sentences.append(f"ML/MM dynamics {cited('ML/MM')} and MM dynamics are compared.")
    sentences.append(
        f"The interaction entropy {cited('interaction entropy')} refers to {about.temperature:g} "
        "K; ± is one standard error from blocks and autocorrelation."
    )
    return " ".join(sentences), cited.works


def _words(pair: tuple[float, float]) -> str:
    return f"{energy(pair[0])} ± {stderr(pair[1])}"


def _tables(run: BindingRun) -> dict[str, Any]:
    """Return the rows of a run's tables as text."""
    largest = sorted(run.residues.items(), key=lambda item: -abs(item[1][0]))[:MOST_RESIDUES]
    return {
        "rows": [
            (name, energy(q.value), stderr(q.stderr), number(q.inefficiency))
            for name, q in run.terms.items()
        ],
        "bold": [i for i, name in enumerate(run.terms) if name == "TOTAL"],
        "shares": [(name, energy(value), stderr(error)) for name, (value, error) in largest],
        "tables": [
            {
                "caption": found.caption,
                "header": ("term", *found.columns),
                "rows": [
                    (term, *(_words(cell) for cell in cells)) for term, cells in found.rows.items()
                ],
                "bold": [i for i, term in enumerate(found.rows) if term == found.bold],
                "told": found.told,
            }
            for found in run.comparisons
        ],
    }
