# SPDX-License-Identifier: MIT
"""The lines of the answer, their order and their words, for terminal and page alike.

The numbers are taken as they stand in the result; nothing is added or subtracted here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from merrow.free_energy.stored import Estimate, Method
from merrow.hydration.result import HydrationResult
from merrow.report.text import energy, stderr

EXPLANATION: Final = "docs/explanation/two-numbers.md"
NOT_COMPUTED: Final = "not computed"
MM: Final = "mm"
"""The potential that is the classical force field itself."""


@dataclass(frozen=True)
class Line:
    """One line of the answer.

    Attributes:
        label: What the number is.
        value: The number [kcal/mol] as text.
        stderr: Its standard error [kcal/mol] as text, empty where there is no number.
        headline: Whether this line is the answer.
    """

    label: str
    value: str
    stderr: str
    headline: bool = False


def internal_name(result: HydrationResult) -> str:
    """Return what the internal energy of the solute is called."""
    return "E_MM" if result.potential == MM else "E_ML"


def answer_lines(result: HydrationResult) -> tuple[Line, ...]:
    """Return the lines of the answer: exact, published, ΔE_reorg, MM, cross-check, legs.

    Under protocol paper the published sum is the headline and comes first.
    """
    estimates, direct = result.estimates, result.route == "direct"
    hamiltonian = _hamiltonian(result)
    how = "MBAR over all states" if direct else "MM path + end-state BAR"
    sum_of = "TI + ΔE_reorg" if direct else "endpoint + ΔE_reorg, a stand-in"
    exact_name: Method = "decoupling_mbar" if direct else "endpoint_bar"
    exact = _line(result, exact_name, f"ΔG of the {hamiltonian} Hamiltonian ({how})")
    published = _line(result, "as_published", f"ΔG as published ({sum_of})")
    lines = [published, exact] if published.headline else [exact, published]
    inner = internal_name(result)
    lines.append(_plain(f"ΔE_reorg = ⟨{inner}⟩ in water − ⟨{inner}⟩ in gas", result.de_reorg))
    if result.de_reorg_mbar is not None:
        source = "all states" if direct else "MM frames too"
        lines.append(_plain(f"ΔE_reorg = the same from {source}", result.de_reorg_mbar))
    if estimates.mm_reference is not None:
        lines.append(_line(result, "mm_reference", "MM value of the same path"))
    if estimates.decoupling_ti is not None:
        lines.append(_line(result, "decoupling_ti", "cross-check of the path by TI"))
    if direct and estimates.endpoint_bar is not None:
        lines.append(_line(result, "endpoint_bar", "cross-check by the endpoint route"))
    if result.closure is not None:
        lines.append(_plain("direct − endpoint, zero but for sampling", result.closure))
    path = hamiltonian if direct else "MM"
    lines.append(_plain(f"leg of the {path} path: charging", result.legs.charging))
    lines.append(_plain(f"leg of the {path} path: Lennard-Jones", result.legs.lj))
    return tuple(lines)


def why_two_numbers(result: HydrationResult) -> str:
    """Return the one sentence on why the first two lines differ and where that is explained."""
    if result.estimates.as_published is None:
        return f"The published sum was not computed in this run; what it is: {EXPLANATION}."
    return (
        "The first two lines differ because the published sum adds ΔE_reorg, a mean energy, to a "
        "free energy that already contains the reorganisation of the solute; explained in "
        f"{EXPLANATION}."
    )


def headline_words(result: HydrationResult) -> str:
    """Return what the headline is, and whether a check speaks against it."""
    words = f"The headline is the free energy of the {_hamiltonian(result)} Hamiltonian itself."
    if result.headline.method == "as_published":
        words = "The headline is the sum as published, not a state-function estimate."
    failed = sum(verdict.status == "fail" for verdict in result.diagnostics.verdicts)
    if failed:
        words += f" Do not trust it yet: {failed} of the checks failed."
    return words


def subject(result: HydrationResult) -> str:
    """Return what was computed: molecule and temperature."""
    molecule = result.molecule
    name = (
        molecule.formula if molecule.smiles is None else f"{molecule.smiles} ({molecule.formula})"
    )
    return f"Hydration free energy of {name} at {result.temperature_k:g} K"


def route_words(result: HydrationResult) -> str:
    """Return what the route of this run means."""
    if result.route == "direct":
        return f"direct: {_hamiltonian(result)} at every state"
    return "endpoint: MM at every state, MM → ML/MM at the two ends"


def _hamiltonian(result: HydrationResult) -> str:
    return "MM" if result.potential == MM else "ML/MM"


def _line(result: HydrationResult, name: Method, label: str) -> Line:
    plain = _plain(label, getattr(result.estimates, name))
    return Line(plain.label, plain.value, plain.stderr, headline=name == result.headline.method)


def _plain(label: str, estimate: Estimate | None) -> Line:
    if estimate is None:
        return Line(label, NOT_COMPUTED, "")
    return Line(label, energy(estimate.value_kcal), stderr(estimate.stderr_kcal))
