# SPDX-License-Identifier: MIT
"""Which protein does a PDB file hold, and is it whole enough to be simulated without a guess?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import parmed
from numpy.typing import NDArray

from merrow.errors import InputError, UnsupportedPhysicsError

Array = NDArray[np.float64]

AMINO_ACIDS: Final = frozenset(
    {"ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE"}
    | {"LEU", "LYS", "MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL"}
    | {"HID", "HIE", "HIP", "CYX", "CYM", "ASH", "GLH", "LYN"}  # AMBER's protonation states
)
PHOSPHORYLATED: Final = frozenset({"SEP", "TPO", "PTR"})
"""Parameters in leaprc.phosaa14SB and phosaa19SB, as dianions."""
N_CAPS: Final = frozenset({"ACE"})
C_CAPS: Final = frozenset({"NME", "NHE"})
WATERS: Final = frozenset({"HOH", "WAT", "DOD", "TIP", "TIP3"})
BACKBONE: Final = ("N", "CA", "C", "O")
METALS: Final = frozenset({3, 4, 11, 12, 13, *range(19, 32), *range(37, 51), *range(55, 84)})
PEPTIDE_BOND: Final = 2.0
"""Longest distance C–N that is still read as a peptide bond [Å]."""


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
    """

    chain: str
    number: int
    insertion: str
    name: str
    atoms: dict[str, Array]
    numbers: dict[str, int]

    @property
    def label(self) -> str:
        """The name for messages, such as "HIS A 161"."""
        return f"{self.name} {self.chain} {self.number}{self.insertion}".replace("  ", " ")

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
        missing: Labels of residues that REMARK 465 lists as not located.
        links: Pairs of residue labels that LINK records bind.
    """

    path: Path
    chains: tuple[tuple[Residue, ...], ...]
    waters: tuple[Residue, ...]
    others: tuple[Residue, ...]
    alternates: tuple[str, ...] = ()
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
    """Read a PDB file: of alternate locations the more occupied one, hydrogens left out.

    Args:
        path: The file.
        remove: Names of residues that are to be left out, such as crystallisation additives.

    Raises:
        InputError: The file is missing, damaged, has no protein, several models, a residue that
            is not known, or a gap in a chain.
    """
    if not path.is_file():
        raise InputError(f"there is no protein file {path}.")
    text = path.read_text(errors="replace")
    n_models = len(re.findall(r"^MODEL ", text, flags=re.M))
    if n_models > 1:
        raise InputError(
            f"{path.name} has {n_models} models: put the one that you mean into a file of its own."
        )
    if not re.search(r"^(ATOM|HETATM)", text, flags=re.M):
        raise InputError(f"{path.name} has no atoms: give the PDB file of a protein.")
    structure = _parse(path)
    residues, alternates = [], []
    for found in structure.residues:
        if found.name in remove:
            continue
        residue, choice = _one_location(found)
        residues += [residue] if residue.atoms else []
        alternates += [choice] if choice else []
    known = AMINO_ACIDS | PHOSPHORYLATED | N_CAPS | C_CAPS
    polymer = [r for r in residues if r.name in known]
    if not any(r.name in AMINO_ACIDS for r in polymer):
        raise InputError(f"{path.name} holds no amino acid: give the PDB file of a protein.")
    others = tuple(r for r in residues if r.name not in known and r.name not in WATERS)
    for residue in others:
        if {"N", "CA", "C"} <= residue.atoms.keys():
            raise UnsupportedPhysicsError(
                f"{residue.label} of {path.name} is an amino acid without AMBER parameters here: "
                "mutate it to its parent, or make the prmtop yourself."
            )
    missing = tuple(
        f"{name} {chain} {number}"
        for name, chain, number in re.findall(
            r"^REMARK 465 +(?:\d+ +)?([A-Z]{3}) ([A-Z0-9]) +(-?\d+)", text, flags=re.M
        )
    )
    return Protein(
        path=path,
        chains=_chains(polymer, missing, path),
        waters=tuple(r for r in residues if r.name in WATERS),
        others=others,
        alternates=tuple(alternates),
        missing=missing,
        links=_links(text),
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
            f"{protein.path.name} holds {labels}, neither protein, nor water, nor the ligand: "
            f"if they may be left out, say so with --remove {','.join(names)}."
        )


def _parse(path: Path) -> Any:
    try:
        structure = parmed.read_PDB(str(path), skip_bonds=True)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path.name} is not a valid PDB file ({reason}).") from error
    if not np.isfinite(structure.coordinates).all():
        raise InputError(f"{path.name} has positions that are not finite numbers.")
    return structure


def _one_location(found: Any) -> tuple[Residue, str | None]:
    """Return a residue with its more occupied location, and which letter that was."""
    occupancy: dict[str, list[float]] = {}
    for atom in found.atoms:
        for letter, other in ((atom.altloc, atom), *atom.other_locations.items()):
            if letter.strip():
                occupancy.setdefault(letter, []).append(other.occupancy)
    means = {letter: float(np.mean(values)) for letter, values in sorted(occupancy.items())}
    best = max(means, key=lambda letter: means[letter]) if means else ""
    atoms, numbers = {}, {}
    for atom in found.atoms:
        if atom.atomic_number > 1:
            chosen = atom.other_locations.get(best, atom) if atom.altloc != best else atom
            atoms[atom.name] = np.array([chosen.xx, chosen.xy, chosen.xz])
            numbers[atom.name] = atom.atomic_number
    residue = Residue(
        chain=found.chain.strip(),
        number=found.number,
        insertion=found.insertion_code.strip(),
        name=found.name.strip(),
        atoms=atoms,
        numbers=numbers,
    )
    if len(means) < 2:
        return residue, None
    shown = ", ".join(f"{letter} {value:.2f}" for letter, value in means.items())
    return residue, f"{residue.label}: {best} taken of occupancies {shown}"


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
        if length > PEPTIDE_BOND:
            raise InputError(_gap(last, residue, length, missing, path))
        chains[-1].append(residue)
    return tuple(tuple(chain) for chain in chains)


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


def _links(text: str) -> tuple[tuple[str, str], ...]:
    """Return the residues that LINK records bind, by their labels."""

    def label(line: str, at: int) -> str:
        name, chain, number = line[at : at + 3], line[at + 4], line[at + 5 : at + 9]
        return f"{name.strip()} {chain.strip()} {number.strip()}{line[at + 9].strip()}"

    lines = [line.ljust(80) for line in text.splitlines() if line.startswith("LINK  ")]
    return tuple((label(line, 17), label(line, 47)) for line in lines)
