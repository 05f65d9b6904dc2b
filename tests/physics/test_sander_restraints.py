# SPDX-License-Identifier: MIT
"""Are our restraint energies those that sander prints for the same files?"""

from __future__ import annotations

import math
import re
import subprocess

import numpy as np
import openmm as mm
import pytest

from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.amber.topology import read_topology
from merrow.ambertools.programs import find_program
from merrow.system.restraints import FlatBottom, flat_bottom_forces, positional_force
from merrow.units import KCAL_PER_KJ, KJ_PER_KCAL

PRINTED = 5e-4
"""sander prints four decimals, and a restart has seven of the coordinate."""


@pytest.fixture(scope="module")
def droplet(systems, tmp_path_factory, sander):
    """An ester alone: its prmtop, a reference, and coordinates moved by 0.2 Å each way."""
    folder = tmp_path_factory.mktemp("restraints")
    prmtop = systems / "ethoxyethyl_acetate.prmtop"
    reference = read_coordinates(prmtop.with_suffix(".inpcrd"))
    noise = np.random.default_rng(4).normal(0.0, 0.2, reference.positions.shape)
    write_restart(folder / "moved.rst7", Coordinates(reference.positions + noise))
    return prmtop, prmtop.with_suffix(".inpcrd"), folder / "moved.rst7", folder


def restraint_energy(droplet, control: str, more: str = "", **files: str) -> float:
    """Let sander take one step from the moved coordinates and return what RESTRAINT it prints."""
    prmtop, reference, moved, folder = droplet
    (folder / "mdin").write_text(
        f"restraints\n &cntrl\n imin=1, maxcyc=1, ntmin=2, ntb=0, igb=0, cut=999.0,\n {control}\n"
        f" /\n{more}"
    )
    for name, text in files.items():
        (folder / name).write_text(text)
    program = find_program("sander")
    subprocess.run(
        [program, "-O", "-i", "mdin", "-o", "out", "-p", prmtop, "-c", moved, "-ref", reference],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=60,
    )
    found = re.search(r"RESTRAINT\s*=\s*(-?[\d.]+)", (folder / "out").read_text())
    assert found is not None, (folder / "out").read_text()
    return float(found[1])


def our_energy(droplet, forces: list[mm.Force]) -> float:
    prmtop, _, moved, _ = droplet
    system = mm.System()
    for mass in read_topology(prmtop).masses:
        system.addParticle(float(mass))
    for force in forces:
        system.addForce(force)
    platform = mm.Platform.getPlatformByName("Reference")
    context = mm.Context(system, mm.VerletIntegrator(0.001), platform)
    context.setPositions(read_coordinates(moved).positions / 10)
    return context.getState(getEnergy=True).getPotentialEnergy()._value * KCAL_PER_KJ


def test_positional_restraints_are_sanders(droplet):
    theirs = restraint_energy(droplet, "ntr=1, restraint_wt=2.5, restraintmask='!@H='")
    topology = read_topology(droplet[0])
    heavy = [i for i, name in enumerate(topology.names) if not name.upper().startswith("H")]
    reference = read_coordinates(droplet[1]).positions[heavy] / 10
    force = positional_force(heavy, reference, 2.5 * KJ_PER_KCAL * 100, periodic=False)
    assert our_energy(droplet, [force]) == pytest.approx(theirs, abs=PRINTED)
    assert theirs > 1.0


def test_distance_angle_and_torsion_restraints_are_sanders(droplet):
    rst = (
        " &rst iat=1,20, r1=1.0, r2=2.0, r3=3.0, r4=4.0, rk2=5.0, rk3=7.0, /\n"
        " &rst iat=2,3,4, r1=40.0, r2=60.0, r3=70.0, r4=179.0, rk2=5.0, rk3=7.0, /\n"
        " &rst iat=5,6,7,8, r1=100.0, r2=110.0, r3=115.0, r4=140.0, rk2=5.0, rk3=7.0, /\n"
        " &rst iat=9,10,11,12, r1=-30.0, r2=-20.0, r3=-10.0, r4=20.0, rk2=3.0, rk3=4.0, /\n"
    )
    ends = " &wt type='END' /\nDISANG=disang\n"
    theirs = restraint_energy(droplet, "nmropt=1", ends, disang=rst)
    scale = KJ_PER_KCAL * 100

    def angles(*values: float) -> tuple[float, ...]:
        return tuple(math.radians(value) for value in values)

    ours = [
        FlatBottom((0, 19), (0.1, 0.2, 0.3, 0.4), 5 * scale, 7 * scale),
        FlatBottom((1, 2, 3), angles(40, 60, 70, 179), 5 * KJ_PER_KCAL, 7 * KJ_PER_KCAL),
        FlatBottom((4, 5, 6, 7), angles(100, 110, 115, 140), 5 * KJ_PER_KCAL, 7 * KJ_PER_KCAL),
        FlatBottom((8, 9, 10, 11), angles(-30, -20, -10, 20), 3 * KJ_PER_KCAL, 4 * KJ_PER_KCAL),
    ]
    forces = flat_bottom_forces(ours, periodic=False)
    assert our_energy(droplet, forces) == pytest.approx(theirs, rel=1e-5, abs=PRINTED)
    assert theirs > 1.0
