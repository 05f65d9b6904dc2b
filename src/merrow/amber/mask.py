# SPDX-License-Identifier: MIT
"""Atom selection by AMBER masks with ParmEd's parser; an empty selection is an error."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from typing import Any

from parmed import Atom, Structure
from parmed.amber import AmberMask

from merrow.amber.residues import AMINO_ACIDS, C_CAPS, N_CAPS, PHOSPHORYLATED
from merrow.amber.topology import AmberTopology, Array
from merrow.errors import InputError

_LIST = re.compile(r"(?<![<>])([:@][%/]?)([^:@&|!()<>]+)")
"""Pattern of a list of numbers or names, not of the distance after < or >."""
_NUMBERS = re.compile(r"\d+(-\d+)?")


class _Mask(AmberMask):  # type: ignore[misc]
    """ParmEd's mask with X>@4 meaning atoms beyond 4 Å of all of X, as in sander and cpptraj.

    ParmEd itself selects atoms beyond 4 Å of any atom of X, which is nearly everything.
    """

    def _selectDistd(self, criterion: str, found: Any) -> Any:  # noqa: N802
        if criterion[0] == ">":
            return super()._selectDistd(f"<{criterion[1:]}", found).Not()
        return super()._selectDistd(criterion, found)


def select_atoms(
    topology: AmberTopology, mask: str, *, positions: Array | None = None
) -> tuple[int, ...]:
    """Return the atoms that an AMBER mask selects, sorted and counted from 0.

    Args:
        topology: The atoms.
        mask: AMBER mask, such as ":LIG" or ":1-3&!@H=".
        positions: Positions [Å], shape (N, 3), for the distance operators < and >; None to refuse
            these.

    Raises:
        InputError: The mask does not parse, or it selects no atoms.
    """
    if not isinstance(mask, str):
        raise InputError(f"a mask is text, such as ':LIG' or '@1-9', and not {mask!r}.")
    if "." in mask and not set("<>") & set(mask):
        raise InputError(f"mask {mask!r} is not understood: a number has a decimal point.")
    _refuse_ambiguous(mask)
    structure = _structure(topology)
    if positions is not None:
        structure.coordinates = positions
    try:
        selected = tuple(_Mask(structure, mask).Selected())
    except Exception as error:
        raise InputError(
            f"mask {mask!r} is not understood ({error}). {_hint(topology, mask)}"
        ) from error
    if not selected:
        raise InputError(
            f"mask {mask!r} selects 0 of {len(topology)} atoms in {topology.path.name}. "
            f"{_hint(topology, mask)}"
        )
    return selected


def _refuse_ambiguous(mask: str) -> None:
    """Refuse masks that ParmEd, sander and cpptraj interpret differently."""
    for kind, told in _LIST.findall("".join(mask.split())):
        entries = [entry for entry in told.split(",") if entry]
        numbers = [entry for entry in entries if _NUMBERS.fullmatch(entry)]
        names = [entry for entry in entries if entry not in numbers]
        _refuse_ranges(mask, entries)
        if any(int(number) == 0 for entry in numbers for number in entry.split("-")):
            raise InputError(f"mask {mask!r} has the number 0; AMBER counts from 1.")
        if numbers and names:
            parts = f"{kind}{','.join(numbers)}|{kind}{','.join(names)}"
            raise InputError(
                f"mask {mask!r} has numbers and names in one list, of which sander takes the names "
                f"alone; write ({parts})."
            )
        if any(re.search(r"\*[^*]", name) for name in names):
            raise InputError(
                f"mask {mask!r} has a * before other characters, which cpptraj ignores and sander "
                "refuses; write a ? for each character instead."
            )


def _refuse_ranges(mask: str, entries: list[str]) -> None:
    """Refuse what cpptraj refuses in a list of numbers, of which ParmEd takes a part."""
    for entry in entries:
        first, *more = entry.split("-")
        if not first or not set(entry) <= set("0123456789-"):
            continue
        if len(more) > 1:
            raise InputError(
                f"mask {mask!r} has {entry}, which is no range: that is two numbers, such as 1-3."
            )
        if more and more[0] and int(more[0]) < int(first):
            raise InputError(
                f"mask {mask!r} has the range {entry}, which ends before it begins, so that "
                f"cpptraj refuses it; write {more[0]}-{first}."
            )


def _structure(topology: AmberTopology) -> Structure:
    """Return the atoms as a structure for ParmEd's mask."""
    structure = Structure()
    for i, name in enumerate(topology.names):
        atom = Atom(name=name, type=topology.types[i], atomic_number=topology.numbers[i])
        residue = int(topology.residue_index[i])
        structure.add_atom(atom, topology.residue_names[residue], residue)
    return structure


def _special(topology: AmberTopology) -> set[str]:
    """Return the names of residues that are not amino acids, water or single ions."""
    ions = {molecule[0] for molecule in topology.molecules if len(molecule) == 1}
    usual = AMINO_ACIDS | PHOSPHORYLATED | N_CAPS | C_CAPS
    found = {
        topology.residue_names[topology.residue_index[i]]
        for i in range(len(topology))
        if not topology.is_water[i] and i not in ions
    }
    return found - usual


def _hint(topology: AmberTopology, mask: str) -> str:
    """Return a hint with the existing residues and a similar mask."""
    names = topology.residue_names
    special = _special(topology)  # the usual targets of a mask
    counts = Counter(sorted(names, key=lambda name: name not in special))
    shown = [f"{name} ({n})" if n > 1 else name for name, n in list(counts.items())[:8]]
    more = ", …" if len(counts) > len(shown) else ""
    asked = re.search(r"[A-Za-z]\w*", mask)
    upper = {name.upper(): name for name in counts}
    close = difflib.get_close_matches(asked.group().upper() if asked else "", upper, n=1)
    guess = upper[close[0]] if close else next((name for name in names if name in special), "")
    return f"Residues: {', '.join(shown)}{more}." + (f" Did you mean ':{guess}'?" if guess else "")
