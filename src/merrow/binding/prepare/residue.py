# SPDX-License-Identifier: MIT
"""Residues of a file, each atom at one location: of several the more occupied one, and it is told.

A crystal may hold an atom at several places, told by letters; some programs leave the letter of the
first one out. Letters of one residue that share an atom exclude each other. What only the other
location has is left out by name, so that no residue is a mixture of two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from merrow.binding.prepare.names import WATERS
from merrow.binding.prepare.structure_file import FARTHEST, FileAtom, Place, Site
from merrow.errors import InputError

Array = NDArray[np.float64]

SAME: Final = 0.1
"""Distance within which an atom that a residue has twice is one atom [Å]."""
IN_TURN: Final = 1.0
"""Distance within which atoms of one name belong to amino acids that are there in turn [Å]."""


@dataclass(frozen=True, eq=False)
class Residue:
    """One residue as the file has it, heavy atoms only, one location of each.

    Attributes:
        chain: Chain letter.
        number: Residue number of the file.
        insertion: Insertion code, or "".
        name: Residue name of the file.
        atoms: Position of each heavy atom [Å], shape (3,).
        numbers: Atomic number of each heavy atom.
        segment: Segment of the file, as CHARMM names chains, or "".
        ends: Whether a TER record follows it.
        occupancy: Mean occupancy of its atoms.
    """

    chain: str
    number: int
    insertion: str
    name: str
    atoms: dict[str, Array]
    numbers: dict[str, int]
    segment: str = ""
    ends: bool = False
    occupancy: float = 1.0

    @property
    def label(self) -> str:
        """The name for messages, such as "HIS A 161"."""
        return label_of(self.name, self)

    @property
    def place(self) -> str:
        """The name for --remove, such as "GLY:A:201"."""
        return f"{self.name}:{self.chain}:{self.number}{self.insertion}"

    def positions(self) -> Array:
        """Return the positions of the heavy atoms [Å], shape (n, 3)."""
        return np.array(list(self.atoms.values()))


def label_of(name: str, place: Place | Residue) -> str:
    """Return what a residue is called in messages, such as "HIS A 161"."""
    return " ".join(f"{name} {place.chain} {place.number}{place.insertion}".split())


def residues_at(
    site: Site, path: Path, *, remove: Collection[str] = ()
) -> Iterator[tuple[Residue, tuple[str, ...]]]:
    """Yield the residues of a site, and what was taken where there was a choice.

    Args:
        site: Atoms of a file.
        path: The file.
        remove: Residues to leave out, as GOL or GLY:A:201; of these nothing is asked, and they come
            without atoms.

    Raises:
        InputError: An atom is there twice, or its element is not known.
    """
    named: dict[str, list[FileAtom]] = {}
    for atom in site.atoms:
        named.setdefault(atom.residue, []).append(atom)
    place = site.place
    for name in [name for name in named if _is_removed(name, place, remove)]:
        del named[name]
        yield _residue(site, name, {}), ()
    chosen, told = _in_turn(named, site)
    for name, atoms in chosen.items():
        taken, choices = _located(atoms, label_of(name, place), path)
        yield _residue(site, name, taken), (*told, *choices)
        told = ()


def _is_removed(name: str, place: Place, remove: Collection[str]) -> bool:
    return bool({name, f"{name}:{place.chain}:{place.number}{place.insertion}"} & set(remove))


def _residue(site: Site, name: str, atoms: dict[str, FileAtom]) -> Residue:
    place = site.place
    return Residue(
        chain=place.chain,
        number=place.number,
        insertion=place.insertion,
        name=name,
        atoms={key: atom.position for key, atom in atoms.items()},
        numbers={key: atom.number for key, atom in atoms.items()},
        segment=place.segment,
        ends=site.ends,
        occupancy=_mean(list(atoms.values())) if atoms else 0.0,
    )


def _mean(atoms: Sequence[FileAtom]) -> float:
    return float(np.mean([atom.occupancy for atom in atoms]))


def _in_turn(
    named: dict[str, list[FileAtom]], site: Site
) -> tuple[dict[str, list[FileAtom]], tuple[str, ...]]:
    """Return the residues of a site but those that are there in turn with a more occupied one."""
    ranks = sorted(named, key=lambda name: -_mean(named[name]))
    kept: list[str] = []
    told: list[str] = []
    for name in ranks:
        rivals = [other for other in kept if _exclude(named[name], named[other])]
        if not rivals:
            kept.append(name)
            continue
        shown = ", ".join(f"{x} {_mean(named[x]):.2f}" for x in (rivals[0], name))
        told.append(f"{label_of(rivals[0], site.place)} taken of occupancies {shown}")
    return {name: atoms for name, atoms in named.items() if name in kept}, tuple(told)


def _exclude(one: Sequence[FileAtom], two: Sequence[FileAtom]) -> bool:
    """Tell whether two residues are at one place in turn, by their letters or their positions."""
    letters = [{atom.letter for atom in atoms} for atoms in (one, two)]
    if not letters[0] & letters[1] and "" not in letters[0] | letters[1]:
        return True
    places = {atom.name: atom.position for atom in two}
    return any(
        atom.name in places and np.linalg.norm(atom.position - places[atom.name]) < IN_TURN
        for atom in one
    )


def _located(
    atoms: Sequence[FileAtom], label: str, path: Path
) -> tuple[dict[str, FileAtom], tuple[str, ...]]:
    """Return the heavy atoms of a residue, each at one location, and which was taken.

    Raises:
        InputError: An atom is there twice, or its element is not known.
    """
    by_name = _by_name(atoms, label, path)
    best: list[str] = []
    told: list[str] = []
    for group in _rivals(by_name):
        means = {letter: _mean(_of(by_name, letter)) for letter in sorted(group)}
        best.append(max(means, key=lambda letter: means[letter]))
        if len(means) > 1:
            shown = ", ".join(f"{x or 'no letter'} {mean:.2f}" for x, mean in means.items())
            told.append(f"{label}: {best[-1] or 'no letter'} taken of occupancies {shown}")
    taken: dict[str, FileAtom] = {}
    lost: list[str] = []
    for name, letters in by_name.items():
        letter = next((x for x in (*best, "") if x in letters), None)
        if letter is None:
            lost.append(name)
        else:
            taken[name] = letters[letter]
    if lost:
        told.append(f"{label}: {', '.join(lost)} of the other location left out")
    return taken, tuple(told)


def _by_name(atoms: Sequence[FileAtom], label: str, path: Path) -> dict[str, dict[str, FileAtom]]:
    """Return the heavy atoms of a residue by name and letter."""
    found: dict[str, dict[str, FileAtom]] = {}
    for atom in atoms:
        if atom.number == 1 or (atom.number == 0 and atom.residue in WATERS):
            continue
        if atom.number == 0:
            raise InputError(
                f"the atom {atom.name} of {label} in {path.name} is of no known element: give each "
                "atom its element, in a PDB file in columns 77 and 78."
            )
        letters = found.setdefault(atom.name, {})
        first = letters.get(atom.letter)
        other = next(iter(letters.values()), atom)
        if (first is not None and np.linalg.norm(first.position - atom.position) > SAME) or (
            np.linalg.norm(other.position - atom.position) > FARTHEST
        ):
            raise InputError(
                f"{label} of {path.name} has the atom {atom.name} at two places: give each residue "
                "a number of its own, and each atom a name."
            )
        letters.setdefault(atom.letter, atom)
    return found


def _rivals(by_name: dict[str, dict[str, FileAtom]]) -> list[set[str]]:
    """Return the letters that exclude each other, since they share an atom; "" is one of them."""
    groups: list[set[str]] = []
    for letters in by_name.values():
        present = set(letters)
        if present != {""}:
            groups = [
                *(group for group in groups if not group & present),
                present.union(*(group for group in groups if group & present)),
            ]
    return groups


def _of(by_name: dict[str, dict[str, FileAtom]], letter: str) -> list[FileAtom]:
    """Return the atoms of one letter; those without one only where the atom has others, too."""
    return [
        letters[letter]
        for letters in by_name.values()
        if letter in letters and (letter or len(letters) > 1)
    ]
