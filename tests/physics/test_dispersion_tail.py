# SPDX-License-Identifier: MIT
"""Is the Lennard-Jones tail beyond the cutoff the integral that it claims to be?"""

from __future__ import annotations

import copy

import numpy as np
import openmm as mm
import pytest
from hybrids import CUTOFF, WATERS, Box, context_of, energy, force_of
from scipy.integrate import quad

from merrow.engine.record import set_state, take_record
from merrow.errors import NumericsError
from merrow.samples import LambdaState
from merrow.system.alchemy import tail_coefficient
from merrow.system.build import TAIL
from merrow.system.internal import lj_matrices
from merrow.units import KCAL_PER_KJ

PRODUCT_CUTOFF = 0.8


def long_range_correction(box: Box, lj: float) -> float:
    """OpenMM's own tail of the soft core's interaction group [kJ/mol]."""
    hybrid, values = box.hybrid(nonbonded=box.nonbonded(cutoff=PRODUCT_CUTOFF)), []
    for correction in (True, False):
        system = mm.System()
        for _ in range(len(box.topology)):
            system.addParticle(1.0)
        system.setDefaultPeriodicBoxVectors(*(mm.Vec3(*map(float, row)) for row in box.vectors))
        soft = copy.deepcopy(force_of(hybrid.system, mm.CustomNonbondedForce))
        soft.setUseLongRangeCorrection(correction)
        system.addForce(soft)
        context = context_of(system, box.positions, box.vectors)
        context.setParameter("lambda_sterics", lj)
        values.append(energy(context))
    return values[0] - values[1]


@pytest.mark.parametrize("solute", ["methane", "acetone", "ethanol"])
def test_the_tail_is_the_integral_of_every_pair_beyond_the_cutoff(request, solute):
    box = request.getfixturevalue(solute)
    lj_a, lj_b = lj_matrices(box.topology)
    kinds = box.topology.lj_type
    total = 0.0
    for i in box.atoms:
        for kind in np.unique(kinds[len(box.atoms) :]):
            a, b = lj_a[kinds[i], kind], lj_b[kinds[i], kind]
            count = np.count_nonzero(kinds[len(box.atoms) :] == kind)
            integral, _ = quad(
                lambda r, a=a, b=b: 4 * np.pi * r**2 * (a / r**12 - b / r**6), CUTOFF, np.inf
            )
            total += count * integral
    assert tail_coefficient(box.topology, box.atoms, CUTOFF) == pytest.approx(total, rel=1e-7)


@pytest.mark.parametrize(("lj", "tolerance"), [(1.0, 1e-5), (0.25, 2e-3)])
def test_the_tail_agrees_with_openmm_but_for_its_count_of_pairs(acetone, lj, tolerance):
    # OpenMM divides by N(N + 1)/2 pairs; below λ = 1 it also integrates the soft core's shift,
    # which is less than 0.2 % of the tail.
    hybrid = acetone.hybrid(nonbonded=acetone.nonbonded(cutoff=PRODUCT_CUTOFF, lj_tail=True))
    context = context_of(hybrid.system, acetone.positions, acetone.vectors)
    set_state(context, LambdaState(0.0, lj))
    n = len(acetone.topology)
    expected = long_range_correction(acetone, lj) * (n + 1) / n
    assert energy(context, TAIL) == pytest.approx(expected, rel=tolerance)


def test_the_tail_is_what_a_longer_cutoff_brings(methane):
    # Between two cutoffs the tail must change by the shell that moved from one side to the other.
    lj_a, lj_b = lj_matrices(methane.topology)
    kinds = methane.topology.lj_type
    inside, outside = kinds[: len(methane.atoms)], kinds[len(methane.atoms) :]
    a = sum(lj_a[i, outside].sum() for i in inside)
    b = sum(lj_b[i, outside].sum() for i in inside)
    shell, _ = quad(lambda r: 4 * np.pi * r**2 * (a / r**12 - b / r**6), 0.8, 0.9)
    short = tail_coefficient(methane.topology, methane.atoms, 0.8)
    long = tail_coefficient(methane.topology, methane.atoms, 0.9)
    assert short - long == pytest.approx(shell, rel=1e-9)
    # At the density of water (33.4 oxygens/nm³): −0.30 kcal/mol, as a prototype found.
    assert short / WATERS * 33.4 * KCAL_PER_KJ == pytest.approx(-0.30, abs=0.02)


def gpu(box: Box):
    """The hybrid system that is made for a GPU, and the one for any platform."""
    options = {"nonbonded": box.nonbonded(lj_tail=True)}
    edges = tuple(np.diag(box.vectors).tolist())
    return box.hybrid(gpu_edges=edges, **options), box.hybrid(**options)


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
@pytest.mark.parametrize("scales", [(1, 1, 1), (0.76, 0.9, 1.3), (1.49, 1.0, 0.751)])
def test_the_tail_by_edges_is_the_tail_by_volume(methane, platform, scales):
    by_edges, by_volume = gpu(methane)
    vectors = methane.vectors * np.array(scales)[:, None]
    assert np.diag(vectors).min() > 2 * CUTOFF
    for lj in (1.0, 0.3, 0.0):
        found = []
        for hybrid in (by_edges, by_volume):
            context = context_of(hybrid.system, methane.positions, vectors, platform=platform)
            set_state(context, LambdaState(0.0, lj))
            found.append(energy(context, TAIL))
            state = context.getState(getForces=True, groups={TAIL})
            assert not np.any(state.getForces(asNumpy=True)._value)
        expected = lj * by_volume.tail / np.prod(np.diag(vectors))
        assert found == pytest.approx([expected, expected], rel=1e-12)


def test_a_barostat_accepts_the_same_with_either(methane):
    """Twenty changes of volume, each judged with the tail, on the exact platform."""
    volumes = []
    for hybrid in gpu(methane):
        barostat = mm.MonteCarloBarostat(1.01325, 298.15, 1)
        barostat.setRandomNumberSeed(5)
        hybrid.system.addForce(barostat)
        integrator = mm.LangevinMiddleIntegrator(298.15, 1.0, 1e-5)
        integrator.setRandomNumberSeed(5)
        reference = mm.Platform.getPlatformByName("Reference")
        context = mm.Context(hybrid.system, integrator, reference)
        context.setPeriodicBoxVectors(*(mm.Vec3(*map(float, row)) for row in methane.vectors))
        context.setPositions(methane.positions)
        found = []
        for _ in range(20):
            integrator.step(1)
            found.append(context.getState().getPeriodicBoxVolume()._value)
        volumes.append(found)
    np.testing.assert_allclose(volumes[0], volumes[1], rtol=1e-9)
    assert len(set(np.round(volumes[0], 9))) > 5


def test_a_record_refuses_a_box_for_which_the_tail_by_edges_is_wrong(methane):
    by_edges, _ = gpu(methane)
    here = LambdaState(1.0, 1.0)
    for scale, sound in ((1.0, True), (1.45, True), (1.51, False)):
        context = context_of(by_edges.system, methane.positions, methane.vectors * scale)
        if sound:
            take_record(context, by_edges, (here,), here=here, temperature=298.15)
            continue
        with pytest.raises(NumericsError, match="changed by more than a quarter"):
            take_record(context, by_edges, (here,), here=here, temperature=298.15)


def test_no_tail_is_added_where_none_is_asked_for(methane):
    hybrid = methane.hybrid()
    assert hybrid.tail == 0.0
    assert not any(isinstance(f, mm.CustomVolumeForce) for f in hybrid.system.getForces())
