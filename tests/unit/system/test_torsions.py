# SPDX-License-Identifier: MIT
"""Are the torsions those that tell conformers apart, and their angles what RDKit measures?"""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from rdkit import Chem

from merrow.amber.topology import read_topology
from merrow.system.torsions import (
    conformer_torsions,
    equivalence_classes,
    has_saturated_ring,
    has_stereocentre,
    heavy_torsions,
    most_different,
    rotatable_torsions,
)

COUNTS = {
    "methane": 0,  # methane
    "butane": 1,  # butane: methyl ends do not count
    "benzene": 0,  # benzene
    "methanol": 0,  # methanol: its rotor has three equal minima
    "ethanol": 1,  # ethanol: gauche and anti hydroxyl
    "phenol": 1,  # phenol: hydroxyl
    "tetrahydrofuran": 0,  # tetrahydrofuran: ring
    "acetone": 0,  # acetone
    "dimethoxymethane": 2,  # dimethoxymethane
    "chloropentane": 3,  # chloropentane
}


@pytest.mark.parametrize("name", COUNTS)
def test_torsions_that_make_conformers_are_found_and_no_other(systems, name):
    topology = read_topology(systems / f"{name}.prmtop")
    torsions = rotatable_torsions(topology, range(len(topology)))
    assert len(torsions) == COUNTS[name]
    bonded = {frozenset(pair) for pair in topology.bonds}
    for torsion in torsions:
        assert len(set(torsion)) == 4
        assert all(frozenset(pair) in bonded for pair in itertools.pairwise(torsion))


@pytest.mark.parametrize("name", COUNTS)
def test_only_a_ring_with_an_atom_of_four_neighbours_puckers(systems, name):
    topology = read_topology(systems / f"{name}.prmtop")
    puckers = has_saturated_ring(topology, range(len(topology)))
    assert puckers == (name == "tetrahydrofuran")


@pytest.mark.parametrize(
    ("smiles", "count"),
    [
        ("Nc1ccccc1", 0),  # half a turn of NH2 at a planar carbon exchanges its hydrogens
        ("CC(=O)N", 0),
        ("CCC(=O)N", 1),
        ("CC(=O)NC", 1),
        ("C=C", 0),
        ("CCN", 1),  # the lone pair is gauche or anti
        ("NN", 1),
        ("CS(=O)(=O)N", 1),
        ("C[C@H](C(F)(F)F)O", 1),  # the hydroxyl
        ("CC[N+](=O)[O-]", 0),
        ("FC(F)CO", 2),
        ("ClCCCl", 1),
        ("Oc1ccccc1", 0),  # half a turn of the ring
        ("Oc1ccccc1C", 1),
        ("COc1ccc(C)cc1", 0),
        ("O=Cc1ccccc1C", 1),
        ("OC(=O)c1ccccc1", 1),
        ("CC(C)(C)CO", 1),  # a third of a turn of the tert-butyl group
        ("CC(C)CO", 2),
        ("CC(=O)N(C)C", 0),
        ("CN(C)CCl", 1),  # its lone pair, as in CCN
        ("CC(=O)[O-]", 0),
        ("c1ccccc1-c1ccccc1", 0),
        ("CP(C)c1ccccc1C", 1),  # the pyramid of phosphorus does not invert
        ("CCS(=O)[O-]", 1),
        ("CN(C)N=O", 0),
        ("CCC#N", 0),
        ("OCC#CCO", 2),  # the hydroxyls; nothing turns about a line
    ],
)
def test_a_turn_that_exchanges_equivalent_atoms_makes_no_conformers(smiles, count):
    topology = drawn(smiles)
    assert len(conformer_torsions(topology, range(len(topology.numbers)))) == count


@pytest.mark.parametrize(
    ("smiles", "chiral"),
    [
        ("C[C@H](C(F)(F)F)O", True),
        ("C[C@H](N)C(=O)O", True),
        ("CS(=O)CC", True),
        ("CCN(C)CCO", False),
        ("CC(C)CO", False),
        ("CCCC", False),
        ("CS(=O)(=O)N", False),
        ("CC(=O)OCCOCC", False),
    ],
)
def test_stereocentres_are_atoms_whose_neighbours_all_differ(smiles, chiral):
    topology = drawn(smiles)
    assert has_stereocentre(topology, range(len(topology.numbers))) == chiral


def test_a_bond_has_the_torsions_of_all_equivalent_ends_whatever_the_order():
    for smiles in ("CCC(O)CC", "C(C)C(CC)O", "OC(CC)CC"):
        topology = drawn(smiles)
        classes = equivalence_classes(topology, range(len(topology.numbers)))
        bonds = conformer_torsions(topology, range(len(topology.numbers)))
        ways = sorted(sorted((classes[q[0]], classes[q[3]])) for bond in bonds for q in bond)
        assert len(bonds) == 3
        assert ways[0] == ways[1] != ways[2] or ways[1] == ways[2] != ways[0]
    ether = drawn("CC(C)OC(C)C")
    bonds = conformer_torsions(ether, range(len(ether.numbers)))
    assert [len(bond) for bond in bonds] == [2, 2]


def test_equivalent_atoms_have_the_same_class():
    topology = drawn("CCOCC")
    classes = equivalence_classes(topology, range(len(topology.numbers)))
    assert classes[0] == classes[4] != classes[1] == classes[3] != classes[2]
    assert len(set(classes)) == 5  # with the hydrogens of CH3 and of CH2


def drawn(smiles: str) -> SimpleNamespace:
    """A topology with the elements and bonds of a molecule."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    numbers = [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
    return SimpleNamespace(numbers=numbers, bonds_among=lambda _: bonds)


def test_torsions_of_heavy_atoms_end_in_no_hydroxyl(systems):
    for name, count in (("ethanol", 0), ("phenol", 0), ("chloropentane", 3)):
        topology = read_topology(systems / f"{name}.prmtop")
        found = heavy_torsions(topology, range(len(topology)))
        assert len(found) == count
        assert all(topology.numbers[i] > 1 for torsion in found for i in torsion)


def test_frames_that_differ_most_are_taken_and_the_first_is_kept():
    angles = np.array([[180.0], [178.0], [60.0], [-62.0], [-179.0], [61.0]])
    assert most_different(angles, 3) in ([0, 2, 3], [0, 5, 3], [0, 3, 2], [0, 3, 5])
    assert most_different(angles, 1) == [0]
