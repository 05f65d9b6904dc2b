# SPDX-License-Identifier: MIT
"""Writing of mdout with sander's sections and columns, readable by AMBER's scripts.

Additional lines (the ML energy) are inside the blocks in the same "NAME = value" form. EPtot is the
sum of all terms with absolute E_ML.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

RULE: Final = "-" * 80
BLOCK_RULE: Final = " " + "-" * 78

ROWS: Final = (
    ("Etot", "EKtot", "EPtot"),
    ("BOND", "ANGLE", "DIHED"),
    ("1-4 NB", "1-4 EEL", "VDWAALS"),
    ("EELEC", "EHBOND", "RESTRAINT"),
)
CHARMM: Final = ("UB", "IMP", "CMAP")
"""The row below that of BOND in files of CHARMM's force field."""
MORE_ROWS: Final = (
    ("EML", "EMLREL", "EMLMEAN"),
    ("EMLSD", "FMLSD"),
    ("CONFINE", "CMAP"),
    ("DV/DL",),
)
"""Rows that are printed only if they have values."""
MINIMUM_ROWS: Final = (
    ("BOND", "ANGLE", "DIHED"),
    ("VDWAALS", "EEL", "HBOND"),
    ("1-4 VDW", "1-4 EEL", "RESTRAINT"),
)
WIDTHS: Final = (7, 8, 11)
MINIMUM_WIDTHS: Final = (8, 8, 11)


@dataclass(frozen=True)
class Energies:
    """Energies and properties of a step, in AMBER's units.

    Attributes:
        step: Step of this run.
        time: Time [ps].
        values: Values by sander's names and ours: TEMP [K], PRESS [bar], VOLUME [Å³],
            Density [g/cm³], FMLSD [kcal/mol/Å], energies [kcal/mol].
        atom: Label of the atom of FMLSD, or "".
    """

    step: int
    time: float
    values: Mapping[str, float]
    atom: str = ""


def header(files: Mapping[str, str], mdin: str, *, version: str, began: str) -> str:
    """Return the header of an mdout: program, files and the input as given."""
    lines = [
        "",
        "          " + "-" * 55,
        f"          {'merrow ' + version:<45}{began[:4]}",
        "          " + "-" * 55,
        "",
        f"| Run on {began}",
        "",
        "File Assignments:",
        *(f"|{name:>6}: {path}" for name, path in files.items()),
        "",
        "",
        " Here is the input file:",
        "",
        *mdin.rstrip().splitlines(),
        "",
    ]
    return "\n".join(lines) + "\n"


def section(number: int, title: str) -> str:
    """Return the heading of a section."""
    return f"{RULE}\n   {number}.  {title}\n{RULE}\n"


def block(energies: Energies) -> str:
    """Return the block of an MD step, as in mdout and mdinfo."""
    value = energies.values
    lines = [
        f" NSTEP = {energies.step:8d}   TIME(PS) = {energies.time:11.3f}"
        f"  TEMP(K) = {value['TEMP']:8.2f}  PRESS = {value.get('PRESS', 0.0):7.1f}"
    ]
    rows = _with_charmm(ROWS, value)
    lines += [_row(row, value, 15) for row in rows]
    if "EAMBER" in value:
        lines.append(f" EAMBER (non-restraint)  ={value['EAMBER']:15.4f}")
    if "VOLUME" in value:
        lines.append(f"{'':50}  VOLUME     ={value['VOLUME']:15.4f}")
        lines.append(f"{'':52}Density    ={value['Density']:15.4f}")
    printed = {name for row in rows for name in row}
    for row in MORE_ROWS:
        there = [name for name in row if name in value and name not in printed]
        lines += [_row(there, value, 15)] if there else []
    if energies.atom:
        lines.append(f"| FMLSD, the largest spread of a force, is on {energies.atom}")
    return "\n".join(lines) + f"\n{BLOCK_RULE}\n\n"


def minimum_block(energies: Energies, *, rms: float, largest: float, name: str, atom: int) -> str:
    """Return the block of a minimisation step.

    Args:
        energies: Step and energies; the time is not printed.
        rms: RMS gradient [kcal/mol/Å].
        largest: Largest component of the gradient [kcal/mol/Å].
        name: Name of its atom.
        atom: Number of its atom, from 1.
    """
    value = energies.values
    same = {"EEL": "EELEC", "HBOND": "EHBOND", "1-4 VDW": "1-4 NB"}
    rows = _with_charmm(MINIMUM_ROWS, value)
    shown = {name: value.get(same.get(name, name), 0.0) for row in rows for name in row}
    lines = [
        "",
        "   NSTEP       ENERGY          RMS            GMAX         NAME    NUMBER",
        f" {energies.step:6d}    {value['EPtot']:13.4E}  {rms:13.4E}  {largest:13.4E}"
        f"     {name:<4}  {atom:7d}",
        "",
        *(_row(row, shown, 14, MINIMUM_WIDTHS) for row in rows),
    ]
    more = [name for name in ("EML", "EMLREL", "CONFINE", "CMAP") if name not in shown]
    extra = {"EPtot": value["EPtot"]} | {name: value[name] for name in more if name in value}
    names = tuple(extra)
    lines += [_row(names[i : i + 3], extra, 14, MINIMUM_WIDTHS) for i in range(0, len(names), 3)]
    return "\n".join(lines) + "\n\n"


def _with_charmm(
    rows: tuple[tuple[str, ...], ...], values: Mapping[str, float]
) -> tuple[tuple[str, ...], ...]:
    """Return rows with that of CHARMM's terms behind BOND's, if there are such terms."""
    if "UB" not in values and "IMP" not in values:
        return rows
    behind = 1 + next(k for k, row in enumerate(rows) if row[0] == "BOND")
    return (*rows[:behind], CHARMM, *rows[behind:])


def averages(records: Sequence[Energies]) -> str:
    """Return the blocks of averages and RMS fluctuations over the printed steps after step 0.

    sander averages over every step; these average over the printed ones, as in pmemd.
    """
    last = records[-1]
    records = [one for one in records if one.step > 0] or records
    shared = set.intersection(*(set(one.values) for one in records)) - {"EMLMEAN"}
    names = [name for name in last.values if name in shared]
    table = np.array([[one.values[name] for name in names] for one in records])
    mean = Energies(last.step, last.time, dict(zip(names, table.mean(axis=0), strict=True)))
    rms = Energies(last.step, last.time, dict(zip(names, table.std(axis=0), strict=True)))
    return (
        f"\n      A V E R A G E S   O V E R {len(records):7d} S T E P S\n\n\n{block(mean)}"
        f"\n      R M S  F L U C T U A T I O N S\n\n\n{block(rms)}"
    )


def settings(pairs: Iterable[tuple[str, Iterable[tuple[str, object]]]]) -> str:
    """Return titled paragraphs of "key = value", three per line, as in section 2 of an mdout."""
    lines: list[str] = []
    for title, entries in pairs:
        shown = [f"{key:<8}= {_plain(value):>9}" for key, value in entries]
        if shown:
            lines += [f"{title}:"]
            lines += ["     " + ", ".join(shown[i : i + 3]) for i in range(0, len(shown), 3)]
            lines.append("")
    return "\n".join(lines) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.5f}" if abs(value) >= 1e-4 or value == 0 else f"{value:.2E}"
    return str(value)


def _row(
    names: Sequence[str],
    values: Mapping[str, float],
    width: int,
    widths: tuple[int, ...] = WIDTHS,
) -> str:
    parts = [
        f"{name:<{widths[k]}}={values.get(name, 0.0):{width}.4f}" for k, name in enumerate(names)
    ]
    return " " + "  ".join(parts)
