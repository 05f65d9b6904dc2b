# SPDX-License-Identifier: MIT
"""Is a molecule that came apart refused, and does a minimisation leave the solute of a network?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import openmm as mm
import pytest
import tiny_leg

from merrow.engine import gas
from merrow.engine.advance import advance_gas, advance_leg
from merrow.engine.intact import require_whole
from merrow.engine.minimize import minimize
from merrow.engine.relax import relax
from merrow.engine.storage import TaskFolder
from merrow.engine.walkers import ContextWalker
from merrow.errors import NumericsError
from merrow.potentials.interface import Capabilities, Evaluation
from merrow.system.build import hybrid_system
from merrow.system.region import bonds_within


class Tearing:
    """A slope of so many kcal/mol/Å that draws the first atom away from the second, without end."""

    capabilities = Capabilities(name="tearing", elements=None)

    def __init__(self, slope):
        self.slope = slope
        self.identity = f"tearing:{slope}"

    def evaluate(self, positions):
        apart = positions[:, 0] - positions[:, 1]
        length = np.linalg.norm(apart, axis=1)
        forces = np.zeros_like(positions)
        forces[:, 0] = self.slope * apart / length[:, None]
        forces[:, 1] = -forces[:, 0]
        return Evaluation(-self.slope * length, forces)


@pytest.fixture
def torn(methane_files):
    """Methane in water under a potential that tears it, and where it starts."""
    classical, start = tiny_leg.build(*methane_files)
    topology = tiny_leg.read_topology(methane_files[0])
    lengths = tuple(np.diag(start.box))
    nonbonded = tiny_leg.Nonbonded(0.8, pme=tiny_leg.pme_parameters(lengths, 0.8, 5e-4))
    return hybrid_system(topology, classical.region, Tearing(25.0), nonbonded=nonbonded), start


def minimised(hybrid, start):
    """Return where the first minimisation of a leg leads."""
    walker = ContextWalker(hybrid, tiny_leg.PLAN, seed=1)
    walker.place(start, tiny_leg.STATES[0])
    relax(walker.context, hybrid)
    return walker.snapshot()


def test_a_minimisation_moves_the_water_and_not_the_solute_of_a_network(torn):
    hybrid, start = torn
    solute = list(hybrid.region.atoms)
    before = [hybrid.system.getParticleMass(i) for i in solute]
    snapshot = minimised(hybrid, start)
    np.testing.assert_allclose(snapshot.positions[solute], start.positions[solute], atol=1e-6)
    moved = np.abs(snapshot.positions - start.positions).max(axis=1)
    assert np.median(moved[len(solute) :]) > 1e-3
    assert [hybrid.system.getParticleMass(i) for i in solute] == before


def test_the_minimiser_gets_a_context_that_was_opened_without_the_masses(torn, monkeypatch):
    """GPUs copy masses when a Context is opened, and minimise with the copy."""
    hybrid, start = torn
    solute = list(hybrid.region.atoms)
    hybrid.system.addConstraint(solute[0], solute[1], 0.109)
    kept = [hybrid.system.getConstraintParameters(k) for k in range(n_constraints(hybrid))]
    walker = ContextWalker(hybrid, tiny_leg.PLAN, seed=1)
    walker.place(start, tiny_leg.STATES[0])
    found = []

    def minimise(context, *_):
        held = [context.getSystem().getParticleMass(i)._value for i in solute]
        found.append((context is walker.context, held, n_constraints(hybrid)))

    monkeypatch.setattr(mm.LocalEnergyMinimizer, "minimize", minimise)
    relax(walker.context, hybrid)
    assert found == [(False, [0.0] * len(solute), len(kept) - 1)]
    again = [hybrid.system.getConstraintParameters(k) for k in range(n_constraints(hybrid))]
    assert [list(one) for one in again] == [list(one) for one in kept]


def n_constraints(hybrid):
    """The number of constraints of the system."""
    return hybrid.system.getNumConstraints()


def test_the_solute_of_a_force_field_is_minimised(methane_files):
    hybrid, start = tiny_leg.build(*methane_files)
    positions = start.positions.copy()
    positions[1] += 0.3 * (positions[1] - positions[0])  # a C-H bond of 1.4 Å
    snapshot = minimised(hybrid, replace(start, positions=positions))
    bond = np.linalg.norm(snapshot.positions[1] - snapshot.positions[0])
    assert 0.100 < bond < 0.115


def test_a_molecule_that_comes_apart_is_refused_and_nothing_is_kept(torn, tmp_path):
    hybrid, start = torn
    plan = replace(tiny_leg.PLAN, equilibration=14)
    with pytest.raises(NumericsError, match="came apart while it was equilibrated") as caught:
        advance_leg(TaskFolder(tmp_path), hybrid, plan, lambda: start)
    assert "which are bonded, went from 1.09 to" in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("factor", [1.7, 1 / 1.7])
def test_a_bond_may_breathe_but_neither_tear_nor_collapse(methane_files, factor):
    hybrid, start = tiny_leg.build(*methane_files)
    for fine in (1.0, 1.3, 1 / 1.3):
        require_whole(hybrid, start.positions, start.positions * fine, when="now")
    with pytest.raises(NumericsError, match="came apart now"):
        require_whole(hybrid, start.positions, start.positions * factor, when="now")


def test_a_bad_start_may_be_mended_but_not_torn(methane_files):
    hybrid, start = tiny_leg.build(*methane_files)
    bad = start.positions * 0.5
    require_whole(hybrid, bad, start.positions, when="now", from_any_start=True)
    with pytest.raises(NumericsError, match="came apart"):
        require_whole(hybrid, bad, start.positions * 2.0, when="now", from_any_start=True)


def test_a_minimisation_that_tears_the_molecule_is_refused(torn):
    hybrid, start = torn
    with pytest.raises(NumericsError, match="came apart during the minimisation"):
        minimize(hybrid, start, platform="CPU", tolerance=10.0, max_steps=100)


@pytest.fixture
def alone(methane_files):
    """Two walkers of methane, at 298 and 900 K: where they start, its own potential, the plan."""
    hybrid, start = tiny_leg.build(*methane_files)
    topology = tiny_leg.read_topology(methane_files[0])
    plan = gas.GasPlan(
        temperatures=(298.15, gas.HOTTEST), ladders=1, masses=(12.0, *4 * (3.0,)), timestep=0.001,
        friction=5.0, equilibration=100, steps_per_record=50, records_per_segment=20, seed=8,
        bonds=bonds_within(topology, hybrid.region),
    )  # fmt: skip
    atoms = list(hybrid.region.atoms)
    return (
        start.positions[None, atoms],
        tiny_leg.open_potential("mm", topology, hybrid.region),
        plan,
    )


def test_a_molecule_that_comes_apart_in_gas_is_refused_and_nothing_is_kept(alone, tmp_path):
    starts, _, plan = alone
    with pytest.raises(NumericsError, match="came apart in gas, among walkers of up to 900 K"):
        advance_gas(TaskFolder(tmp_path), Tearing(100.0), plan, starts)
    assert not list(tmp_path.iterdir())


def test_a_segment_in_which_it_comes_apart_is_refused_and_not_kept(alone, tmp_path):
    starts, potential, plan = alone
    advance_gas(TaskFolder(tmp_path), potential, plan, starts)
    with pytest.raises(NumericsError, match="came apart in gas"):
        advance_gas(TaskFolder(tmp_path), Tearing(100.0), plan, starts)
    assert [path.name for path in tmp_path.iterdir()] == ["snapshots-0000.npz"]


def test_walkers_of_900_kelvin_stay_whole(alone):
    starts, potential, plan = alone
    segment, _ = gas.run_gas_segment(potential, plan, gas.start_gas(potential, plan, starts), 0)
    assert len(segment.energies) == plan.records_per_segment
