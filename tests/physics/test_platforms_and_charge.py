# SPDX-License-Identifier: MIT
"""Is the platform that samples as good as the exact one, and may the solute be charged?"""

from __future__ import annotations

import numpy as np
import openmm as mm
import pytest
from hybrids import Box, context_of, energy, energy_at, forces, read_box, table_minus_rule
from parmed.amber import AmberFormat

from merrow.engine.record import coulomb_coefficients, set_state, take_record
from merrow.hydration.protocol import PROTOCOLS
from merrow.samples import LambdaState
from merrow.system.build import NONBONDED, base_system

QUICK = tuple(LambdaState(*s) for s in PROTOCOLS["quick"].schedule.states)


@pytest.mark.parametrize("solute", ["methane", "acetone"])
def test_records_on_the_cpu_platform_are_those_of_the_reference(request, solute):
    # Single precision: 1e-7 of pair terms of 1e3 kJ/mol, times 4 in the quadratic coefficient.
    box = request.getfixturevalue(solute)
    records = []
    for platform in ("Reference", "CPU"):
        hybrid = box.hybrid(nonbonded=box.nonbonded(lj_tail=True))
        context = context_of(hybrid.system, box.positions, box.vectors, platform=platform)
        here = QUICK[2]
        set_state(context, here)
        records.append(take_record(context, hybrid, QUICK, here=here, temperature=298.15))
    exact, fast = records
    np.testing.assert_allclose(fast.u - fast.u[-1], exact.u - exact.u[-1], rtol=1e-5, atol=5e-3)
    np.testing.assert_allclose(fast.dvdl, exact.dvdl, rtol=1e-5, atol=2e-2)
    assert fast.internal == pytest.approx(exact.internal, rel=1e-5)
    assert fast.volume == pytest.approx(exact.volume, rel=1e-12)


def test_forces_on_the_cpu_platform_are_those_of_the_reference(acetone):
    both = []
    for platform in ("Reference", "CPU"):
        context = context_of(
            acetone.hybrid().system, acetone.positions, acetone.vectors, platform=platform
        )
        set_state(context, LambdaState(0.5, 0.7))
        both.append(forces(context))
    error = np.linalg.norm(both[1] - both[0]) / np.linalg.norm(both[0])
    assert error < 1e-5


@pytest.fixture(scope="module")
def cation(acetone, tmp_path_factory) -> Box:
    """Acetone whose charges were shifted to a net charge of +1."""
    parm = AmberFormat()
    parm.rdparm_slow(str(acetone.prmtop))
    n = len(acetone.atoms)
    excess = 1.0 - sum(parm.parm_data["CHARGE"][:n])
    for i in range(n):
        parm.parm_data["CHARGE"][i] += excess / n
    target = tmp_path_factory.mktemp("cation") / "cation.prmtop"
    parm.write_parm(str(target))
    return read_box(acetone.gas, target, acetone.inpcrd)


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_the_neutralising_background_follows_lambda(cation, platform):
    # A net charge q(λ) has the background −π q²/(2 V α²): part of C, and of the plain prmtop.
    plain = base_system(cation.topology, cation.nonbonded(), rigid_water=False)
    bare = context_of(plain, cation.positions, cation.vectors, platform=platform)
    hybrid = cation.hybrid()
    context = context_of(hybrid.system, cation.positions, cation.vectors, platform=platform)
    expected = energy(bare) + table_minus_rule(cation, within=True)
    bar = 1e-8 if platform == "Reference" else 0.05
    assert energy_at(context, 1.0, 1.0) == pytest.approx(expected, abs=bar)
    a, b, c = coulomb_coefficients(context)
    set_state(context, LambdaState(0.37, 1.0))
    assert energy(context, NONBONDED) == pytest.approx(a + 0.37 * b + 0.37**2 * c, abs=bar)


def test_every_box_shape_couples_the_same_way(acetone):
    # A triclinic cell: the same identity as in the cube.
    vectors = acetone.vectors.copy()
    vectors[1, 0], vectors[2, 0], vectors[2, 1] = 0.3, -0.4, 0.5
    plain = base_system(acetone.topology, acetone.nonbonded(), rigid_water=False)
    hybrid = acetone.hybrid()
    for system in (plain, hybrid.system):
        system.setDefaultPeriodicBoxVectors(*(mm.Vec3(*row) for row in vectors.tolist()))
    one = energy(context_of(plain, acetone.positions, vectors))
    context = context_of(hybrid.system, acetone.positions, vectors)
    assert energy_at(context, 1.0, 1.0) == pytest.approx(one, abs=1e-5 + 1e-8 * abs(one))
