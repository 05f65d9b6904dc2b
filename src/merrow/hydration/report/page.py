# SPDX-License-Identifier: MIT
"""How is a run shown on one page? One HTML file: no network, no script, no second file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from string import Template

from merrow.errors import MerrowError
from merrow.files import atomic_write
from merrow.free_energy.stored import GibbsBogoliubov
from merrow.hydration.report.citations import Citation, citations
from merrow.hydration.report.data import ReportData
from merrow.hydration.report.gallery import figures_html
from merrow.hydration.report.lines import (
    EXPLANATION,
    answer_lines,
    headline_words,
    internal_name,
    route_words,
    subject,
    why_two_numbers,
)
from merrow.hydration.report.structure import structure_from_atoms, structure_from_smiles
from merrow.hydration.result import HydrationResult
from merrow.report.html import escaped, facts, minus, picture, table
from merrow.report.text import duration, energy, flatten, number, stderr

ADVICE_OF_PASS = "nothing to do"


def write_report(data: ReportData, path: Path) -> None:
    """Write the page, whole or not at all."""
    atomic_write(path, render_page(data))


def render_page(data: ReportData) -> str:
    """Return the whole page as HTML; every text of the user is escaped."""
    result = data.result
    head = result.headline
    source = resources.files("merrow.report").joinpath("page.html").read_text(encoding="utf-8")
    return Template(source).substitute(
        title=escaped(subject(result)),
        subtitle=escaped(
            f"potential {result.potential}, charges {result.charges}, "
            f"protocol {result.protocol}, route {result.route}"
        ),
        headline=(
            f"{minus(energy(head.value_kcal))} ± {escaped(stderr(head.stderr_kcal))} "
            "<small>kcal/mol, one standard error</small>"
        ),
        headline_words=escaped(headline_words(result)),
        structure=_structure(data),
        numbers=_numbers(result),
        why=_why(result),
        checks=_checks(result),
        figures=figures_html(data),
        methods=_methods(result),
        citations=_citations(citations(data)),
    )


def _structure(data: ReportData) -> str:
    """Return the picture of the solute, or the sentence that says why there is none."""
    molecule = data.result.molecule
    try:
        if molecule.smiles is not None:
            drawn = structure_from_smiles(molecule.smiles)
        elif data.structure is not None:
            drawn = structure_from_atoms(data.structure, charge=molecule.charge)
        else:
            return '<p class="soft">No picture of the solute: its bonds were not recorded.</p>'
    except MerrowError as error:
        return f'<p class="soft">No picture of the solute: {escaped(str(error))}</p>'
    atoms = f"{molecule.formula}, charge {molecule.charge:+d}, {molecule.n_atoms} atoms"
    return picture(drawn, escaped(atoms.replace("+0", "0")), small=True)


def _numbers(result: HydrationResult) -> str:
    rows = [
        (line.label + (" — headline" if line.headline else ""), line.value, line.stderr)
        for line in answer_lines(result)
    ]
    chosen = [i for i, line in enumerate(answer_lines(result)) if line.headline]
    caption = (
        "Free energies of transfer from gas to water at equal concentration (1 mol/L each), in "
        "kcal/mol; ± is one standard error."
    )
    header = ("", "ΔG", "±")
    return table(header, rows, caption=caption, numbers=(1, 2), bold=chosen)


def _why(result: HydrationResult) -> str:
    """Return the sentence of the terminal and, where there are two numbers, its reason."""
    first = f"<p>{escaped(why_two_numbers(result))}</p>"
    if result.estimates.as_published is None:
        return first
    inner = internal_name(result)
    kept = "every state of the path" if result.route == "direct" else "the end states"
    stand_in = ""
    if result.route == "endpoint":
        stand_in = (
            "<p>The published sum starts from TI with ML/MM dynamics in every window. The endpoint "
            "route has no such TI, so the sum shown here is a stand-in: endpoint + ΔE_reorg.</p>"
        )
    return (
        f"{first}<p>The solute keeps its full internal energy {inner} in {kept}, so what the "
        "change of its shape and vibration between gas and water costs is inside the free energy "
        f"of the Hamiltonian. The published sum adds ⟨{inner}⟩ in water − ⟨{inner}⟩ in gas once "
        "more, as an energy without its entropy. For a rigid solute the difference is mostly "
        "noise; for one that changes its conformation in water it can be a bias of more than 1 "
        f"kcal/mol. The theory and a solvable model are in {escaped(EXPLANATION)}.</p>{stand_in}"
    )


def _checks(result: HydrationResult) -> str:
    diagnostics = result.diagnostics
    parts = [f"<p>Smallest overlap of neighbouring states: {number(diagnostics.min_overlap)}.</p>"]
    if diagnostics.verdicts:
        rows = [
            (v.name, v.status.upper(), v.message, v.advice or ADVICE_OF_PASS)
            for v in diagnostics.verdicts
        ]
        header = ("check", "verdict", "what was found", "what to do")
        parts.append(table(header, rows, caption="Verdicts of this run.", marks=(1,)))
    else:
        parts.append("<p>No verdict was recorded in this run.</p>")
    if diagnostics.gibbs_bogoliubov is not None:
        parts.append(_bounds(diagnostics.gibbs_bogoliubov))
    if result.budget:
        parts.append(_budget(result))
    if diagnostics.numbers:
        found = {name: number(value) for name, value in diagnostics.numbers.items()}
        parts.append(facts(found, caption="Further diagnostics, as named in result.json."))
    return "".join(parts)


def _budget(result: HydrationResult) -> str:
    rows = [
        (p.name, stderr(p.stderr_kcal), "yes" if p.in_stderr else "no", p.note)
        for p in result.budget
    ]
    caption = "Of what the uncertainty is made, in kcal/mol."
    header = ("part", "±", "in the standard error", "how it was obtained")
    return table(header, rows, caption=caption, numbers=(1,))


def _bounds(bounds: GibbsBogoliubov) -> str:
    rows = [
        (
            name,
            energy(phase.lower_kcal),
            energy(phase.df_kcal),
            stderr(phase.stderr_kcal),
            energy(phase.upper_kcal),
        )
        for name, phase in (("water", bounds.water), ("gas", bounds.gas))
    ]
    caption = (
        "From MM to ML/MM: ΔF must lie between the mean gap D = E_ML − E_MM of the ML/MM samples "
        "and that of the MM samples (Gibbs–Bogoliubov). kcal/mol, "
        f"D relative to {minus(energy(bounds.reference_kcal))}; ± is one standard error."
    )
    header = ("phase", "⟨D⟩ ML/MM", "ΔF", "±", "⟨D⟩ MM")
    return table(header, rows, caption=caption, numbers=(1, 2, 3, 4))


def _methods(result: HydrationResult) -> str:
    run = {
        "potential": result.potential,
        "charges": result.charges,
        "protocol": result.protocol,
        "route": route_words(result),
        "temperature": f"{result.temperature_kelvin:g} K",
        "wall-clock time": duration(result.wall_s),
    }
    seeds = {name: str(seed) for name, seed in result.seeds.items()}
    return "".join(
        (
            facts(run, caption="The run."),
            facts(dict(flatten(result.settings)), caption="Settings, as in run.yaml."),
            facts(result.versions, caption="Versions of programs and weights."),
            facts(seeds, caption="Seeds of the random numbers."),
        )
    )


def _citations(works: tuple[Citation, ...]) -> str:
    def item(work: Citation) -> str:
        text = f"{escaped(work.purpose)}: {escaped(work.work)}"
        if not work.doi:
            return f"<li>{text}</li>"
        doi = escaped(work.doi)
        return f'<li>{text}, <a href="https://doi.org/{doi}" rel="noreferrer">doi:{doi}</a></li>'

    return f"<ul>{''.join(map(item, works))}</ul>"
