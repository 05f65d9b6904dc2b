# SPDX-License-Identifier: MIT
"""Uniform formatting of numbers, times and nested settings.

Free energies and their errors have two decimals: 0.01 kcal/mol is below the error of any run.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pydantic import JsonValue

DOCUMENTATION: Final = "https://github.com/merrow/merrow/blob/main/docs/"
"""Address of the pages of `docs/`."""
WIDTH: Final = 80
MOST_LINES: Final = 15
"""Maximum columns and lines of terminal output."""
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
"""Units of settings by the suffix of their names, longer suffixes first."""
_MINUS = re.compile(r"(?<![\w.)])-(?=\d)")


def energy(value: float) -> str:
    """Format an energy [kcal/mol] with two decimals and a sign only if negative."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def documentation(page: str) -> str:
    """Return the URL of a page of the documentation.

    Args:
        page: Path below `docs/`, such as "how-to/analyze.md"; "#" and a heading may follow.
    """
    return f"{DOCUMENTATION}{page}"


def failed_checks(count: int) -> str:
    """Return how many checks failed, such as "2 FAILED checks"; "" for none."""
    return f"{count} FAILED check{'s' * (count > 1)}" if count else ""


def minus(text: str) -> str:
    """Return the text of a number with a proper minus sign."""
    return text.replace("-", "\N{MINUS SIGN}", 1) if text.startswith("-") else text


def minus_all(text: str) -> str:
    """Return a sentence with proper minus signs before its numbers."""
    return _MINUS.sub("\N{MINUS SIGN}", text)


def stderr(value: float) -> str:
    """Format a standard error [kcal/mol] with two decimals; a positive one never reads as zero."""
    return "<0.01" if 0.0 < value < 0.005 else f"{value:.2f}"


def duration(seconds: float) -> str:
    """Format a wall time [s], such as "42 s", "8 min 05 s" or "3 h 20 min"."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def wrapped(text: str, indent: str = "", *, more: str = "") -> list[str]:
    """Wrap a text in lines of 80 columns; an empty text gives none.

    Args:
        text: The text; a longer word, such as a path, is not broken.
        indent: Indent of every line.
        more: Additional indent of all lines but the first.
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
    """Wrap a shell command in continued lines of 80 columns.

    Args:
        words: Its parts, each option together with its value.
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
    """Limit an output to fifteen lines, with a note on the number of omitted lines.

    Args:
        head, middle, last: Lines; those of the head and the last ones are always kept.
        full: Whether everything is shown.
    """
    room = MOST_LINES - len(head) - len(last)
    if full or len(middle) <= room:
        return [*head, *middle, *last]
    shown = middle[: max(room - 1, 0)]
    return [*head, *shown, f"… {len(middle) - len(shown)} more lines: --full", *last]


def number(value: float | None) -> str:
    """Format a diagnostic with four significant digits; integers in full."""
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
    """Return nested settings as text: names without units, values with units.

    Unset values are left out. The name of a group precedes its settings.
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
