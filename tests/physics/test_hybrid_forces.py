# SPDX-License-Identifier: MIT
"""Are the forces of the whole hybrid system −∇E, and is the solute one molecule in it?

Reference platform and float64 networks. The energy is a sum of about 1e4 kJ/mol with rounding of
about 1e-11; over a step of 2e-6 nm that is 1e-5 kJ/mol/nm. The step is short so that no pair
crosses the cutoff, where the direct-space sum has a jump.
"""

from __future__ import annotations

import numpy as np
import openmm as mm
import pytest
from hybrids import WATERS, Box, Python, context_of, energy, forces, slope

from merrow.engine.plans import Ensemble
from merrow.engine.record import set_state
from merrow.engine.simulation import BAROSTATS, Snapshot, get_snapshot, open_context, set_snapshot
from merrow.potentials.interface import Potential
from merrow.samples import LambdaState
from merrow.system.build import INTERNAL, HybridSystem
from merrow.system.potentials import open_potential
from merrow.units import KJ_PER_KCAL

BAR = 1e-2
"""kJ/mol/nm (2e-4 kcal/mol/Å); forces here are 1e2 to 1e4."""


def check_gradient(box: Box, potential: Potential) -> None:
    reference = float(potential.evaluate(box.positions[None, box.atoms] * 10).energies[0])
    hybrid = box.hybrid(
        potential,
        nonbonded=box.nonbonded(lj_tail=True),
        reference=reference * KJ_PER_KCAL,
    )
    context = context_of(hybrid.system, box.positions, box.vectors)
    centre = box.positions[box.atoms].mean(axis=0)
    distance = np.linalg.norm(box.positions - centre, axis=1)
    others = [i for i in np.argsort(distance) if i not in box.atoms][:6]
    random = np.random.default_rng(11)
    for state in (LambdaState(0.0, 0.0), LambdaState(0.5, 0.5), LambdaState(1.0, 1.0)):
        set_state(context, state)
        context.setPositions(box.positions)
        force = forces(context)
        for atom in [*box.atoms, *others]:
            way = random.normal(size=3)
            way /= np.linalg.norm(way)
            expected = -slope(context, box.positions, atom, way)
            assert force[atom] @ way == pytest.approx(expected, rel=1e-5, abs=BAR), (state, atom)


@pytest.mark.parametrize("name", ["ani2x", "ani1ccx"])
def test_forces_of_the_ml_hybrid_are_its_gradient(methane, ani, name):
    check_gradient(methane, ani(name, methane.region.molecule))


def test_forces_of_the_native_hybrid_are_its_gradient(acetone):
    check_gradient(acetone, acetone.classical)


@pytest.fixture(scope="module")
def twins(ethanol: Box) -> tuple[HybridSystem, HybridSystem]:
    """The same Hamiltonian by native forces, and by a PythonForce (`--potential mm:FILE`)."""
    other = open_potential(f"mm:{ethanol.gas}", ethanol.topology, ethanol.region)
    return ethanol.hybrid(rigid=True), ethanol.hybrid(Python(other), rigid=True)


def test_native_forces_and_the_bridge_are_one_potential(ethanol, twins):
    native, bridged = (context_of(t.system, ethanol.positions, ethanol.vectors) for t in twins)
    for state in (LambdaState(1.0, 1.0), LambdaState(0.3, 1.0), LambdaState(0.0, 0.0)):
        set_state(native, state)
        set_state(bridged, state)
        assert energy(native, INTERNAL) == pytest.approx(energy(bridged, INTERNAL), abs=1e-6)
        assert energy(native) == pytest.approx(energy(bridged), abs=1e-6)
        np.testing.assert_allclose(forces(native), forces(bridged), rtol=0, atol=1e-5)


def test_native_forces_and_the_bridge_make_one_trajectory(ethanol, twins):
    ends = []
    for twin in twins:
        context = started(twin, ethanol, pressure=1.0)
        context.setVelocitiesToTemperature(300.0, 7)
        context.getIntegrator().step(20)
        ends.append(get_snapshot(context))
    # Rounding of 1e-13 nm grows by less than 1e3 in 20 steps.
    np.testing.assert_allclose(ends[0].positions, ends[1].positions, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ends[0].box, ends[1].box, rtol=0, atol=1e-12)
    assert np.abs(ends[0].positions - ethanol.positions).max() > 1e-3


def started(hybrid: HybridSystem, box: Box, *, pressure: float | None, every: int = 10):
    ensemble = Ensemble(300.0, pressure, 0.001, 1.0, barostat_interval=every)
    context = open_context(hybrid, ensemble, platform="Reference", seed=3)
    set_snapshot(context, Snapshot(box.positions, np.zeros_like(box.positions), box.vectors))
    return context


def test_the_ml_solute_is_one_molecule(acetone):
    hybrid = acetone.hybrid(Python(acetone.classical))
    context = context_of(hybrid.system, acetone.positions, acetone.vectors)
    molecules = {tuple(sorted(m)) for m in context.getMolecules()}
    assert tuple(acetone.atoms) in molecules
    assert len(molecules) == 1 + WATERS


def volume_moves(box: Box, *, whole: bool) -> tuple[Snapshot, Snapshot]:
    """Let the barostat alone act: steps of 1e-9 ps move nothing else."""
    hybrid = box.hybrid(Python(box.classical), rigid=True)
    if not whole:
        names = [force.getName() for force in hybrid.system.getForces()]
        hybrid.system.removeForce(names.index("OneMolecule"))
    ensemble = Ensemble(300.0, 1.0, 1e-9, 1.0, barostat_interval=1)
    context = open_context(hybrid, ensemble, platform="Reference", seed=3)
    start = Snapshot(box.positions, np.zeros_like(box.positions), box.vectors)
    set_snapshot(context, start)
    context.getIntegrator().step(20)
    return start, get_snapshot(context)


def inner_distances(positions: np.ndarray) -> np.ndarray:
    return np.linalg.norm(positions[:, None] - positions[None], axis=-1)


def test_the_barostat_moves_the_solute_as_a_whole(acetone):
    before, after = volume_moves(acetone, whole=True)
    change = np.diag(after.box) / np.diag(before.box) - 1
    assert np.abs(change).min() > 1e-5  # the box did change
    solute = [p.positions[acetone.atoms] for p in (before, after)]
    # A thermal velocity of 1 nm/ps for 20 steps of 1e-9 ps: 2e-8 nm.
    np.testing.assert_allclose(*map(inner_distances, solute), rtol=0, atol=1e-7)
    assert np.linalg.norm(solute[1].mean(axis=0) - solute[0].mean(axis=0)) > 1e-6


def test_loose_atoms_of_a_solute_would_be_torn_by_the_barostat(acetone):
    before, after = volume_moves(acetone, whole=False)
    solute = [p.positions[acetone.atoms] for p in (before, after)]
    assert np.abs(inner_distances(solute[1]) - inner_distances(solute[0])).max() > 1e-6


def test_constraints_hold_water_and_leave_the_solute_free(ethanol):
    system = ethanol.hybrid(rigid=True).system
    bound = [system.getConstraintParameters(k)[:2] for k in range(system.getNumConstraints())]
    assert len(bound) == 3 * WATERS
    assert all(i not in ethanol.atoms for pair in bound for i in pair)
    held = ethanol.hybrid(rigid=True, solute_constraints=True).system
    assert held.getNumConstraints() == 3 * WATERS + 6  # C2H5OH has six hydrogens


def test_the_context_of_constant_volume_has_no_barostat(methane):
    hybrid = methane.hybrid(rigid=True)
    started(hybrid, methane, pressure=1.0)
    context = started(hybrid, methane, pressure=None)
    context.getIntegrator().step(20)
    np.testing.assert_array_equal(get_snapshot(context).box, methane.vectors)
    assert not any(isinstance(f, mm.MonteCarloBarostat) for f in hybrid.system.getForces())


def test_one_system_changes_its_barostat_and_never_has_two(methane):
    hybrid = methane.hybrid()

    def barostats(pressure: float | None, *, anisotropic: bool) -> list[str]:
        ensemble = Ensemble(300.0, pressure, 0.001, 1.0, 5, anisotropic)
        open_context(hybrid, ensemble, platform="Reference", seed=3)
        return [type(f).__name__ for f in hybrid.system.getForces() if isinstance(f, BAROSTATS)]

    assert barostats(1.0, anisotropic=False) == ["MonteCarloBarostat"]
    assert barostats(2.0, anisotropic=True) == ["MonteCarloAnisotropicBarostat"]
    (force,) = [f for f in hybrid.system.getForces() if isinstance(f, BAROSTATS)]
    assert list(force.getDefaultPressure()._value) == [2.0, 2.0, 2.0]
    assert barostats(1.0, anisotropic=False) == ["MonteCarloBarostat"]
    assert barostats(None, anisotropic=True) == []
