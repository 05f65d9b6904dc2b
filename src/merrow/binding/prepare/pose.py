# SPDX-License-Identifier: MIT
"""Check that the ligand lies in a pocket of the protein without clashes or bonds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rdkit import Chem, rdBase

from merrow.ambertools.flat import is_flat
from merrow.ambertools.molecule import InputMolecule, read_molecule
from merrow.binding.prepare.protein import Protein
from merrow.binding.prepare.residue import Residue
from merrow.errors import InputError, UnsupportedPhysicsError

CLASH: Final = 2.3
"""Distance below which heavy atoms of ligand and protein clash [Å]; short H-bonds are 2.5."""
CONTACT: Final = 4.5
"""Contact distance between heavy atoms of ligand and protein [Å]."""
WATER_CLASH: Final = 2.4
"""Distance to a heavy atom of the ligand below which a crystal water is removed [Å]."""
WATER_OVERLAP: Final = 2.0
"""Distance to another heavy atom below which a crystal water excludes it [Å]."""
SAME_PLACE: Final = 0.5
"""Largest distance between an atom of the SDF and the same atom in the PDB file [Å]."""


@dataclass(frozen=True)
class Pose:
    """Contacts and clashes of the ligand with the protein.

    Attributes:
        clashes: Clashing pairs of heavy atoms, the worst first.
        neighbours: Labels of residues in contact.
    """

    clashes: tuple[str, ...]
    neighbours: tuple[str, ...]


def read_ligand(path: Path) -> InputMolecule:
    """Read a ligand with 3D positions and all hydrogens.

    Raises:
        InputError: The file does not hold one molecule with 3D positions and all hydrogens.
        UnsupportedPhysicsError: The molecule is a radical.
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
        if not raw.GetConformer().Is3D() or is_flat(raw, raw):
            raise InputError(f"{path.name} is flat: give the pose in the frame of the protein.")
    elif path.suffix.lower() != ".mol2":
        raise InputError(f"{path} is not an .sdf, .mol or .mol2 file, so it contains no pose.")
    return molecule


def check_pose(protein: Protein, molecule: InputMolecule, *, allow_clashes: bool) -> Pose:
    """Return the contacts and clashes of the ligand with the protein.

    Raises:
        InputError: The ligand clashes (unless that is allowed), or is not in a pocket.
        UnsupportedPhysicsError: The ligand is bound covalently.
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
    """Separate the groups of the PDB file into copies of the ligand and others.

    Raises:
        InputError: A group overlaps with the ligand, but is another molecule.
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
    """Classification of the crystal waters.

    Attributes:
        kept: Waters to keep.
        in_ligand: Labels of waters displaced by the ligand.
        in_turn: Labels of waters that overlap with an atom of the protein or a more occupied
            water, and so are alternatives to it.
    """

    kept: tuple[Residue, ...]
    in_ligand: tuple[str, ...]
    in_turn: tuple[str, ...]


def crystal_waters(protein: Protein, molecule: InputMolecule) -> CrystalWaters:
    """Return the crystal waters to keep, and those that are excluded."""
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
