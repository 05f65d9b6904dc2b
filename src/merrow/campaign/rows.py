# SPDX-License-Identifier: MIT
"""Molecules of a CSV file: good rows, and what is wrong with each of the others.

A slip in the table itself (a missing column, a name twice) is refused; a slip in one row is
remembered with its line, and the other rows are computed.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from merrow.errors import InputError

SOURCES = (("smiles",), ("path",), ("prmtop", "inpcrd"))
"""Columns that say which molecule a row means: one of these sets."""
KEYS = ("name", "smiles", "path", "prmtop", "inpcrd", "ml_mask", "class")
_NUMBER = re.compile(r"(?P<what>expt|ref_\w+?)(?P<stderr>_stderr)?_kcal")


@dataclass(frozen=True)
class Reference:
    """A value to compare with, and its standard error where it is known [kcal/mol]."""

    value_kcal: float
    stderr_kcal: float | None = None


@dataclass(frozen=True)
class Row:
    """One molecule of the table.

    Attributes:
        line: Line of the file on which the row ends.
        name: Its name, unique in the table.
        source: Which molecule: smiles, or path, or prmtop and inpcrd (and ml_mask).
        kind: Its class as the table gives it; None without such a column.
        experiment: The measured value; None where there is none.
        references: Published calculated values by label (column `ref_LABEL_kcal`).
        problem: Why the row cannot be computed; None for a good row.
    """

    line: int
    name: str
    source: dict[str, str] = field(default_factory=dict)
    kind: str | None = None
    experiment: Reference | None = None
    references: dict[str, Reference] = field(default_factory=dict)
    problem: str | None = None


def read_rows(path: Path, columns: Mapping[str, str]) -> list[Row]:
    """Read the table.

    Args:
        path: The table, with commas, semicolons or tabs between its columns.
        columns: Column of the file for a key; a key that is not named has a column of its name.

    Raises:
        InputError: The file cannot be read, lacks columns, or has a name twice.
    """
    text = _text(path)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=_separator(text))
    try:
        keys = _columns(path, tuple(reader.fieldnames or ()), columns)
        rows = [
            _row(reader.line_num, cells, keys)
            for cells in reader
            if any(v.strip() for v in cells.values() if isinstance(v, str))
        ]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not CSV ({error}).") from error
    if not rows:
        raise InputError(f"{path} has no molecule below its header.")
    seen: dict[str, Row] = {}
    for row in rows:
        if (other := seen.setdefault(folder_name(row.name), row)) is not row:
            raise InputError(
                f"{path}: the name {row.name!r} on line {row.line} is that of line {other.line}"
                f"{'' if other.name == row.name else f' ({other.name!r}) as a folder'}; "
                "give every molecule a name of its own."
            )
    return rows


def folder_name(name: str) -> str:
    """Return a name that is fit for a folder and for a shell."""
    return re.sub(r"[^\w.,+()\[\]-]+", "_", name.strip()).lstrip(".-") or "_"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"there is no table {path}; give a CSV file.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text in UTF-8; give a CSV file.") from error


def _separator(text: str) -> str:
    """Return what stands between the columns of the header: a comma, a semicolon or a tab."""
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _columns(path: Path, header: tuple[str, ...], columns: Mapping[str, str]) -> dict[str, str]:
    """Return the column of every key that the file has."""
    names = [name.strip() for name in header]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path} has the column {twice[0]!r} twice; rename one.")
    for key, column in columns.items():
        if key not in KEYS and _NUMBER.fullmatch(key) is None:
            raise InputError(
                f"--columns {key}={column}: there is no key {key!r}; known are {', '.join(KEYS)}, "
                "expt_kcal, expt_stderr_kcal, ref_LABEL_kcal and ref_LABEL_stderr_kcal."
            )
        if column not in names:
            raise InputError(
                f"{path} has no column {column!r} (--columns {key}={column}); it has "
                f"{', '.join(names)}."
            )
    mapped = set(columns.values())
    keys = dict(columns)
    for raw, name in zip(header, names, strict=True):
        if (name in KEYS or _NUMBER.fullmatch(name)) and name not in mapped:
            keys.setdefault(name, raw)
    raws = dict(zip(names, header, strict=True))
    keys = {key: raws.get(column, column) for key, column in keys.items()}
    if "name" not in keys or not any(set(source) <= set(keys) for source in SOURCES):
        raise InputError(
            f"{path} needs a column name and one of smiles, path, or prmtop and inpcrd; it has "
            f"{', '.join(names)}: say which is which with --columns name=...,smiles=...."
        )
    return keys


def _row(
    line: int, cells: Mapping[str | None, str | list[str] | None], keys: dict[str, str]
) -> Row:
    """Return one row, with what is wrong with it."""

    def cell(key: str) -> str:
        value = cells.get(keys[key]) if key in keys else None
        return value.strip() if isinstance(value, str) else ""

    name = cell("name") or f"line {line}"
    given = {key: cell(key) for source in SOURCES for key in source if cell(key)}
    if cell("ml_mask") and "prmtop" in given:
        given["ml_mask"] = cell("ml_mask")
    try:
        if None in cells:
            raise InputError("has more cells than the header has columns")
        if not cell("name"):
            raise InputError("has no name")
        if set(given) - {"ml_mask"} not in [set(source) for source in SOURCES]:
            told = " and ".join(given) or "nothing"
            raise InputError(f"needs one of smiles, path, or prmtop and inpcrd, but gives {told}")
        numbers = {key: _number(key, cell(key)) for key in keys if _NUMBER.fullmatch(key)}
    except InputError as error:
        return Row(line, name, given, cell("class") or None, problem=f"line {line} {error}.")
    found = {
        what: Reference(value, numbers.get(f"{what}_stderr_kcal"))
        for key, value in numbers.items()
        if value is not None and not key.endswith("_stderr_kcal")
        for what in [key.removesuffix("_kcal")]
    }
    experiment = found.pop("expt", None)
    references = {what.removeprefix("ref_"): value for what, value in found.items()}
    return Row(line, name, given, cell("class") or None, experiment, references)


def _number(key: str, text: str) -> float | None:
    """Return a number [kcal/mol]; None for an empty cell."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (key.endswith("_stderr_kcal") and value < 0):
        raise InputError(f"has {text!r} as {key}, which is no such number [kcal/mol]")
    return value
