# SPDX-License-Identifier: MIT
"""Geometry of bonds and positions: neighbours, rings, torsion angles, periodic images."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, shortest_path
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
Quadruple = tuple[int, int, int, int]


def neighbours(
    bonds: Iterable[tuple[int, int]], atoms: Collection[int]
) -> dict[int, tuple[int, ...]]:
    """Return the bonded neighbours of each atom, in ascending order.

    Args:
        bonds: Pairs of atoms; those with an atom outside `atoms` are ignored.
        atoms: The atoms of interest.
    """
    near: dict[int, set[int]] = {i: set() for i in atoms}
    for i, j in bonds:
        if i in near and j in near:
            near[i].add(j)
            near[j].add(i)
    return {i: tuple(sorted(around)) for i, around in near.items()}


def connected_atoms(n_atoms: int, bonds: Iterable[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Return the connected components of a bond graph, in order of their first atoms.

    Args:
        n_atoms: Number of atoms.
        bonds: Pairs of bonded atoms.
    """
    n_molecules, label = connected_components(_bond_graph(bonds, n_atoms), directed=False)
    members: list[list[int]] = [[] for _ in range(n_molecules)]
    for atom, molecule in enumerate(label):
        members[molecule].append(atom)
    return tuple(sorted(tuple(atoms) for atoms in members))


def bond_distances(bonds: Iterable[tuple[int, int]], n_atoms: int) -> Array:
    """Return the number of bonds between any two atoms, shape (n, n); infinite if not connected."""
    graph = _bond_graph(bonds, n_atoms)
    return np.asarray(shortest_path(graph, directed=False, unweighted=True))


def _bond_graph(bonds: Iterable[tuple[int, int]], n_atoms: int) -> coo_matrix:
    pairs = np.array(list(bonds), dtype=np.int64).reshape(-1, 2)
    return coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n_atoms, n_atoms))


def in_ring(near: Mapping[int, Sequence[int]], i: int, j: int) -> bool:
    """Tell whether the bond i–j is part of a ring: j can be reached from i without it."""
    seen, todo = {i}, [k for k in near[i] if k != j]
    while todo:
        here = todo.pop()
        if here == j:
            return True
        if here not in seen:
            seen.add(here)
            todo.extend(near[here])
    return False


def rigid_motions(positions: Array, masses: Array) -> Array:
    """Return the mass-weighted rigid-body motions as columns, shape (3 N, 6).

    Three translations, then three rotations about the centre of mass; not normalised.

    Args:
        positions: Positions, shape (N, 3).
        masses: Masses, shape (N,); zero for atoms outside the body.
    """
    root = np.sqrt(masses)[:, None]
    arms = positions - masses @ positions / masses.sum()
    moves = [root * axis for axis in np.eye(3)]
    turns = [root * np.cross(axis, arms) for axis in np.eye(3)]
    return np.array([*moves, *turns]).reshape(6, -1).T


def torsion_angles(positions: Array, torsions: Sequence[Quadruple]) -> Array:
    """Return torsion angles [degree] in (−180, 180], shape (frames, torsions).

    Args:
        positions: Positions in any unit, shape (frames, N, 3).
        torsions: The four atoms of each torsion.
    """
    angles = np.empty((len(positions), len(torsions)))
    for k, (a, b, c, d) in enumerate(torsions):
        first = positions[:, b] - positions[:, a]
        axis = positions[:, c] - positions[:, b]
        last = positions[:, d] - positions[:, c]
        left, right = np.cross(first, axis), np.cross(axis, last)
        length = np.linalg.norm(axis, axis=1)
        sine = length * np.sum(first * right, axis=1)
        angles[:, k] = np.degrees(np.arctan2(sine, np.sum(left * right, axis=1)))
    return angles


def whole_boxes(differences: Array, cells: Array) -> Array:
    """Return the lattice vectors to subtract from position differences, shape (…, 3).

    Args:
        differences: Any unit, shape (…, 3).
        cells: Box vectors as rows, the first along x and the second in the xy plane; shape
            (…, 3, 3).
    """
    rest = np.array(differences)
    for k in (2, 1, 0):  # the last vector changes all three components
        images = np.round(rest[..., k] / cells[..., k, k])
        rest -= images[..., None] * cells[..., k, :]
    return np.asarray(differences - rest)


def closest_pair(
    positions: Array, cell: Array | None, *, within: float
) -> tuple[int, int, float] | None:
    """Return the two points nearest to each other, i < j, and their distance.

    Args:
        positions: Positions, shape (N, 3).
        cell: Box vectors as in `whole_boxes`, shape (3, 3), for minimum-image distances; None
            without a box.
        within: Largest distance of interest, far below the width of the box.

    Returns:
        The pair and its distance, or None if no two points are that close.
    """
    if len(positions) < 2:
        return None
    points, origin = positions, np.arange(len(positions))
    if cell is not None:
        points, origin = _with_images(positions, cell, within)
    distance, near = cKDTree(points).query(points, k=2, distance_upper_bound=within)
    k = int(np.argmin(distance[:, 1]))
    if not np.isfinite(distance[k, 1]):
        return None
    other = next(int(n) for n in near[k] if n != k)
    i, j = sorted((int(origin[k]), int(origin[other])))
    return i, j, float(distance[k, 1])


def _with_images(positions: Array, cell: Array, within: float) -> tuple[Array, IntArray]:
    """Return points in the box, then those near a low wall again beyond the high one, and whose
    images they are."""
    origin = np.arange(len(positions))
    to_fraction = np.linalg.inv(cell)
    part = positions @ to_fraction
    part -= np.floor(part)
    for k, margin in enumerate(within * np.linalg.norm(to_fraction, axis=0)):
        low = np.flatnonzero(part[:, k] <= margin)
        part = np.concatenate([part, part[low] + np.eye(3)[k]])
        origin = np.concatenate([origin, origin[low]])
    return part @ cell, origin


def contacts(
    positions: Array, molecules: Sequence[Sequence[int]], cell: Array, *, within: float
) -> list[tuple[int, int, int, int]]:
    """Return the shortest contacts that join molecules, each to those before, to clusters.

    Args:
        positions: Positions, shape (N, 3).
        molecules: Atoms of each molecule, all N of them.
        cell: Box vectors as `whole_boxes` has them, shape (3, 3); every image counts.
        within: Largest distance of a contact, far below the width of the box.

    Returns:
        Two molecules and the atom of each, one contact less than a cluster has molecules.
    """
    owner = np.zeros(len(positions), dtype=np.int64)
    for k, atoms in enumerate(molecules):
        owner[list(atoms)] = k
    points, origin = _with_images(positions, cell, within)
    every = cKDTree(points).sparse_distance_matrix(
        cKDTree(points), within, output_type="coo_matrix"
    )
    i, j = origin[every.row], origin[every.col]
    apart = np.flatnonzero(owner[i] < owner[j])
    order = apart[np.argsort(every.data[apart], kind="stable")]
    first = np.unique(owner[i[order]] * len(molecules) + owner[j[order]], return_index=True)[1]
    cluster = np.arange(len(molecules))
    found = []
    for k in order[np.sort(first)]:
        a, b = int(owner[i[k]]), int(owner[j[k]])
        if cluster[a] != cluster[b]:
            cluster[cluster == cluster[b]] = cluster[a]
            found.append((a, b, int(i[k]), int(j[k])))
    return found


def gathered(
    frames: Array, molecules: Sequence[Sequence[int]], cells: Array, *, within: float
) -> Array:
    """Return frames in which molecules that touch in the first one lie in one image.

    The centre of a molecule may be nearer to that of another image: at the end of a row of
    molecules, or of a long one. Clusters that do not touch are placed by their centres.

    Args:
        frames: Positions, shape (F, N, 3), each molecule whole.
        molecules: Atoms of each molecule, all N of them; the first stays where it is.
        cells: Box vectors of each frame as `whole_boxes` has them, shape (F, 3, 3).
        within: Largest distance of a contact, far below the width of the box.
    """
    moved = np.array(frames)
    near: dict[int, list[tuple[int, int, int]]] = {k: [] for k in range(len(molecules))}
    for a, b, i, j in contacts(moved[0], molecules, cells[0], within=within):
        near[a].append((b, i, j))
        near[b].append((a, j, i))
    clusters: list[list[int]] = []
    seen: set[int] = set()
    for first in near:
        todo = [] if first in seen else [first]
        clusters += [[]] if todo else []
        seen.update(todo)
        while todo:
            here = todo.pop()
            clusters[-1] += molecules[here]
            for other, i, j in near[here]:
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
                    boxes = whole_boxes(moved[:, j] - moved[:, i], cells)
                    moved[:, list(molecules[other])] -= boxes[:, None]
    return beside(moved, clusters, cells)


def beside(frames: Array, molecules: Sequence[Sequence[int]], cells: Array) -> Array:
    """Return frames with each molecule in the periodic image nearest to the first molecule.

    Args:
        frames: Positions, shape (F, N, 3), each molecule whole.
        molecules: Atoms of each molecule; the first is not moved.
        cells: Box vectors of each frame as in `whole_boxes`, shape (F, 3, 3).
    """
    moved = np.array(frames)
    anchor = moved[:, list(molecules[0])].mean(axis=1)
    for atoms in map(list, molecules[1:]):
        moved[:, atoms] -= whole_boxes(moved[:, atoms].mean(axis=1) - anchor, cells)[:, None]
    return moved


def joined(frames: Array, bonds: Sequence[tuple[int, int]], cells: Array) -> Array:
    """Return frames with every molecule made whole; one atom of each is not moved.

    Args:
        frames: Positions, shape (F, N, 3).
        bonds: Pairs of bonded atoms, each shorter than half the box.
        cells: Box vectors of each frame as in `whole_boxes`, shape (F, 3, 3).
    """
    moved = np.array(frames)
    pairs = np.array(bonds, dtype=np.int64).reshape(-1, 2)
    if not whole_boxes(moved[:, pairs[:, 1]] - moved[:, pairs[:, 0]], cells[:, None]).any():
        return moved
    near = neighbours(bonds, range(moved.shape[1]))
    seen: set[int] = set()
    for first in near:
        todo = [] if first in seen else [first]
        while todo:
            here = todo.pop()
            seen.add(here)
            for other in near[here]:
                if other not in seen:
                    moved[:, other] -= whole_boxes(moved[:, other] - moved[:, here], cells)
                    todo.append(other)
    return moved
