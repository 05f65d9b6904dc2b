# SPDX-License-Identifier: MIT
"""Is the kernel's energy the plain sum's, for every box and instruction set?"""

from __future__ import annotations

import ctypes
import pickle

import numpy as np
import pytest

from merrow.errors import InputError, NumericsError
from merrow.native import ISAS
from merrow.nonbonded import plain
from merrow.nonbonded.kernel import NonbondedKernel, instruction_set, why_not
from merrow.nonbonded.testing import BOXES, disagreement, expected, random_box

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

STATES = [(1.0, 1.0), (0.5, 1.0), (0.0, 0.5), (0.0, 0.0)]


def supported() -> list[str]:
    kernels = []
    for isa in ISAS:
        try:
            NonbondedKernel(random_box(np.random.default_rng(0))[0], isa)
        except InputError:
            continue
        kernels.append(isa)
    return kernels


@pytest.fixture(params=supported() if not why_not() else [])
def isa(request) -> str:
    return request.param


def fine(seed: int, **options):
    return random_box(np.random.default_rng(seed), alpha=3.3, grid=64, **options)


@pytest.mark.parametrize("kind", BOXES)
@pytest.mark.parametrize("seed", range(3))
def test_energy_and_forces_are_those_of_plain_sums(isa, kind, seed):
    p, x, box = fine(seed, **BOXES[kind])
    kernel = NonbondedKernel(p, isa)
    for electrostatics, sterics in STATES:
        right = expected(p, x, box, electrostatics=electrostatics, sterics=sterics)
        found = disagreement(kernel, right)
        assert max(found.values()) < 1.0, found
        assert kernel.parts["tail"] == pytest.approx(p.tail / np.linalg.det(box))


ALIKE = [{}, {"shape": "octahedron", "length": 1.6}, {"sites": 4}, {"sites": 4, "shape": "tilted"}]
"""Kinds of boxes and waters whose code differs."""


def test_a_pair_in_one_place_grows_no_more_and_spoils_no_other(isa):
    p, x, box = fine(8, overlap=True)
    atom = p.single[np.argmax(p.epsilon[: p.n_solute])]
    x[atom] = x[p.waters[0]] + 0.0005  # an atom of the solute on an oxygen
    right = expected(p, x, box, electrostatics=1.0, sterics=1.0)
    kernel = NonbondedKernel(p, isa)
    found = disagreement(kernel, right)
    assert max(found.values()) < 1.0, found
    assert np.isfinite(right.bars).sum() == p.n_atoms - 2
    assert kernel.parts["soft_core"] + kernel.parts["direct"] > 1e18


def test_a_soft_core_that_is_nearly_hard_is_as_exact_as_others(isa):
    """1 − λ is small there, and float32 of λ would leave few of its digits."""
    p, x, box = random_box(np.random.default_rng([22, 52588]), alpha=2.0, grid=40, overlap=True)
    right = expected(p, x, box, electrostatics=1.0, sterics=0.9998253845921466)
    found = disagreement(NonbondedKernel(p, isa), right)
    assert max(found.values()) < 1.0, found


@pytest.mark.parametrize("kind", ALIKE, ids=str)
def test_forces_are_slopes_of_the_energy(isa, kind):
    p, x, box = random_box(np.random.default_rng(5), ions=2, waters=30, **kind)
    kernel, random = NonbondedKernel(p, isa), np.random.default_rng(6)
    state = {"electrostatics": 0.7, "sterics": 0.6}
    forces = kernel.evaluate(x, box, **state)[1].copy()
    for atom in random.choice(p.n_atoms, 8, replace=False):
        way = random.normal(size=3)
        way /= np.linalg.norm(way)
        step, energies = 2e-4, []
        for sign in (1, -1):
            moved = x.copy()
            moved[atom] += sign * step * way
            energies.append(kernel.evaluate(moved, box, **state)[0])
        slope = -(energies[0] - energies[1]) / (2 * step)
        assert forces[atom] @ way == pytest.approx(slope, rel=1e-2, abs=5.0)


@pytest.mark.parametrize("kind", ALIKE, ids=str)
def test_forces_without_the_energy_are_the_same(isa, kind):
    """Compiled code, as the dynamics loop, asks so at most of its steps."""
    p, x, box = random_box(np.random.default_rng(7), ions=2, waters=30, **kind)
    kernel = NonbondedKernel(p, isa)
    right = kernel.evaluate(x, box, electrostatics=0.7, sterics=0.6)[1].copy()
    address, handle = kernel.entry
    pointer, number = ctypes.c_void_p, ctypes.c_double
    compute = ctypes.CFUNCTYPE(ctypes.c_int, *[pointer] * 3, number, number, pointer, pointer)(
        address
    )
    found = np.zeros_like(right)
    status = compute(
        handle, x.ctypes.data, np.array(box).ctypes.data, 0.7, 0.6, found.ctypes.data, None
    )
    assert status == 0
    assert np.abs(found - right).max() < 1e-6 * np.abs(right).max()


def test_instruction_sets_agree_on_a_box_of_many_lists(isa):
    p, x, box = random_box(np.random.default_rng(17), waters=330, length=2.2, cutoff=0.8, alpha=3.6)
    state = {"electrostatics": 0.5, "sterics": 0.5}
    energy, forces = NonbondedKernel(p, isa).evaluate(x, box, **state)
    right, others = NonbondedKernel(p, "baseline").evaluate(x, box, **state)
    assert energy == pytest.approx(right, rel=1e-6)
    assert np.sqrt(np.mean((forces - others) ** 2)) < 1e-5 * np.sqrt(np.mean(others**2))


@pytest.mark.parametrize("kind", ALIKE, ids=str)
def test_a_list_is_kept_until_it_misses_a_pair(isa, kind):
    p, x, box = fine(11, **{"waters": 60, "length": 1.9, "ions": 2, **kind})
    kernel = NonbondedKernel(p, isa)
    random, molecules = np.random.default_rng(12), plain.molecules(p)
    for step in range(60):
        x = x + random.normal(scale=0.006, size=(molecules.max() + 1, 3))[molecules]
        vectors = box * (1 + 0.002 * np.sin(step))
        right = expected(p, x, vectors, electrostatics=1.0, sterics=1.0)
        found = disagreement(kernel, right)
        assert max(found.values()) < 1.0, found
    assert 3 < kernel.lists_built < 40


def test_a_box_that_is_tilted_otherwise_gets_a_new_list(isa):
    p, x, box = fine(14, shape="tilted", waters=40)
    kernel = NonbondedKernel(p, isa)
    for tilt, lists in ((0.0, 1), (0.0, 1), (1e-4, 2)):
        vectors = box + np.array([[0, 0, 0], [0, 0, 0], [tilt, 0, 0]])
        right = expected(p, x, vectors, electrostatics=1.0, sterics=1.0)
        assert max(disagreement(kernel, right).values()) < 1.0
        assert kernel.lists_built == lists


def test_a_box_does_not_depend_on_the_vectors_that_name_it(isa):
    p, x, box = fine(15, waters=60, length=1.9, ions=1)
    same = box.copy()
    same[2] += box[1]  # the lattice is as before, though the vectors are not the shortest
    kernel, state = NonbondedKernel(p, isa), {"electrostatics": 1.0, "sterics": 1.0}
    right, forces = kernel.evaluate(x, box, **state)
    forces = forces.copy()
    other, others = kernel.evaluate(x, same, **state)
    assert other == pytest.approx(right, rel=1e-6)
    assert np.abs(others - forces).max() < 1e-4 * np.abs(forces).max()


def test_a_water_that_grows_gets_a_new_list(isa):
    p, x, box = fine(13, waters=40)
    kernel = NonbondedKernel(p, isa)
    kernel.evaluate(x, box, electrostatics=1.0, sterics=1.0)
    x[p.waters[0] + 1] += 0.02 * (x[p.waters[0] + 1] - x[p.waters[0]])
    kernel.evaluate(x, box, electrostatics=1.0, sterics=1.0)
    assert kernel.lists_built == 2


def test_what_follows_does_not_depend_on_what_was_forgotten(isa):
    p, x, box = random_box(np.random.default_rng(3), waters=60, length=1.9)
    state = {"electrostatics": 1.0, "sterics": 0.5}
    used, new = NonbondedKernel(p, isa), NonbondedKernel(p, isa)
    for k in range(5):
        used.evaluate(x + 0.3 * k, box * 1.01, **state)
    used.forget()
    one, two = used.evaluate(x, box, **state), new.evaluate(x, box, **state)
    assert one[0] == two[0]
    assert np.array_equal(one[1], two[1])


@pytest.mark.parametrize("kind", ALIKE, ids=str)
def test_couplings_are_differences_of_the_energy(isa, kind):
    p, x, box = random_box(np.random.default_rng(21), ions=3, waters=40, **kind)
    kernel = NonbondedKernel(p, isa)
    grid = (0.0, 0.3, 1.0)
    found = kernel.couplings(x, box, sterics=0.3, grid=grid)

    def energy(electrostatics: float, sterics: float) -> float:
        return sum(
            plain.direct_space(p, x, box, electrostatics=electrostatics, sterics=sterics).energies
        ) + (
            plain.reciprocal_space(p, x, box, electrostatics=electrostatics)[0]
            + plain.self_energy(p, box, electrostatics=electrostatics)
        )

    zero, half, one = (energy(value, 0.0) for value in (0.0, 0.5, 1.0))
    quadratic = 2 * (zero + one - 2 * half)
    # the mesh is the everyday one here: its error is 1e-5 of some hundred kJ/mol
    assert found.quadratic == pytest.approx(quadratic, abs=1e-2)
    assert found.linear == pytest.approx(one - zero - quadratic, abs=2e-2)
    soft = [energy(0.0, value) - zero for value in grid]
    assert found.soft_core == pytest.approx(soft, rel=1e-5, abs=1e-4)
    slope = (energy(0.0, 0.301) - energy(0.0, 0.299)) / 0.002
    assert found.sterics_slope == pytest.approx(slope, rel=1e-4)


def test_the_decoupled_solute_may_stand_on_an_atom(isa):
    p, x, box = random_box(np.random.default_rng(8), solute=3)
    x[p.single[1]] = x[p.waters[0]]
    kernel = NonbondedKernel(p, isa)
    energy, forces = kernel.evaluate(x, box, electrostatics=0.0, sterics=0.4)
    assert np.isfinite(energy)
    assert np.all(np.isfinite(forces))
    found = kernel.couplings(x, box, sterics=0.4, grid=(0.4, 1.0))
    assert np.isfinite(found.soft_core[0])
    assert found.soft_core[1] > 1e9


def test_clashes_have_finite_forces(isa):
    p, x, box = random_box(np.random.default_rng(9))
    x[p.waters[1] : p.waters[1] + 3] += x[p.waters[0]] - x[p.waters[1]] + 1e-4
    energy, forces = NonbondedKernel(p, isa).evaluate(x, box, electrostatics=1.0, sterics=1.0)
    assert energy > 1e9
    assert np.all(np.isfinite(forces))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_positions_that_are_no_numbers_are_an_error_that_passes(isa, value):
    p, x, box = random_box(np.random.default_rng(4))
    kernel, bad = NonbondedKernel(p, isa), x.copy()
    bad[5, 1] = value
    with pytest.raises(NumericsError, match="not finite"):
        kernel.evaluate(bad, box, electrostatics=1.0, sterics=1.0)
    with pytest.raises(NumericsError, match="not finite"):
        kernel.couplings(bad, box, sterics=1.0, grid=(1.0,))
    after = kernel.evaluate(x, box, electrostatics=1.0, sterics=1.0)[0]
    assert after == NonbondedKernel(p, isa).evaluate(x, box, electrostatics=1.0, sterics=1.0)[0]


def test_a_box_below_two_cutoffs_is_an_error():
    p, x, box = random_box(np.random.default_rng(4))
    with pytest.raises(NumericsError, match="twice the cutoff"):
        NonbondedKernel(p).evaluate(
            x, np.diag([box[0, 0], 1.19, box[2, 2]]), electrostatics=1, sterics=1
        )


def test_vectors_that_are_not_reduced_are_an_error():
    p, x, box = random_box(np.random.default_rng(4), shape="tilted")
    with pytest.raises(InputError, match="not reduced"):
        NonbondedKernel(p).evaluate(x, box.T, electrostatics=1, sterics=1)


def test_a_kernel_can_be_pickled():
    p, x, box = random_box(np.random.default_rng(4))
    kernel = NonbondedKernel(p)
    other = pickle.loads(pickle.dumps(kernel))
    assert other.isa == kernel.isa
    one, two = (k.evaluate(x, box, electrostatics=1.0, sterics=1.0) for k in (kernel, other))
    assert one[0] == two[0]


def test_the_instruction_set_can_be_chosen(monkeypatch):
    monkeypatch.setenv("MERROW_NATIVE_ISA", "baseline")
    assert instruction_set() == "baseline"
    monkeypatch.setenv("MERROW_NATIVE_ISA", "none such")
    with pytest.raises(InputError, match="baseline"):
        instruction_set()


def test_the_kernel_can_be_turned_off(monkeypatch):
    monkeypatch.setenv("MERROW_NATIVE", "0")
    assert "MERROW_NATIVE=0" in why_not()
