# SPDX-License-Identifier: MIT
"""The page of a run: one HTML file, no network, no script, no second file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merrow.errors import MerrowError
from merrow.hydration.report.citations import citations
from merrow.hydration.report.figures import (
    convergence_figure,
    dvdl_figure,
    internal_figure,
    overlap_figure,
    profile_figure,
)
from merrow.hydration.report.lines import (
    EXPLANATION,
    MM,
    accuracy_words,
    answer_lines,
    headline_words,
    internal_name,
    measured_words,
    route_words,
    sensitivity_words,
    subject,
    why_two_numbers,
)
from merrow.hydration.report.structure import (
    Structure,
    structure_from_atoms,
    structure_from_smiles,
)
from merrow.hydration.result import HydrationResult
from merrow.report.html import render
from merrow.report.text import duration, energy, flatten, minus, number, stderr
from merrow.units import KCAL_PER_KJ

if TYPE_CHECKING:
    from merrow.free_energy.convergence import Convergence
    from merrow.hydration.analysis.estimate import HydrationAnalysis

ADVICE_OF_PASS = "nothing to do"


def render_page(
    result: HydrationResult,
    analysis: HydrationAnalysis | None = None,
    convergence: Convergence | None = None,
    *,
    structure: Structure | None = None,
    potential_doi: str = "",
) -> str:
    """Return the whole page as HTML; every text of the user is escaped.

    Args:
        result: The answer.
        analysis: What the figures show; what is absent is left out and said.
        convergence: Estimates from parts of the data.
        structure: The solute; needed only where the result has no SMILES.
        potential_doi: DOI to cite for the potential.
    """
    lines, inner = answer_lines(result), internal_name(result)
    mm_path = result.route == "endpoint" or result.potential == MM
    picture, no_picture = _picture(result, structure)
    gas = None if analysis is None else analysis.gas
    return render(
        "hydration/report/page.html",
        title=subject(result),
        result=result,
        headline_words=headline_words(result),
        measured=measured_words(result),
        accuracy=accuracy_words(result),
        sensitivity=sensitivity_words(result),
        structure=picture,
        no_structure=no_picture,
        molecule=_molecule(result),
        numbers=[
            (line.label + (" — headline" if line.headline else ""), line.value, line.stderr)
            for line in lines
        ],
        bold=[i for i, line in enumerate(lines) if line.headline],
        why=why_two_numbers(result),
        inner=inner,
        explanation=EXPLANATION,
        **_checks(result),
        path="the MM path" if mm_path else "the ML/MM path",
        figures=_figures(analysis, convergence, inner),
        zero="" if gas is None else minus(energy(float(gas.internal.min()) * KCAL_PER_KJ)),
        run={
            "potential": result.potential,
            "charges": result.charges,
            "protocol": result.protocol,
            "route": route_words(result),
            "temperature": f"{result.temperature_k:g} K",
            "wall-clock time": duration(result.wall_s),
        },
        settings=dict(flatten(result.settings)),
        citations=citations(result, potential_doi),
    )


def _picture(result: HydrationResult, structure: Structure | None) -> tuple[str, str]:
    """Return the picture of the solute, or the words that say why there is none."""
    molecule = result.molecule
    try:
        if molecule.smiles is not None:
            return structure_from_smiles(molecule.smiles), ""
        if structure is not None:
            return structure_from_atoms(structure, charge=molecule.charge), ""
    except MerrowError as error:
        return "", str(error)
    return "", "its bonds were not recorded."


def _molecule(result: HydrationResult) -> str:
    molecule = result.molecule
    text = f"{molecule.formula}, charge {molecule.charge:+d}, {molecule.n_atoms} atoms"
    return text.replace("+0", "0")


def _checks(result: HydrationResult) -> dict[str, object]:
    """Return the rows of the tables that say whether the numbers can be trusted."""
    diagnostics = result.diagnostics
    bounds = diagnostics.gibbs_bogoliubov
    phases = () if bounds is None else (("water", bounds.water), ("gas", bounds.gas))
    return {
        "verdicts": [
            (v.name, v.status.upper(), v.message, v.advice or ADVICE_OF_PASS)
            for v in diagnostics.verdicts
        ],
        "phases": [
            (
                name,
                *map(energy, (phase.lower_kcal, phase.df_kcal)),
                stderr(phase.stderr_kcal),
                energy(phase.upper_kcal),
            )
            for name, phase in phases
        ],
        "budget": [
            (p.name, stderr(p.stderr_kcal), "yes" if p.in_stderr else "no", p.note)
            for p in result.budget
        ],
        "further": {name: number(value) for name, value in diagnostics.numbers.items()},
    }


def _figures(
    analysis: HydrationAnalysis | None, convergence: Convergence | None, inner: str
) -> dict[str, str]:
    """Return the figures by name; an empty text where there are no data."""
    figures = dict.fromkeys(("dvdl", "profile", "overlap", "convergence", "internal"), "")
    if analysis is None:
        return figures
    path = analysis.path
    figures["dvdl"] = dvdl_figure(analysis.samples, analysis.rows)
    if path.profile_stderr_kcal is not None:
        figures["profile"] = profile_figure(path)
    if path.overlap is not None:
        figures["overlap"] = overlap_figure(path)
    if convergence is not None and convergence.complete_parts:
        figures["convergence"] = convergence_figure(convergence)
    if analysis.gas is not None:
        figures["internal"] = internal_figure(analysis.water, analysis.gas, inner)
    return figures
