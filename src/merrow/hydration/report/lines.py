# SPDX-License-Identifier: MIT
"""The lines of the result, their order and wording, for both terminal and report.

The numbers are taken from the result unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from merrow.free_energy.stored import Estimate, Method
from merrow.hydration.measured import is_room
from merrow.hydration.result import HydrationResult
from merrow.report.text import documentation, energy, stderr

EXPLANATION: Final = documentation("explanation/two-numbers.md")
NOT_COMPUTED: Final = "not computed"
ACCURACY: Final = {
    (2, "abcg2"): "GAFF2 with ABCG2 charges alone is on average 0.37 kcal/mol from experiment (442 "
    "molecules, on which these charges were fitted; 10.1063/5.0019056)",
    (2, "bcc"): "GAFF2 with AM1-BCC charges alone is on average 1.03 kcal/mol from experiment (442 "
    "molecules; 10.1063/5.0019056)",
    (1, "bcc"): "GAFF with AM1-BCC charges alone is on average 1.1 kcal/mol from experiment "
    "(FreeSolv, 642 molecules; 10.1021/acs.jced.7b00104)",
}
"""Published accuracy of a force field with a charge model, without ML."""
MM: Final = "mm"
"""Name of the potential that stands for the classical force field."""


@dataclass(frozen=True)
class Line:
    """One line of the result.

    Attributes:
        label: Description of the number.
        value: The number [kcal/mol] as text.
        stderr: Its standard error [kcal/mol] as text, empty without a number.
        headline: Whether this line is the headline.
    """

    label: str
    value: str
    stderr: str
    headline: bool = False


def internal_name(result: HydrationResult) -> str:
    """Return the name of the internal energy of the solute."""
    return "E_MM" if result.potential == MM else "E_ML"


def has_published(result: HydrationResult) -> bool:
    """Tell whether the published sum is shown: of MM alone nobody publishes one."""
    found = result.estimates.as_published
    return found is not None and (
        result.potential != MM or result.headline.method == "as_published"
    )


def answer_lines(result: HydrationResult) -> tuple[Line, ...]:
    """Return the lines of the result: exact, published, ΔE_reorg, MM, cross-check, legs.

    Under protocol paper the published sum is the headline and comes first; of MM alone it is not
    shown.
    """
    estimates, direct = result.estimates, result.route == "direct"
    hamiltonian = _hamiltonian(result)
    how = "MBAR over all states" if direct else "MM path + end-state BAR"
    sum_of = "TI + ΔE_reorg" if direct else "endpoint + ΔE_reorg, a stand-in"
    exact_name: Method = "decoupling_mbar" if direct else "endpoint_bar"
    exact = _line(result, exact_name, f"ΔG of the {hamiltonian} Hamiltonian ({how})")
    published = _line(result, "as_published", f"ΔG as published ({sum_of})")
    lines = [published, exact] if published.headline else [exact, published]
    if result.potential == MM and not has_published(result):
        lines.remove(published)
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


def drawn_estimates(result: HydrationResult) -> list[tuple[str, Estimate, bool]]:
    """Return the estimates for a figure: short name, estimate, whether it is the headline.

    The headline is the first one.
    """
    own, direct = _hamiltonian(result), result.route == "direct"
    names: dict[Method, str] = {
        "decoupling_mbar": own if direct else "direct route",
        "endpoint_bar": "endpoint route" if direct else own,
        "decoupling_ti": f"{own} by TI",
        "as_published": "as published",
        "mm_reference": "MM alone",
    }
    head = result.headline.method
    order = sorted(names, key=lambda name: name != head)
    order = [name for name in order if name != "as_published" or has_published(result)]
    found = [(name, getattr(result.estimates, name)) for name in order]
    return [(names[name], one, name == head) for name, one in found if one is not None]


def why_two_numbers(result: HydrationResult) -> str:
    """Return the sentence on why the first two lines differ and where that is explained.

    It is empty for MM alone.
    """
    if result.potential == MM and not has_published(result):
        return ""
    if result.estimates.as_published is None:
        return f"The published sum was not computed in this run; what it is: {EXPLANATION}."
    return (
        "The first two lines differ because the published sum adds ΔE_reorg, a mean energy, to a "
        "free energy that already contains the reorganisation of the solute; explained in "
        f"{EXPLANATION}."
    )


def headline_words(result: HydrationResult) -> str:
    """Return a description of the headline, with a warning if a check failed."""
    words = f"The headline is the free energy of the {_hamiltonian(result)} Hamiltonian itself."
    if result.headline.method == "as_published":
        words = "The headline is the sum as published, not a state-function estimate."
    if failed := result.diagnostics.failed:
        words += f" Do not trust it yet: {failed} of the checks failed."
    return words


def subject(result: HydrationResult) -> str:
    """Return a title with molecule and temperature."""
    molecule = result.molecule
    name = (
        molecule.formula if molecule.smiles is None else f"{molecule.smiles} ({molecule.formula})"
    )
    return f"Hydration free energy of {name} at {result.temperature_k:g} K"


def measured_words(result: HydrationResult) -> str:
    """Return the experimental value and its source; "" if none is known.

    At another temperature than that of the known values it is the user's, who may have meant them.
    """
    found = result.measured
    if found is None:
        return ""
    spread = "" if found.stderr_kcal is None else f" ± {stderr(found.stderr_kcal)}"
    here = result.temperature_k
    taken = "" if is_room(here) else f", taken to be at {here:g} K"
    return f"{energy(found.value_kcal)}{spread} ({found.source}{taken})"


def accuracy_words(result: HydrationResult) -> str:
    """Return the published accuracy of these charges and this force field, which is at 298 K."""
    if not is_room(result.temperature_k):
        return "The accuracy of these charges is known at 298 K alone."
    source = result.settings.get("source")
    gaff = source.get("gaff") if isinstance(source, dict) else None
    unknown = "The accuracy of this input's charges is not known"
    return ACCURACY.get((gaff if isinstance(gaff, int) else 0, result.charges), unknown) + "."


def sensitivity_words(result: HydrationResult) -> str:
    """Return the largest uncertainty besides sampling; "" if unknown."""
    numbers = result.diagnostics.numbers
    of = {
        "the solute's charges, if 10 % larger": "dg_for_1_percent_charge_kcal",
        "the depths of its Lennard-Jones terms, if 10 % larger": "dg_for_1_percent_well_depth_kcal",
    }
    found = {label: 10.0 * x for label, key in of.items() if (x := numbers.get(key)) is not None}
    members = [part.stderr_kcal for part in result.budget if not part.in_stderr]
    if members:
        found["the potential, by the disagreement of its members"] = max(members)
    if not found:
        return ""
    order = sorted(found, key=lambda label: -abs(found[label]))
    most, *others = (f"{label}: {energy(found[label])}" for label in order)
    rest = f" Then {'; '.join(others)}." if others else ""
    return f"The largest effect besides sampling is {most} kcal/mol.{rest}"


def route_words(result: HydrationResult) -> str:
    """Return an explanation of the route of this run."""
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
