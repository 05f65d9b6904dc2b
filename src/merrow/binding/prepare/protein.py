# SPDX-License-Identifier: MIT
"""Reading the protein of a PDB or mmCIF file; one that is incomplete is refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from merrow.amber.residues import AMINO_ACIDS, C_CAPS, N_CAPS, PHOSPHORYLATED
from merrow.binding.prepare.names import WATERS, atom_name, residue_name
from merrow.binding.prepare.residue import Residue, residues_at
from merrow.binding.prepare.structure_file import read_structure
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.geometry import closest_pair

Array = NDArray[np.float64]

BACKBONE: Final = ("N", "CA", "C", "O")
METALS: Final = frozenset({3, 4, 11, 12, 13, *range(19, 32), *range(37, 51), *range(55, 84)})
SULFUR: Final = 16
PEPTIDE_BOND: Final = 2.0
"""Longest C–N distance of a peptide bond [Å]."""
SHORTEST: Final = 0.5
"""Distance of two heavy atoms below which the unit is not Å, or an atom is duplicated [Å]."""


@dataclass(frozen=True, eq=False)
class Protein:
    """Content of a PDB file.

    Attributes:
        path: The file.
        chains: Chains of amino acids and caps, each connected by peptide bonds.
        waters: Water molecules, oxygen only.
        others: Every other group: ligands, ions, additives.
        alternates: Residues with alternate locations, and the chosen one.
        removed: Labels of the removed groups.
        renamed: Names of other programs, and their translation.
        missing: Labels of residues that REMARK 465 lists as not located.
        links: Pairs of residue labels bound by LINK records.
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
    """Read a PDB or mmCIF file, without hydrogens; alternate locations by highest occupancy.

    Args:
        path: The file.
        remove: Residues to remove: all of a name, "GOL", or one, "GLY:A:201".

    Raises:
        InputError: The file is missing or damaged, or has no protein, several models, an unknown
            or overlapping residue, a gap in a chain, or no residue that `remove` names.
    """
    file = read_structure(path)
    residues, renamed, removed = [], [], []
    alternates: list[str] = []
    unseen = set(remove)
    for site in file.sites:
        for original, choices in residues_at(site, path, remove=remove):
            names = {original.name, original.place}
            unseen -= names
            if names & set(remove):
                removed += [original.label]
                continue
            residue = _in_ambers_names(original, path)
            if residue.name != original.name and original.name not in WATERS:
                renamed += [f"{original.label}: {residue.name}"]
            residues += [residue] if residue.atoms else []
            alternates += choices
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
    _refuse_overlap(polymer, path)
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
    """Refuse groups besides protein, ligand, water and those to be removed.

    Raises:
        UnsupportedPhysicsError: There is a metal ion.
        InputError: There is another group.
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


def _in_ambers_names(residue: Residue, path: Path) -> Residue:
    """Translate a residue of GROMACS, CHARMM or Maestro to AMBER names; Se of MSE becomes S.

    Raises:
        InputError: Two of its atoms would have the same name.
    """
    present = frozenset(residue.atoms)
    name = residue_name(residue.name, present)
    atoms = {atom_name(name, atom, present): x for atom, x in residue.atoms.items()}
    numbers = {
        atom_name(name, atom, present): SULFUR if (name, atom) == ("MET", "SE") else number
        for atom, number in residue.numbers.items()
    }
    if len(atoms) < len(residue.atoms):
        raise InputError(
            f"{residue.label} of {path.name} has an atom under two names, AMBER's and another "
            "program's: remove one of them."
        )
    return replace(residue, name=name, atoms=atoms, numbers=numbers)


def _free_amino_acids(polymer: Sequence[Residue]) -> list[Residue]:
    """Return free amino acids, without peptide bonds, which are ligands."""
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


def _refuse_overlap(polymer: Sequence[Residue], path: Path) -> None:
    """Refuse residues that lie on each other, as two models without a record of it."""
    labels = [f"{name} of {residue.label}" for residue in polymer for name in residue.atoms]
    places = np.concatenate([residue.positions() for residue in polymer])
    pair = closest_pair(places, None, within=SHORTEST)
    if pair is not None:
        raise InputError(
            f"{labels[pair[0]]} and {labels[pair[1]]} are {pair[2]:.2f} Å apart in {path.name}: "
            "give positions in Å, and each residue once."
        )


def _chains(
    polymer: Sequence[Residue], missing: Sequence[str], path: Path
) -> tuple[tuple[Residue, ...], ...]:
    """Return chains connected by peptide bonds; raise for a gap or an incomplete backbone."""
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
        if length <= PEPTIDE_BOND:
            chains[-1].append(residue)
        elif _ends(last, residue):
            chains.append([residue])
        else:
            raise InputError(_gap(last, residue, length, missing, path))
    return tuple(tuple(chain) for chain in chains)


def _ends(last: Residue, nxt: Residue) -> bool:
    """Tell whether a chain ends at a residue, in files without chain identifiers.

    AMBER's have TER and OXT, CHARMM's segments; a TER alone may mark a missing loop.
    """
    counts_anew = last.ends and nxt.number <= last.number
    return "OXT" in last.atoms or last.segment != nxt.segment or counts_anew


def _gap(last: Residue, nxt: Residue, length: float, missing: Sequence[str], path: Path) -> str:
    inside = [
        label
        for label in missing
        if label.split()[1] == last.chain and last.number < _number(label) < nxt.number
    ]
    told = f" (REMARK 465 lists {len(inside)} residues that were not located)" if inside else ""
    return (
        f"{path.name} has a gap between {last.label} and {nxt.label}, {length:.1f} Å apart{told}: "
        "model the missing loop first, with a program made for that."
    )


def _number(label: str) -> int:
    """Return the number in a label such as "LEU A 164B"."""
    return int(re.sub(r"[A-Za-z]*$", "", label.rsplit(maxsplit=1)[-1]) or 0)
