# SPDX-License-Identifier: MIT
"""Are the torsions those that tell conformers apart, and their angles what RDKit measures?"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdMolTransforms
from rdkit.Geometry import Point3D

from mlmm.amber.coordinates import read_coordinates
from mlmm.amber.topology import read_topology
from mlmm.system.torsions import most_different, rotatable_torsions, torsion_angles

COUNTS = {
    "mobley_9055303": 0,  # methane
    "mobley_1923244": 1,  # butane: methyl ends do not count
    "mobley_3053621": 0,  # benzene
    "mobley_1636752": 0,  # methanol: its rotor has three equal minima
    "mobley_2310185": 1,  # ethanol: gauche and anti hydroxyl
    "mobley_20524": 1,  # phenol: hydroxyl
    "mobley_8882696": 0,  # tetrahydrofuran: ring
    "mobley_3867265": 0,  # acetone
    "mobley_3083321": 2,  # dimethoxymethane
    "mobley_2178600": 3,  # chloropentane
}


@pytest.mark.parametrize("name", COUNTS)
def test_torsions_that_make_conformers_are_found_and_no_other(freesolv, name):
    topology = read_topology(freesolv / "amber_gaff" / f"{name}.prmtop")
    torsions = rotatable_torsions(topology, range(len(topology)))
    assert len(torsions) == COUNTS[name]
    bonded = {frozenset(pair) for pair in topology.bonds}
    for torsion in torsions:
        assert len(set(torsion)) == 4
        assert all(frozenset(pair) in bonded for pair in itertools.pairwise(torsion))


def test_angles_are_those_of_rdkit(freesolv):
    path = freesolv / "amber_gaff" / "mobley_2178600.prmtop"
    topology = read_topology(path)
    first = read_coordinates(path.with_suffix(".inpcrd")).positions
    random = np.random.default_rng(3)
    frames = first + 0.4 * random.normal(size=(20, *first.shape))
    torsions = rotatable_torsions(topology, range(len(topology)))
    angles = torsion_angles(frames, torsions)
    molecule = Chem.RWMol()
    for _ in range(len(topology)):
        molecule.AddAtom(Chem.Atom(6))
    for a, b in topology.bonds:
        molecule.AddBond(a, b, Chem.BondType.SINGLE)
    for frame, row in zip(frames, angles, strict=True):
        conformer = Chem.Conformer(len(frame))
        for i, x in enumerate(frame):
            conformer.SetAtomPosition(i, Point3D(*x))
        expected = [rdMolTransforms.GetDihedralDeg(conformer, *t) for t in torsions]
        difference = (row - expected + 180) % 360 - 180
        np.testing.assert_allclose(difference, 0.0, atol=1e-9)


def test_frames_that_differ_most_are_taken_and_the_first_is_kept():
    angles = np.array([[180.0], [178.0], [60.0], [-62.0], [-179.0], [61.0]])
    assert most_different(angles, 3) in ([0, 2, 3], [0, 5, 3], [0, 3, 2], [0, 3, 5])
    assert most_different(angles, 1) == [0]
