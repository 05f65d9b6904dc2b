# SPDX-License-Identifier: MIT
"""Selection and validation of the ML region.

A region is one whole molecule of the prmtop, not water; if the caller allows it, several of them,
or a part of one capped with link atoms. Everything else is refused by name before any energy is
computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from merrow.amber.mask import select_atoms
from merrow.amber.topology import AmberTopology, atom_label
from merrow.errors import UnsupportedPhysicsError
from merrow.potentials.interface import Array, Molecule, Potential
from merrow.system.internal import ClassicalPotential
from merrow.system.link_atoms import HYDROGEN, Link, LinkedPotential, find_links

CHARGE_TOLERANCE = 0.02
"""Tolerance of a region's prmtop charge from an integer [e]."""
CUT_TOLERANCE = 0.35
"""The same with cut bonds: force fields have integer charges for residues, not parts of them."""


@dataclass(frozen=True)
class MLRegion:
    """The atoms whose internal energy comes from the potential.

    Attributes:
        atoms: Zero-based indices in the prmtop, ascending, length n.
        molecule: Elements and net charge for the potential, link atoms last.
        labels: AMBER labels of the molecule's atoms for messages.
        links: The L bonds (ML atom, MM atom) capped with hydrogen.
        parts: The whole molecules of a region of several; empty for one molecule.
    """

    atoms: tuple[int, ...]
    molecule: Molecule
    labels: tuple[str, ...]
    links: tuple[Link, ...] = field(default=())
    parts: tuple[tuple[int, ...], ...] = field(default=())

    @property
    def model_atoms(self) -> tuple[int, ...]:
        """Indices of the n + L atoms that determine E_ML: the region, then MM partners."""
        return (*self.atoms, *(outside for _, outside in self.links))


@dataclass(frozen=True)
class Bonds:
    """The bonds within a region.

    Attributes:
        pairs: Pairs of atoms, by indices within the region.
        names: Their AMBER labels.
    """

    pairs: tuple[tuple[int, int], ...] = ()
    names: tuple[tuple[str, str], ...] = ()


NO_BONDS: Final = Bonds()


def bonds_within(topology: AmberTopology, region: MLRegion) -> Bonds:
    """Return the bonds of a prmtop within a region."""
    pairs = topology.bonds_among(region.atoms)
    return Bonds(pairs, tuple((region.labels[i], region.labels[j]) for i, j in pairs))


def select_region(
    topology: AmberTopology,
    mask: str,
    *,
    positions: Array | None = None,
    link_atoms: bool = False,
    several: bool = False,
) -> MLRegion:
    """Return the ML region that an AMBER mask selects.

    Args:
        topology: The whole system.
        mask: AMBER mask.
        positions: Positions [Å], shape (N, 3), for masks with distances.
        link_atoms: Whether the mask may cut C-C single bonds, which are then capped.
        several: Whether the mask may select more than one molecule.

    Raises:
        InputError: The mask does not parse or selects nothing.
        UnsupportedPhysicsError: The region contains water, cuts a bond that cannot be cut, has
            more than one molecule where that is not allowed, or a fractional charge.
    """
    atoms = select_atoms(topology, mask, positions=positions)
    name = f"ml_mask {mask!r}"
    return region_of(topology, atoms, name=name, link_atoms=link_atoms, several=several)


def capped(potential: Potential, region: MLRegion) -> Potential:
    """Return the potential as a function of the atoms `region.model_atoms`.

    Args:
        potential: A potential of `region.molecule`; a classical one needs no link atoms.
        region: The region.
    """
    if not region.links or isinstance(potential, ClassicalPotential | LinkedPotential):
        return potential
    inside = [region.atoms.index(i) for i, _ in region.links]
    return LinkedPotential(potential, len(region.atoms), inside)


def region_of(
    topology: AmberTopology,
    atoms: Sequence[int],
    *,
    name: str,
    link_atoms: bool = False,
    several: bool = False,
) -> MLRegion:
    """Return the ML region of given atoms; `name` tells their origin in messages."""
    chosen = frozenset(atoms)
    water = [i for i in chosen if topology.is_water[i]]
    if water:
        raise UnsupportedPhysicsError(
            f"{name} in {topology.path.name} takes {len(water)} atoms of water into the ML region "
            f"(first: {atom_label(topology, min(water))}); select the solute alone."
        )
    for i, j in topology.bonds:
        if (i in chosen) != (j in chosen) and not link_atoms:
            raise UnsupportedPhysicsError(
                f"{name} in {topology.path.name} cuts the covalent bond "
                f"{atom_label(topology, i)}-{atom_label(topology, j)}; select whole molecules "
                "or, where the program offers it, ask for link atoms."
            )
    links = find_links(topology, sorted(chosen), name=name) if link_atoms else ()
    parts = tuple(m for m in topology.molecules if not chosen.isdisjoint(m))
    if len(parts) > 1 and not several:
        raise UnsupportedPhysicsError(
            f"{name} in {topology.path.name} selects {len(parts)} molecules; "
            "the ML region must be one molecule."
        )
    ordered = tuple(sorted(chosen))
    total = float(sum(topology.charges[i] for i in ordered))
    if abs(total - round(total)) > (CUT_TOLERANCE if links else CHARGE_TOLERANCE):
        raise UnsupportedPhysicsError(
            f"{name} in {topology.path.name} has the fractional net charge {total:+.4f} e; "
            "normalise the charges of the prmtop to an integer."
        )
    numbers = tuple(topology.numbers[i] for i in ordered)
    caps = tuple(f"link H of {atom_label(topology, i)}" for i, _ in links)
    return MLRegion(
        atoms=ordered,
        molecule=Molecule((*numbers, *(HYDROGEN for _ in links)), charge=round(total)),
        labels=(*(atom_label(topology, i) for i in ordered), *caps),
        links=links,
        parts=parts if len(parts) > 1 else (),
    )
