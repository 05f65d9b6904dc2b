# SPDX-License-Identifier: MIT
"""Is ANI in fixed shapes, as GPUs replay it, the ANI of neighbour lists, for every geometry?"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from thirty_molecules import LARGEST, geometries

from merrow.potentials.aimnet2 import potential as aimnet2
from merrow.potentials.ani import static_engine
from merrow.potentials.ani.static_engine import StaticAni
from merrow.potentials.ani.torch_engine import TorchAni
from merrow.testing import METHANOL
from merrow.units import HARTREE_KCAL


def test_thirty_molecules_have_the_same_energies_and_forces(parameters_of):
    """Each atom adds its own rounding: in float32 both engines are up to 1e-5 kcal/mol an atom from
    float64 where atoms are crowded, one way or the other as the processor's instructions have it.
    """
    sizes = []
    for k, (smiles, numbers, positions) in enumerate(geometries()):
        full = parameters_of(("ani2x", "ani1ccx")[k % 2])
        parameters = full.pruned(numbers)
        lists = TorchAni(parameters, numbers, "float32").evaluate(positions)
        fixed = StaticAni(parameters, numbers, "float32").evaluate(positions)
        exact = StaticAni(parameters, numbers, "float64").evaluate(positions)
        truth = TorchAni(parameters, numbers, "float64").evaluate(positions)
        sizes.append(len(numbers))
        for one, two, energy, force, part in (
            (fixed, lists, 1e-4, 5e-4, 2e-6),
            (exact, truth, 1e-9, 1e-9, 1e-12),
        ):
            mean = HARTREE_KCAL * np.abs(one[0].mean(1) - two[0].mean(1))
            assert mean.max() < energy * max(1.0, len(numbers) / 10), smiles
            wrong = HARTREE_KCAL * np.abs(one[1] - two[1]).max(axis=(1, 2))
            largest = HARTREE_KCAL * np.abs(two[1]).max(axis=(1, 2))
            assert np.all(wrong < np.maximum(force, part * largest)), smiles
    assert len(sizes) == 30
    assert (min(sizes), max(sizes)) == (3, 52)


def test_sixty_atoms_are_as_alike_as_float32_allows(parameters_of):
    """There the networks give 1,700 kcal/mol, whose last digit in float32 is 1e-4 kcal/mol."""
    ((_, numbers, positions),) = geometries((LARGEST,))
    parameters = parameters_of("ani1ccx").pruned(numbers)
    alone = sum(parameters.self_energies[parameters.elements.index(z)] for z in numbers)
    for precision, least in (("float32", 1e-4), ("float64", 1e-9)):
        fixed = StaticAni(parameters, numbers, precision).evaluate(positions)
        lists = TorchAni(parameters, numbers, precision).evaluate(positions)
        last = HARTREE_KCAL * np.abs(lists[0].mean(1) - alone) * np.finfo(precision).eps
        wrong = HARTREE_KCAL * np.abs(fixed[0] - lists[0]).mean(1)
        assert np.all(wrong < np.maximum(least, 2 * last))
        wrong = HARTREE_KCAL * np.abs(fixed[1] - lists[1]).max(axis=(1, 2))
        largest = HARTREE_KCAL * np.abs(lists[1]).max(axis=(1, 2))
        assert np.all(wrong < np.maximum(5 * least, 2e-6 * largest))
    assert len(numbers) == 60


@pytest.mark.parametrize("which", ["radial_cutoff", "angular_cutoff"])
def test_a_pair_at_the_cutoff_counts_the_same(parameters_of, which):
    numbers = (6, 1, 1, 8)
    parameters = parameters_of("ani2x").pruned(numbers)
    edge = getattr(parameters, which)
    steps = np.array([-1e-3, -1e-9, 0.0, 1e-9, 1e-3])
    positions = np.zeros((len(steps), 4, 3))
    positions[:, 1, 0] = edge + steps
    positions[:, 2, 1] = 1.1
    positions[:, 3, 2] = edge - steps
    one = StaticAni(parameters, numbers, "float64").evaluate(positions)
    two = TorchAni(parameters, numbers, "float64").evaluate(positions)
    np.testing.assert_allclose(one[0], two[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(one[1], two[1], rtol=0, atol=1e-12)


def test_more_neighbours_than_places_get_more_places(parameters_of):
    """The first call sees a stretched chain, the second the same atoms in a heap."""
    rng = np.random.default_rng(2)
    numbers = (6, 1, 8, 7, 1, 6) * 4
    parameters = parameters_of("ani2x").pruned(numbers)
    chain = np.zeros((1, 24, 3))
    chain[0, :, 0] = 2.6 * np.arange(24)
    heap = chain / 2.6 * 0.02 + rng.uniform(-1.5, 1.5, (1, 24, 3))
    engine = StaticAni(parameters, numbers, "float64")
    engine.evaluate(chain)
    few = engine._places
    found = engine.evaluate(heap)
    assert engine._places > few
    truth = TorchAni(parameters, numbers, "float64").evaluate(heap)
    np.testing.assert_allclose(found[0], truth[0], rtol=1e-10)
    np.testing.assert_allclose(found[1], truth[1], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8, 13])
def test_any_number_of_conformers_gives_what_each_gives_alone(parameters_of, monkeypatch, rows):
    numbers = (6, 8, 1, 1, 1, 1)
    parameters = parameters_of("ani1ccx").pruned(numbers)
    positions = np.random.default_rng(rows).uniform(-1.6, 1.6, (rows, 6, 3))
    alone = [StaticAni(parameters, numbers, "float64").evaluate(x[None]) for x in positions]
    monkeypatch.setattr(static_engine, "MOST_TERMS", 6 * 10 * 42 * 4)  # four rows or so
    engine = pickle.loads(pickle.dumps(StaticAni(parameters, numbers, "float64")))
    energies, forces = engine.evaluate(positions)
    np.testing.assert_allclose(energies, np.concatenate([e for e, _ in alone]), rtol=1e-12)
    np.testing.assert_allclose(forces, np.concatenate([f for _, f in alone]), atol=1e-10)
    assert all(shape in (1, 2, 4, 8, 16) for shape in engine._programs)


@pytest.mark.parametrize("numbers", [(1,), (8, 1)])
def test_an_atom_or_two_have_no_angles_and_no_fault(parameters_of, numbers):
    parameters = parameters_of("ani2x").pruned(numbers)
    positions = np.arange(3.0 * len(numbers)).reshape(1, len(numbers), 3) * 0.3
    one = StaticAni(parameters, numbers, "float64").evaluate(positions)
    two = TorchAni(parameters, numbers, "float64").evaluate(positions)
    np.testing.assert_allclose(one[0], two[0], atol=1e-12)
    np.testing.assert_allclose(one[1], two[1], atol=1e-12)


class Alike:
    """A network without weights that tells all conformers apart."""

    def evaluate(self, positions, *, apart):
        assert not apart
        energies = positions.square().sum((1, 2))[None]
        return energies, -2 * positions[None], positions.sum(-1)[None]


@pytest.mark.parametrize("rows", [1, 3, 4, 9])
def test_passes_of_a_fixed_shape_say_what_each_conformer_is_alone(monkeypatch, rows):
    """AIMNet2, whose atoms see all others, runs on CUDA by programs, too."""
    monkeypatch.setattr(aimnet2, "ATOM_PAIRS", 6**2 * 4)  # four rows or so
    engine = aimnet2.AimNet2(Path(), METHANOL, "float64", (), "cpu")
    engine.__dict__["_ensemble"] = Alike()
    positions = np.random.default_rng(rows).normal(size=(rows, 6, 3))
    energies, forces, charges = engine._graphs_say(positions, apart=False)
    centred = positions - positions.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(energies[0], (centred**2).sum((1, 2)), rtol=1e-14)
    np.testing.assert_allclose(forces[0], -2 * centred, rtol=1e-14)
    np.testing.assert_allclose(charges[0], centred.sum(-1), rtol=1e-12, atol=1e-12)
    assert engine.instance(rows) in (1, 4)
    assert pickle.loads(pickle.dumps(engine))._programs == {}
