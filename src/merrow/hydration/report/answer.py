# SPDX-License-Identifier: MIT
"""Summary of a run in at most fifteen lines of 80 columns; the report holds everything else."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from merrow.free_energy.stored import Estimate, Verdict
from merrow.hydration.report.lines import MM, measured_words
from merrow.hydration.result import HydrationResult
from merrow.report.text import MOST_LINES, WIDTH, duration, energy, minus, stderr, wrapped

FORCE_FIELD: Final = {1: "GAFF", 2: "GAFF2"}
CHARGES: Final = {"bcc": "AM1-BCC", "abcg2": "ABCG2", "file": "the file's charges"}
END_CORRECTION: Final = "MM to ML/MM"
"""Prefix of the uncertainty contributions that the endpoint route adds to MM."""


def render_answer(result: HydrationResult, folder: Path, table: str = "") -> str:
    """Return the summary as text.

    Args:
        result: The result.
        folder: The run folder, as the user gave it.
        table: Output of `render_table`, for the full summary.
    """
    head = [*_headline(result).splitlines(), *_beside(result), _counts(result)]
    more = "" if table else " · everything: add --full"
    last = [
        *wrapped(f"report {folder / 'report.html'} · data {folder / 'result.json'}", "  "),
        *wrapped(f"again: merrow run {folder / 'run.yaml'}{more}", "  "),
    ]
    if table:
        return "\n".join([*head, "", *table.splitlines(), "", *last])
    checks = _checks(result, MOST_LINES - len(head) - len(last))
    return "\n".join([*head, *checks, *last])


def _headline(result: HydrationResult) -> str:
    left = f"{subject_name(result)}   ΔG(hydration) = {_value(result.headline)} kcal/mol"
    source = result.settings.get("source")
    ours = isinstance(source, dict) and source.get("kind") in ("smiles", "structure", "gas")
    model = f"{model_words(result)}{' in TIP3P' if ours else ''}"
    right = f"{model}, {result.protocol}, {duration(result.wall_s)}"
    gap = WIDTH - len(left) - len(right)
    return f"{left}{' ' * gap}{right}" if gap > 1 else f"{left}\n  {right}"


def subject_name(result: HydrationResult) -> str:
    """Return the molecule's name, if it has one, and its SMILES or formula.

    The user's own name comes first, then a known one, then that of the input file.
    """
    molecule, name = result.molecule, result.settings.get("name")
    text = molecule.smiles or molecule.formula
    if not name and result.measured is not None:
        name = result.measured.name
    if not name and isinstance(source := result.settings.get("source"), dict):
        name = Path(str(source.get("structure") or source.get("prmtop") or "")).stem
    return f"{name} ({text})" if name else text


def model_words(result: HydrationResult) -> str:
    """Return a short description of potential, force field and charges."""
    potential = "MM" if result.potential == MM else result.potential
    source = result.settings.get("source")
    gaff = source.get("gaff") if isinstance(source, dict) else None
    if result.charges not in CHARGES or not isinstance(gaff, int):
        return f"{potential} on the prmtop's parameters"
    field = f"{FORCE_FIELD.get(gaff, 'GAFF')}/{CHARGES[result.charges]}"
    return field if potential == "MM" else f"{potential} on {field}"


def _beside(result: HydrationResult) -> Iterator[str]:
    """Yield the lines below the result: experiment, MM, published sum, what the error excludes."""
    first = []
    if measured := measured_words(result):
        first.append(f"measured {minus(measured)}")
    exact, mm = result.estimates.exact, result.estimates.mm_reference
    if result.potential != MM and exact is not None and mm is not None:
        moved = exact.value_kcal - mm.value_kcal
        by = _value(Estimate(moved, _moved_error(result, exact, mm)))
        first.append(f"MM alone {_value(mm)}, the potential adds {by}")
    second = []
    if result.potential != MM and (published := result.estimates.as_published) is not None:
        if result.headline.method == "as_published":
            second.append("as published (+ ΔE_reorg)")
            if exact is not None:
                second.append(f"free energy of the Hamiltonian {_value(exact)}")
        else:
            second.append(f"as published (+ ΔE_reorg): {_value(published)}")
    second.append(f"1 M gas → 1 M water, {result.temperature_k:g} K")
    if result.closure is not None:
        second.append(f"direct − endpoint {_value(result.closure)}")
    for words in (first, second, _outside(result)):
        yield from wrapped(" · ".join(words), "  ")


def _moved_error(result: HydrationResult, exact: Estimate, mm: Estimate) -> float:
    """Return the error of exact − MM; in the endpoint route both share the path."""
    parts = [p.stderr_kcal for p in result.budget if p.name.startswith(END_CORRECTION)]
    if result.route == "endpoint" and parts:
        return math.hypot(*parts)
    return math.hypot(exact.stderr_kcal, mm.stderr_kcal)


def _outside(result: HydrationResult) -> list[str]:
    """Return the uncertainties that the standard error does not include."""
    found = []
    charge = result.diagnostics.numbers.get("dg_for_1_percent_charge_kcal")
    if charge is not None:
        found.append(f"10 % of the charges {minus(energy(10.0 * charge))}")
    depth = result.diagnostics.numbers.get("dg_for_1_percent_well_depth_kcal")
    if depth is not None:
        found.append(f"of LJ depths {minus(energy(10.0 * depth))}")
    members = [p.stderr_kcal for p in result.budget if not p.in_stderr]
    if members:
        found.append(f"potential ≥ {stderr(max(members))}")
    return [f"not in the ±: {', '.join(found)}"] if found else []


def _counts(result: HydrationResult) -> str:
    """Return how many checks passed, failed and warned."""
    found = Counter(verdict.status for verdict in result.diagnostics.verdicts)
    words = [f"{found['pass']} check{'s' * (found['pass'] != 1)} passed"]
    words += [f"{found['fail']} FAILED: do not trust the number yet"] if found["fail"] else []
    words += [f"{found['warn']} warning{'s' * (found['warn'] > 1)}"] if found["warn"] else []
    return f"  {', '.join(words)}"


def _checks(result: HydrationResult, room: int) -> list[str]:
    """Return the failed checks in at most `room` lines."""
    verdicts = result.diagnostics.verdicts
    bad = sorted((v for v in verdicts if not v.ok), key=lambda v: v.status != "fail")
    lines: list[str] = []
    told = ""
    for k, verdict in enumerate(bad):
        entry = _entry(verdict, told)
        left = room - len(lines)
        if len(entry) > left - (k < len(bad) - 1):
            lines.append(f"  ! {len(bad) - k} more: add --full, or see the report")
            break
        lines += entry
        told = verdict.advice or told
    return lines


def _entry(verdict: Verdict, told: str) -> list[str]:
    """Return a verdict in at most two lines."""
    mark = "!!" if verdict.status == "fail" else "!"
    advice = "as above" if verdict.advice and verdict.advice == told else verdict.advice
    text = f"{mark} {verdict.name}: {verdict.message}{f' → {advice}' if advice else ''}"
    lines = textwrap.wrap(text, WIDTH - 4, subsequent_indent="  ", break_on_hyphens=False)
    if len(lines) > 2:
        lines = [lines[0], textwrap.shorten(" ".join(lines[1:]), WIDTH - 6, placeholder=" …")]
        lines[1] = f"  {lines[1]}"
    return [f"  {line}" for line in lines]


def _value(estimate: Estimate) -> str:
    return f"{minus(energy(estimate.value_kcal))} ± {stderr(estimate.stderr_kcal)}"
