# SPDX-License-Identifier: MIT
"""Which atoms are the ML region, and may they be?

A region is one whole molecule of the prmtop, without water. Everything else is refused by name
before any energy is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlmm.amber.mask import select_atoms
from mlmm.amber.topology import AmberTopology, atom_label
from mlmm.errors import UnsupportedPhysicsError
from mlmm.potentials.interface import Molecule

CHARGE_TOLERANCE = 0.02
"""Largest distance of a region's prmtop charge from an integer [e]."""


@dataclass(frozen=True)
class MLRegion:
    """The atoms whose energy among themselves comes from the potential.

    Attributes:
        atoms: Zero-based indices in the prmtop, ascending, length n.
        molecule: What the potential is made for: elements and net charge.
        labels: AMBER labels of the atoms for messages, length n.
    """

    atoms: tuple[int, ...]
    molecule: Molecule
    labels: tuple[str, ...]


def select_region(topology: AmberTopology, mask: str) -> MLRegion:
    """Return the ML region that an AMBER mask selects.

    Raises:
        InputError: The mask does not parse or selects nothing.
        UnsupportedPhysicsError: The region holds water, cuts a covalent bond, is more than one
            molecule, or has a fractional charge.
    """
    return region_of(topology, select_atoms(topology, mask), name=f"ml_mask {mask!r}")


def region_of(topology: AmberTopology, atoms: Sequence[int], *, name: str) -> MLRegion:
    """Return the ML region of given atoms; `name` says in messages where they came from."""
    chosen = frozenset(atoms)
    water = [i for i in chosen if topology.is_water[i]]
    if water:
        raise UnsupportedPhysicsError(
            f"{name} in {topology.path.name} takes {len(water)} atoms of water into the ML region "
            f"(first: {atom_label(topology, min(water))}); select the solute alone."
        )
    for i, j in topology.bonds:
        if (i in chosen) != (j in chosen):
            raise UnsupportedPhysicsError(
                f"{name} in {topology.path.name} cuts the covalent bond "
                f"{atom_label(topology, i)}-{atom_label(topology, j)}; select whole molecules "
                "(link atoms are not available)."
            )
    pieces = [m for m in topology.molecules if m[0] in chosen]
    if len(pieces) > 1:
        raise UnsupportedPhysicsError(
            f"{name} in {topology.path.name} selects {len(pieces)} molecules; "
            "the ML region must be one molecule."
        )
    ordered = tuple(sorted(chosen))
    total = float(sum(topology.charges[i] for i in ordered))
    if abs(total - round(total)) > CHARGE_TOLERANCE:
        raise UnsupportedPhysicsError(
            f"{name} in {topology.path.name} has the fractional net charge {total:+.4f} e; "
            "normalise the charges of the prmtop to an integer."
        )
    numbers = tuple(topology.numbers[i] for i in ordered)
    return MLRegion(
        atoms=ordered,
        molecule=Molecule(numbers, charge=round(total)),
        labels=tuple(atom_label(topology, i) for i in ordered),
    )
