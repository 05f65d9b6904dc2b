# SPDX-License-Identifier: MIT
"""Restraints of a DISANG file, from its &rst namelists."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

from merrow.errors import InputError
from merrow.mdin.namelist import Group, parse_mdin

NUMBERS: Final = ("r1", "r2", "r3", "r4", "rk2", "rk3")
NEUTRAL: Final = {
    "nstep1": 0,
    "nstep2": 0,
    "iresid": 0,
    "ialtd": 0,
    "ifvari": 0,
    "imult": 0,
    "irstyp": 0,
    "ifntyp": 0,
    "ixpk": 0,
    "nxpk": 0,
}
"""Keys that are accepted only with the value that turns their feature off."""
IDLE: Final = ("ir6",)
"""Keys that apply only to groups of atoms."""


@dataclass(frozen=True)
class Restraint:
    """A flat-bottomed well, in AMBER's units.

    Attributes:
        atoms: Two, three or four atoms, counted from 1.
        bounds: r1 ≤ r2 ≤ r3 ≤ r4 [Å or degree].
        rk2, rk3: Force constant k in k·d² below r2 and above r3 [kcal/mol/Å² or kcal/mol/rad²].
    """

    atoms: tuple[int, ...]
    bounds: tuple[float, float, float, float]
    rk2: float
    rk3: float


def parse_disang(text: str, *, source: str) -> tuple[Restraint, ...]:
    """Read the restraints of a DISANG file, written by hand or by makeDIST_RST.

    Bounds and force constants not given for a restraint are those of the previous one.

    Raises:
        InputError: A namelist is not &rst, or a key is unknown, missing or not available.
    """
    found = []
    known: dict[str, float] = {}
    for group in parse_mdin(text, source=source).groups:
        at = f"{source} line {group.line}: "
        if group.name != "rst":
            raise InputError(f"{at}&{group.name} is not understood; restraints are &rst namelists.")
        if not group.entries:  # an empty &rst ends the file
            break
        _check_keys(group, at)
        atoms = _atoms(_values(group, "iat", at))
        if not 2 <= len(atoms) <= 4 or len(set(atoms)) < len(atoms) or min(atoms) < 1:
            raise InputError(
                f"{at}iat should name two, three or four different atoms, counted from 1, and "
                "zeros only behind them; groups of atoms are not available."
            )
        for key in NUMBERS:
            if key in group.entries or key not in known:
                known[key] = _one(group, key, at)
        r1, r2, r3, r4, rk2, rk3 = (known[key] for key in NUMBERS)
        if not r1 <= r2 <= r3 <= r4 or min(rk2, rk3) < 0:
            raise InputError(f"{at}needs r1 <= r2 <= r3 <= r4, and rk2 and rk3 of at least 0.")
        found.append(Restraint(atoms, (r1, r2, r3, r4), rk2, rk3))
    if not found:
        raise InputError(f"{source} contains no restraint; take nmropt=1 out.")
    return tuple(found)


def _atoms(values: list[float]) -> tuple[int, ...]:
    """Return the atoms of iat without zeros at the end; () if one is no whole number."""
    while values and values[-1] == 0:
        values = values[:-1]
    return tuple(map(int, values)) if all(one.is_integer() for one in values) else ()


def _one(group: Group, key: str, at: str) -> float:
    values = _values(group, key, at)
    if len(values) != 1:
        raise InputError(f"{at}{key} has {len(values)} values; give one.")
    return values[0]


def _check_keys(group: Group, at: str) -> None:
    known = ("iat", *NUMBERS, *NEUTRAL, *IDLE)
    for key, entry in group.entries.items():
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "it is not available."
            raise InputError(f"{at}&rst has no key {key}: {hint}")
        if key in NEUTRAL and any(value != NEUTRAL[key] for value in entry.values):
            raise InputError(f"{at}{key}={entry.values[0]!r} is refused: only 0 is available.")


def _values(group: Group, key: str, at: str) -> list[float]:
    if key not in group.entries:
        raise InputError(
            f"{at}&rst needs {key}; give iat in each one, r1 to r4, rk2 and rk3 in the first."
        )
    values = group.entries[key].values
    if any(isinstance(value, str | bool) for value in values):
        raise InputError(f"{at}{key} should be a number, got {values[0]!r}.")
    return [float(value) for value in values]
