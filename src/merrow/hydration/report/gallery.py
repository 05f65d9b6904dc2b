# SPDX-License-Identifier: MIT
"""Which figures can be shown, and what does each caption have to say about units and errors?"""

from __future__ import annotations

from collections.abc import Iterator

from merrow.hydration.report.data import ReportData
from merrow.hydration.report.figures import (
    convergence_figure,
    dvdl_figure,
    internal_figure,
    overlap_figure,
    profile_figure,
)
from merrow.hydration.report.lines import MM, internal_name
from merrow.report.html import escaped, minus, picture
from merrow.report.text import energy


def figures_html(data: ReportData) -> str:
    """Return all figures with captions; for one without data, a sentence in its place."""
    return "".join(
        f'<p class="soft">{escaped(text)}</p>' if svg is None else picture(svg, escaped(text))
        for svg, text in _figures(data)
    )


def _figures(data: ReportData) -> Iterator[tuple[str | None, str]]:
    """Yield pictures and captions; None and the reason where a figure is left out."""
    mm = data.result.route == "endpoint" or data.result.potential == MM
    path = "the MM path" if mm else "the ML/MM path"
    inner = internal_name(data.result)
    yield (
        (
            dvdl_figure(data.dvdl),
            f"Mean derivative ⟨∂V/∂λ⟩ along {path}, kcal/mol; bars are one standard error. The "
            "area under each curve from λ = 0 to 1 is the free energy of its leg.",
        )
        if data.dvdl
        else (None, "No figure of ⟨∂V/∂λ⟩: it was not recorded in this run.")
    )
    yield (
        (
            profile_figure(data.profile),
            f"Free energy of every state of {path} relative to the decoupled solute, kcal/mol; "
            "bars are one standard error.",
        )
        if data.profile
        else (None, "No figure of the free energy of the states: it was not computed.")
    )
    yield (
        (
            overlap_figure(data.overlap),
            "Overlap of the states: the chance that a sample of the state of a row belongs to the "
            "state of a column. Neighbours should share 0.03 or more; empty cells are below 0.005.",
        )
        if data.overlap
        else (None, "No figure of the overlap: it was not computed.")
    )
    yield (
        (
            convergence_figure(data.convergence),
            f"{data.convergence.what} from the first and from the last part of the data, kcal/mol; "
            "bars are one standard error. The grey line is the value from all data; both curves "
            "should reach it within their bars well before 100 %.",
        )
        if data.convergence
        else (None, "No figure of the convergence: there were too few data for parts of them.")
    )
    yield (
        (
            internal_figure(data.internal, inner),
            f"Internal energy {inner} of the solute in water and in gas, kcal/mol, relative to "
            f"{data.internal.reference_name} "
            f"({minus(energy(data.internal.reference_kcal))}): single configurations along time, "
            "and their distribution.",
        )
        if data.internal
        else (None, f"No figure of {inner} in water and in gas: it was not recorded in this run.")
    )
