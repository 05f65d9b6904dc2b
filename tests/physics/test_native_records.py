# SPDX-License-Identifier: MIT
"""Is what a record says the same on our kernel and on OpenMM's forces, and is a fault seen?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import openmm as mm
import pytest
from hybrids import Box, context_of, energy

from merrow.engine.agreement import COUPLING, LARGE, require_agreement
from merrow.engine.decompose import HybridDecomposition
from merrow.engine.plans import Ensemble
from merrow.engine.record import LARGEST_U, couplings, set_state, take_record
from merrow.engine.simulation import Snapshot, open_context, set_snapshot
from merrow.engine.slope import Slope
from merrow.errors import NumericsError
from merrow.hydration.protocol import PROTOCOLS
from merrow.nonbonded.kernel import NonbondedKernel, why_not
from merrow.samples import LambdaState
from merrow.system.build import HybridSystem
from merrow.system.native_forces import read_parameters, with_native_forces

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

STATES = tuple(LambdaState(*s) for s in PROTOCOLS["quick"].schedule.states)
HERE = [STATES[0], STATES[2], LambdaState(0.0, 0.5), STATES[-1]]
TEMPERATURE = 298.15


def on_openmm(box: Box) -> HybridSystem:
    return box.hybrid(rigid=True, nonbonded=box.nonbonded(lj_tail=True))


@pytest.fixture
def native(acetone) -> HybridSystem:
    return with_native_forces(on_openmm(acetone))


@pytest.fixture(scope="module")
def warm(acetone) -> Snapshot:
    """Acetone after a short run."""
    ensemble = Ensemble(TEMPERATURE, None, 0.002, 5.0)
    context = open_context(on_openmm(acetone), ensemble, platform="CPU", seed=3)
    set_snapshot(context, at_rest(acetone))
    mm.LocalEnergyMinimizer.minimize(context, 10.0, 50)
    context.setVelocitiesToTemperature(TEMPERATURE, 3)
    context.getIntegrator().step(200)
    x = context.getState(getPositions=True).getPositions(asNumpy=True)._value
    return Snapshot(np.array(x), np.zeros_like(x), acetone.vectors)


def at_rest(box: Box) -> Snapshot:
    return Snapshot(box.positions, np.zeros_like(box.positions), box.vectors)


def contexts(acetone: Box, native: HybridSystem, snapshot: Snapshot):
    """(Hamiltonian, Context) on OpenMM's Reference platform, and on our kernel."""
    plain = on_openmm(acetone)
    found = []
    for hybrid, platform in ((plain, "Reference"), (native, "CPU")):
        context = context_of(hybrid.system, snapshot.positions, snapshot.box, platform=platform)
        found.append((hybrid, context))
    return found


@pytest.mark.parametrize("here", HERE)
def test_a_record_in_one_pass_is_that_of_many_energies(acetone, native, warm, here):
    records = []
    for hybrid, context in contexts(acetone, native, warm):
        set_state(context, here)
        records.append(take_record(context, hybrid, STATES, here=here, temperature=TEMPERATURE))
    right, ours = records
    assert np.ptp(right.u) > 5.0
    np.testing.assert_allclose(ours.u - ours.u[-1], right.u - right.u[-1], rtol=0, atol=1e-3)
    np.testing.assert_allclose(ours.dvdl, right.dvdl, rtol=1e-4)
    assert ours.volume == right.volume
    assert ours.internal == pytest.approx(right.internal, rel=1e-6)
    if here == STATES[0]:
        assert ours.size_slope == pytest.approx(right.size_slope, rel=1e-4)
    assert np.isnan(ours.size_slope) == (here != STATES[0])


def test_states_without_weight_have_a_large_finite_u(acetone, native):
    x = acetone.positions.copy()
    x[acetone.atoms] += x[len(acetone.atoms)] - x[acetone.atoms[1]]  # an atom on an oxygen
    context = context_of(native.system, x, acetone.vectors, platform="CPU")
    here = STATES[-1]
    set_state(context, here)
    u, _ = couplings(context, native, STATES, here=here, temperature=TEMPERATURE)
    assert np.all(np.isfinite(u))
    assert u[0] - u[-1] == pytest.approx(LARGEST_U, rel=1e-3)


def test_minimisation_works_from_clashes(acetone, native):
    x = acetone.positions.copy()
    first = len(acetone.atoms)
    x[first : first + 3] += x[first + 3] - x[first] + 0.02  # two waters in one place
    relaxed = []
    for hybrid in (on_openmm(acetone), native):
        context = context_of(hybrid.system, x, acetone.vectors, platform="CPU")
        mm.LocalEnergyMinimizer.minimize(context, 10.0, 200)
        relaxed.append(energy(context))
    # two ways into two minima of some −4,000 kJ/mol
    assert relaxed[1] == pytest.approx(relaxed[0], rel=0.05)


def test_openmm_and_the_kernel_agree_and_nothing_is_asked_of_openmm_alone(acetone, native, warm):
    for hybrid, context in contexts(acetone, native, warm):
        for here in HERE:
            set_state(context, here)
            require_agreement(hybrid, context, STATES, here=here)


def test_rounding_in_states_that_have_no_weight_is_no_fault(acetone, native, warm):
    """A decoupled solute lies in water, where a step of float32 is much of a steep r⁻¹²."""
    random, here = np.random.default_rng(4), LambdaState(0.0, 0.3)
    plain = on_openmm(acetone)
    judge, context = (
        context_of(one.system, warm.positions, warm.box, platform="CPU") for one in (plain, native)
    )

    def asked(hybrid: HybridSystem, one: mm.Context, x: np.ndarray) -> np.ndarray:
        one.setPositions(x)
        set_state(one, here)
        u, _ = couplings(one, hybrid, STATES, here=here, temperature=TEMPERATURE)
        return u - u.min()

    steep = []
    for shift in random.uniform(0.0, 1.0, (4000, 3)) @ warm.box:
        x = warm.positions.copy()
        x[acetone.atoms] += shift
        if 0.5 * LARGE < (highest := asked(native, context, x).max()) < 0.99 * LARGE:
            steep.append((highest, x))
    apart = []
    for _, x in sorted(steep, key=lambda one: -one[0])[:30]:
        apart.append(np.abs(asked(native, context, x) - asked(plain, judge, x)).max())
        require_agreement(native, context, STATES, here=here)
    assert max(apart) > COUPLING / 5  # of states with a weight it is 2e-4


@pytest.mark.parametrize(
    ("name", "factor"), [("charges", 1.001), ("epsilon", 1.01), ("alpha", 1.05), ("cutoff", 0.99)]
)
def test_a_kernel_that_is_told_something_else_is_found_out(acetone, warm, name, factor):
    class Told(NonbondedKernel):
        def __init__(self, parameters, isa=None):
            changed = getattr(parameters, name) * factor
            super().__init__(replace(parameters, **{name: changed}), isa)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("merrow.system.native_forces.NonbondedKernel", Told)
        wrong = with_native_forces(on_openmm(acetone))
    context = context_of(wrong.system, warm.positions, warm.box, platform="CPU")
    set_state(context, STATES[0])
    with pytest.raises(NumericsError, match="fault of merrow"):
        require_agreement(wrong, context, STATES, here=STATES[0])


def test_numbers_that_are_not_finite_end_the_run(acetone, native):
    x = acetone.positions.copy()
    x[30] = x[33]
    x[31] = x[34]  # charges of two waters in one place
    context = context_of(native.system, x, acetone.vectors, platform="CPU")
    with pytest.raises((NumericsError, mm.OpenMMException), match="not finite"):
        context.getIntegrator().step(1)


def test_terms_and_slopes_are_told_on_the_kernel_too(acetone, native, warm):
    plain = on_openmm(acetone)
    right = HybridDecomposition(plain, warm.box, platform="CPU").at(warm)
    ours = HybridDecomposition(native, warm.box, platform="CPU").at(warm)
    assert ours.terms == pytest.approx(right.terms, rel=1e-6, abs=1e-4)
    for state in HERE:
        one, two = (Slope(h, state, platform="CPU").at(warm) for h in (plain, native))
        assert two == pytest.approx(one, rel=1e-6, abs=1e-4)


def test_parameters_are_those_of_the_system_not_of_a_rule(acetone):
    # the prmtop's own A and B of solute and water, changed where no rule of mixing would be
    kind = acetone.topology.lj_type
    solute, oxygen = kind[acetone.atoms[0]], kind[len(acetone.atoms)]
    lj_a = acetone.topology.lj_a.copy()
    lj_a[solute, oxygen] = lj_a[oxygen, solute] = 1.3 * lj_a[solute, oxygen]
    other = replace(acetone, topology=replace(acetone.topology, lj_a=lj_a))
    before, after = (read_parameters(on_openmm(b)) for b in (acetone, other))
    ratio = after.sigma / before.sigma
    same = kind[acetone.atoms] == solute
    assert ratio[same] == pytest.approx(1.3 ** (1 / 6))
    assert ratio[~same] == pytest.approx(1.0)
