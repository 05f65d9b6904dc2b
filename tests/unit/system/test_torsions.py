# SPDX-License-Identifier: MIT
"""Are the torsions those that tell conformers apart, and their angles what RDKit measures?"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from merrow.amber.topology import read_topology
from merrow.system.torsions import heavy_torsions, most_different, rotatable_torsions

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


def test_torsions_of_heavy_atoms_end_in_no_hydroxyl(freesolv):
    for name, count in (("mobley_2310185", 0), ("mobley_20524", 0), ("mobley_2178600", 3)):
        topology = read_topology(freesolv / "amber_gaff" / f"{name}.prmtop")
        found = heavy_torsions(topology, range(len(topology)))
        assert len(found) == count
        assert all(topology.numbers[i] > 1 for torsion in found for i in torsion)


def test_frames_that_differ_most_are_taken_and_the_first_is_kept():
    angles = np.array([[180.0], [178.0], [60.0], [-62.0], [-179.0], [61.0]])
    assert most_different(angles, 3) in ([0, 2, 3], [0, 5, 3], [0, 3, 2], [0, 3, 5])
    assert most_different(angles, 1) == [0]
