# SPDX-License-Identifier: MIT
"""Does minimisation end where the gradient vanishes, and tell how it went?"""

from __future__ import annotations

import numpy as np
import openmm as mm
import pytest
import tiny_leg

from merrow.engine.minimize import MinimizeReport, minimize
from merrow.engine.simulation import Snapshot, set_snapshot
from merrow.errors import InputError, NumericsError
from merrow.potentials.interface import Capabilities, Evaluation, Molecule
from merrow.system.build import INTERNAL, HybridSystem
from merrow.system.force import PotentialBridge, potential_force
from merrow.system.region import MLRegion
from merrow.units import KJ_PER_KCAL

LENGTH = 0.15
"""nm, of bond and constraint."""


class Spring:
    """A spring between two atoms: E = −50 + (r − 2 Å)² kcal/mol."""

    capabilities = Capabilities(name="spring", elements=None)
    identity = "spring"

    def evaluate(self, positions):
        bond = positions[:, 0] - positions[:, 1]
        length = np.linalg.norm(bond, axis=1)
        with np.errstate(invalid="ignore"):
            pull = -2 * (length - 2.0)[:, None] * bond / length[:, None]
        return Evaluation((length - 2.0) ** 2 - 50.0, np.stack([pull, -pull], axis=1))


@pytest.fixture
def hybrid():
    """Four atoms in a row: a bond, a constraint, and a potential with a reference."""
    system, bond = mm.System(), mm.HarmonicBondForce()
    for _ in range(4):
        system.addParticle(12.0)
    bond.addBond(0, 1, LENGTH, 1000.0)
    system.addForce(bond)
    system.addConstraint(1, 2, LENGTH)
    bridge = PotentialBridge(Spring(), reference=-40.0 * KJ_PER_KCAL)
    region = MLRegion((2, 3), Molecule((6, 6)), (":1@A", ":1@B"))
    system.addForce(potential_force(bridge, region.atoms, group=INTERNAL))
    return HybridSystem(system, region, 0.0, bridge, periodic=False)


@pytest.fixture
def start():
    rng = np.random.default_rng(3)
    positions = np.array([[0.2 * i, 0, 0] for i in range(4)]) + rng.normal(0, 0.02, (4, 3))
    return Snapshot(positions, np.ones((4, 3)), np.eye(3))


def run(hybrid, start, **changes):
    options = {"platform": "Reference", "tolerance": 1e-4, "max_steps": 0, **changes}
    return minimize(hybrid, start, **options)


def test_the_minimum_is_found_with_constraints_met_and_the_system_at_rest(hybrid, start):
    end = run(hybrid, start)
    distances = np.linalg.norm(np.diff(end.snapshot.positions, axis=0), axis=1)
    assert distances == pytest.approx([LENGTH, LENGTH, 0.2], abs=1e-4)
    assert distances[1] == pytest.approx(LENGTH, rel=1e-7)
    assert end.potential == pytest.approx(-50.0 * KJ_PER_KCAL, abs=1e-3)
    assert end.terms["ml"] == pytest.approx(-50.0 * KJ_PER_KCAL, abs=1e-3)
    assert end.rms_gradient < 1e-2
    assert np.all(end.snapshot.velocities == 0.0)


def test_reports_come_at_the_start_and_at_every_interval(hybrid, start):
    told = []
    end = run(hybrid, start, report_interval=2, report=told.append)
    assert [report.step for report in told] == [0, *range(2, end.step + 1, 2)]
    for report in told:
        assert sum(report.terms.values()) == pytest.approx(report.potential, abs=1e-8)
        assert report.largest_gradient >= report.rms_gradient
    assert told[0].potential > end.potential
    assert 0 <= told[0].atom < 4


def test_a_limit_of_steps_is_kept(hybrid, start):
    told = []
    end = run(hybrid, start, max_steps=3, tolerance=1e-12, report_interval=1, report=told.append)
    assert end.step == 3
    assert [report.step for report in told] == [0, 1, 2, 3]
    assert end.potential < told[0].potential
    bond = np.linalg.norm(end.snapshot.positions[2] - end.snapshot.positions[1])
    assert bond == pytest.approx(LENGTH, rel=1e-7)


def test_every_report_has_the_energy_of_its_own_configuration(methane_files):
    # rigid water: with its constraints as springs the energy is some 10 kcal/mol lower
    hybrid, start = tiny_leg.build(*methane_files)
    rng = np.random.default_rng(4)
    shaken = Snapshot(
        start.positions + rng.normal(0, 0.01, start.positions.shape), start.velocities, start.box
    )
    told: list[MinimizeReport] = []
    words = {"platform": "CPU", "tolerance": 1.0, "report_interval": 5}
    end = run(hybrid, shaken, max_steps=20, report=told.append, **words)
    context = mm.Context(
        hybrid.system, mm.VerletIntegrator(0.001), mm.Platform.getPlatformByName("CPU")
    )
    for report in (*told, end):
        set_snapshot(context, report.snapshot)
        energy = context.getState(getEnergy=True).getPotentialEnergy()._value
        shift = 0.0 if hybrid.bridge is None else hybrid.bridge.reference
        assert report.potential == pytest.approx(energy + shift, abs=0.05)  # kJ/mol, float32 mesh
        if report.step == 0:
            continue  # the start is as it was given
        x = report.snapshot.positions
        for k in range(hybrid.system.getNumConstraints()):
            i, j, length = hybrid.system.getConstraintParameters(k)
            assert np.linalg.norm(x[i] - x[j]) == pytest.approx(length._value, rel=1e-6)
    assert told[-1].step == end.step == 20
    assert told[-1].potential == pytest.approx(end.potential, abs=0.05)


def test_a_tolerance_that_cannot_be_met_is_refused(hybrid, start):
    with pytest.raises(InputError, match="positive tolerance"):
        run(hybrid, start, tolerance=0.0)


def test_atoms_on_each_other_are_refused(hybrid, start):
    start.positions[3] = start.positions[2]
    with pytest.raises(NumericsError, match="not finite"):
        run(hybrid, start)


def test_water_keeps_what_its_minimisation_has_reached(methane_files):
    # OpenMM goes back to the start where stiff springs are not met in time: the limit was spent
    # four times, and what came out was hardly below the start.
    hybrid, start = tiny_leg.build(*methane_files)
    rng = np.random.default_rng(4)
    shaken = Snapshot(
        start.positions + rng.normal(0, 0.02, start.positions.shape), start.velocities, start.box
    )
    words = {"platform": "CPU", "tolerance": 1.0, "report_interval": 1}
    told: list[MinimizeReport] = []
    ends = [run(hybrid, shaken, max_steps=n, report=told.append, **words) for n in (40, 120)]
    # with scaled springs hydrogens would leave their oxygens for others', and energies know no end
    assert min(report.potential for report in told) > -60.0 * 210  # kJ/mol
    assert [end.step for end in ends] == [40, 120]
    energies = [end.potential for end in ends]
    before = run(hybrid, start, platform="CPU", max_steps=1, tolerance=1.0).potential
    assert energies[1] < energies[0] < before
    x = ends[1].snapshot.positions
    for k in range(0, hybrid.system.getNumConstraints(), 7):
        i, j, length = hybrid.system.getConstraintParameters(k)
        assert np.linalg.norm(x[i] - x[j]) == pytest.approx(length._value, rel=1e-6)
