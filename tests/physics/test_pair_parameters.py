# SPDX-License-Identifier: MIT
"""Are Lennard-Jones pairs taken from the prmtop's tables, never from a combination rule?"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import openmm as mm
import parmed
import pytest
from hybrids import (
    CUTOFF,
    WATERS,
    Box,
    context_of,
    energy,
    energy_at,
    make_box,
    read_box,
    solute_pairs,
)
from parmed.amber import AmberFormat

from merrow.amber.topology import read_topology
from merrow.errors import UnsupportedPhysicsError
from merrow.system.alchemy import tail_coefficient
from merrow.system.build import ENVIRONMENT, SOFT_CORE, base_system
from merrow.system.internal import lj_matrices

SAME_TABLES = 1e-8
"""kJ/mol: OpenMM and we read the same nine digits; only the order of the sum differs."""


def edited(box: Box, folder: Path, first: int, second: int, a: float, b: float) -> Box:
    """The box with A and B of one pair of types changed: factors, or values where they were 0."""
    parm = AmberFormat()
    parm.rdparm_slow(str(box.prmtop))
    data = parm.parm_data
    n = data["POINTERS"][1]
    index = data["NONBONDED_PARM_INDEX"][n * first + second] - 1
    for x, change in (("A", a), ("B", b)):
        table = data[f"LENNARD_JONES_{x}COEF"]
        table[index] = table[index] * change if table[index] else change
    target = folder / "edited.prmtop"
    parm.write_parm(str(target))
    return read_box(box.gas, target, box.inpcrd)


def kinds(box: Box) -> tuple[int, int, int]:
    """Types of the solute's first atom, of water oxygen and of water hydrogen."""
    n = len(box.atoms)
    return tuple(int(box.topology.lj_type[i]) for i in (0, n, n + 1))


def plain(box: Box) -> float:
    system = base_system(box.topology, box.nonbonded(), rigid_water=False)
    assert any(isinstance(f, mm.CustomNonbondedForce) for f in system.getForces())
    return energy(context_of(system, box.positions, box.vectors))


def coupled(box: Box, *groups: int) -> float:
    hybrid = box.hybrid()
    context = context_of(hybrid.system, box.positions, box.vectors)
    total = energy_at(context, 1.0, 1.0)
    return energy(context, *groups) if groups else total


@pytest.fixture(scope="module")
def fixed(acetone, tmp_path_factory) -> Box:
    """Acetone whose carbon meets water oxygen with 3 A and 1.3 B."""
    carbon, oxygen, _ = kinds(acetone)
    return edited(acetone, tmp_path_factory.mktemp("nbfix"), carbon, oxygen, 3.0, 1.3)


def test_a_changed_pair_of_solute_and_water_changes_the_energy_by_that_sum(acetone, fixed):
    carbon, oxygen, _ = kinds(acetone)
    before, after = lj_matrices(acetone.topology), lj_matrices(fixed.topology)
    a, b = (y[carbon, oxygen] - x[carbon, oxygen] for x, y in zip(before, after, strict=True))
    kind, expected = acetone.topology.lj_type, 0.0
    for i, partners, distance in solute_pairs(acetone, within=False):
        r = distance[kind[partners] == oxygen]
        if kind[i] == carbon:
            expected += float(np.sum(a / r**12 - b / r**6))
    assert abs(expected) > 1.0
    change = coupled(fixed, SOFT_CORE) - coupled(acetone, SOFT_CORE)
    assert change == pytest.approx(expected, abs=SAME_TABLES)
    # The whole: OpenMM now takes every pair from the table, before it combined: the ninth digit of
    # the waters among each other.
    assert coupled(fixed) - coupled(acetone) == pytest.approx(expected, abs=1e-3)


def test_the_coupled_system_with_a_changed_pair_is_the_plain_prmtop(fixed):
    assert coupled(fixed) == pytest.approx(plain(fixed), abs=SAME_TABLES)


def test_the_tail_follows_a_changed_pair(acetone, fixed):
    carbon, oxygen, _ = kinds(acetone)
    (a0, b0), (a1, b1) = lj_matrices(acetone.topology), lj_matrices(fixed.topology)
    pairs = WATERS * np.count_nonzero(acetone.topology.lj_type[acetone.atoms] == carbon)
    a, b = a1[carbon, oxygen] - a0[carbon, oxygen], b1[carbon, oxygen] - b0[carbon, oxygen]
    expected = pairs * 4 * np.pi * (a / (9 * CUTOFF**9) - b / (3 * CUTOFF**3))
    change = [tail_coefficient(x.topology, x.atoms, CUTOFF) for x in (fixed, acetone)]
    assert change[0] - change[1] == pytest.approx(expected, rel=1e-6)


def test_a_changed_pair_within_the_environment_is_kept(acetone, tmp_path):
    _, oxygen, hydrogen = kinds(acetone)
    box = edited(acetone, tmp_path, oxygen, hydrogen, 900.0, 30.0)
    assert abs(plain(box) - coupled(acetone)) > 1.0
    assert coupled(box) == pytest.approx(plain(box), abs=SAME_TABLES)


def test_the_solute_takes_no_part_in_the_environments_table(fixed):
    system = fixed.hybrid().system
    (table,) = [
        f
        for f in system.getForces()
        if isinstance(f, mm.CustomNonbondedForce) and f.getForceGroup() == ENVIRONMENT
    ]
    types = {table.getParticleParameters(i)[0] for i in fixed.atoms}
    assert types == {max(fixed.topology.lj_type) + 1.0}
    decoupled = context_of(system, fixed.positions, fixed.vectors)
    first = energy(decoupled, ENVIRONMENT)
    moved = fixed.positions.copy()
    moved[fixed.atoms] += 0.35
    decoupled.setPositions(moved)
    assert energy(decoupled, ENVIRONMENT) == pytest.approx(first, abs=SAME_TABLES)


def test_a_solute_left_in_the_environments_table_is_seen(fixed):
    system = fixed.hybrid().system
    for force in system.getForces():
        if isinstance(force, mm.CustomNonbondedForce) and force.getForceGroup() == ENVIRONMENT:
            for i in fixed.atoms:  # the mutant: Lennard-Jones twice
                force.setParticleParameters(i, [float(fixed.topology.lj_type[i])])
    context = context_of(system, fixed.positions, fixed.vectors)
    assert abs(energy_at(context, 1.0, 1.0) - plain(fixed)) > 1.0


def test_a_combination_rule_in_the_soft_core_is_seen(fixed, acetone):
    # The mutant takes the unedited (combined) table for the edited prmtop.
    mutant = dataclasses.replace(fixed, topology=acetone.topology)
    soft = [coupled(box, SOFT_CORE) for box in (mutant, fixed)]
    assert abs(soft[0] - soft[1]) > 1.0


def test_half_a_pair_is_refused_and_not_dropped(acetone, tmp_path):
    carbon, _, hydrogen = kinds(acetone)
    parm = AmberFormat()
    parm.rdparm_slow(str(acetone.prmtop))
    n = parm.parm_data["POINTERS"][1]
    index = parm.parm_data["NONBONDED_PARM_INDEX"][n * carbon + hydrogen] - 1
    parm.parm_data["LENNARD_JONES_ACOEF"][index] = 5000.0  # repulsion without attraction
    parm.write_parm(str(tmp_path / "half.prmtop"))
    box = read_box(acetone.gas, tmp_path / "half.prmtop", acetone.inpcrd)
    with pytest.raises(UnsupportedPhysicsError, match=r":1@\S+ and :2@H1 .* without the other"):
        box.hybrid()


def test_twelve_six_four_terms_are_refused(acetone, tmp_path):
    parm = AmberFormat()
    parm.rdparm_slow(str(acetone.prmtop))
    size = len(parm.parm_data["LENNARD_JONES_ACOEF"])
    parm.add_flag("LENNARD_JONES_CCOEF", "5E16.8", data=[1.0] * size)
    parm.write_parm(str(tmp_path / "c.prmtop"))
    with pytest.raises(UnsupportedPhysicsError, match="12-6-4"):
        read_topology(tmp_path / "c.prmtop")


def test_types_without_lennard_jones_are_left_out(systems, tmp_path):
    # as in GAFF's first generation, whose hydroxyl hydrogens have none
    gas = parmed.load_file(str(systems / "ethanol.prmtop"))
    parmed.tools.changeLJSingleType(gas, "@%ho", 0.0, 0.0).execute()
    gas.write_parm(str(tmp_path / "ethanol.prmtop"))
    shutil.copy(systems / "ethanol.inpcrd", tmp_path)
    ethanol = make_box(tmp_path / "ethanol.prmtop", tmp_path / "wet", WATERS)
    hybrid = ethanol.hybrid()
    (soft,) = [f for f in hybrid.system.getForces() if f.getForceGroup() == SOFT_CORE]
    acting, partners = soft.getInteractionGroupParameters(0)
    hydroxyl = [i for i in ethanol.atoms if ethanol.topology.types[i] == "ho"]
    assert len(hydroxyl) == 1
    assert not set(hydroxyl) & set(acting)
    oxygens = {i for i, z in enumerate(ethanol.topology.numbers) if z == 8}
    assert set(partners) == oxygens - set(ethanol.atoms)
