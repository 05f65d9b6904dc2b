# SPDX-License-Identifier: MIT
"""Numbers, times and nested settings written for people, the same way everywhere.

Free energies and their errors carry two decimals: 0.01 kcal/mol is below what any run resolves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from pydantic import JsonValue


def energy(value: float) -> str:
    """Return an energy [kcal/mol] with two decimals and a sign only where it is negative."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def minus(text: str) -> str:
    """Return the text of a number with a proper minus sign."""
    return text.replace("-", "\N{MINUS SIGN}", 1) if text.startswith("-") else text


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
