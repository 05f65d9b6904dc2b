# SPDX-License-Identifier: MIT
"""Are the torsion terms about rotatable bonds found, and scaled by their factor and no more?"""

from __future__ import annotations

import numpy as np
import pytest

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from merrow.potentials.scaled_torsions import ScaledTorsions
from merrow.system.potentials import open_classical
from merrow.system.turning import TURN, turned, turning_torsions
from merrow.units import thermal_energy

SPREADS = {"methane": 0.0, "butane": 1.8, "ethanol": 0.0, "phenol": 0.0, "dimethoxymethane": 3.2,
           "chloropentane": 3.1, "acetone": 0.0, "methylacetamide": 0.0}  # fmt: skip
"""Of the torsion terms [kT]. The barrier of the amide is too high; methyl groups do not count."""


def opened(systems, name):
    """Return prmtop, MM terms and the turning torsions."""
    topology = read_topology(systems / f"{name}.prmtop")
    positions = read_coordinates(systems / f"{name}.inpcrd").positions
    atoms = tuple(range(len(topology)))
    classical = open_classical(topology, atoms)
    return topology, classical, turning_torsions(classical.terms, topology, atoms, positions)


def frames(count, atoms):
    """Return rough geometries [Å]."""
    random = np.random.default_rng(5)
    return np.cumsum(random.normal(0.0, 0.9, (count, atoms, 3)), axis=1)


@pytest.mark.parametrize("name", SPREADS)
def test_terms_are_those_about_the_bonds_that_make_conformers(systems, name):
    found = opened(systems, name)[2].spread / thermal_energy(298.15)
    assert found == pytest.approx(SPREADS[name], abs=0.05)


def test_the_spread_is_that_of_the_energy_as_the_bond_turns(systems):
    # nine terms of 1 + cos 3φ, in phase within a degree or two of the tetrahedron's angles
    _, _, turning = opened(systems, "butane")
    rows = turning.terms.bonded[0][1]
    assert len(rows) == 9
    assert {row[4:6] for row in rows} == {(3.0, 0.0)}
    whole = sum(row[-1] for row in rows)
    assert turning.spread == pytest.approx(whole / np.sqrt(2), rel=0.01)
    curve = turned(rows, read_coordinates(systems / "butane.inpcrd").positions)
    assert len(curve) == len(TURN)
    assert np.ptp(curve) == pytest.approx(2 * whole, rel=0.01)


@pytest.mark.parametrize(
    ("name", "bonds", "held"),
    [
        ("dipeptide", 2, True),  # φ and ψ; ω keeps its terms
        ("ethoxyethyl_acetate", 4, True),  # not that of the ester
        ("methylacetamide", 0, True),
        ("chloropentane", 3, False),
        ("ethanol", 0, True),  # there is no barrier to lower
        ("methane", 0, False),
    ],
)
def test_bonds_with_high_barriers_keep_their_terms(systems, name, bonds, held):
    _, _, turning = opened(systems, name)
    found = {frozenset(map(int, row[1:3])) for row in turning.terms.bonded[0][1]}
    assert (len(found), turning.held) == (bonds, held)


def test_all_terms_about_the_middle_bond_of_butane_and_no_other(systems):
    topology, _, turning = opened(systems, "butane")
    ((_, rows),) = turning.terms.bonded
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
    whole, part = (p.evaluate(x) for p in (classical, turning.potential))
    assert np.abs(part.energies).min() > 0.1
    network = ScaledTorsions(classical, turning.potential, scale)
    for potential in (turning.scaled(classical, scale), network):
        found = potential.evaluate(x)
        expected = whole.energies + (scale - 1) * part.energies
        assert found.energies == pytest.approx(expected, rel=1e-10)
        forces = whole.forces + (scale - 1) * part.forces
        assert np.abs(found.forces - forces).max() < 1e-9 * np.abs(whole.forces).max()
    assert type(turning.scaled(network, scale)) is ScaledTorsions


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_a_scale_that_weakens_nothing_is_refused(systems, scale):
    _, classical, turning = opened(systems, "butane")
    with pytest.raises(ValueError, match="below 1"):
        ScaledTorsions(classical, turning.potential, scale)
