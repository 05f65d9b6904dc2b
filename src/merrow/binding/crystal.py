# SPDX-License-Identifier: MIT
"""Crystal B-factors, assigned to the residues of a prmtop."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from merrow.amber.topology import AmberTopology, Array, IntArray
from merrow.binding.prepare.structure_file import read_structure
from merrow.errors import InputError

PARENT: Final = {
    **dict.fromkeys(("HID", "HIE", "HIP"), "HIS"),
    **dict.fromkeys(("CYX", "CYM"), "CYS"),
    "ASH": "ASP",
    "GLH": "GLU",
    "LYN": "LYS",
    "MSE": "MET",
}
CARBON: Final = 6
BACKBONE: Final = ("N", "CA", "C")
FEWEST_FITTED: Final = 3
"""Fewest atoms whose superposition fixes all others."""
ENDS: Final = 3
"""Residues at each chain end that the second correlation excludes."""


@dataclass(frozen=True, eq=False)
class AlphaCarbons:
    """The residues of a prmtop that have a CA.

    Attributes:
        atoms: Index of each CA in the prmtop, length R.
        labels: "ALA 12", numbered as in the prmtop.
        names: Parent amino acids.
        inner: Whether it is more than three residues away from the ends of its chain, shape (R,).
    """

    atoms: tuple[int, ...]
    labels: tuple[str, ...]
    names: tuple[str, ...]
    inner: np.ndarray


def alpha_carbons(topology: AmberTopology) -> AlphaCarbons:
    """Return the residues that have N, CA and C.

    Raises:
        InputError: There are fewer than three.
    """
    members: dict[int, set[str]] = {}
    for i, name in enumerate(topology.names):
        members.setdefault(int(topology.residue_index[i]), set()).add(name)
    chain_of = topology.molecule_index
    atoms, labels, names, chains = [], [], [], []
    for i, name in enumerate(topology.names):
        residue = int(topology.residue_index[i])
        if name == "CA" and topology.numbers[i] == 6 and {"N", "C"} <= members[residue]:
            atoms.append(i)
            labels.append(f"{topology.residue_names[residue]} {residue + 1}")
            called = topology.residue_names[residue]
            names.append(PARENT.get(called, called))
            chains.append(chain_of[i])
    if len(atoms) < 3:
        raise InputError(f"{topology.path.name} has {len(atoms)} amino acids; it has no protein.")
    order = np.array(chains)
    inner = np.zeros(len(atoms), dtype=bool)
    for chain in set(chains):
        inner[np.flatnonzero(order == chain)[ENDS:-ENDS]] = True
    return AlphaCarbons(tuple(atoms), tuple(labels), tuple(names), inner)


def backbone(topology: AmberTopology, carbons: AlphaCarbons, ligand: IntArray) -> IntArray:
    """Return the atoms N, CA and C of the protein, without those of a ligand of amino acids.

    Raises:
        InputError: The ligand leaves none.
    """
    amino = {int(topology.residue_index[i]) for i in carbons.atoms}
    own = set(ligand.tolist())
    found = [
        i
        for i, name in enumerate(topology.names)
        if name in BACKBONE and int(topology.residue_index[i]) in amino and i not in own
    ]
    if len(found) < FEWEST_FITTED:
        raise InputError(
            f"--ligand-mask takes the whole protein of {topology.path.name}, so that nothing is "
            "left to superpose: select the ligand and not the protein."
        )
    return np.array(found, dtype=np.int64)


def crystal_b(path: Path, carbons: AlphaCarbons) -> Array:
    """Return the crystal's B-factor of each CA [Å²], NaN where the crystal has none.

    Args:
        path: PDB or mmCIF file; of alternate locations the one with higher occupancy counts.
        carbons: The residues of the prmtop, aligned to the crystal by sequence.

    Raises:
        InputError: The file is missing or damaged, has several models, or another sequence.
    """
    names, values = [], []
    for site in read_structure(path).sites:
        carbons_here = [atom for atom in site.atoms if atom.name == "CA" and atom.number == CARBON]
        if carbons_here:
            best = max(carbons_here, key=lambda atom: atom.occupancy)
            names.append(PARENT.get(best.residue, best.residue))
            values.append(best.b)
    found = np.full(len(carbons.names), np.nan)
    matcher = difflib.SequenceMatcher(None, carbons.names, names, autojunk=False)
    for block in matcher.get_matching_blocks():
        # one or two residues that match by chance are no alignment
        if block.size >= 3:
            found[block.a : block.a + block.size] = values[block.b : block.b + block.size]
    share = float(np.isfinite(found).mean())
    if share < 0.8:
        raise InputError(
            f"only {share:.0%} of the residues of the prmtop are found in {path.name}: "
            "give the crystal structure of the same protein."
        )
    if np.nanmax(found) == np.nanmin(found):
        raise InputError(f"{path.name} has one B-factor for every CA: it is no crystal structure.")
    return found
