# SPDX-License-Identifier: MIT
"""Experimental hydration free energies: of a few known molecules, or from the user's table.

The values below are individual values from the FreeSolv database 0.52 (cite Mobley and Guthrie,
10.1007/s10822-014-9747-x, and the works that it names). merrow does not redistribute the database;
its `database.txt` can be given with `--expt`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from merrow.errors import InputError
from merrow.tables import MINUS, Table, read_table, table_text
from merrow.units import KCAL_PER_KJ

FREESOLV: Final = "FreeSolv 0.52"
YOURS: Final = "yours"
_KNOWN: Final = (
    # SMILES, name, value, error [kcal/mol]; 0.6 is FreeSolv's error where none was published
    ("C", "methane", 2.0, 0.2),
    ("CCCC", "butane", 2.1, 0.2),
    ("c1ccccc1", "benzene", -0.9, 0.2),
    ("Cc1ccccc1", "toluene", -0.9, 0.2),
    ("c1ccncc1", "pyridine", -4.69, 0.6),
    ("CO", "methanol", -5.1, 0.6),
    ("CCO", "ethanol", -5.0, 0.6),
    ("c1ccc(cc1)O", "phenol", -6.6, 0.2),
    ("COCOC", "dimethoxymethane", -2.93, 0.2),
    ("C1CCOC1", "tetrahydrofuran", -3.47, 0.6),
    ("COc1ccccc1", "anisole", -2.45, 0.6),
    ("CC=O", "acetaldehyde", -3.5, 0.6),
    ("Cc1ccccc1C=O", "2-methylbenzaldehyde", -3.93, 0.1),
    ("CC(=O)C", "acetone", -3.8, 0.6),
    ("CCC(=O)CC", "pentan-3-one", -3.41, 0.2),
    ("C1CCC(=O)C1", "cyclopentanone", -4.7, 0.6),
    ("CN", "methylamine", -4.55, 0.6),
    ("CCNCC", "diethylamine", -4.07, 0.6),
    ("CN(C)C", "trimethylamine", -3.2, 0.6),
    ("c1ccc(cc1)N", "aniline", -5.49, 0.6),
    ("CC(=O)OC", "methyl acetate", -3.13, 0.6),
    ("CCOCCOC(=O)C", "2-ethoxyethyl acetate", -5.31, 0.1),
    ("CCC(=O)N", "propionamide", -9.4, 0.2),
    ("CC(=O)NC", "N-methylacetamide", -10.0, 0.6),
    ("CC#N", "acetonitrile", -3.88, 0.6),
    ("CCCCCCl", "1-chloropentane", -0.1, 0.2),
    ("c1ccc(cc1)Cl", "chlorobenzene", -1.12, 0.6),
    ("c1ccc(cc1)F", "fluorobenzene", -0.8, 0.6),
    ("CC(F)F", "1,1-difluoroethane", -0.11, 0.6),
    ("C[C@H](C(F)(F)F)O", "1,1,1-trifluoropropan-2-ol", -4.2, 0.2),
)
_VALUE_COLUMNS: Final = ("expt_kcal", "expt", "experimental_kcal", "expt_kJ")
_ERROR_COLUMNS: Final = ("expt_stderr_kcal", "expt_unc", "expt_error", "expt_stderr_kJ")


ROOM_K, NEAR_K = 298.15, 1.0
"""Temperature of the known values, and how far from it they still serve [K]."""


def is_room(temperature: float) -> bool:
    """Tell whether a temperature [K] is that of the known values."""
    return abs(temperature - ROOM_K) <= NEAR_K


class Measured(BaseModel):
    """An experimental hydration free energy [kcal/mol], 1 mol/L gas → 1 mol/L water at 298.15 K.

    Attributes:
        value_kcal: The value.
        stderr_kcal: Its error; None if unknown.
        source: Source of the value.
        name: Name of the molecule in the source, or "".
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    value_kcal: float
    stderr_kcal: Annotated[float, Field(ge=0.0)] | None = None
    source: str
    name: str = ""


def known_value(smiles: str | None) -> Measured | None:
    """Return the experimental value of a molecule in the built-in list, or None.

    Args:
        smiles: SMILES of the molecule; None where only AMBER files were given.
    """
    wanted = _canonical(smiles)
    if wanted is None:
        return None
    for known, name, value, stderr in _KNOWN:
        if _canonical(known) == wanted:
            return Measured(value_kcal=value, stderr_kcal=stderr, source=FREESOLV, name=name)
    return None


def value_in_table(path: Path, smiles: str | None) -> Measured:
    """Return the experimental value of a molecule in a table.

    Args:
        path: FreeSolv's database.txt, or a CSV file with the columns `smiles` and `expt_kcal`
            (and `expt_stderr_kcal`, where errors are known), or `expt_kJ` and `expt_stderr_kJ`.
        smiles: SMILES of the molecule.

    Raises:
        InputError: The file is not such a table, or does not hold the molecule, or holds it with
            several values.
    """
    wanted = _canonical(smiles)
    if wanted is None:
        raise InputError(
            f"--expt {path}: a molecule without SMILES cannot be looked up; give its value, such "
            "as --expt -5.1."
        )
    rows = list(_rows(path))
    itself = [row for row in rows if _canonical(row[0]) == wanted]
    any_isomer = [row for row in rows if _unmarked(row[0]) == _flat(wanted)]
    found = itself or any_isomer
    if len({(value, stderr) for *_, value, stderr in found}) > 1:
        raise InputError(f"{path} has the molecule {smiles} twice, with other values; keep one.")
    for _, name, value, stderr in found:
        return Measured(value_kcal=value, stderr_kcal=stderr, source=path.name, name=name)
    raise InputError(f"{path} has no molecule {smiles}; give its value, such as --expt -5.1.")


def read_expt(text: str) -> tuple[float, float | None]:
    """Parse an experimental value and its error [kcal/mol], such as "-5.1" or "-5.1,0.6".

    Raises:
        InputError: The text is not a number, may be a decimal comma, or the error is negative.
    """
    value, comma, error = text.translate(MINUS).partition(",")
    if re.fullmatch(r" *[+-]?\d+", value) and re.fullmatch(r"\d+ *", error):
        raise InputError(
            f"--expt {text!r} is a decimal comma or a value with its error: give it as "
            f"{value}.{error}, or as {value}.0,{error}."
        )
    try:
        numbers = (float(value), float(error) if comma else None)
    except ValueError:
        numbers = (math.nan, None)
    if "_" in text or not (math.isfinite(numbers[0]) and 0.0 <= (numbers[1] or 0.0) < math.inf):
        raise InputError(
            f"--expt {text!r} is neither a value in kcal/mol, such as -5.1 or -5.1,0.6 with its "
            "error, nor an existing file."
        )
    return numbers


def _canonical(smiles: str | None) -> str | None:
    from rdkit import Chem  # noqa: PLC0415  (slow to import, and most commands need none)

    mol = None if not smiles else Chem.MolFromSmiles(smiles)
    return None if mol is None else str(Chem.MolToSmiles(Chem.RemoveHs(mol)))


def _flat(smiles: str) -> str | None:
    """Return a SMILES without stereochemistry."""
    return _canonical(re.sub(r"[@/\\\\]", "", smiles))


def _unmarked(smiles: str) -> str | None:
    """Return the canonical SMILES if it has no stereochemistry; else None."""
    return None if set("@/\\") & set(smiles) else _canonical(smiles)


def _column(table: Table, known: tuple[str, ...]) -> str | None:
    """Return the column of a value or of its error, or None.

    Raises:
        InputError: The table has several.
    """
    found = [name for name in table.header if name in known]
    if len(found) > 1:
        raise InputError(f"{table.path} has the columns {' and '.join(found)}; keep one.")
    return found[0] if found else None


def _kcal(table: Table, column: str, row: Mapping[str, str]) -> float | None:
    """Return the number in a cell [kcal/mol], whose column may be in kJ/mol.

    Raises:
        ValueError: It is not a finite number.
    """
    number = table.number(row[column])
    return number * KCAL_PER_KJ if number is not None and column.endswith("_kJ") else number


def _rows(path: Path) -> Iterator[tuple[str, str, float, float | None]]:
    """Yield SMILES, name, value and error of each row of a table."""
    lines = [line for line in table_text(path).splitlines() if line.strip()]
    if lines and lines[0].startswith("#") and any("; " in line for line in lines):
        told = [line.split(";") for line in lines if not line.startswith("#")]
        rows = tuple((k, tuple(map(str.strip, row[1:5]))) for k, row in enumerate(told, 1))
        table = Table(path, ("smiles", "name", "expt", "expt_unc"), ";", rows)
    else:
        table = read_table(path)
    value, error = (_column(table, known) for known in (_VALUE_COLUMNS, _ERROR_COLUMNS))
    if value is None or "smiles" not in table.header:
        raise InputError(
            f"{path} is no table of measured values: it needs the columns smiles and expt_kcal, or "
            "to be FreeSolv's database.txt."
        )
    for number, ((_, row), (_, cells)) in enumerate(zip(table.cells(), table.rows, strict=True), 1):
        try:
            found = _kcal(table, value, row)
            spread = None if error is None else _kcal(table, error, row)
        except ValueError:
            raise InputError(f"{path}, molecule {number}: {row[value]!r} is no number.") from None
        if table.is_too_long(cells) or (spread or 0.0) < 0.0:
            raise InputError(
                f"{path}, molecule {number}: its error is below zero, or it has more cells than "
                "the header has columns."
            )
        if found is not None:
            yield row["smiles"], row.get("name", ""), found, spread
