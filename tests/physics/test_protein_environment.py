# SPDX-License-Identifier: MIT
"""Is a ligand within a protein coupled as the prmtop says? No water, no box: the same identities.

A helix of 17 residues with toluene, Reference platform.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hybrids import context_of, energy, energy_at

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import AmberTopology, read_topology
from merrow.system.build import HybridSystem, base_system, hybrid_system
from merrow.system.pme import Nonbonded
from merrow.system.potentials import open_potential
from merrow.system.region import MLRegion, region_of
from merrow.system.rendering import rendered

VACUUM = Nonbonded(cutoff=None)


@dataclass(frozen=True)
class Complex:
    topology: AmberTopology
    region: MLRegion
    positions: np.ndarray

    def hybrid(self, **options) -> HybridSystem:
        potential = open_potential("mm", self.topology, self.region)
        return hybrid_system(self.topology, self.region, potential, nonbonded=VACUUM, **options)


@pytest.fixture(scope="module")
def helix(systems) -> Complex:
    """A helix of 17 residues with toluene."""
    topology = read_topology(systems / "helix_complex.prmtop")
    positions = read_coordinates(systems / "helix_complex.inpcrd", len(topology)).positions / 10
    region = region_of(topology, topology.molecules[0], name="the ligand")
    return Complex(topology, region, positions)


def test_the_coupled_ligand_is_the_plain_complex(helix):
    plain = context_of(rendered(helix.topology), helix.positions)
    hybrid = helix.hybrid(rigid=False)
    context = context_of(hybrid.system, helix.positions)
    # Ninth digit of A and B; the energy of the helix is some 1e3 kJ/mol.
    assert energy_at(context, 1.0, 1.0) == pytest.approx(energy(plain), abs=1e-4)
    # toluene at the end of the helix: some −5 kJ/mol, 5e4 times the bar above
    assert abs(energy_at(context, 0.0, 0.0) - energy(plain)) > 1


def test_the_decoupled_ligand_may_leave_the_protein(helix):
    hybrid = helix.hybrid(rigid=False)
    context = context_of(hybrid.system, helix.positions)
    inside = energy_at(context, 0.0, 0.0)
    moved = helix.positions.copy()
    moved[list(helix.region.atoms)] += 5.0
    context.setPositions(moved)
    assert energy(context) == pytest.approx(inside, abs=1e-7)


def test_hydrogens_of_the_protein_are_held_at_the_length_of_the_prmtop(helix):
    system = helix.hybrid(rigid=True).system
    plain = base_system(helix.topology, VACUUM, rigid_water=False)
    assert plain.getNumConstraints() == 0
    numbers, inside = helix.topology.numbers, set(helix.region.atoms)
    to_hydrogen = [b for b in helix.topology.bonds if 1 in (numbers[b[0]], numbers[b[1]])]
    expected = {b for b in to_hydrogen if b[0] not in inside}
    found = {}
    for k in range(system.getNumConstraints()):
        i, j, length = system.getConstraintParameters(k)
        found[min(i, j), max(i, j)] = length._value
    assert set(found) == expected
    assert 0.09 < min(found.values()) < max(found.values()) < 0.14
