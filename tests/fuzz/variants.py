# SPDX-License-Identifier: MIT
"""Changes of AMBER files after which the energy is the same.

Each change takes a system on its way to two files, and a random generator, and returns another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from prmtop_text import Section
from scipy.spatial.transform import Rotation

from merrow.amber.coordinates import Coordinates
from merrow.amber.topology import AmberTopology
from merrow.system.box import box_vectors

Sections = dict[str, Section]
ROWS = {"BONDS": 3, "ANGLES": 4, "DIHEDRALS": 5}
HALVES = ("INC_HYDROGEN", "WITHOUT_HYDROGEN")


class Files(NamedTuple):
    """A system on its way to two files.

    Attributes:
        parts: Sections of its prmtop.
        coordinates: Its coordinates.
        topology: What the unchanged prmtop says.
        words: How the text of the prmtop is laid out.
        netcdf: Whether the coordinates are written as NetCDF.
    """

    parts: Sections
    coordinates: Coordinates
    topology: AmberTopology
    words: Mapping[str, str]
    netcdf: bool


Change = Callable[[Files, np.random.Generator], Files]


def order_of_sections(files: Files, rng: np.random.Generator) -> Files:
    """Write the sections in another order."""
    names = list(files.parts)
    rng.shuffle(names)
    return files._replace(parts={name: files.parts[name] for name in names})


def widths(files: Files, rng: np.random.Generator) -> Files:
    """Write numbers with other widths, more digits, and more or fewer of them in a line."""
    parts = dict(files.parts)
    for flag, part in parts.items():
        if rng.random() < 0.5 or flag == "TITLE":
            continue
        fewer = int(rng.integers(1, part.per_line + 1))
        if part.kind == "a":
            parts[flag] = replace(part, per_line=fewer)
        elif part.kind == "I":
            wide = replace(part, per_line=fewer, width=int(rng.integers(part.width, 14)))
            parts[flag] = wide.holding(part.numbers())
        else:
            digits = int(rng.integers(8, 14))
            like = replace(part, kind="E", width=digits + 8, digits=str(digits))
            parts[flag] = replace(like, per_line=min(fewer, 4)).holding(part.numbers())
    return files._replace(parts=parts)


def white_space(files: Files, rng: np.random.Generator) -> Files:
    """Add comments, blanks at ends of lines, and ends of lines as Windows has them."""
    words = {"comment": "made in another way", "trailing": " " * int(rng.integers(0, 4))}
    return files._replace(words={**words, "end": "\r\n" if rng.random() < 0.3 else "\n"})


def names(files: Files, rng: np.random.Generator) -> Files:
    """Rename residues, atoms, types and the title."""
    parts = dict(files.parts)
    for flag in ("RESIDUE_LABEL", "ATOM_NAME", "AMBER_ATOM_TYPE"):
        letters = rng.integers(65, 91, (len(parts[flag].fields), 3))
        fields = ["".join(chr(k) for k in row) + " " for row in letters]
        if flag == "AMBER_ATOM_TYPE":  # what is EP stays an extra point
            fields = [
                n if o.strip() != "EP" else o
                for n, o in zip(fields, parts[flag].fields, strict=True)
            ]
        parts[flag] = replace(parts[flag], fields=tuple(fields))
    return files._replace(parts=parts)


def order_of_terms(files: Files, rng: np.random.Generator) -> Files:
    """List bonds, angles and torsions in another order, from the other end."""
    parts = dict(files.parts)
    for kind, width in ROWS.items():
        for half in HALVES:
            part = parts[f"{kind}_{half}"]
            rows = part.numbers().reshape(-1, width)
            rows = rows[rng.permutation(len(rows))]
            for row in rows:
                if rng.random() < 0.5:
                    _reverse(row)
            parts[part.flag] = part.holding(rows.ravel())
    return files._replace(parts=parts)


def _reverse(row: np.ndarray) -> None:
    """Turn a term round, in place; signs of a torsion belong to the places, not to the atoms."""
    atoms = row[:-1]
    signs = np.where(atoms < 0, -1, 1)
    turned = np.abs(atoms[::-1])
    if not np.any((turned == 0) & (signs < 0)):  # the first atom has no sign to carry
        row[:-1] = signs * turned


def hydrogens(files: Files, rng: np.random.Generator) -> Files:
    """Say of some terms without hydrogen that they have some: no energy depends on it."""
    parts = dict(files.parts)
    pointers = parts["POINTERS"].numbers()
    for kind, width, (counts, more) in (("ANGLES", 4, (4, 5)), ("DIHEDRALS", 5, (6, 7))):
        inc, without = (parts[f"{kind}_{half}"].numbers().reshape(-1, width) for half in HALVES)
        moved = rng.random(len(without)) < 0.5
        inc, without = np.concatenate([inc, without[moved]]), without[~moved]
        parts[f"{kind}_INC_HYDROGEN"] = parts[f"{kind}_INC_HYDROGEN"].holding(inc.ravel())
        flag = f"{kind}_WITHOUT_HYDROGEN"
        parts[flag] = parts[flag].holding(without.ravel())
        pointers[counts], pointers[more] = len(inc), len(without)
        pointers[13 if kind == "ANGLES" else 14] = len(without)
    parts["POINTERS"] = parts["POINTERS"].holding(pointers)
    return files._replace(parts=parts)


def double_types(files: Files, rng: np.random.Generator) -> Files:
    """Give some bonds a type of their own, equal to the one that they had."""
    parts = dict(files.parts)
    pointers = parts["POINTERS"].numbers()
    flag = f"BONDS_{HALVES[int(rng.integers(2))]}"
    rows = parts[flag].numbers().reshape(-1, 3)
    if not len(rows):
        return files
    own = int(rows[int(rng.integers(len(rows))), 2])
    for name in ("BOND_FORCE_CONSTANT", "BOND_EQUIL_VALUE"):
        part = parts[name]
        parts[name] = replace(part, fields=(*part.fields, part.fields[own - 1]))
    pointers[15] += 1
    rows[(rows[:, 2] == own) & (rng.random(len(rows)) < 0.5), 2] = pointers[15]
    parts[flag] = parts[flag].holding(rows.ravel())
    parts["POINTERS"] = parts["POINTERS"].holding(pointers)
    return files._replace(parts=parts)


def images(files: Files, rng: np.random.Generator) -> Files:
    """Move atoms or molecules by boxes; without a box, turn and shift the whole."""
    read = files.coordinates
    x = read.positions.copy()
    if read.lengths is None:
        turned = Rotation.random(random_state=rng).apply(x) + rng.uniform(-300.0, 300.0, 3)
        return files._replace(coordinates=replace(read, positions=turned))
    box = box_vectors(read)
    x += rng.uniform(-20.0, 20.0, 3)
    if rng.random() < 0.5:
        for atoms in files.topology.molecules:
            x[list(atoms)] += rng.integers(-2, 3, 3) @ box
    else:
        x -= np.floor(x @ np.linalg.inv(box)) @ box
    return files._replace(coordinates=replace(read, positions=x))


def waters(files: Files, rng: np.random.Generator) -> Files:
    """Exchange the places of waters."""
    x = files.coordinates.positions.copy()
    groups = [list(m) for m in files.topology.molecules if files.topology.is_water[m[0]]]
    for k, other in enumerate(rng.permutation(len(groups))):
        x[groups[k]] = files.coordinates.positions[groups[other]]
    return files._replace(coordinates=replace(files.coordinates, positions=x))


def file_of_coordinates(files: Files, rng: np.random.Generator) -> Files:
    """Write coordinates as NetCDF, or with velocities."""
    read = files.coordinates
    speeds = rng.normal(0.0, 5.0, read.positions.shape) if rng.random() < 0.5 else None
    return files._replace(
        coordinates=replace(read, velocities=speeds), netcdf=bool(rng.random() < 0.7)
    )


def same_lattice(files: Files, rng: np.random.Generator) -> Files:
    """Tell the same lattice by other vectors, all in the orientation of AMBER."""
    read = files.coordinates
    if read.lengths is None:
        return files
    a, b, c = box_vectors(read)
    b = b + int(rng.integers(-1, 2)) * a
    c = c + int(rng.integers(-1, 2)) * a + int(rng.integers(-1, 2)) * b
    edges = [np.linalg.norm(v) for v in (a, b, c)]
    angles = [
        np.degrees(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v)))
        for u, v in ((b, c), (a, c), (a, b))
    ]
    return files._replace(
        coordinates=replace(read, lengths=np.array(edges), angles=np.array(angles)), netcdf=True
    )


def order_of_atoms(files: Files, rng: np.random.Generator) -> Files:
    """Number the atoms within each residue of the solute anew."""
    topology = files.topology
    place = np.arange(len(topology))  # old → new
    for residue in range(topology.residue_index.max() + 1):
        own = np.flatnonzero(topology.residue_index == residue)
        if not topology.is_water[own[0]]:
            place[own] = rng.permutation(own)
    old = np.argsort(place)
    parts = dict(files.parts)
    n = len(topology)
    for flag in (
        *("ATOM_NAME", "CHARGE", "ATOMIC_NUMBER", "MASS", "ATOM_TYPE_INDEX", "AMBER_ATOM_TYPE"),
        *("TREE_CHAIN_CLASSIFICATION", "JOIN_ARRAY", "IROTAT", "RADII", "SCREEN"),
    ):
        if flag in parts and len(parts[flag].fields) == n:
            fields = tuple(parts[flag].fields[k] for k in old)
            parts[flag] = replace(parts[flag], fields=fields)
    for kind, width in ROWS.items():
        for half in HALVES:
            part = parts[f"{kind}_{half}"]
            rows = part.numbers().reshape(-1, width)
            for row in rows:
                _renumber(row, place)
            parts[part.flag] = part.holding(rows.ravel())
    if "CMAP_INDEX" in parts:
        rows = parts["CMAP_INDEX"].numbers().reshape(-1, 6)
        rows[:, :5] = place[rows[:, :5] - 1] + 1
        parts["CMAP_INDEX"] = parts["CMAP_INDEX"].holding(rows.ravel())
    _renumber_exclusions(parts, place)
    return files._replace(
        parts=parts,
        coordinates=replace(files.coordinates, positions=files.coordinates.positions[old]),
    )


def _renumber(row: np.ndarray, place: np.ndarray) -> None:
    signs = np.where(row[:-1] < 0, -1, 1)
    atoms = 3 * place[np.abs(row[:-1]) // 3]
    if np.any((atoms == 0) & (signs < 0)):
        atoms = atoms[::-1]
    row[:-1] = signs * atoms


def _renumber_exclusions(parts: Sections, place: np.ndarray) -> None:
    counts, listed = (
        parts[flag].numbers() for flag in ("NUMBER_EXCLUDED_ATOMS", "EXCLUDED_ATOMS_LIST")
    )
    excluded: dict[int, list[int]] = {i: [] for i in range(len(counts))}
    at = 0
    for i, count in enumerate(counts):
        for j in listed[at : at + count]:
            if j > 0:
                first, second = sorted((int(place[i]), int(place[j - 1])))
                excluded[first].append(second + 1)
        at += count
    flat = [sorted(excluded[i]) or [0] for i in range(len(counts))]
    pointers = parts["POINTERS"].numbers()
    pointers[10] = sum(map(len, flat))
    parts["POINTERS"] = parts["POINTERS"].holding(pointers)
    parts["NUMBER_EXCLUDED_ATOMS"] = parts["NUMBER_EXCLUDED_ATOMS"].holding([len(f) for f in flat])
    part = parts["EXCLUDED_ATOMS_LIST"]
    parts["EXCLUDED_ATOMS_LIST"] = part.holding([j for own in flat for j in own])


HARMLESS: dict[str, Change] = {
    change.__name__: change
    for change in (
        *(order_of_sections, widths, white_space, names, order_of_terms, hydrogens, double_types),
        *(images, waters, file_of_coordinates, same_lattice, order_of_atoms),
    )
}
"""Changes after which the energy is the same, of MM and of ML/MM."""
