# SPDX-License-Identifier: MIT
"""Are the torsion terms about rotatable bonds found, and weakened by their factor and no more?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.amber.topology import read_topology
from merrow.potentials.softer import WeakerTorsions
from merrow.system.potentials import open_classical
from merrow.system.weaker_torsions import as_potential, torsion_spread, turning_terms, weakened
from merrow.units import thermal_energy

SPREADS = {"methane": 0.0, "butane": 1.8, "ethanol": 0.37, "phenol": 0.0, "dimethoxymethane": 3.2,
           "chloropentane": 3.1, "acetone": 0.0, "methylacetamide": 0.0}  # fmt: skip
"""Of the torsion terms [kT]. The barrier of the amide is too high; methyl groups do not count."""


def opened(systems, name):
    """Return prmtop, MM terms and the turning ones."""
    topology = read_topology(systems / f"{name}.prmtop")
    atoms = tuple(range(len(topology)))
    classical = open_classical(topology, atoms)
    return topology, classical, turning_terms(classical.terms, topology, atoms)


def frames(count, atoms):
    """Return rough geometries [Å]."""
    random = np.random.default_rng(5)
    return np.cumsum(random.normal(0.0, 0.9, (count, atoms, 3)), axis=1)


@pytest.mark.parametrize("name", SPREADS)
def test_terms_are_those_about_the_bonds_that_make_conformers(systems, name):
    found = torsion_spread(opened(systems, name)[2]) / thermal_energy(298.15)
    assert found == pytest.approx(SPREADS[name], abs=0.05)


def test_the_spread_is_that_of_a_free_rotor(systems):
    # 1 + cos 3φ of nine terms, in phase within the error of the angles of a tetrahedron
    _, _, turning = opened(systems, "butane")
    torsion = turning.bonded[0][1][0]
    phi, k = np.radians(np.arange(360.0)), sum(row[-1] for row in turning.bonded[0][1])
    assert torsion[4:6] == (3.0, 0.0)
    assert torsion_spread(turning) == pytest.approx(float(np.std(k * np.cos(3 * phi))))


def test_all_terms_about_the_middle_bond_of_butane_and_no_other(systems):
    topology, _, turning = opened(systems, "butane")
    ((_, rows),) = turning.bonded
    carbons = [i for i, z in enumerate(topology.numbers) if z == 6]
    near = {i: {j for bond in topology.bonds for j in bond if i in bond} - {i} for i in carbons}
    middle = {i for i in carbons if len(near[i] & set(carbons)) == 2}
    assert {frozenset(map(int, row[1:3])) for row in rows} == {frozenset(middle)}
    ends = {(int(row[0]), int(row[3])) for row in rows}
    assert len({frozenset(pair) for pair in ends}) == 9


@pytest.mark.parametrize("scale", [-0.2, 0.4])
@pytest.mark.parametrize("name", ["butane", "dimethoxymethane"])
def test_energy_and_forces_lack_that_part_of_the_torsions(systems, name, scale):
    topology, classical, turning = opened(systems, name)
    x = frames(6, len(topology))
    whole, part = (p.evaluate(x) for p in (classical, as_potential(turning)))
    assert np.abs(part.energies).min() > 0.1
    network = WeakerTorsions(classical, as_potential(turning), scale)
    for potential in (weakened(classical, turning, scale), network):
        found = potential.evaluate(x)
        expected = whole.energies + (scale - 1) * part.energies
        assert found.energies == pytest.approx(expected, rel=1e-10)
        forces = whole.forces + (scale - 1) * part.forces
        assert np.abs(found.forces - forces).max() < 1e-9 * np.abs(whole.forces).max()
    assert type(weakened(network, turning, scale)) is WeakerTorsions


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_a_scale_that_weakens_nothing_is_refused(systems, scale):
    _, classical, turning = opened(systems, "butane")
    with pytest.raises(ValueError, match="below 1"):
        WeakerTorsions(classical, as_potential(turning), scale)
