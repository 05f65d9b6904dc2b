# SPDX-License-Identifier: MIT
"""A drawing of the thermodynamic cycle of a run, with its free energies."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final, Literal

from merrow.free_energy.stored import Estimate
from merrow.hydration.report.lines import MM
from merrow.hydration.result import HydrationResult
from merrow.report.text import energy, stderr

WIDTH: Final = 440
ROW: Final = 132
"""Distance between two rows of states, in units of the drawing."""
BOX: Final = (128, 62)
COLUMNS: Final = (2, WIDTH - 2 - 128)
WATERS: Final = ((14, 13), (40, 50), (18, 44), (112, 12), (90, 51), (116, 40), (88, 10), (42, 9))
"""Positions of the waters in a box."""

Kind = Literal["gas", "coupled", "uncharged", "decoupled"]
WORDS: Final[dict[Kind, str]] = {
    "gas": "in gas",
    "coupled": "in water",
    "uncharged": "in water, no charges",
    "decoupled": "in water, decoupled",
}


def cycle_drawing(result: HydrationResult) -> str:
    """Return the cycle as inline SVG, in the colours of the page's stylesheet.

    direct: the solute is coupled to water in two steps. endpoint: the MM solute is coupled, and
    both ends are corrected to ML/MM.
    """
    endpoint = result.route == "endpoint"
    own = "MM" if result.potential == MM else "ML"
    rows = 3 if endpoint else 2
    parts = list(_ends(own, 0))
    exact = result.estimates.exact  # not the published sum, which no cycle closes
    parts += _across(0, "ΔG", exact or result.headline, strong=True)
    if endpoint:
        bounds = result.diagnostics.gibbs_bogoliubov
        sides = (None, None) if bounds is None else (bounds.gas, bounds.water)
        found = [None if x is None else Estimate(x.df_kcal, x.stderr_kcal) for x in sides]
        parts += _ends("MM", 1)
        parts += _across(1, "ΔG of MM", result.estimates.mm_reference)
        parts += _up(0, 0, "MM → ML", found[0])
        parts += _up(1, 0, "MM → ML", found[1])
    path = "MM" if endpoint else own
    last = rows - 1
    parts += _state("decoupled", path, 0, last)
    parts += _state("uncharged", path, 1, last)
    parts += _up(0, last - 1, "the same", None, none="0")
    parts += _across(last, "Lennard-Jones on", result.legs.lj)
    parts += _up(1, last - 1, "charges on", result.legs.charging)
    title = "Thermodynamic cycle with its free energies in kcal/mol"
    height = ROW * (rows - 1) + BOX[1] + 24
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def _ends(own: str, row: int) -> Iterator[str]:
    yield from _state("gas", own, 0, row)
    yield from _state("coupled", own, 1, row)


def _state(kind: Kind, own: str, column: int, row: int) -> Iterator[str]:
    """Yield a box with its solute: a disc if it is charged, a ring if not."""
    x, y = COLUMNS[column], ROW * row + 2
    width, height = BOX
    ground = "gas" if kind == "gas" else "water"
    yield (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10" fill="var(--{ground})"/>'
    )
    if kind != "gas":
        for dx, dy in WATERS:
            yield f'<circle cx="{x + dx}" cy="{y + dy}" r="3.2" fill="var(--blue)" opacity=".45"/>'
    colour = "var(--orange)" if own == "ML" else "var(--faint)"
    full = kind in ("gas", "coupled")
    dash = ' stroke-dasharray="4 3"' if kind == "decoupled" else ""
    cx, cy = x + width / 2, y + height / 2
    fill = colour if full else "var(--card)"
    yield (
        f'<circle cx="{cx}" cy="{cy}" r="19" fill="{fill}" stroke="{colour}" '
        f'stroke-width="2.5"{dash}/>'
    )
    ink = "var(--page)" if full else "var(--ink)"
    yield _text(cx, cy + 5, own, size=14, weight=700, ink=ink)
    yield _text(cx, y + height + 15, WORDS[kind], size=12, ink="var(--soft)")


def _across(row: int, label: str, found: Estimate | None, *, strong: bool = False) -> Iterator[str]:
    """Yield an arrow from the left to the right state of a row."""
    left, right, y = COLUMNS[0] + BOX[0] + 8, COLUMNS[1] - 8, ROW * row + 2 + BOX[1] / 2
    yield _arrow(left, y, right, y, strong=strong)
    middle = (left + right) / 2
    size = 16 if strong else 14
    yield _text(middle, y - 9, _value(found), size=size, weight=700 if strong else 600)
    yield _text(middle, y + 19, label, size=12, ink="var(--soft)")


def _up(
    column: int, row: int, label: str, found: Estimate | None, *, none: str = "not computed"
) -> Iterator[str]:
    """Yield an arrow from a state to the one above it."""
    x = COLUMNS[column] + (34 if column == 0 else BOX[0] - 34)
    low, high = ROW * (row + 1) - 4, ROW * row + 2 + BOX[1] + 22
    yield _arrow(x, low, x, high)
    side, anchor = (x + 10, "start") if column == 0 else (x - 10, "end")
    middle = (low + high) / 2
    value = none if found is None else _value(found)
    yield _text(side, middle - 2, value, size=14, weight=600, anchor=anchor)
    yield _text(side, middle + 14, label, size=12, ink="var(--soft)", anchor=anchor)


def _arrow(x: float, y: float, to_x: float, to_y: float, *, strong: bool = False) -> str:
    """Return an arrow along an axis, with its head at the end."""
    colour, width = ("var(--accent)", 3) if strong else ("var(--ink)", 1.6)
    h = 7 if strong else 5
    across = y == to_y
    tip = (
        f"{to_x},{to_y} {to_x - 1.8 * h},{to_y - h} {to_x - 1.8 * h},{to_y + h}"
        if across
        else f"{to_x},{to_y} {to_x - h},{to_y + 1.8 * h} {to_x + h},{to_y + 1.8 * h}"
    )
    end_x, end_y = (to_x - h, to_y) if across else (to_x, to_y + h)
    return (
        f'<line x1="{x}" y1="{y}" x2="{end_x}" y2="{end_y}" stroke="{colour}" '
        f'stroke-width="{width}"/><polygon points="{tip}" fill="{colour}"/>'
    )


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: int,
    weight: int = 400,
    ink: str = "var(--ink)",
    anchor: str = "middle",
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{ink}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )


def _value(found: Estimate | None) -> str:
    if found is None:
        return "not computed"
    value = energy(found.value_kcal)
    sign = "\N{MINUS SIGN}" if value.startswith("-") else "+" if float(value) else ""
    return f"{sign}{value.removeprefix('-')} ± {stderr(found.stderr_kcal)}"
