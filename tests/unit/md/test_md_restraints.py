# SPDX-License-Identifier: MIT
"""Do distance restraints of DISANG have the distances that sander gives them, in a box too?"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import openmm as mm
import pytest

from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.topology import read_topology
from merrow.errors import InputError
from merrow.md.box import cell_of
from merrow.md.restraints import restraint_forces
from merrow.units import KCAL_PER_KJ

RST = " &rst iat={pair}, r1=0.0, r2={least}, r3=9.0, r4=99.0, rk2=1.0, rk3=1.0 /\n"
WALL, EDGE = 9.0, 12.0
"""r3 and the edge of the box [Å]."""


@pytest.fixture
def restrained(systems, tmp_path, monkeypatch):
    """Return the energy [kcal/mol] of a distance restraint in a cubic box, and the positions."""
    monkeypatch.chdir(tmp_path)

    def run(name, pair, least=0.0, shift=0.0):
        topology = read_topology(systems / f"{name}.prmtop")
        x = read_coordinates(systems / f"{name}.inpcrd").positions
        x[list(topology.molecules[-1])] += shift
        box = np.full(3, EDGE), np.full(3, 90.0)
        (tmp_path / "RST").write_text(RST.format(pair=pair, least=least))
        asked = SimpleNamespace(restraint_mask=None, restraint_file="RST")
        cell = cell_of(Coordinates(x, None, *box))
        forces = restraint_forces(asked, topology, refc=None, cell=cell)
        system = mm.System()
        for mass in topology.masses:
            system.addParticle(float(mass))
        system.setDefaultPeriodicBoxVectors(*cell.vectors)
        for force in forces:
            system.addForce(force)
        reference = mm.Platform.getPlatformByName("Reference")
        context = mm.Context(system, mm.VerletIntegrator(0.001), reference)
        context.setPositions(x / 10)
        state = context.getState(getEnergy=True)
        return state.getPotentialEnergy()._value * KCAL_PER_KJ, x

    return run


def test_the_distance_within_a_molecule_is_its_own_however_long_it_is(restrained):
    energy, x = restrained("ethoxyethyl_acetate", "12,20")
    length = np.linalg.norm(x[11] - x[19])
    assert length > WALL > EDGE / 2
    assert energy == pytest.approx((length - WALL) ** 2, rel=1e-6)


def test_the_distance_of_two_molecules_is_that_of_their_nearest_images(restrained):
    energy, x = restrained("complex", "1,30", shift=2.0 * EDGE)
    assert np.linalg.norm(x[0] - x[29]) > WALL
    assert energy == 0.0
    with pytest.raises(InputError, match=r"r2=7 Å apart, but half the box is 6\.0 Å"):
        restrained("complex", "1,30", least=7.0)
