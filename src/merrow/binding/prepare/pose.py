# SPDX-License-Identifier: MIT
"""Whether the ligand lies in a pocket of the protein, free of clashes and bonds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rdkit import Chem, rdBase

from merrow.ambertools.molecule import InputMolecule, read_molecule
from merrow.binding.prepare.protein import Protein
from merrow.binding.prepare.residue import Residue
from merrow.errors import InputError, UnsupportedPhysicsError

CLASH: Final = 2.3
"""Heavy atoms of ligand and protein nearer than this overlap [Å]; a short hydrogen bond is 2.5."""
CONTACT: Final = 4.5
"""A heavy atom of the ligand with one of the protein within this distance is in contact [Å]."""
WATER_CLASH: Final = 2.4
"""A crystal water nearer than this to a heavy atom of the ligand makes room for it [Å]."""
WATER_OVERLAP: Final = 2.0
"""A crystal water nearer than this to another heavy atom is not there together with it [Å]."""
SAME_PLACE: Final = 0.5
"""Largest distance between an atom of the SDF and the same atom in the PDB file [Å]."""


@dataclass(frozen=True)
class Pose:
    """How the ligand lies in the protein.

    Attributes:
        clashes: Pairs of heavy atoms that overlap, the worst first.
        neighbours: Labels of residues in contact.
    """

    clashes: tuple[str, ...]
    neighbours: tuple[str, ...]


def read_ligand(path: Path) -> InputMolecule:
    """Read a ligand whose hydrogens and 3D positions are its own.

    Raises:
        InputError: It is not one molecule with 3D positions and all hydrogens.
        UnsupportedPhysicsError: It is a radical.
    """
    molecule = read_molecule(path)
    if path.suffix.lower() in (".sdf", ".mol"):
        with rdBase.BlockLogs():
            raw: Any = Chem.MolFromMolFile(str(path), removeHs=False)
        if raw.GetNumAtoms() != molecule.mol.GetNumAtoms():
            absent = molecule.mol.GetNumAtoms() - raw.GetNumAtoms()
            raise InputError(
                f"{path.name} lacks {absent} hydrogens: which form the ligand has would be a "
                "guess; add them for your pH."
            )
        if not raw.GetConformer().Is3D():
            raise InputError(f"{path.name} is flat: give the pose in the frame of the protein.")
    elif path.suffix.lower() != ".mol2":
        raise InputError(f"{path} is no .sdf, .mol or .mol2 file, so it contains no pose.")
    return molecule


def check_pose(protein: Protein, molecule: InputMolecule, *, allow_clashes: bool) -> Pose:
    """Return how the ligand lies in the protein.

    Raises:
        InputError: It clashes (unless that is allowed), or it is not in a pocket.
        UnsupportedPhysicsError: It is bound covalently.
    """
    place, labels = protein.heavy()
    heavy = [i for i, number in enumerate(molecule.numbers) if number > 1]
    distance = np.linalg.norm(molecule.positions[heavy][:, None] - place[None], axis=-1)
    in_contact = (distance < CONTACT).any(axis=1)
    if in_contact.mean() < 0.5:
        raise InputError(
            f"{int(in_contact.sum())} of the {len(heavy)} heavy atoms of the ligand {molecule.name}"
            f" are within {CONTACT} Å of {protein.path.name}, the nearest at {distance.min():.1f} "
            "Å: it is not in a pocket; give its pose in the frame of the protein."
        )
    pairs = sorted(zip(*np.nonzero(distance < CLASH), strict=True), key=lambda p: distance[p])
    clashes = tuple(
        f"{_atom(molecule, heavy[i])} – {labels[j]}: {distance[i, j]:.2f} Å" for i, j in pairs
    )
    if clashes and not allow_clashes:
        raise InputError(
            f"{len(clashes)} pairs of heavy atoms of the ligand {molecule.name} and the protein "
            f"overlap, the worst {clashes[0]}: give a pose without clashes, or let --relax-clashes "
            "move the ligand and the side chains."
        )
    close = (distance < CONTACT).any(axis=0)
    near = {labels[j].split(" of ", 1)[1]: None for j in np.flatnonzero(close)}
    return Pose(clashes, tuple(near))


def own_copies(
    protein: Protein, molecule: InputMolecule
) -> tuple[tuple[Residue, ...], tuple[Residue, ...]]:
    """Return the groups of the PDB file that are the ligand itself, and those that are not.

    Raises:
        InputError: A group lies where the ligand lies, but is another molecule.
        UnsupportedPhysicsError: A LINK record binds the ligand to the protein.
    """
    heavy = molecule.positions[[number > 1 for number in molecule.numbers]]
    numbers = sorted(number for number in molecule.numbers if number > 1)
    same: list[Residue] = []
    rest: list[Residue] = []
    for group in protein.others:
        distance = np.linalg.norm(group.positions()[:, None] - heavy[None], axis=-1)
        alike = sorted(group.numbers.values()) == numbers
        if alike and distance.min(axis=1).max() < SAME_PLACE:
            same.append(group)
        elif distance.min() < 1.0:
            raise InputError(
                f"{group.label} of {protein.path.name} lies where the ligand {molecule.name} lies, "
                "but its atoms or their places differ: leave it out with --remove "
                f"{group.name}, or correct the ligand."
            )
        else:
            rest.append(group)
    amino = {residue.label for residue in protein.residues()}
    for group in same:
        for one, two in protein.links:
            if {one, two} & amino and group.label in (one, two):
                raise UnsupportedPhysicsError(
                    f"a LINK record of {protein.path.name} binds the ligand {group.label} to "
                    f"{two if one == group.label else one}: covalent ligands are not supported."
                )
    return tuple(same), tuple(rest)


@dataclass(frozen=True)
class CrystalWaters:
    """What becomes of the waters of the crystal.

    Attributes:
        kept: Those that stay.
        in_ligand: Labels of those in the place of the ligand.
        in_turn: Labels of those that lie on an atom of the protein or on a more occupied water:
            they are there when the other is elsewhere.
    """

    kept: tuple[Residue, ...]
    in_ligand: tuple[str, ...]
    in_turn: tuple[str, ...]


def crystal_waters(protein: Protein, molecule: InputMolecule) -> CrystalWaters:
    """Return the crystal waters that stay, and those that cannot be there."""
    heavy = molecule.positions[[number > 1 for number in molecule.numbers]]
    taken = protein.heavy()[0]
    kept: list[Residue] = []
    in_ligand: list[str] = []
    in_turn: list[str] = []
    for water in sorted(protein.waters, key=lambda water: -water.occupancy):
        place = water.positions()[:1]
        if np.linalg.norm(place - heavy, axis=1).min() < WATER_CLASH:
            in_ligand.append(water.label)
        elif np.linalg.norm(place - taken, axis=1).min() < WATER_OVERLAP:
            in_turn.append(water.label)
        else:
            kept.append(water)
            taken = np.concatenate([taken, place])
    order = [water for water in protein.waters if water in kept]
    return CrystalWaters(tuple(order), tuple(in_ligand), tuple(in_turn))


def _atom(molecule: InputMolecule, i: int) -> str:
    return f"ligand atom {i + 1} ({molecule.mol.GetAtomWithIdx(i).GetSymbol()})"
