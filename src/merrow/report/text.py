# SPDX-License-Identifier: MIT
"""Numbers, times and nested settings written for people, the same way everywhere.

Free energies and their errors carry two decimals: 0.01 kcal/mol is below what any run resolves.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pydantic import JsonValue

DOCUMENTATION: Final = "https://github.com/merrow/merrow/blob/main/docs/"
"""Where the pages of `docs/` can be read."""
WIDTH: Final = 80
MOST_LINES: Final = 15
"""Columns and lines of what a command prints in a terminal."""
UNITS: Final = {
    "per_angstrom": "1/Å",
    "per_ps": "1/ps",
    "kcal": "kcal/mol",
    "angstrom": "Å",
    "angstrom3": "Å³",
    "fs": "fs",
    "ps": "ps",
    "ns": "ns",
    "bar": "bar",
    "minutes": "min",
    "k": "K",
    "e": "e",
}
"""Units of settings by the end of their names, the longer ends first."""
_MINUS = re.compile(r"(?<![\w.)])-(?=\d)")


def energy(value: float) -> str:
    """Return an energy [kcal/mol] with two decimals and a sign only where it is negative."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def documentation(page: str) -> str:
    """Return the address of a page of the documentation.

    Args:
        page: Path below `docs/`, such as "how-to/analyze.md"; "#" and a heading may follow.
    """
    return f"{DOCUMENTATION}{page}"


def minus(text: str) -> str:
    """Return the text of a number with a proper minus sign."""
    return text.replace("-", "\N{MINUS SIGN}", 1) if text.startswith("-") else text


def minus_all(text: str) -> str:
    """Return a sentence with proper minus signs before its numbers."""
    return _MINUS.sub("\N{MINUS SIGN}", text)


def stderr(value: float) -> str:
    """Return a standard error [kcal/mol] with two decimals; one above zero never reads as zero."""
    return "<0.01" if 0.0 < value < 0.005 else f"{value:.2f}"


def duration(seconds: float) -> str:
    """Return a wall-clock time [s] such as "42 s", "8 min 05 s" or "3 h 20 min"."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def wrapped(text: str, indent: str = "", *, more: str = "") -> list[str]:
    """Return a text in lines of 80 columns; nothing for no text.

    Args:
        text: The text; a word that is longer, such as a path, stays whole.
        indent: Beginning of every line.
        more: Further indent of all lines but the first.
    """
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + more,
        break_on_hyphens=False,
        break_long_words=False,
    )


def command_lines(words: Sequence[str]) -> list[str]:
    """Return a command in lines of 80 columns that a shell takes as one.

    Args:
        words: Its parts, an option and its value in one.
    """
    lines = [words[0]]
    for word in words[1:]:
        if len(f"{lines[-1]} {word} \\") > WIDTH:
            lines[-1] += " \\"
            lines.append(f"      {word}")
        else:
            lines[-1] += f" {word}"
    return lines


def fitted(
    head: Sequence[str], middle: Sequence[str], last: Sequence[str], *, full: bool = False
) -> list[str]:
    """Return an answer in fifteen lines; what is left out of its middle is said.

    Args:
        head, middle, last: Lines; those of the head and the last ones always stay.
        full: Whether everything is shown.
    """
    room = MOST_LINES - len(head) - len(last)
    if full or len(middle) <= room:
        return [*head, *middle, *last]
    shown = middle[: max(room - 1, 0)]
    return [*head, *shown, f"… {len(middle) - len(shown)} more lines: --full", *last]


def number(value: float | None) -> str:
    """Return a diagnostic with four significant digits, whole numbers in full."""
    if value is None:
        return "not known"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4g}"


def flatten(settings: Mapping[str, JsonValue], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted names and plain values of nested settings."""
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{prefix}{key}", text


def named_settings(settings: Mapping[str, JsonValue]) -> dict[str, str]:
    """Return nested settings in words: names without their units, values with them.

    What was not set is left out. The names of a group stand before its settings.
    """
    return dict(_named(settings, ""))


def _named(settings: Mapping[str, JsonValue], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if value is None or value in ("", [], {}):
            continue
        if isinstance(value, dict):
            yield from _named(value, f"{prefix}{key.replace('_', ' ')}, ")
            continue
        end = next((end for end in UNITS if key.endswith(f"_{end}")), "")
        name = key.removesuffix(f"_{end}") if end else key
        yield f"{prefix}{name.replace('_', ' ')}", f"{_plain(value)} {UNITS.get(end, '')}".rstrip()


def _plain(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return minus_all(f"{value:g}" if isinstance(value, float) else str(value))
