# SPDX-License-Identifier: MIT
"""Does our own loop sample what OpenMM's integrator and barostat sample?

Decisions of the barostat are judged by its rule written down once more, averages by OpenMM's on the
same nonbonded kernel.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from loops import STATES, TEMPERATURE, build, placed, plan_of

from merrow.engine.motion import kinetic_energy, kinetic_temperature, particle_masses
from merrow.engine.plans import LegPlan
from merrow.engine.seeds import derive_seed
from merrow.engine.simulation import Snapshot
from merrow.engine.walkers import open_walker
from merrow.nonbonded.kernel import why_not
from merrow.nonbonded.loop import why_no_loop
from merrow.uncertainty import mean
from merrow.units import BAR_NM3_KJ, BAR_PER_ATM, thermal_energy
from philox import philox, uniform

pytestmark = pytest.mark.skipif(bool(why_not() or why_no_loop()), reason=why_not() or why_no_loop())


def test_the_barostat_decides_as_openmm_does(ethanol, start):
    """Its moves, its acceptance and its step, attempt by attempt, on atoms that do not move."""
    hybrid, here, kt = build(ethanol), STATES[0], thermal_energy(TEMPERATURE)
    plan = plan_of(friction=0.0, timestep=1e-12, pressure=BAR_PER_ATM, barostat_interval=3)
    walker = placed(hybrid, plan, replace(start, velocities=0 * start.velocities), here)
    seed = derive_seed(plan.seed, "test")
    key = derive_seed(seed, "integrator"), derive_seed(seed, "barostat")
    known = hybrid.native.kernel.parameters
    molecules = [list(known.single)] + [list(range(w, w + 3)) for w in known.waters]
    positions, box, judge = start.positions.copy(), walker.loop.box.copy(), build(ethanol)

    def energy_at(x: np.ndarray, vectors: np.ndarray) -> float:
        energy, _ = judge.native.kernel.evaluate(x, vectors, electrostatics=1.0, sterics=1.0)
        return energy + hybrid.tail / np.linalg.det(vectors)

    largest, tried, accepted, successes = 0.01 * np.linalg.det(box), 0, 0, 0
    energy = energy_at(positions, box)
    for attempt in range(60):
        random = philox((0, 3 * attempt + 2, 0, 1), key)
        volume = np.linalg.det(box)
        change = 2 * largest * (uniform(*random[:2]) - 0.5)
        scale = (1 + change / volume) ** (1 / 3)
        moved = positions.copy()
        for atoms in molecules:
            moved[atoms] += (scale - 1) * positions[atoms].mean(axis=0)
        after = energy_at(moved, scale * box)
        work = after - energy + BAR_PER_ATM * BAR_NM3_KJ * change
        work -= len(molecules) * kt * math.log(1 + change / volume)
        tried += 1
        if work <= 0 or uniform(*random[2:]) <= math.exp(-work / kt):
            positions, box, energy = moved, scale * box, after
            accepted, successes = accepted + 1, successes + 1
        if tried >= 10 and not 0.25 * tried <= accepted <= 0.75 * tried:
            shrink = accepted < 0.25 * tried
            largest = largest / 1.1 if shrink else min(1.1 * largest, 0.3 * volume)
            tried = accepted = 0
        walker.advance(3)
        np.testing.assert_allclose(walker.loop.box, box, rtol=1e-12)
        np.testing.assert_allclose(walker.loop.positions, positions, atol=1e-9)
    assert walker.loop.attempts == (60, successes)
    assert 5 < successes < 55


def test_solute_and_water_have_the_temperature_that_is_asked_for(ethanol, start):
    hybrid = build(ethanol)
    walker = placed(hybrid, plan_of(friction=10.0), start)
    masses = particle_masses(hybrid.system)
    solute = np.zeros(len(masses), dtype=bool)
    solute[ethanol.atoms] = True
    freedom = {"water": 6 * int((~solute).sum()) // 3, "solute": 3 * int(solute.sum())}
    walker.advance(500)
    found: dict[str, list[float]] = {"water": [], "solute": []}
    for _ in range(500):
        walker.advance(20)
        v = walker.snapshot().velocities
        for name, those in (("water", ~solute), ("solute", solute)):
            kinetic = kinetic_energy(v[those], masses[those])
            found[name].append(kinetic_temperature(kinetic, freedom[name]))
    for values in found.values():
        measured = mean(np.array(values))
        # the middle scheme is exact to second order: 0.3 K at 2 fs
        assert abs(measured.value - TEMPERATURE) < 4 * measured.stderr + 0.5


def total_energies(hybrid, plan: LegPlan, start: Snapshot) -> np.ndarray:
    """Total energies at constant energy; velocities are half a step behind."""
    masses, kernel = particle_masses(hybrid.system), hybrid.native.kernel
    walker, here, found = open_walker(hybrid, plan, "test"), STATES[1], []
    walker.place(start, here)
    for _ in range(40):
        walker.advance(round(0.02 / plan.ensemble.timestep) - 1)
        at, internal = walker.snapshot(), walker.record().internal
        walker.advance(1)
        energy, _ = kernel.evaluate(at.positions, at.box, electrostatics=0.5, sterics=1.0)
        kinetic = [kinetic_energy(s.velocities, masses) for s in (at, walker.snapshot())]
        found.append(energy + internal + sum(kinetic) / 2)
    return np.array(found)


@pytest.mark.parametrize("timestep", [0.001, 0.002])
def test_energy_is_kept_as_well_as_by_openmm(ethanol, start, timestep):
    hybrid = build(ethanol)
    warm = placed(hybrid, plan_of(friction=10.0), start, STATES[1])
    drifts: dict[str, list[float]] = {"native": [], "openmm": []}
    for _ in range(4):
        warm.advance(250)
        for engine, found in drifts.items():
            plan = plan_of(engine, friction=0.0, timestep=timestep)
            energies = total_energies(hybrid, plan, warm.snapshot())
            assert np.std(energies) < 5.0  # kJ/mol of 2,700 that are kinetic
            found.append(float(np.polyfit(0.02 * np.arange(len(energies)), energies, 1)[0]))
    ours, right = (np.array(drifts[engine]) for engine in ("native", "openmm"))
    error = np.hypot(ours.std(ddof=1), right.std(ddof=1)) / 2
    assert abs(ours.mean()) < abs(right.mean()) + 4 * error


def test_volume_and_accepted_changes_are_those_of_openmm(ethanol, start):
    hybrid = build(ethanol)
    found = {}
    for engine in ("native", "openmm"):
        plan = plan_of(engine, friction=5.0, pressure=BAR_PER_ATM, barostat_interval=5)
        walker = open_walker(hybrid, plan, "pressure")
        walker.place(start, STATES[1])
        volumes = []
        for _ in range(1500):
            walker.advance(5)
            volumes.append(float(np.linalg.det(walker.snapshot().box)))
        kept = np.array(volumes[300:])
        found[engine] = mean(kept), mean((np.diff(kept) != 0.0).astype(float))
    for ours, right in zip(*found.values(), strict=True):
        assert abs(ours.value - right.value) < 5 * math.hypot(ours.stderr, right.stderr) + 0.01
