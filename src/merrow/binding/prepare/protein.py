# SPDX-License-Identifier: MIT
"""The protein of a PDB or mmCIF file: whole enough to be simulated without a guess, or refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from merrow.amber.residues import AMINO_ACIDS, C_CAPS, N_CAPS, PHOSPHORYLATED
from merrow.binding.prepare.names import WATERS, atom_name, residue_name
from merrow.binding.prepare.structure_file import read_structure
from merrow.errors import InputError, UnsupportedPhysicsError

Array = NDArray[np.float64]

BACKBONE: Final = ("N", "CA", "C", "O")
METALS: Final = frozenset({3, 4, 11, 12, 13, *range(19, 32), *range(37, 51), *range(55, 84)})
SULFUR: Final = 16
PEPTIDE_BOND: Final = 2.0
"""Longest distance C–N that is still read as a peptide bond [Å]."""
SHORTEST: Final = 0.5
"""Distance C–N below which positions are not in Å [Å]."""
FARTHEST: Final = 12.0
"""Distance between two locations of an atom from which on they belong to two residues [Å]."""
SAME: Final = 0.1
"""Distance within which an atom that a residue has twice is one atom [Å]."""


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
    """

    chain: str
    number: int
    insertion: str
    name: str
    atoms: dict[str, Array]
    numbers: dict[str, int]
    segment: str = ""
    ends: bool = False

    @property
    def label(self) -> str:
        """The name for messages, such as "HIS A 161"."""
        return f"{self.name} {self.chain} {self.number}{self.insertion}".replace("  ", " ")

    @property
    def place(self) -> str:
        """The name for --remove, such as "GLY:A:201"."""
        return f"{self.name}:{self.chain}:{self.number}{self.insertion}"

    def positions(self) -> Array:
        """Return the positions of the heavy atoms [Å], shape (n, 3)."""
        return np.array(list(self.atoms.values()))


@dataclass(frozen=True, eq=False)
class Protein:
    """What a PDB file holds.

    Attributes:
        path: The file.
        chains: Chains of amino acids and caps, each a run of peptide bonds.
        waters: Water molecules, oxygen only.
        others: Every other group: ligands, ions, additives.
        alternates: Residues with two locations, and which was taken.
        removed: Labels of the groups that were left out.
        renamed: What other programs call otherwise, and how it was read.
        missing: Labels of residues that REMARK 465 lists as not located.
        links: Pairs of residue labels that LINK records bind.
    """

    path: Path
    chains: tuple[tuple[Residue, ...], ...]
    waters: tuple[Residue, ...]
    others: tuple[Residue, ...]
    alternates: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    _cache: dict[str, Array] = field(default_factory=dict)

    def residues(self) -> Iterator[Residue]:
        """Yield amino acids and caps in order."""
        for chain in self.chains:
            yield from chain

    def heavy(self) -> tuple[Array, list[str]]:
        """Return positions [Å], shape (n, 3), and labels of the protein's heavy atoms."""
        labels = [f"{name} of {r.label}" for r in self.residues() for name in r.atoms]
        if "heavy" not in self._cache:
            self._cache["heavy"] = np.concatenate([r.positions() for r in self.residues()])
        return self._cache["heavy"], labels


def read_protein(path: Path, *, remove: Collection[str] = ()) -> Protein:
    """Read a PDB or mmCIF file: of alternate locations the more occupied one, hydrogens left out.

    Args:
        path: The file.
        remove: Residues that are to be left out: all of a name, "GOL", or one, "GLY:A:201".

    Raises:
        InputError: The file is missing, damaged, has no protein, several models, a residue that
            is not known, a gap in a chain, or nothing that `remove` names.
    """
    file = read_structure(path)
    residues, alternates, renamed, removed = [], [], [], []
    unseen = set(remove)
    for parts, mutated in _variants(file.structure.residues):
        original, choice = _one_location(parts, path)
        choice = mutated or choice
        names = {original.name, original.place}
        unseen -= names
        if names & set(remove):
            removed += [original.label]
            continue
        residue = _in_ambers_names(original)
        if residue.name != original.name and original.name not in WATERS:
            renamed += [f"{original.label}: {residue.name}"]
        residues += [residue] if residue.atoms else []
        alternates += [choice] if choice else []
    if unseen:
        raise InputError(f"--remove {sorted(unseen)[0]}: {path.name} has no such residue.")
    known = AMINO_ACIDS | PHOSPHORYLATED | N_CAPS | C_CAPS
    free = _free_amino_acids([r for r in residues if r.name in known])
    polymer = [r for r in residues if r.name in known and r not in free]
    if not any(r.name in AMINO_ACIDS for r in polymer):
        raise InputError(f"{path.name} contains no amino acid: give the file of a protein.")
    others = tuple(r for r in residues if r not in polymer and r.name not in WATERS)
    for residue in others:
        if {"N", "CA", "C"} <= residue.atoms.keys() and _is_bonded(residue, polymer):
            raise UnsupportedPhysicsError(
                f"{residue.label} of {path.name} is an amino acid without AMBER parameters here: "
                "mutate it to its parent, or make the prmtop yourself."
            )
    return Protein(
        path=path,
        chains=_chains(polymer, file.missing, path),
        waters=tuple(r for r in residues if r.name in WATERS),
        others=others,
        alternates=tuple(alternates),
        removed=tuple(sorted(removed)),
        renamed=tuple(renamed),
        missing=file.missing,
        links=file.links,
    )


def refuse_unknown(protein: Protein, others: Sequence[Residue]) -> None:
    """Raise for groups beside protein, ligand and water that nobody named.

    Raises:
        UnsupportedPhysicsError: A metal ion is there.
        InputError: Anything else is there.
    """
    for residue in others:
        if len(residue.atoms) == 1 and next(iter(residue.numbers.values())) in METALS:
            raise UnsupportedPhysicsError(
                f"{protein.path.name} has the metal ion {residue.label}, whose coordination a "
                f"fixed-charge force field does not hold: if it is not part of the protein, leave "
                f"it out with --remove {residue.name}, otherwise make the prmtop yourself."
            )
    if others:
        names = sorted({r.name for r in others})
        labels = ", ".join(r.label for r in others[:5]) + (", …" if len(others) > 5 else "")
        raise InputError(
            f"{protein.path.name} holds {labels}, which is neither protein, water nor the ligand: "
            f"to leave it out, add --remove {','.join(names)}."
        )


def _variants(residues: Sequence[Any]) -> Iterator[tuple[list[Any], str | None]]:
    """Yield each residue with its parts in the file; of two at one place the more occupied one.

    A crystal may hold two amino acids at one place of the chain, told by turns or one by one.
    """
    for place, group in groupby(residues, lambda r: (r.chain, r.number, r.insertion_code)):
        named: dict[str, list[Any]] = {}
        for part in group:
            named.setdefault(part.name.strip(), []).append(part)
        letters = {a.altloc.strip() for parts in named.values() for p in parts for a in p.atoms}
        if len(named) == 1 or "" in letters:
            yield from (([part], None) for parts in named.values() for part in parts)
            continue
        means = {
            name: float(np.mean([a.occupancy for p in parts for a in p.atoms]))
            for name, parts in named.items()
        }
        best = max(means, key=lambda name: means[name])
        shown = ", ".join(f"{name} {value:.2f}" for name, value in means.items())
        label = " ".join(f"{best} {place[0]} {place[1]}{place[2]}".split())
        yield named[best], f"{label} taken of occupancies {shown}"


def _one_location(parts: Sequence[Any], path: Path) -> tuple[Residue, str | None]:
    """Return a residue with its more occupied location, and which letter that was.

    Raises:
        InputError: It has an atom twice.
    """
    found = parts[0]
    every = [atom for part in parts for atom in part.atoms]
    occupancy: dict[str, list[float]] = {}
    for atom in every:
        for letter, other in ((atom.altloc, atom), *atom.other_locations.items()):
            if letter.strip():
                occupancy.setdefault(letter, []).append(other.occupancy)
    means = {letter: float(np.mean(values)) for letter, values in sorted(occupancy.items())}
    best = max(means, key=lambda letter: means[letter]) if means else ""
    atoms: dict[str, Array] = {}
    numbers: dict[str, int] = {}
    for atom in every:
        if atom.atomic_number > 1:
            chosen = atom.other_locations.get(best, atom) if atom.altloc != best else atom
            place = np.array([chosen.xx, chosen.xy, chosen.xz])
            main = np.array([atom.xx, atom.xy, atom.xz])
            gap = np.linalg.norm(atoms.get(atom.name, place) - place)
            if gap > SAME or np.linalg.norm(main - place) > FARTHEST:
                raise InputError(
                    f"{found.name} {found.chain} {found.number} of {path.name} has the atom "
                    f"{atom.name} at two places: give each residue a number of its own, and each "
                    "atom a name."
                )
            atoms[atom.name] = place
            numbers[atom.name] = atom.atomic_number
    residue = Residue(
        chain=found.chain.strip(),
        number=found.number,
        insertion=found.insertion_code.strip(),
        name=found.name.strip(),
        atoms=atoms,
        numbers=numbers,
        segment=found.segid.strip(),
        ends=bool(parts[-1].ter),
    )
    if len(means) < 2:
        return residue, None
    shown = ", ".join(f"{letter} {value:.2f}" for letter, value in means.items())
    return residue, f"{residue.label}: {best} taken of occupancies {shown}"


def _in_ambers_names(residue: Residue) -> Residue:
    """Return a residue of GROMACS, CHARMM or Maestro with AMBER's names; MSE's Se becomes S."""
    present = frozenset(residue.atoms)
    name = residue_name(residue.name, present)
    atoms = {atom_name(name, atom, present): x for atom, x in residue.atoms.items()}
    numbers = {
        atom_name(name, atom, present): SULFUR if (name, atom) == ("MET", "SE") else number
        for atom, number in residue.numbers.items()
    }
    return replace(residue, name=name, atoms=atoms, numbers=numbers)


def _free_amino_acids(polymer: Sequence[Residue]) -> list[Residue]:
    """Return amino acids with both ends of their own that no peptide bond holds: ligands."""
    return [
        residue
        for residue in polymer
        if residue.name in AMINO_ACIDS
        and {"N", "CA", "C", "OXT"} <= residue.atoms.keys()
        and not _is_bonded(residue, [r for r in polymer if r is not residue])
    ]


def _is_bonded(residue: Residue, polymer: Sequence[Residue]) -> bool:
    """Tell whether a peptide bond joins a residue to another one."""
    ends = [(residue.atoms["N"], "C"), (residue.atoms["C"], "N")]
    return any(
        other in r.atoms and float(np.linalg.norm(place - r.atoms[other])) < PEPTIDE_BOND
        for place, other in ends
        for r in polymer
    )


def _chains(
    polymer: Sequence[Residue], missing: Sequence[str], path: Path
) -> tuple[tuple[Residue, ...], ...]:
    """Return runs of peptide bonds; raise for a gap and for a backbone that is not whole."""
    chains: list[list[Residue]] = []
    for residue in polymer:
        caps = N_CAPS | C_CAPS
        absent = [name for name in BACKBONE if name not in residue.atoms]
        if absent and residue.name not in caps:
            raise InputError(
                f"{residue.label} of {path.name} lacks the backbone atom {absent[0]}: model it "
                "first, with a program made for that."
            )
        last = chains[-1][-1] if chains else None
        fresh = last is None or last.chain != residue.chain or last.name in C_CAPS
        if last is None or fresh or residue.name in N_CAPS:
            chains.append([residue])
            continue
        start = residue.atoms.get("N")
        length = np.inf if start is None else float(np.linalg.norm(last.atoms["C"] - start))
        if length < SHORTEST:
            raise InputError(
                f"{last.label} and {residue.label} of {path.name} are {length:.2f} Å apart: give "
                "positions in Å, and each residue once."
            )
        if length <= PEPTIDE_BOND:
            chains[-1].append(residue)
        elif _ends(last, residue):
            chains.append([residue])
        else:
            raise InputError(_gap(last, residue, length, missing, path))
    return tuple(tuple(chain) for chain in chains)


def _ends(last: Residue, nxt: Residue) -> bool:
    """Tell whether a chain ends at a residue, in files whose chains have no letters of their own.

    AMBER's have TER and OXT, CHARMM's segments; a TER alone may stand where a loop is missing.
    """
    counts_anew = last.ends and nxt.number <= last.number
    return "OXT" in last.atoms or last.segment != nxt.segment or counts_anew


def _gap(last: Residue, nxt: Residue, length: float, missing: Sequence[str], path: Path) -> str:
    inside = [
        label
        for label in missing
        if label.split()[1] == last.chain and last.number < int(label.split()[2]) < nxt.number
    ]
    told = f" (REMARK 465 lists {len(inside)} residues that were not located)" if inside else ""
    return (
        f"{path.name} has a gap between {last.label} and {nxt.label}, {length:.1f} Å apart{told}: "
        "model the missing loop first, with a program made for that."
    )
