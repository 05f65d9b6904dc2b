# SPDX-License-Identifier: MIT
"""Are neighbours, rings and torsion angles those of RDKit?"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdMolTransforms
from rdkit.Geometry import Point3D

from merrow.geometry import (
    beside,
    closest_pair,
    contacts,
    gathered,
    in_ring,
    joined,
    neighbours,
    torsion_angles,
)

MOLECULES = (
    "C1CC2CCC1C2",  # bridged
    "c1ccc2ccccc2c1CCC1CC1",  # fused, with a chain to a third ring
    "C1CCC12CCC2",  # spiro
    "CC(C)(C)CO",  # no ring
)


@pytest.mark.parametrize("smiles", MOLECULES)
def test_neighbours_and_rings_are_those_of_rdkit(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    near = neighbours(bonds, range(molecule.GetNumAtoms()))
    for atom in molecule.GetAtoms():
        around = sorted(other.GetIdx() for other in atom.GetNeighbors())
        assert near[atom.GetIdx()] == tuple(around)
    for bond, (i, j) in zip(molecule.GetBonds(), bonds, strict=True):
        assert in_ring(near, i, j) is in_ring(near, j, i) is bond.IsInRing()


def test_bonds_to_other_atoms_are_left_out():
    assert neighbours([(0, 1), (1, 7), (8, 9)], (1, 0)) == {0: (1,), 1: (0,)}


def test_angles_are_those_of_rdkit():
    frames = np.random.default_rng(3).normal(size=(50, 6, 3))
    torsions = [(0, 1, 2, 3), (5, 2, 4, 0)]
    chain = Chem.MolFromSmiles("C" * 6)
    ring = Chem.RWMol(chain)
    for i, j in ((2, 5), (2, 4), (0, 4)):
        ring.AddBond(i, j, Chem.BondType.ZERO)
    angles = torsion_angles(frames, torsions)
    for frame, row in zip(frames, angles, strict=True):
        conformer = Chem.Conformer(len(frame))
        for i, x in enumerate(frame):
            conformer.SetAtomPosition(i, Point3D(*x))
        expected = [rdMolTransforms.GetDihedralDeg(conformer, *torsion) for torsion in torsions]
        assert row == pytest.approx(expected, abs=1e-9)


def test_a_ligand_across_the_wall_comes_back():
    rng = np.random.default_rng(7)
    cell = np.array([[30.0, 0.0, 0.0], [0.0, 30.0, 0.0], [10.0, 10.0, 28.0]])
    frame = rng.normal(15.0, 1.0, (1, 10, 3))
    parts = [np.arange(6), np.arange(6, 10)]
    broken = frame.copy()
    broken[:, 6:] += 2 * cell[2] - cell[0]
    bonds = [(k, k + 1) for k in range(9) if k != 5]
    assert beside(joined(broken, bonds, cell[None]), parts, cell[None]) == pytest.approx(
        frame, abs=1e-9
    )
    torn = broken.copy()
    torn[:, 2:5] -= cell[1] + 3 * cell[0]
    torn[:, 7] += cell[2]
    assert beside(joined(torn, bonds, cell[None]), parts, cell[None]) == pytest.approx(
        frame, abs=1e-9
    )


CELLS = {
    "none": None,
    "cube": np.diag([6.0, 7.0, 8.0]),
    "octahedron": np.array([[8.0, 0, 0], [-8 / 3, 7.542, 0], [-8 / 3, -3.771, 6.532]]),
    "skewed": np.array([[7.0, 0, 0], [3.4, 6.0, 0], [-3.4, 2.9, 9.0]]),
}


@pytest.mark.parametrize("within", [0.1, 1.5])
@pytest.mark.parametrize("name", CELLS)
def test_the_closest_pair_is_that_of_all_images(name, within):
    cell = CELLS[name]
    shifts = np.zeros((1, 3))
    if cell is not None:
        shifts = np.array(list(itertools.product(range(-3, 4), repeat=3))) @ cell
    rng = np.random.default_rng(5)
    found = 0
    for _ in range(60):
        points = rng.uniform(-9.0, 9.0, (12, 3))
        pairs = list(itertools.combinations(range(12), 2))
        apart = [min(np.linalg.norm(points[j] - points[i] + shifts, axis=1)) for i, j in pairs]
        least = int(np.argmin(apart))
        pair = closest_pair(points, cell, within=within)
        if apart[least] > within:
            assert pair is None
        else:
            found += 1
            assert pair[:2] == pairs[least]
            assert pair[2] == pytest.approx(apart[least], abs=1e-9)
    assert found > 0 or within < 1.0


def test_a_point_upon_an_image_far_away_is_found():
    cell = CELLS["skewed"]
    points = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [2.0, 2.0, 2.0]])
    points[2] = points[0] + [1e5, -1e5, 1e5] @ cell  # 10^6 Å away
    i, j, distance = closest_pair(points, cell, within=1e-3)
    assert (i, j) == (0, 2)
    assert distance < 1e-6
    assert closest_pair(points[:1], cell, within=1.0) is None


def rods(cell, *, length=20, count=3):
    """Return rods in a row along x, each of atoms 1 apart, and the atoms of each."""
    x = np.concatenate([np.arange(length) + (length + 2.0) * k for k in range(count)])
    points = np.stack([x, np.zeros_like(x), np.zeros_like(x)], axis=1) + 0.1 * cell.sum(axis=0)
    return points, [list(range(length * k, length * (k + 1))) for k in range(count)]


ROWS = {
    "cube": np.diag([80.0, 70.0, 75.0]),
    "octahedron": 10.5 * CELLS["octahedron"],
    "skewed": 11.5 * CELLS["skewed"],
}


@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize("name", ROWS)
def test_molecules_in_a_row_stay_in_a_row_whatever_their_images(name, first):
    cell = ROWS[name]
    points, parts = rods(cell)
    order = [parts[first], *(part for k, part in enumerate(parts) if k != first)]
    rng = np.random.default_rng(2)
    frames = np.repeat(points[None], 6, axis=0) + rng.normal(0.0, 0.05, (6, 60, 3))
    moved = frames.copy()
    for k in range(6):
        for part in parts:
            moved[k, part] += rng.integers(-2, 3, 3) @ cell
    cells = np.repeat(cell[None], 6, axis=0)
    found = gathered(moved, order, cells, within=5.0)
    np.testing.assert_allclose(found - found[:, :1], frames - frames[:, :1], atol=1e-9)
    by_centre = beside(moved, order, cells)
    if first != 1:  # the ends are nearer to each other through the wall
        assert np.abs((by_centre - by_centre[:, :1]) - (frames - frames[:, :1])).max() > 10.0


def test_what_does_not_touch_is_placed_by_its_centre():
    cell = np.diag([80.0, 70.0, 75.0])
    points, parts = rods(cell, count=2)
    points[parts[1]] += [9.0, 20.0, 0.0]
    moved = points.copy()
    moved[parts[1]] += cell[0] - 2 * cell[2]
    found = gathered(moved[None], parts, cell[None], within=5.0)[0]
    np.testing.assert_allclose(found, points, atol=1e-9)
    assert contacts(points, parts, cell, within=5.0) == []
