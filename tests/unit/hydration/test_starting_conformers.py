# SPDX-License-Identifier: MIT
"""Do repeats start from different conformers, and from none that hardly exists?"""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

from merrow.amber.topology import read_topology
from merrow.geometry import torsion_angles
from merrow.hydration.sampling.conformers import populated_minima
from merrow.system.potentials import MM, open_potential
from merrow.system.region import select_region
from merrow.system.torsions import most_different

T = 298.15


@pytest.fixture
def ester(systems):
    """2-Ethoxyethyl acetate: potential, and frames with two torsions set [degrees]."""
    topology = read_topology(systems / "ethoxyethyl_acetate.prmtop")
    mol = Chem.MolFromMolFile(str(systems / "ethoxyethyl_acetate.sdf"), removeHs=False)
    assert [a.GetAtomicNum() for a in mol.GetAtoms()] == list(topology.numbers)
    (end,) = mol.GetSubstructMatches(Chem.MolFromSmarts("[CH3]C(=O)O[CH2]"))
    (middle,) = mol.GetSubstructMatches(Chem.MolFromSmarts("O[CH2][CH2]O"))
    bond = (end[0], end[1], end[3], end[4])

    def frames(*pairs):
        found = []
        for z, gauche in pairs:
            conformer = mol.GetConformer()
            rdMolTransforms.SetDihedralDeg(conformer, *bond, z)
            rdMolTransforms.SetDihedralDeg(conformer, *middle, gauche)
            found.append(conformer.GetPositions().copy())
        return np.array(found)

    potential = open_potential(MM, topology, select_region(topology, ":1"))
    return potential, frames, (bond, middle)


def test_e_of_an_ester_is_no_starting_conformer_and_gauche_is(ester):
    potential, frames, torsions = ester
    minima = populated_minima(frames((180, 180), (0, 180), (170, 70), (20, 65)), potential, T)
    angles = torsion_angles(minima, torsions)
    assert len(minima) == 2
    assert np.cos(np.radians(angles[:, 0])).max() < -0.9
    assert abs(angles[1, 1]) == pytest.approx(70, abs=15)


def test_an_input_that_hardly_exists_is_still_where_the_first_repeat_starts(ester):
    potential, frames, torsions = ester
    given = frames((0, 180), (180, 180), (180, 70))
    minima = populated_minima(given, potential, T)
    np.testing.assert_array_equal(minima[0], given[0])
    assert most_different(torsion_angles(minima, torsions), 3)[0] == 0


def test_minima_are_minima(ester):
    potential, frames, _ = ester
    minima = populated_minima(frames((180, 180), (165, 80), (175, -60)), potential, T)
    assert np.abs(potential.evaluate(minima[1:]).forces).max() < 0.5
