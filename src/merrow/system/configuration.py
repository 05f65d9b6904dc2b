# SPDX-License-Identifier: MIT
"""Reading coordinates of a prmtop, with each molecule made whole, for all commands.

A restart may be wrapped by atom, by molecule, or not at all. E_ML, which has no box, and OpenMM's
exclusions and bonded terms need whole molecules; images of whole molecules do not matter. All
coordinates are read here, so a configuration has the same energy everywhere.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm as mm

from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.topology import AmberTopology, atom_label
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.geometry import closest_pair, joined, whole_boxes
from merrow.potentials.interface import Array
from merrow.system.box import box_vectors
from merrow.system.rendering import rendered
from merrow.units import ANGSTROM_PER_NM, NM_PER_ANGSTROM

FARTHEST = 1e4
"""Maximum distance of atoms from the origin [Å], where single precision resolves 0.001 Å."""
OCTAHEDRON = 109.4712
"""Angle of a truncated octahedron [degree]."""
COINCIDENT = 1e-3
"""Distance below which two atoms coincide [Å]."""
SITE_TOLERANCE = 0.05
"""Tolerance of the position of an extra point in the file [Å]."""


def read_configuration(path: str | Path, topology: AmberTopology) -> Coordinates:
    """Read coordinates of a prmtop, with every molecule made whole along its bonds.

    Args:
        path: Restart or inpcrd file.
        topology: The prmtop.

    Raises:
        InputError: The file is missing, damaged or of another size, its box has another shape, a
            molecule is bonded to its own image, two atoms coincide, or one is far from the origin
            without a box.
        UnsupportedPhysicsError: An extra point is not where its water model puts it, or has no
            site definition.
    """
    source = Path(path).name
    read = read_coordinates(path, len(topology), angle=topology.box_angle)
    _refuse_shape(read, topology, source)
    coordinates = _near_origin(_whole(read, topology, source), topology, source)
    _refuse_coincidence(coordinates, topology, source)
    if 0 in topology.numbers:
        check_sites(rendered(topology), topology, coordinates.positions, source=source)
    return coordinates


def _refuse_shape(coordinates: Coordinates, topology: AmberTopology, source: str) -> None:
    """Refuse another box than the truncated octahedron that a prmtop announces, as sander does."""
    angles = coordinates.angles
    if not topology.has_box or angles is None or abs(topology.box_angle - OCTAHEDRON) > 0.1:
        return
    if np.abs(angles - OCTAHEDRON).min() > 1.0:
        raise InputError(
            f"{topology.path.name} announces a truncated octahedron, whose angles are "
            f"{OCTAHEDRON:.2f}°, but those in {source} are {', '.join(f'{a:g}' for a in angles)}°; "
            "give coordinates with the box of the prmtop."
        )


def _whole(coordinates: Coordinates, topology: AmberTopology, source: str) -> Coordinates:
    """Return coordinates with every molecule made whole; without a box nothing is moved.

    The box of the coordinates is used, even if the prmtop declares none.
    """
    if coordinates.lengths is None:
        return coordinates
    box = box_vectors(coordinates)
    whole = joined(coordinates.positions[None], topology.bonds, box[None])[0]
    pairs = np.array(topology.bonds, dtype=np.int64).reshape(-1, 2)
    left = np.any(whole_boxes(whole[pairs[:, 1]] - whole[pairs[:, 0]], box), axis=1)
    if left.any():
        i, j = (atom_label(topology, int(k)) for k in pairs[int(np.argmax(left))])
        raise InputError(
            f"{i} and {j} in {source} are bonded, but half a box or more apart in the "
            "molecule as a whole: it is bonded to its own image, or the box is not the one of "
            "these coordinates; give the box that they were made with."
        )
    return replace(coordinates, positions=whole)


def _near_origin(coordinates: Coordinates, topology: AmberTopology, source: str) -> Coordinates:
    """Return coordinates for which single precision resolves interatomic distances.

    Molecules too far away are moved by box vectors; without a box they are refused.
    """
    positions = coordinates.positions
    i = int(np.argmax(np.abs(positions).max(axis=1)))
    largest = float(np.abs(positions[i]).max())
    if largest <= FARTHEST:
        return coordinates
    if not topology.has_box or coordinates.lengths is None:
        raise InputError(
            f"{atom_label(topology, i)} is {largest:.3g} Å from the origin in {source}, where "
            "single precision has no digits left for distances; move the system to the origin "
            "(cpptraj: center origin)."
        )
    box, moved = box_vectors(coordinates), positions.copy()
    for atoms in map(list, topology.molecules):
        moved[atoms] -= whole_boxes(moved[atoms].mean(axis=0), box)
    return replace(coordinates, positions=moved)


def _refuse_coincidence(coordinates: Coordinates, topology: AmberTopology, source: str) -> None:
    """Refuse two coinciding atoms, whose energy is infinite."""
    pair = overlap(coordinates, topology, within=COINCIDENT)
    if pair is not None:
        one, other = (atom_label(topology, i) for i in pair[:2])
        raise InputError(
            f"{one} and {other} are at one place in {source}: give coordinates in which all atoms "
            "are apart."
        )


def overlap(
    coordinates: Coordinates, topology: AmberTopology, *, within: float
) -> tuple[int, int, float] | None:
    """Return the closest pair of atoms, i < j, and their distance [Å].

    With a box in the prmtop, distances are minimum-image; extra points are ignored.

    Args:
        coordinates: The configuration.
        topology: The prmtop.
        within: Largest distance of interest [Å].

    Returns:
        The pair, or None if no two atoms are that close.
    """
    real = np.flatnonzero(topology.numbers)
    boxed = topology.has_box and coordinates.lengths is not None
    cell = box_vectors(coordinates) if boxed else None
    pair = closest_pair(coordinates.positions[real], cell, within=within)
    return None if pair is None else (int(real[pair[0]]), int(real[pair[1]]), pair[2])


def check_sites(
    system: mm.System, topology: AmberTopology, positions: Array, *, source: str
) -> None:
    """Check that virtual sites coincide with the extra points of the file.

    Args:
        system: OpenMM's System of the prmtop.
        topology: The prmtop.
        positions: Positions of all atoms [Å], shape (N, 3), molecules whole.
        source: Name of the positions in a message.

    Raises:
        UnsupportedPhysicsError: A site is more than `SITE_TOLERANCE` away.
    """
    placed = positions * NM_PER_ANGSTROM
    place_sites(system, placed)
    distance = np.linalg.norm(placed * ANGSTROM_PER_NM - positions, axis=1)
    away = np.flatnonzero(~(distance <= SITE_TOLERANCE))
    if away.size:
        i = int(away[0])
        raise UnsupportedPhysicsError(
            f"the extra point {atom_label(topology, i)} lies {distance[i]:.2f} Å from where the "
            f"water model of {topology.path.name} puts it, in {source}; give coordinates "
            "whose extra points are placed, or use a water of three sites."
        )


def place_sites(system: mm.System, positions: Array) -> None:
    """Compute the positions of virtual sites in positions [nm], shape (N, 3), in place."""
    for i in range(system.getNumParticles()):
        if system.isVirtualSite(i):
            positions[i] = _site_position(system.getVirtualSite(i), positions)


def _site_position(site: mm.VirtualSite, positions: Array) -> Array:
    """Return the position of a virtual site [nm], shape (3,), from positions [nm], shape (N, 3)."""
    atoms = positions[[site.getParticle(k) for k in range(site.getNumParticles())]]
    if isinstance(site, mm.OutOfPlaneSite):
        first, second = atoms[1] - atoms[0], atoms[2] - atoms[0]
        flat = site.getWeight12() * first + site.getWeight13() * second
        return np.asarray(atoms[0] + flat + site.getWeightCross() * np.cross(first, second))
    weights = np.array([site.getWeight(k) for k in range(len(atoms))])
    return np.asarray(weights @ atoms)
