# SPDX-License-Identifier: MIT
"""Reading the molecules of a CSV file, with the problems of invalid rows.

An error in the table itself (a missing column, a duplicate name) is refused; an error in a row is
recorded with its line, and the other rows are computed.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from merrow.errors import InputError
from merrow.tables import Table, read_table
from merrow.units import KCAL_PER_KJ

MODELS = ("abcg2", "bcc", "file")
"""Charge models that a row may name."""
SOURCES = (("smiles",), ("path",), ("prmtop", "inpcrd"))
"""Columns that specify the molecule of a row: one of these sets."""
KEYS = ("name", "smiles", "path", "prmtop", "inpcrd", "ml_mask", "class", "charges")
LONGEST_NAME = 240
"""Bytes of a name as a folder: file systems have 255, and the charge model is added."""
_NUMBER = re.compile(r"(?P<what>expt|ref_\w+?)(?P<stderr>_stderr)?_(?P<unit>kcal|kJ)")
_MEASURED = re.compile(r"expt?\b|experiment|measured|dg_exp|expt?[_ ]", re.IGNORECASE)
"""Likely names of columns with experimental values, if no column has our name."""
_CHARGES = re.compile(r"charge|charges?[_ ]?model|partial[_ ]charges", re.IGNORECASE)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """A reference value, and its standard error if known [kcal/mol]."""

    value_kcal: float
    stderr_kcal: float | None = None


@dataclass(frozen=True)
class Row:
    """One molecule of the table.

    Attributes:
        line: Line of the file on which the row ends.
        name: Name, unique in the table.
        source: The molecule: smiles, or path, or prmtop and inpcrd (and ml_mask).
        kind: Class in the table; None without such a column.
        charges: Charge models in the table; empty if not given.
        experiment: Experimental value, or None.
        references: Published calculated values by label (column `ref_LABEL_kcal`).
        problem: Reason why the row cannot be computed; None for a valid row.
    """

    line: int
    name: str
    source: dict[str, str] = field(default_factory=dict)
    kind: str | None = None
    experiment: Reference | None = None
    references: dict[str, Reference] = field(default_factory=dict)
    charges: tuple[str, ...] = ()
    problem: str | None = None


def read_rows(path: Path, columns: Mapping[str, str]) -> list[Row]:
    """Read the table.

    Args:
        path: The table, separated by commas, semicolons or tabs; lines above the header that
            start with # are comments.
        columns: Columns of the file by key; by default a key has a column of its own name.

    Raises:
        InputError: The file cannot be read, lacks columns, or has a duplicate name.
    """
    table = read_table(path)
    keys = _columns(path, table.header, columns)
    rows = [
        _row(line, cells, keys, table, too_long=table.is_too_long(row))
        for (line, cells), (_, row) in zip(table.cells(), table.rows, strict=True)
    ]
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
    """Return a name that is safe for a folder and for a shell."""
    return re.sub(r"[^\w.,+()\[\]-]+", "_", name.strip()).lstrip(".-") or "_"


def _columns(path: Path, header: tuple[str, ...], columns: Mapping[str, str]) -> dict[str, str]:
    """Return the columns of the file by key."""
    names = [name for name in header if name]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path} has the column {twice[0]!r} twice; rename one.")
    for key, column in columns.items():
        if key not in KEYS and _NUMBER.fullmatch(key) is None:
            raise InputError(
                f"--columns {key}={column}: there is no key {key!r}; known are {', '.join(KEYS)}, "
                "expt_kcal, expt_stderr_kcal, ref_LABEL_kcal and ref_LABEL_stderr_kcal (or _kJ)."
            )
        if column not in names:
            raise InputError(
                f"{path} has no column {column!r} (--columns {key}={column}); it has "
                f"{', '.join(names)}."
            )
    mapped = set(columns.values())
    keys = dict(columns)
    for name in (name for name in names if name not in mapped):
        if name in KEYS or _NUMBER.fullmatch(name):
            keys.setdefault(name, name)
    for name in (name for name in names if name not in keys.values()):
        if name.lower() in KEYS:  # SMILES, Name
            keys.setdefault(name.lower(), name)
    if "name" not in keys or not any(set(source) <= set(keys) for source in SOURCES):
        raise InputError(
            f"{path} needs a column name and one of smiles, path, or prmtop and inpcrd; it has "
            f"{', '.join(names)}: say which is which with --columns name=...,smiles=...."
        )
    _check_unused(path, [name for name in names if name not in keys.values()], keys)
    return keys


def _check_unused(path: Path, unused: Sequence[str], keys: Mapping[str, str]) -> None:
    """Warn of unused columns; refuse those that look like misnamed ones.

    Raises:
        InputError: Experimental values or charge models are in a column with another name.
    """
    for pattern, key, example in (
        (_MEASURED, "expt", "expt_kcal={0} or expt_kJ={0}"),
        (_CHARGES, "charges", "charges={0}"),
    ):
        known = any(name == key or name.startswith(f"{key}_k") for name in keys)
        meant = [name for name in unused if pattern.match(name)]
        if meant and not known:
            raise InputError(
                f"{path}: the column {meant[0]!r} is not understood; say what it is with "
                f"--columns {example.format(meant[0])}, or rename it if it is something else."
            )
    if unused:
        logger.warning("%s: columns that are not used: %s.", path, ", ".join(unused))


def _row(
    line: int, cells: Mapping[str, str], keys: dict[str, str], table: Table, *, too_long: bool
) -> Row:
    """Return a row, with its problem if it has one."""

    def cell(key: str) -> str:
        return cells[keys[key]] if key in keys else ""

    name = cell("name") or f"line {line}"
    given = {key: cell(key) for source in SOURCES for key in source if cell(key)}
    if cell("ml_mask"):
        given["ml_mask"] = cell("ml_mask")
    try:
        if too_long:
            raise InputError("has more cells than the header has columns")
        if not cell("name"):
            raise InputError("has no name")
        if (length := len(folder_name(name).encode())) > LONGEST_NAME:
            raise InputError(
                f"has a name of {length} bytes as a folder, of at most {LONGEST_NAME}: shorten it"
            )
        if set(given) - {"ml_mask"} not in [set(source) for source in SOURCES]:
            told = " and ".join(given) or "nothing"
            raise InputError(f"needs one of smiles, path, or prmtop and inpcrd, but gives {told}")
        if "ml_mask" in given and "prmtop" not in given:
            raise InputError("has an ml_mask, which belongs to a prmtop: leave the cell empty")
        charges = _charge_models(cell("charges"), given)
        numbers: dict[tuple[str, bool], float | None] = {}
        for key in keys:
            if (found := _NUMBER.fullmatch(key)) is None:
                continue
            place = found["what"], found["stderr"] is not None
            if place in numbers:
                raise InputError(f"gives {found['what']} in kcal and in kJ")
            unit = 1.0 if found["unit"] == "kcal" else KCAL_PER_KJ
            value = _number(key, cell(key), table)
            numbers[place] = None if value is None else value * unit
    except InputError as error:
        return Row(line, name, given, cell("class") or None, problem=f"line {line} {error}.")
    known = {
        what: Reference(value, numbers.get((what, True)))
        for (what, is_error), value in numbers.items()
        if value is not None and not is_error
    }
    experiment = known.pop("expt", None)
    references = {what.removeprefix("ref_"): value for what, value in known.items()}
    return Row(line, name, given, cell("class") or None, experiment, references, charges)


def _charge_models(text: str, given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the charge models of a cell such as "abcg2" or "bcc+abcg2"."""
    models = tuple(re.split(r"[ ,;+]+", text)) if text else ()
    if "prmtop" in given:
        if models not in ((), ("prmtop",)):
            raise InputError(f"has {text!r} as charges, but its prmtop brings its own")
        return ()
    wrong = [model for model in models if model not in MODELS]
    if wrong or len(set(models)) < len(models):
        raise InputError(
            f"has {text!r} as charges; known are {', '.join(MODELS)}, or several as bcc+abcg2"
        )
    return models


def _number(key: str, text: str, table: Table) -> float | None:
    """Return a number; None for an empty cell."""
    try:
        value = table.number(text)
    except ValueError:
        value = math.nan
    if value is not None and (math.isnan(value) or ("_stderr_" in key and value < 0)):
        unit = key.rpartition("_")[2]
        raise InputError(f"has {text!r} as {key}, which is no such number [{unit}/mol]")
    return value
