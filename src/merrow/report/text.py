# SPDX-License-Identifier: MIT
"""Numbers, times and nested settings written for people, the same way everywhere.

Free energies and their errors carry two decimals: 0.01 kcal/mol is below what any run resolves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import JsonValue

DOCUMENTATION: Final = "https://github.com/merrow/merrow/blob/main/docs/"
"""Where the pages of `docs/` can be read."""
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
