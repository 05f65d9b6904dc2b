# SPDX-License-Identifier: MIT
"""Does the torch path compute what torchani computes?"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from merrow.potentials.ani.torch_engine import CANDIDATE_TRIPLES, TorchAni

MODELS = ("ani1x", "ani1ccx", "ani2x")


def covered(references, model):
    return [molecule for molecule in references if model in molecule["results"]]


@pytest.mark.parametrize("model", MODELS)
def test_float64_energies_and_forces_are_those_of_torchani(references, published, model):
    molecules = covered(references, model)
    assert len(molecules) == (13 if model == "ani2x" else 10)
    for molecule in molecules:
        expected = molecule["results"][model]
        ani = TorchAni(published(model), tuple(molecule["atomic_numbers"]), "float64")
        members, forces = ani.evaluate(np.array([molecule["coordinates"]]))
        # The same float64 arithmetic in another order: round-off of totals of up to 1e3 Hartree.
        # Forces were stored with 10 decimals.
        assert members.mean() == pytest.approx(expected["energy"], abs=1e-10)
        np.testing.assert_allclose(members[0], expected["member_energies"], atol=1e-10, rtol=0)
        np.testing.assert_allclose(forces[0], expected["forces"], atol=1e-9, rtol=0)


@pytest.mark.parametrize("model", MODELS)
def test_float32_keeps_energies_and_forces_within_a_millionth_of_a_hartree(
    references, published, model
):
    for molecule in covered(references, model):
        expected = molecule["results"][model]
        ani = TorchAni(published(model), tuple(molecule["atomic_numbers"]), "float32")
        members, forces = ani.evaluate(np.array([molecule["coordinates"]]))
        # Measured: 1.5e-7 Hartree and 5e-7 Hartree/Å, because totals are summed in float64.
        assert members.mean() == pytest.approx(expected["energy"], abs=1e-6)
        np.testing.assert_allclose(forces[0], expected["forces"], atol=5e-6, rtol=0)


@pytest.fixture
def torchani_2x(random_weights, monkeypatch):
    """ANI-2x as torchani itself builds it, in float64, from random weights; no download."""
    torchani = pytest.importorskip("torchani")
    monkeypatch.setenv("TORCHANI_DATA_DIR", str(random_weights.parent))
    return torchani.models.ANI2x().double()


def test_torchani_agrees_on_displaced_batches(molecules, parameters_of, torchani_2x):
    rng = np.random.default_rng(7)
    for name in ("methylacetamide", "fluorobenzene", "chloropentane"):
        molecule = next(m for m in molecules if m["name"] == name)
        numbers = tuple(molecule["atomic_numbers"])
        x = np.array(molecule["coordinates"]) + 0.1 * rng.standard_normal((3, len(numbers), 3))
        leaf = torch.tensor(x, requires_grad=True)
        energies = torchani_2x((torch.tensor([numbers] * 3), leaf)).energies
        expected = -torch.autograd.grad(energies.sum(), leaf)[0].numpy()
        members, forces = TorchAni(parameters_of("ani2x"), numbers, "float64").evaluate(x)
        # Round-off of float64 only.
        np.testing.assert_allclose(members.mean(1), energies.detach(), atol=1e-10, rtol=0)
        np.testing.assert_allclose(forces, expected, atol=1e-10, rtol=0)
        assert np.abs(forces).max() > 1e-3


@pytest.mark.parametrize("model", MODELS)
def test_pruning_absent_elements_changes_nothing(molecules, parameters_of, model):
    whole = parameters_of(model)
    molecule = next(m for m in molecules if m["name"] == "ethanol")
    numbers, x = tuple(molecule["atomic_numbers"]), np.array([molecule["coordinates"]])
    pruned = whole.pruned(numbers)
    assert pruned.networks[0][0].weight.shape[1] < whole.networks[0][0].weight.shape[1]
    expected = TorchAni(whole, numbers, "float64").evaluate(x)
    # A sum that lacks its zeros may be taken in another order.
    for found, value in zip(
        TorchAni(pruned, numbers, "float64").evaluate(x), expected, strict=True
    ):
        np.testing.assert_allclose(found, value, atol=1e-12, rtol=0)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_atoms_out_of_sight_of_each_other_add_up(parameters_of, model, precision):
    def energy(numbers, x):
        members, forces = TorchAni(parameters_of(model), numbers, precision).evaluate(np.array([x]))
        assert (forces == 0).all()
        return members[0]

    carbon = energy((6,), [[0.0, 0.0, 0.0]])
    oxygen = energy((8,), [[5.0, -3.0, 1.0]])
    both = energy((6, 8), [[0.0, 0.0, 0.0], [0.0, 0.0, 5.3]])  # beyond the cutoff of 5.1 or 5.2 Å
    assert both == pytest.approx(carbon + oxygen, abs=1e-12 if precision == "float64" else 1e-6)


@pytest.mark.parametrize("cutoff", [3.5, 5.1])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_energy_and_forces_stay_finite_and_smooth_across_a_cutoff(
    molecules, parameters_of, cutoff, precision
):
    molecule = next(m for m in molecules if m["name"] == "methanol")
    numbers = (*molecule["atomic_numbers"], 8)
    x = np.array(molecule["coordinates"])
    ways = np.concatenate([np.linspace(-1e-3, 1e-3, 400), [0.0, 1e-7, -1e-7]])
    direction = np.array([0.0, 0.6, 0.8])
    scan = np.stack([np.vstack([x, x[0] + (cutoff + way) * direction]) for way in np.sort(ways)])
    members, forces = TorchAni(parameters_of("ani2x"), numbers, precision).evaluate(scan)
    assert np.isfinite(members).all()
    assert np.isfinite(forces).all()
    # 5e-6 Å further, a force of at most 1 Hartree/Å changes the energy by less than 5e-6 Hartree,
    # and the forces by less than their own curvature of some Hartree/Å² allows.
    assert np.abs(np.diff(members.mean(1))).max() < 5e-6
    assert np.abs(np.diff(forces, axis=0)).max() < 5e-5


def test_a_large_batch_is_cut_into_passes_that_give_the_same(molecules, parameters_of, monkeypatch):
    molecule = next(m for m in molecules if m["name"] == "dipeptide")
    numbers = tuple(molecule["atomic_numbers"])
    rng = np.random.default_rng(3)
    x = np.array(molecule["coordinates"]) + 0.05 * rng.standard_normal((7, len(numbers), 3))
    ani = TorchAni(parameters_of("ani2x").pruned(numbers), numbers, "float64")
    whole = ani.evaluate(x)
    one_at_a_time = len(numbers) ** 2 * (len(numbers) - 1) // 2
    assert 7 * one_at_a_time < CANDIDATE_TRIPLES
    monkeypatch.setattr("merrow.potentials.ani.torch_engine.CANDIDATE_TRIPLES", one_at_a_time)
    for found, value in zip(ani.evaluate(x), whole, strict=True):
        np.testing.assert_allclose(found, value, atol=1e-11, rtol=0)


def test_torch_keeps_its_default_dtype_and_thread_count(molecules, parameters_of):
    before = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
    ani = TorchAni(parameters_of("ani1x"), (8, 1, 1), "float64")
    with torch.no_grad():  # forces must not depend on the caller's mode
        _, forces = ani.evaluate(np.array([[[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.9, 0]]]))
    assert np.abs(forces).max() > 1e-3
    assert (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()) == before
