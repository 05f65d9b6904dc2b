# SPDX-License-Identifier: MIT
"""Is water of every name rigid, and does water with an extra point move as it should?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm as mm
import pytest
from openmm import app

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from merrow.ambertools.solvent import solvate
from merrow.engine.dynamics import DynamicsPlan, draw_velocities, run_dynamics
from merrow.engine.simulation import Snapshot
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.system.box import box_vectors
from merrow.system.build import base_system, hybrid_system
from merrow.system.pme import Nonbonded, pme_parameters
from merrow.system.potentials import open_potential
from merrow.system.region import select_region

METHANE = "methane"
PLAN = DynamicsPlan(
    timestep=0.002,
    thermostat="langevin",
    temperature=300.0,
    friction=2.0,
    coupling_time=0.1,
    pressure=None,
    barostat_interval=25,
    com_removal_interval=0,
    constraint_tolerance=1e-8,
    platform="CPU",
    seed=5,
)
LEAP = """source leaprc.gaff
source leaprc.water.{leaprc}
m = loadmol2 {mol2}
solvatebox m {box} 8.5
saveamberparm m wet.prmtop wet.inpcrd
quit
"""


def renamed(path: Path, to: str) -> Path:
    """Write a prmtop whose waters have another name beside it."""
    other = path.with_name(f"{to}.prmtop")
    other.write_text(path.read_text().replace("WAT ", f"{to:<4}"))
    return other


def test_water_is_rigid_whatever_its_name(systems, tmp_path):
    gas = systems / f"{METHANE}.prmtop"
    wet, _ = solvate(gas, gas.with_suffix(".inpcrd"), folder=tmp_path, n_waters=210)
    for path in (wet, renamed(wet, "SOL"), renamed(wet, "TP3")):
        topology = read_topology(path)
        system = base_system(topology, Nonbonded(cutoff=0.8), rigid_water=True)
        assert system.getNumConstraints() == 3 * 210
        assert base_system(topology, Nonbonded(0.8), rigid_water=False).getNumConstraints() == 0


@pytest.fixture(scope="module", params=[("tip4pew", "TIP4PEWBOX"), ("opc", "OPCBOX")])
def four_points(request, systems, tmp_path_factory, tleap):
    """Methane in water of four points: prmtop and coordinates, by tleap."""
    folder = tmp_path_factory.mktemp(request.param[0])
    mol2 = systems / f"{METHANE}.mol2"
    text = LEAP.format(leaprc=request.param[0], mol2=mol2, box=request.param[1])
    tleap(folder, text)
    return folder / "wet.prmtop", folder / "wet.inpcrd"


def hybrid_of(files):
    """Return the hybrid system of methane in water, its start, and its nonbonded settings."""
    topology = read_topology(files[0])
    coordinates = read_coordinates(files[1], len(topology))
    region = select_region(topology, ":1")
    box = box_vectors(coordinates) / 10
    nonbonded = Nonbonded(0.8, pme=pme_parameters(tuple(np.diag(box)), 0.8, 5e-5))
    hybrid = hybrid_system(
        topology, region, open_potential("mm", topology, region), nonbonded=nonbonded
    )
    x = coordinates.positions / 10
    return topology, hybrid, Snapshot(x, np.zeros_like(x), box), nonbonded


def test_the_energy_with_extra_points_is_that_of_openmm(four_points):
    topology, hybrid, start, nonbonded = hybrid_of(four_points)
    plain = app.AmberPrmtopFile(str(four_points[0])).createSystem(
        nonbondedMethod=app.PME, nonbondedCutoff=0.8, constraints=None, removeCMMotion=False
    )
    force = next(f for f in plain.getForces() if isinstance(f, mm.NonbondedForce))
    force.setPMEParameters(nonbonded.pme.alpha, *nonbonded.pme.grid)
    energies, sites = [], []
    for system in (plain, hybrid.system):
        context = mm.Context(
            system, mm.VerletIntegrator(0.001), mm.Platform.getPlatformByName("Reference")
        )
        context.setPeriodicBoxVectors(*start.box)
        context.setPositions(start.positions)
        context.computeVirtualSites()
        energies.append(context.getState(getEnergy=True).getPotentialEnergy()._value)
        sites.append([system.isVirtualSite(i) for i in range(len(topology))])
    assert sum(sites[0]) == int(topology.is_water.sum()) // 4
    assert sites[0] == sites[1]
    assert energies[1] == pytest.approx(energies[0], abs=1e-2)  # kJ/mol; the tail is per pair


def test_extra_points_follow_their_water_and_velocity_verlet_is_refused(four_points):
    topology, hybrid, start, _ = hybrid_of(four_points)
    system = hybrid.system
    start = draw_velocities(hybrid, start, temperature=300.0, seed=2, platform="CPU")
    *_, last = run_dynamics(hybrid, PLAN, start, first_step=0, steps=60, report_interval=60)
    water = next(m for m in topology.molecules if topology.is_water[m[0]])
    oxygen, one, two, extra = water
    assert system.isVirtualSite(extra)
    x = last.snapshot.positions
    site = system.getVirtualSite(extra)
    weights = [site.getWeight(k) for k in range(3)]
    np.testing.assert_allclose(x[extra], weights @ x[[oxygen, one, two]], atol=1e-6)
    assert np.abs(x - start.positions).max() > 0.005
    with pytest.raises(InputError, match="needs the Langevin thermostat"):
        next(
            run_dynamics(
                hybrid,
                replace(PLAN, thermostat="none"),
                start,
                first_step=0,
                steps=1,
                report_interval=1,
            )
        )


def test_water_that_openmm_leaves_flexible_is_refused(systems, tmp_path, monkeypatch):
    gas = systems / f"{METHANE}.prmtop"
    wet, _ = solvate(gas, gas.with_suffix(".inpcrd"), folder=tmp_path, n_waters=210)
    monkeypatch.setattr("merrow.system.rendering.WATER", "XYZ")
    with pytest.raises(UnsupportedPhysicsError, match="none that OpenMM can hold rigid"):
        base_system(read_topology(wet), Nonbonded(cutoff=0.8), rigid_water=True)
