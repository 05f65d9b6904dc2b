# SPDX-License-Identifier: MIT
"""Reading of tables written by spreadsheets and other programs.

Encodings, separators, decimal commas and minus signs are recognised where they are unambiguous; an
ambiguous number is rejected.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from merrow.errors import InputError

MISSING: Final = frozenset({"", "n/a", "#n/a", "na"})
"""Contents of a cell without a value, in lower case."""
_SEPARATOR_LINE = re.compile(r"\"?sep=([,;\t])\"?\r?\n?", re.IGNORECASE)
MINUS: Final = str.maketrans({"\u2212": "-", "\u2013": "-"})
"""Minus signs of typesetting, and an en dash in their place."""
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Table:
    """A table with a header.

    Attributes:
        path: The file.
        header: Names of the columns, stripped; "" for one without a name.
        separator: Separator of the columns.
        rows: The line on which each row ends, and its stripped cells.
    """

    path: Path
    header: tuple[str, ...]
    separator: str
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def cells(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Yield the line number and the cells by column of each row; missing cells are empty."""
        for line, row in self.rows:
            yield line, dict(zip(self.header, row + ("",) * len(self.header), strict=False))

    def is_too_long(self, row: tuple[str, ...]) -> bool:
        """Tell whether a row has more filled cells than the header has columns."""
        return any(row[len(self.header) :])

    def number(self, text: str) -> float | None:
        """Return the number in a cell; None if the cell is empty.

        Raises:
            ValueError: It is not a finite number.
        """
        if text.lower() in MISSING:
            return None
        text = text.translate(MINUS)
        if self.separator != "," and _DECIMAL_COMMA.fullmatch(text):
            text = text.replace(",", ".")
        value = float(text)
        if not math.isfinite(value) or "_" in text:  # Python reads -5_1 as -51
            raise ValueError(text)
        return value


def read_table(path: Path) -> Table:
    """Read a table with commas, semicolons or tabs between its columns.

    Lines above the header that begin with # are comments; rows without any cell are left out.

    Raises:
        InputError: The file is missing or not text, or its quotes are not closed.
    """
    lines = table_text(path).splitlines(keepends=True)
    above = next((k for k, line in enumerate(lines) if not line.startswith("#")), len(lines))
    told = _SEPARATOR_LINE.fullmatch(lines[above]) if lines[above:] else None
    above += told is not None
    text = "".join(lines[above:])
    header = text.partition("\n")[0]
    separator = told[1] if told else max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    rows = []
    try:
        for cells in reader:
            row = tuple(cell.strip() for cell in cells)
            if any(row):
                rows.append((above + reader.line_num, row))
    except csv.Error as error:
        raise InputError(f"{path}, line {above + reader.line_num}: not CSV ({error}).") from error
    names = rows[0][1] if rows else ()
    while names and not names[-1] and not any(any(row[len(names) - 1 :]) for _, row in rows[1:]):
        names = names[:-1]  # a spreadsheet's empty columns
    return Table(path, names, separator, tuple(rows[1:]))


def table_text(path: Path) -> str:
    """Return the text of a table in UTF-8, UTF-16 with byte-order mark, or Windows-1252.

    Raises:
        InputError: The file is missing or not text.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"there is no table {path}; give a CSV file.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give a CSV file.") from error
    marked = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text and (text or not marked):
            return text
    raise InputError(f"{path} cannot be read as text in UTF-8 or UTF-16; give a CSV file.")
