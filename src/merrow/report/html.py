# SPDX-License-Identifier: MIT
"""How is a table or a picture written in HTML, with every text escaped and every table named?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape


def escaped(text: str) -> str:
    """Return a text that is safe inside an element or a quoted attribute."""
    return escape(text, quote=True)


def minus(text: str) -> str:
    """Return the text of a number with a proper minus sign."""
    return text.replace("-", "\N{MINUS SIGN}", 1) if text.startswith("-") else text


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    caption: str,
    numbers: Collection[int] = (),
    marks: Collection[int] = (),
    bold: Collection[int] = (),
) -> str:
    """Return a table whose first column names its rows.

    Args:
        header: Texts of the first line; length n_columns.
        rows: Texts of the other lines, each of length n_columns.
        caption: What the table holds, with units.
        numbers: Columns of numbers, to be aligned right.
        marks: Columns that hold a status word, to be framed.
        bold: Rows to be stressed.
    """

    def cell(column: int, text: str) -> str:
        kind = ' class="number"' if column in numbers else ""
        inner = escaped(minus(text)) if column in numbers else escaped(text)
        if column in marks:
            inner = f'<span class="status">{inner}</span>'
        return f'<th scope="row">{inner}</th>' if column == 0 else f"<td{kind}>{inner}</td>"

    def name(column: int, text: str) -> str:
        kind = ' class="number"' if column in numbers else ""
        return f'<th scope="col"{kind}>{escaped(text)}</th>' if text else "<td></td>"

    def line(index: int, row: Sequence[str]) -> str:
        kind = ' class="headline"' if index in bold else ""
        return f"<tr{kind}>{''.join(cell(c, text) for c, text in enumerate(row))}</tr>"

    lines = [line(i, row) for i, row in enumerate(rows)]
    head = "".join(name(c, text) for c, text in enumerate(header))
    return _scrolled(
        f"<table><caption>{escaped(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>",
        caption,
    )


def facts(pairs: Mapping[str, str], *, caption: str) -> str:
    """Return a table of names and values; a sentence where there are none."""
    if not pairs:
        return f"<p>{escaped(caption)} None was recorded.</p>"
    lines = "".join(
        f'<tr><th scope="row">{escaped(name)}</th><td>{escaped(value)}</td></tr>'
        for name, value in pairs.items()
    )
    return _scrolled(
        f'<table class="facts"><caption>{escaped(caption)}</caption><tbody>{lines}</tbody></table>',
        caption,
    )


def picture(svg: str, caption: str, *, small: bool = False) -> str:
    """Return a figure of an inline SVG; the caption is HTML already."""
    kind = ' class="small"' if small else ""
    return (
        f'<figure{kind}><div class="picture" tabindex="0">{svg}</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _scrolled(body: str, label: str) -> str:
    """Let a wide table scroll by itself on a narrow screen, also with the keyboard."""
    return (
        f'<div class="scroll" role="region" aria-label="{escaped(label)}" tabindex="0">{body}</div>'
    )
