# SPDX-License-Identifier: MIT
"""The table that the terminal shows at the end of a run: 80 columns, colour carries no meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import JsonValue
from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.report.lines import (
    accuracy_words,
    answer_lines,
    headline_words,
    measured_words,
    route_words,
    sensitivity_words,
    subject,
    why_two_numbers,
)
from merrow.hydration.result import HydrationResult
from merrow.report.text import duration, energy, flatten, number, stderr

WIDTH: Final = 80
HERE: Final = ("name", "route", "n_waters")
"""Keys of the protocol that are always shown; the waters are counted in the box."""
ELSEWHERE: Final = (
    "source",
    "potential_doi",
    "pme_alpha_per_angstrom",
    "ti",
    "published",
    "expt_kcal",
    "expt_stderr_kcal",
)
"""Settings shown in other lines of the table, or needed only for a methods section."""


def render_table(result: HydrationResult) -> RenderableType:
    """Return the table of a result, at most 80 columns wide, for a `rich` console."""
    parts = (
        Text(subject(result), style="bold"),
        Text(),
        _answer(result),
        Text(),
        *_beside(result),
        *map(Text, filter(None, (headline_words(result), why_two_numbers(result)))),
        Text(),
        _checks(result),
        Text(),
        *_budget(result),
        _circumstances(result),
    )
    return Constrain(Group(*parts), width=WIDTH)


def _beside(result: HydrationResult) -> tuple[RenderableType, ...]:
    """Return the experimental value, and the known accuracy of the model."""
    measured = measured_words(result)
    lines = [f"Measured: {measured}"] if measured else []
    lines += [accuracy_words(result), sensitivity_words(result)]
    return tuple(Text(line) for line in lines if line)


def _answer(result: HydrationResult) -> Table:
    table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 1), expand=True)
    table.add_column("kcal/mol, ± one standard error", ratio=1)
    table.add_column("ΔG", justify="right", no_wrap=True)
    table.add_column("±", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for line in answer_lines(result):
        table.add_row(
            Text(line.label),
            Text(line.value),
            Text(line.stderr),
            Text("headline" if line.headline else ""),
            style="bold" if line.headline else "",
        )
    return table


def _checks(result: HydrationResult) -> Table:
    """Return overlap, verdicts with advice, bounds and the additional numbers."""
    diagnostics = result.diagnostics
    grid = _grid()
    grid.add_row(Text("overlap"), Text(f"smallest of neighbours {number(diagnostics.min_overlap)}"))
    for verdict in diagnostics.verdicts:
        advice = f" → {verdict.advice}" if verdict.advice else ""
        label = f"{verdict.status.upper()} {verdict.name}"
        grid.add_row(Text(label), Text(verdict.message + advice))
    bounds = diagnostics.gibbs_bogoliubov
    if bounds is not None:
        for phase, found in (("water", bounds.water), ("gas", bounds.gas)):
            text = (
                f"{energy(found.lower_kcal)} ≤ ΔF = {energy(found.df_kcal)} "
                f"≤ {energy(found.upper_kcal)} (Gibbs–Bogoliubov)"
            )
            grid.add_row(Text(f"MM → ML/MM, {phase}"), Text(text))
    if diagnostics.numbers:
        text = ", ".join(f"{name} {number(x)}" for name, x in diagnostics.numbers.items())
        grid.add_row(Text("diagnostics"), Text(text))
    return grid


def _budget(result: HydrationResult) -> tuple[RenderableType, ...]:
    """Return the contributions to the uncertainty and an empty line; nothing without any."""
    if not result.budget:
        return ()
    grid = _grid()
    for part in result.budget:
        kind = "" if part.in_stderr else " (not in the error above)"
        text = f"{stderr(part.stderr_kcal)} kcal/mol{kind}, {part.note}"
        grid.add_row(Text(part.name), Text(text))
    return grid, Text()


def _circumstances(result: HydrationResult) -> Table:
    """Return settings, versions, seeds and time, as needed for a methods section."""
    grid = _grid()
    rows = {
        "potential": result.potential,
        "charges": result.charges,
        "protocol": _protocol(result),
        "route": route_words(result),
        "settings": ", ".join(_settings(result)),
        "versions": ", ".join(f"{name} {value}" for name, value in result.versions.items()),
        "seeds": ", ".join(f"{name} {value}" for name, value in result.seeds.items()),
        "time": duration(result.wall_s),
    }
    for name, value in rows.items():
        grid.add_row(Text(name), Text(value))
    return grid


def _protocol(result: HydrationResult) -> str:
    """Return the protocol's name; for a changed one, also its origin."""
    found = result.settings.get("protocol")
    if result.protocol in PROTOCOLS or not isinstance(found, dict):
        return result.protocol
    return f"{result.protocol}, made from {_nearest(found)}"


def _settings(result: HydrationResult) -> Iterator[str]:
    """Yield the differences from the named protocol, then the key settings; JSON has the rest.

    Settings of another form, such as from an older version, are shown unchanged.
    """
    settings = dict(result.settings)
    own = settings.pop("protocol", None)
    if isinstance(own, dict):
        base = PROTOCOLS[_nearest(own)].model_dump(mode="json")
        changed = {k: v for k, v in own.items() if base.get(k) != v and k not in HERE}
        yield from (f"{name}={value}" for name, value in flatten(changed))
        for name in ("cutoff_angstrom", "timestep_fs"):
            if name not in changed and name in own:
                yield f"{name}={own[name]}"
    for name in ELSEWHERE:
        settings.pop(name, None)
    identity = settings.pop("potential_identity", None)
    yield from (f"{name}={value}" for name, value in flatten(settings))
    if isinstance(identity, str):
        name, _, digits = identity.partition(":")
        yield f"weights={name}:{digits[:12]}"


def _nearest(own: Mapping[str, JsonValue]) -> str:
    """Return the name of the protocol with the fewest differing settings."""
    tables = {name: protocol.model_dump(mode="json") for name, protocol in PROTOCOLS.items()}
    if own.get("name") in tables:
        return str(own["name"])
    return min(tables, key=lambda name: sum(own.get(k) != v for k, v in tables[name].items()))


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2), pad_edge=False, expand=True)
    grid.add_column(max_width=24)
    grid.add_column(ratio=1, overflow="fold")
    return grid
