# SPDX-License-Identifier: MIT
"""The HTML report of a run: one self-contained file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from merrow.analysis.rmsd import superposed
from merrow.errors import MerrowError
from merrow.hydration.report.answer import model_words, subject_name
from merrow.hydration.report.cycle import cycle_drawing
from merrow.hydration.report.figures import (
    convergence_figure,
    dvdl_figure,
    estimates_figure,
    internal_figure,
    overlap_figure,
    profile_figure,
    sampled_ns,
)
from merrow.hydration.report.lines import (
    MM,
    accuracy_words,
    answer_lines,
    has_published,
    headline_words,
    internal_name,
    measured_words,
    sensitivity_words,
    why_two_numbers,
)
from merrow.hydration.report.methods import methods
from merrow.hydration.result import HydrationResult
from merrow.report.html import render
from merrow.report.scene import Scene, View, view_of, view_script
from merrow.report.structure import (
    Structure,
    structure_from_atoms,
    structure_from_smiles,
)
from merrow.report.text import energy, minus, named_settings, number, stderr
from merrow.units import KCAL_PER_KJ

if TYPE_CHECKING:
    from merrow.free_energy.convergence import Convergence
    from merrow.hydration.analysis.estimate import HydrationAnalysis

CONTENTS: Final = (
    ("checks", "Checks"),
    ("numbers", "Numbers"),
    ("figures", "Figures"),
    ("methods", "Methods"),
)
HIDDEN: Final = ("protocol", "potential_doi", "published", "expt_kcal", "expt_stderr_kcal")
"""Settings that are shown elsewhere on the page."""


def render_page(
    result: HydrationResult,
    analysis: HydrationAnalysis | None = None,
    convergence: Convergence | None = None,
    *,
    structure: Structure | None = None,
    view: View | None = None,
) -> str:
    """Return the page as HTML; user-supplied text is escaped.

    Args:
        result: The result.
        analysis: Data of the figures; missing figures are noted.
        convergence: Estimates from parts of the data.
        structure: The solute; needed only if the result has no SMILES.
        view: Interactive view of the solute, from `conformer_view`.
    """
    lines, inner = answer_lines(result), internal_name(result)
    mm_path = result.route == "endpoint" or result.potential == MM
    drawn, no_picture = _picture(result, structure)
    gas = None if analysis is None else analysis.gas
    paragraph, works = methods(result)
    return render(
        "hydration/report/page.html",
        verb="free energy of hydration",
        page="tutorials/first-hydration.md",
        scripts=view_script(view),
        view=view,
        contents=CONTENTS,
        title=subject_name(result),
        name=_name(result),
        result=result,
        model=model_words(result),
        headline_words=headline_words(result),
        measured=measured_words(result),
        deviation=_deviation(result),
        accuracy=accuracy_words(result),
        sensitivity=sensitivity_words(result),
        structure=drawn,
        no_structure=no_picture,
        molecule=_molecule(result),
        formula=result.molecule.formula,
        cycle=cycle_drawing(result),
        numbers=[
            (line.label + (" — headline" if line.headline else ""), line.value, line.stderr)
            for line in lines
        ],
        bold=[i for i, line in enumerate(lines) if line.headline],
        published=has_published(result),
        why=why_two_numbers(result),
        inner=inner,
        **_checks(result),
        path="the MM path" if mm_path else "the ML/MM path",
        figures=_figures(result, analysis, convergence, inner),
        zero="" if gas is None else minus(energy(float(gas.internal.min()) * KCAL_PER_KJ)),
        settings=named_settings(_grouped(result.settings)),
        paragraph=paragraph,
        works=works,
    )


def conformer_view(conformers: NDArray[np.float64], structure: Structure) -> View:
    """Return a view of the superposed starting conformers [Å], (F, N, 3), of the repeats."""
    atoms = np.arange(len(structure.numbers))
    lying = conformers if len(atoms) < 3 else superposed(conformers, conformers[0], atoms)
    labels = [f"conformer {k + 1}" for k in range(len(lying))]
    return view_of(Scene(structure.numbers, structure.bonds, lying, labels, {}))


def _name(result: HydrationResult) -> str:
    """Return the molecule's name, or its substitute, as a heading."""
    molecule = result.molecule
    name = "" if result.measured is None else result.measured.name
    return name[:1].upper() + name[1:] if name else molecule.smiles or molecule.formula


def _deviation(result: HydrationResult) -> str:
    """Return calculated − measured with the combined error; "" without a measured value."""
    head, measured = result.headline, result.measured
    if measured is None:
        return ""
    spread = math.hypot(head.stderr_kcal, measured.stderr_kcal or 0.0)
    alone = " (of the calculation alone)" if measured.stderr_kcal is None else ""
    return f"{energy(head.value_kcal - measured.value_kcal)} ± {stderr(spread)}{alone}"


def _grouped(settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the settings with those of the protocol merged in."""
    own = settings.get("protocol")
    rest = {key: value for key, value in settings.items() if key not in HIDDEN}
    return rest if not isinstance(own, dict) else {**own, **rest}


def _picture(result: HydrationResult, structure: Structure | None) -> tuple[str, str]:
    """Return a picture of the solute, or the reason why there is none."""
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
    charge = f", charge {molecule.charge:+d}" if molecule.charge else ""
    return f"{molecule.formula}{charge}, {molecule.n_atoms} atoms"


def _checks(result: HydrationResult) -> dict[str, Any]:
    """Return the rows of the tables of checks and diagnostics."""
    diagnostics = result.diagnostics
    bounds = diagnostics.gibbs_bogoliubov
    phases = () if bounds is None else (("water", bounds.water), ("gas", bounds.gas))
    return {
        "counts": Counter(v.status for v in diagnostics.verdicts),
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
    result: HydrationResult,
    analysis: HydrationAnalysis | None,
    convergence: Convergence | None,
    inner: str,
) -> dict[str, str]:
    """Return the figures by name; an empty text without data."""
    figures = dict.fromkeys(("dvdl", "profile", "overlap", "convergence", "internal"), "")
    figures["estimates"] = estimates_figure(result)
    if analysis is None:
        return figures
    path = analysis.path
    figures["dvdl"] = dvdl_figure(analysis.samples, analysis.rows)
    if path.profile_stderr_kcal is not None:
        figures["profile"] = profile_figure(path)
    if path.overlap is not None:
        figures["overlap"] = overlap_figure(path)
    if convergence is not None and convergence.complete_parts:
        figures["convergence"] = convergence_figure(convergence, sampled_ns(analysis.samples))
    if analysis.gas is not None:
        figures["internal"] = internal_figure(analysis.water, analysis.gas, inner)
    return figures
