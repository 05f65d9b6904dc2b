# SPDX-License-Identifier: MIT
"""A second set: 100 molecules of FreeSolv, chosen by a rule before any of them was run.

The rule: H, C, N, O, F, S, Cl only (ANI-2x), neutral, at most 12 heavy atoms, a stated uncertainty
of at most 0.6 kcal/mol, none of the thirty; of these the first 100 by the SHA-256 of their FreeSolv
names. hundred.csv has the names and the number of rotatable bonds alone, since the database is not
ours to copy: its `database.txt` (FreeSolv 0.52) is given with --table. The stiffest are run first,
which take the least time. What is found goes to hundred_results.csv, row by row. A standard error
of 0.3 kcal/mol is enough for a row: a set tells more by its size than by exact rows.

    python benchmarks/hydration30/hundred.py --table database.txt --runs RUNS --minutes 240

The same command goes on; --choose writes hundred.csv anew.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from common import parser  # noqa: E402
from rdkit import Chem  # noqa: E402
from rdkit.Chem.rdMolDescriptors import CalcNumRotatableBonds  # noqa: E402
from run import MOLECULES, PLACES, Place, carry_on, read, write  # noqa: E402

CHOSEN, RESULTS = HERE / "hundred.csv", HERE / "hundred_results.csv"
SIZE, HEAVIEST, LARGEST_ERROR = 100, 12, 0.6
PROMISED = 0.3
"""Largest standard error that makes a row [kcal/mol]."""
BONDS = "rotatable_bonds"
ELEMENTS = {"H", "C", "N", "O", "F", "S", "Cl"}
NAMES = ("name", "smiles", "iupac", "expt_kcal", "expt_stderr_kcal", "ref_gaff_kcal")
"""The first columns of database.txt."""


def main() -> None:
    """Choose the molecules, or go on with their runs."""
    own: dict[str, Any] = {
        "table": {"type": Path, "required": True, "help": "FreeSolv's database.txt"},
        "choose": {"action": "store_true", "help": "write hundred.csv"},
        "charges": {"nargs": "+", "default": ("abcg2",), "help": "charge models"},
    }
    asked = parser(__doc__, "potential", "runs", "minutes", **PLACES, **own).parse_args()
    rows = database(asked.table)
    if asked.choose:
        write(CHOSEN, [{"name": row["name"], BONDS: _bonds(row)} for row in chosen(rows)])
        return
    names = [row["name"] for row in stiffest_first(read(CHOSEN))]
    by_name = {row["name"]: row for row in rows}
    table = asked.runs / "hundred.csv"
    asked.runs.mkdir(parents=True, exist_ok=True)
    columns = [name for name in NAMES if name != "iupac"]
    write(table, [{key: by_name[name][key] for key in columns} for name in names])
    carry_on(Place(table, RESULTS, PROMISED), asked, only=None)


def database(path: Path) -> list[dict[str, str]]:
    """Return the rows of FreeSolv's database.txt."""
    with path.open(encoding="utf-8", newline="") as stream:
        lines = [line for line in stream if line.strip() and not line.startswith("#")]
    rows = csv.reader(lines, delimiter=";", skipinitialspace=True)
    return [dict(zip(NAMES, row, strict=False)) for row in rows]


def chosen(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Return the molecules that the rule takes, in its order."""
    thirty = {_canonical(row["smiles"]) for row in read(MOLECULES)}
    fit = [row for row in rows if _fits(row) and _canonical(row["smiles"]) not in thirty]
    return sorted(fit, key=lambda row: hashlib.sha256(row["name"].encode()).hexdigest())[:SIZE]


def stiffest_first(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Return rows of hundred.csv by the number of rotatable bonds, else in the rule's order."""
    return sorted(rows, key=lambda row: int(row[BONDS]))


def _bonds(row: dict[str, str]) -> int:
    return int(CalcNumRotatableBonds(Chem.MolFromSmiles(row["smiles"])))


def _fits(row: dict[str, str]) -> bool:
    mol = Chem.MolFromSmiles(row["smiles"])
    atoms = list(mol.GetAtoms())
    return (
        {atom.GetSymbol() for atom in atoms} <= ELEMENTS
        and Chem.GetFormalCharge(mol) == 0
        and len(atoms) <= HEAVIEST
        and float(row["expt_stderr_kcal"]) <= LARGEST_ERROR
    )


def _canonical(smiles: str) -> str:
    return str(Chem.MolToSmiles(Chem.MolFromSmiles(smiles)))


if __name__ == "__main__":
    main()
