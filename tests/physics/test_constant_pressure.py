# SPDX-License-Identifier: MIT
"""Does a box with an ML solute have the density and the temperature of plain OpenMM?"""

from __future__ import annotations

import numpy as np
import openmm as mm
import pytest
from hybrids import make_box
from openmm import app, unit
from scipy import stats

from merrow.engine.dynamics import DynamicsPlan, draw_velocities, freedom_of, run_dynamics
from merrow.engine.simulation import Snapshot
from merrow.system.pme import Nonbonded, pme_parameters
from merrow.units import BAR_PER_ATM, thermal_energy

TEMPERATURE = 298.15
WATERS, CUTOFF, TIMESTEP = 200, 0.6, 0.002
EQUILIBRATION, PRODUCTION, INTERVAL = 2500, 16000, 100
"""Steps."""
BLOCKS = 8
"""Of 4 ps: the volume forgets itself within a few ps."""


def stderr(values: np.ndarray) -> float:
    """Standard error of the mean from blocks."""
    means = [block.mean() for block in np.array_split(values, BLOCKS)]
    return float(np.std(means, ddof=1) / np.sqrt(BLOCKS))


def plain_volumes(box) -> np.ndarray:
    """Volumes [nm³] of the same files in OpenMM alone, with its own rendering of every force."""
    system = app.AmberPrmtopFile(str(box.prmtop)).createSystem(
        nonbondedMethod=app.PME,
        nonbondedCutoff=CUTOFF * unit.nanometer,
        constraints=app.HBonds,
        rigidWater=True,
    )
    barostat = mm.MonteCarloBarostat(BAR_PER_ATM, TEMPERATURE, 25)
    barostat.setRandomNumberSeed(11)
    system.addForce(barostat)
    integrator = mm.LangevinMiddleIntegrator(TEMPERATURE, 5.0, TIMESTEP)
    integrator.setRandomNumberSeed(11)
    platform = mm.Platform.getPlatformByName("CPU")
    context = mm.Context(system, integrator, platform, {"Threads": "1"})
    context.setPeriodicBoxVectors(*(mm.Vec3(*map(float, row)) for row in box.vectors))
    context.setPositions(box.positions)
    context.setVelocitiesToTemperature(TEMPERATURE, 11)
    integrator.step(EQUILIBRATION)
    volumes = []
    for _ in range(PRODUCTION // INTERVAL):
        integrator.step(INTERVAL)
        volumes.append(context.getState().getPeriodicBoxVolume()._value)
    return np.array(volumes)


@pytest.mark.slow
def test_density_and_kinetic_energy_beside_an_ml_solute_are_those_of_openmm(systems, ani, tmp_path):
    box = make_box(systems / "methane.prmtop", tmp_path, WATERS)
    nonbonded = Nonbonded(CUTOFF, pme=pme_parameters(tuple(np.diag(box.vectors)), CUTOFF, 5e-4))
    potential = ani("ani1ccx", box.region.molecule)
    reference = float(potential.evaluate(box.positions[None, box.atoms] * 10).energies[0]) * 4.0
    hybrid = box.hybrid(
        potential,
        nonbonded=nonbonded,
        rigid=True,
        solute_masses="repartitioned",
        reference=reference,
    )
    plan = DynamicsPlan(
        timestep=TIMESTEP,
        thermostat="langevin",
        temperature=TEMPERATURE,
        friction=5.0,
        coupling_time=0.0,
        pressure=BAR_PER_ATM,
        barostat_interval=25,
        com_removal_interval=0,
        constraint_tolerance=1e-6,
        platform="CPU",
        seed=7,
    )
    rest = Snapshot(box.positions, np.zeros_like(box.positions), box.vectors)
    start = draw_velocities(hybrid, rest, temperature=TEMPERATURE, seed=7, platform="CPU")
    steps = EQUILIBRATION + PRODUCTION
    frames = [
        frame
        for frame in run_dynamics(
            hybrid, plan, start, first_step=0, steps=steps, report_interval=INTERVAL
        )
        if frame.step > EQUILIBRATION
    ]
    volumes = np.array([frame.volume for frame in frames])
    plain = plain_volumes(box)
    # Both fluctuate by √(kT κ/V) = 2 %, which 32 ps average to 0.6 % each: a density wrong by 3 %
    # is caught here, one wrong by 1 % would take nine times as long.
    error = np.hypot(stderr(volumes), stderr(plain))
    assert error < 0.02 * plain.mean()
    assert abs(volumes.mean() - plain.mean()) < 3 * error
    # The density of TIP3P at 298 K with PME and tail is 0.98 g/cm³.
    assert np.mean([frame.density for frame in frames]) == pytest.approx(0.98, abs=0.02)
    kinetic = np.array([frame.kinetic for frame in frames])
    canonical = stats.gamma(freedom_of(hybrid, plan) / 2, scale=thermal_energy(TEMPERATURE))
    # Samples 0.2 ps apart at a friction of 5/ps are nearly independent.
    assert stats.kstest(kinetic, canonical.cdf).pvalue > 1e-3
    # The instantaneous pressure fluctuates by about 1000 bar in so small a box.
    pressure = np.array([frame.pressure for frame in frames])
    assert abs(pressure.mean() - BAR_PER_ATM) < 4 * stderr(pressure)
