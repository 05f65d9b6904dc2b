# SPDX-License-Identifier: MIT
"""Files that sander exchanges with an external program, and its mdout.

sander writes a geometry [Å], reads energy [Hartree] and gradient [Hartree/bohr], and converts them
with its own constants; the same constants here reproduce the energy [kcal/mol] to the last digit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from merrow.errors import MerrowError
from merrow.units import SANDER_BOHR_PER_ANGSTROM, SANDER_HARTREE_KCAL

Array = NDArray[np.float64]

SYMBOL, FIELD = 3, 21
"""Widths of the element symbol with a blank, and of a coordinate: (a2,1x,3f21.16)."""
PRINTED: Final = 6e-5
"""Slightly more than half of the last digit in mdout [kcal/mol]."""

_ENERGY = re.compile(r"^\s*\w*ESCF\s*=\s*(-?[\d.]+)")
_NSTEP = re.compile(r"^\s*NSTEP\s*=\s*(\d+)")
_STATISTICS = ("A V E R A G E S", "R M S  F L U C T U A T I O N S")


@dataclass(frozen=True)
class Geometry:
    """A geometry from sander.

    Attributes:
        symbols: Element symbols, length N.
        positions: Positions [Å], shape (N, 3).
        charge: Net charge [e].
        multiplicity: Spin multiplicity.
    """

    symbols: tuple[str, ...]
    positions: Array
    charge: int
    multiplicity: int


@dataclass(frozen=True, eq=False)
class Evaluations:
    """Answers of the server by call, shape (K,): energy and spread [kcal/mol].

    The spread is NaN for a potential without an ensemble.
    """

    energies: Array
    spreads: Array


def read_geometry(job: str, xyz: str) -> Geometry:
    """Read the ORCA input and geometry written by sander.

    Raises:
        MerrowError: The files have an unknown form, or sander requests something other than energy
            and forces of the region alone.
    """
    if "%pointcharges" in job:
        raise MerrowError("sander sent point charges: only mechanical embedding is possible here.")
    if "ENGRAD" not in job:
        raise MerrowError("sander asked for an energy without forces: use maxcyc=1, not 0.")
    told = re.search(r"^\*xyzfile\s+(-?\d+)\s+(\d+)", job, re.MULTILINE)
    lines = xyz.splitlines()
    try:
        n_atoms = int(lines[0])
        rows = lines[2 : 2 + n_atoms]
        symbols = tuple(row[:SYMBOL].strip() for row in rows)
        positions = np.array(
            [
                [float(row[i : i + FIELD]) for i in range(SYMBOL, SYMBOL + 3 * FIELD, FIELD)]
                for row in rows
            ]
        )
    except (ValueError, IndexError) as error:
        raise MerrowError(f"sander's geometry cannot be read ({error}).") from error
    if told is None or len(rows) != n_atoms:
        raise MerrowError("sander's input for ORCA is of an unknown form.")
    return Geometry(symbols, positions, int(told[1]), int(told[2]))


def results_text(energy: float, forces: Array) -> str:
    """Return the result file that sander reads.

    Args:
        energy: Energy [kcal/mol].
        forces: Forces [kcal/mol/Å], shape (N, 3).
    """
    per_bohr = SANDER_HARTREE_KCAL * SANDER_BOHR_PER_ANGSTROM
    gradient = "\n".join(_sixteen(-force / per_bohr) for force in np.ravel(forces))
    return (
        f"# The current total energy in Eh\n#\n{energy / SANDER_HARTREE_KCAL:22.13f}\n"
        f"# The current gradient in Eh/bohr\n#\n{gradient}\n"
    )


def _sixteen(value: float) -> str:
    """Format a number in the sixteen columns that sander reads, with all digits that fit."""
    fixed = f"{value:16.12f}"
    return fixed if len(fixed) <= 16 else f"{value:16.8e}"


def read_evaluations(path: Path) -> Evaluations:
    """Read the client's list of "energy spread" lines; an incomplete last line is ignored."""
    text = path.read_text() if path.is_file() else ""
    whole = text[: text.rfind("\n") + 1].split()
    table = np.array(whole, dtype=np.float64).reshape(-1, 2)
    return Evaluations(table[:, 0], table[:, 1])


def merged(mdout: str, evaluations: Evaluations, *, name: str, about: str) -> str:
    """Return an mdout with the ML energy added to each block of energies, and a summary.

    Args:
        mdout: sander's mdout.
        evaluations: Answers of the server.
        name: Name of the potential.
        about: First line of the summary.

    Raises:
        MerrowError: sander printed an energy that the server never gave.
    """
    lines, last, last_step, step, statistics = [], -1, 0, 0, False
    for line in mdout.splitlines():
        lines.append(line)
        if any(title in line for title in _STATISTICS):
            statistics = True
        if told := _NSTEP.match(line):
            step = int(told[1])
        printed = _ENERGY.match(line)
        if printed and statistics:
            statistics = False
        elif printed:
            value = float(printed[1])
            expected = last + max(step - last_step, 0)
            found = _nearest(evaluations.energies, value, first=max(last, 0), expected=expected)
            if found is None:
                raise MerrowError(
                    f"sander printed an ML energy of {value} kcal/mol that the model server never "
                    "gave: do not use this run, and report it."
                )
            last, last_step = found, step
            lines.append(_line(name, evaluations, found))
    return "\n".join([*lines, "-" * 80, f" {about}", *_summary(evaluations), ""])


def _summary(evaluations: Evaluations) -> list[str]:
    energies, spreads = evaluations.energies, evaluations.spreads
    if len(energies) == 0:
        return [" No energy was asked for."]
    told = f" {len(energies)} evaluations; ML energy: mean {energies.mean():.4f}"
    told += f", SD {energies.std():.4f} kcal/mol"
    if not np.isnan(spreads).all():
        told += f"; ensemble spread: mean {spreads.mean():.4f}, largest {spreads.max():.4f}"
    return [
        told,
        " Mechanical embedding: E = E_MM(all) - E_MM(region in vacuum) + E_ML(region)",
    ]


def _nearest(energies: Array, value: float, *, first: int, expected: int) -> int | None:
    """Return the evaluation of a printed energy: the one nearest to its expected position."""
    fitting = first + np.flatnonzero(np.abs(energies[first:] - value) <= PRINTED)
    return int(fitting[np.argmin(np.abs(fitting - expected))]) if len(fitting) else None


def _line(name: str, evaluations: Evaluations, i: int) -> str:
    spread = evaluations.spreads[i]
    told = "" if np.isnan(spread) else f"  spread = {spread:12.6f}"
    return f" ML energy ({name}) = {evaluations.energies[i]:20.6f}{told}  kcal/mol"
