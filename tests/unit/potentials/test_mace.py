# SPDX-License-Identifier: MIT
"""Does a MACE read and built by us answer as mace-torch does, and leave the process as it was?"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

if find_spec("mace") is None:
    pytest.skip("mace-torch is not installed: pip install 'merrow[mace]'", allow_module_level=True)

from untrained_mace import untrained

from merrow.errors import InputError, MissingComponentError
from merrow.potentials import Molecule, load_potential
from merrow.potentials.mace import network as mace_network
from merrow.potentials.mace.files import read_mace
from merrow.potentials.mace.network import MaceEngine, library
from merrow.testing import METHANOL, METHANOL_GEOMETRY, check_potential
from merrow.units import EV_KCAL

TINY = Path(__file__).resolve().parents[2] / "data" / "tiny_mace.model"
NAME = f"mace:{TINY}"


@pytest.fixture(scope="module")
def tiny():
    """The tiny MACE for methanol in float64."""
    return load_potential(NAME, METHANOL, precision="float64")


@pytest.fixture
def batch():
    """Five distorted conformers of methanol [Å]."""
    return METHANOL_GEOMETRY + 0.08 * np.random.default_rng(11).standard_normal((5, 6, 3))


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_the_tiny_model_keeps_the_contract(precision):
    promises = [finding.promise for finding in check_potential(NAME, precision=precision)]
    assert "a batch gives what its conformers give alone [tolerances]" in promises
    assert "forces are −∂E/∂x [kcal/mol/Å]" in promises


def calculator_answer(path, numbers, positions, precision="float64", *, isolated=True):
    """Return energies and forces of mace-torch's own ASE calculator [kcal/mol], [kcal/mol/Å].

    The energies of isolated atoms may be left out.
    """
    from ase import Atoms  # noqa: PLC0415

    model = torch.load(path, weights_only=False)  # of our own making
    if not isolated:
        model.atomic_energies_fn.atomic_energies.zero_()
    make = library("mace.calculators.mace").MACECalculator
    calculator = make(models=model, default_dtype=precision)
    energies, forces = [], []
    for x in positions:
        atoms = Atoms(numbers=numbers, positions=x - x.mean(axis=0))
        atoms.calc = calculator
        energies.append(atoms.get_potential_energy())
        forces.append(atoms.get_forces())
    return np.array(energies) * EV_KCAL, np.array(forces) * EV_KCAL


def assert_equal_to_calculator(path, batch):
    truth = calculator_answer(path, METHANOL.numbers, batch)
    found = load_potential(f"mace:{path}", METHANOL, precision="float64").evaluate(batch)
    # Round-off of 7e4 kcal/mol; far below the 1e-5 eV that would count.
    np.testing.assert_allclose(found.energies, truth[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.forces, truth[1], rtol=0, atol=1e-8)
    # How much single precision costs depends on the architecture and the processor: the calculator
    # shows it, without isolated atoms, which it would add in float32.
    double, single = (
        calculator_answer(path, METHANOL.numbers, batch, precision, isolated=False)
        for precision in ("float64", "float32")
    )
    costs = [np.abs(one - two).max() for one, two in zip(single, double, strict=True)]
    found = load_potential(f"mace:{path}", METHANOL, precision="float32").evaluate(batch)
    np.testing.assert_allclose(found.energies, truth[0], rtol=0, atol=4 * costs[0])
    np.testing.assert_allclose(found.forces, truth[1], rtol=0, atol=4 * costs[1])


def test_the_tiny_model_answers_as_the_calculator_of_mace_torch(batch):
    assert_equal_to_calculator(TINY, batch)


ZBL_AND_AGNESI = {"pair_repulsion": True, "distance_transform": "Agnesi"}


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "MACE", "interaction": "Residual"},
        pytest.param(
            {"interaction": "DensityResidual", **ZBL_AND_AGNESI}, marks=pytest.mark.slow
        ),
        pytest.param({"interaction": "Density", "gate": torch.tanh}, marks=pytest.mark.slow),
        pytest.param({"radial_type": "gaussian", "correlation": [3, 2]}, marks=pytest.mark.slow),
        pytest.param({"interaction": "Residual", "num_interactions": 3}, marks=pytest.mark.slow),
    ],
    ids=lambda changes: " ".join(str(getattr(v, "__name__", v)) for v in changes.values()),
)  # fmt: skip
def test_other_architectures_answer_as_the_calculator_of_mace_torch(tmp_path, batch, changes):
    assert_equal_to_calculator(untrained(tmp_path / "some.model", **changes), batch)


def test_a_file_saved_with_cuequivariance_answers_as_the_calculator_of_mace_torch(tmp_path, batch):
    pytest.importorskip("cuequivariance_torch", reason="pip install cuequivariance-torch")
    path = untrained(tmp_path / "some.model", correlation=3, use_reduced_cg=True)
    (many, few) = (mace_network._basis(tensors) for tensors in (
        mace_network._constructed(read_mace(path), reduced=False).state_dict(),
        read_mace(path).tensors,
    ))  # fmt: skip
    assert sum(few) < sum(many)  # it is in the other basis
    assert_equal_to_calculator(path, batch)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_script_says_the_same_as_the_layers(batch, precision):
    parameters = read_mace(TINY)
    scripted = MaceEngine(parameters, METHANOL.numbers, precision)
    assert isinstance(scripted._network, torch.jit.ScriptModule)
    network = mace_network.build_network(parameters)
    network.get_buffer("atomic_energies_fn.atomic_energies").zero_()
    layers = MaceEngine(parameters, METHANOL.numbers, precision)
    layers._network = network.to(getattr(torch, precision))
    for one in (batch, batch[:1]):
        found, truth = scripted.evaluate(one), layers.evaluate(one)
        np.testing.assert_array_equal(found.energies, truth.energies)
        np.testing.assert_array_equal(found.forces, truth.forces)


def test_the_layers_of_cuequivariance_say_the_same(batch):
    pytest.importorskip("cuequivariance_torch", reason="pip install cuequivariance-torch")
    parameters = read_mace(TINY)
    engine = MaceEngine(parameters, METHANOL.numbers, "float64")
    truth = engine.evaluate(batch)
    default, random = torch.get_default_dtype(), torch.get_rng_state()
    network = mace_network.build_network(parameters)
    network.get_buffer("atomic_energies_fn.atomic_energies").zero_()
    engine._network = mace_network.with_cuequivariance(network, parameters, "cpu")
    assert torch.get_default_dtype() is default
    assert torch.equal(torch.get_rng_state(), random)
    assert any(type(m).__module__.startswith("cuequiv") for m in engine._network.modules())
    found = engine.evaluate(batch)
    # its own coupling constants have some ten digits
    np.testing.assert_allclose(found.energies, truth.energies, rtol=0.0, atol=1e-6)
    np.testing.assert_allclose(found.forces, truth.forces, rtol=0.0, atol=1e-6)


def test_a_file_saved_with_cuequivariance_says_so_where_that_is_missing(monkeypatch):
    full = read_mace(TINY)
    fewer = {
        name: value[..., :5] if "U_matrix_3" in name else value
        for name, value in full.tensors.items()
    }
    monkeypatch.setitem(sys.modules, "cuequivariance", None)
    with pytest.raises(MissingComponentError, match="pip install cuequivariance cuequivariance-to"):
        mace_network.build_network(replace(full, tensors=fewer))
    # without the flag it is not a matter of cuEquivariance
    plain = replace(full, tensors=fewer, architecture=full.architecture | {"use_reduced_cg": False})
    with pytest.raises(InputError, match="do not fit its architecture"):
        mace_network.build_network(plain)


@pytest.mark.parametrize("kernels", [False, True])
def test_cuequivariance_is_of_use_only_with_its_kernels(tmp_path, monkeypatch, kernels):
    for name in ("cuequivariance_torch", *(("cuequivariance_ops_torch",) if kernels else ())):
        (tmp_path / f"{name}.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert mace_network.cuequivariance_is_here() == kernels


@pytest.mark.slow
def test_of_several_heads_the_default_one_is_asked(tmp_path, batch):
    two = {
        "atomic_energies": np.array([[-1.0, -2.0, -3.0], [-13.6, -1030.0, -2043.9]]),
        "atomic_inter_scale": [1.0, 1.3], "atomic_inter_shift": [0.0, -0.4],
    }  # fmt: skip
    path = untrained(tmp_path / "two.model", heads=["other", "Default"], **two)
    assert_equal_to_calculator(path, batch)
    path = untrained(tmp_path / "none.model", heads=["this", "that"], **two)
    with pytest.raises(InputError, match="heads this, that and none is called default"):
        load_potential(f"mace:{path}", METHANOL)


def test_two_molecules_far_apart_have_twice_the_energy(tiny, batch):
    pair = Molecule(METHANOL.numbers * 2)
    far = np.concatenate([batch, batch[::-1] + np.array([0.0, 40.0, 0.0])], axis=1)
    found = load_potential(NAME, pair, precision="float64").evaluate(far)
    alone = tiny.evaluate(batch)
    np.testing.assert_allclose(found.energies, alone.energies + alone.energies[::-1], atol=1e-8)
    np.testing.assert_allclose(found.forces[:, :6], alone.forces, rtol=0, atol=1e-9)


def test_energies_of_isolated_atoms_are_added_exactly_even_in_single_precision(batch):
    # Bromine's is −70045 eV in MACE-OFF: in float32 its last digit is 0.2 kcal/mol.
    parameters = read_mace(TINY)
    tensors = dict(parameters.tensors)
    key = "atomic_energies_fn.atomic_energies"
    tensors[key] = tensors[key] - torch.tensor([0.0, 70045.28, 0.0], dtype=torch.float64)
    heavy = replace(parameters, tensors=tensors)
    light = MaceEngine(parameters, METHANOL.numbers, "float32").evaluate(batch)
    found = MaceEngine(heavy, METHANOL.numbers, "float32").evaluate(batch)
    # Both are float64 sums of some 1e6 kcal/mol with the same float32 part: round-off is 2e-10.
    expected = light.energies - 70045.28 * EV_KCAL
    np.testing.assert_allclose(found.energies, expected, rtol=0, atol=1e-8)
    np.testing.assert_array_equal(found.forces, light.forces)


def test_a_batch_that_is_cut_into_passes_gives_the_same(tiny, batch, monkeypatch):
    whole = tiny.evaluate(batch)
    monkeypatch.setattr(mace_network, "PAIRS_PER_PASS", 40)  # one conformer has 30
    cut = tiny.evaluate(batch)
    np.testing.assert_allclose(cut.energies, whole.energies, rtol=0, atol=1e-9)
    np.testing.assert_allclose(cut.forces, whole.forces, rtol=0, atol=1e-9)


def test_a_lonely_atom_has_an_energy_and_no_force():
    found = load_potential(NAME, Molecule((6,)), precision="float64")
    answer = found.evaluate(np.array([[[1.0, 2.0, 3.0]]]))
    assert np.isfinite(answer.energies).all()
    np.testing.assert_array_equal(answer.forces, np.zeros((1, 1, 3)))


def test_another_file_with_the_same_content_has_the_same_identity(tmp_path):
    path = tmp_path / "again.model"
    torch.save(torch.load(TINY, weights_only=False), path)
    assert path.read_bytes() != TINY.read_bytes()
    assert read_mace(path).digest == read_mace(TINY).digest
    other = read_mace(TINY)
    assert (
        replace(other, gains={**other.gains, next(iter(other.gains)): 1.0}).digest != other.digest
    )


def test_tensors_that_do_not_fit_are_said():
    parameters = read_mace(TINY)
    wider = replace(parameters, architecture={**parameters.architecture, "num_bessel": 9})
    with pytest.raises(InputError, match="do not fit its architecture"):
        MaceEngine(wider, METHANOL.numbers, "float64")


def test_the_tiny_model_knows_methanol_as_ani2x_does(tiny, shared, monkeypatch):
    monkeypatch.setenv("MERROW_MODELS", str(shared / "models"))
    ani = load_potential("ani2x", METHANOL)
    shaken = METHANOL_GEOMETRY + 0.03 * np.random.default_rng(2).standard_normal((20, 6, 3))
    found, expected = tiny.evaluate(shaken), ani.evaluate(shaken)
    error = found.forces - expected.forces
    assert np.sqrt((error**2).mean()) < 0.15 * np.sqrt((expected.forces**2).mean())
    assert np.abs(found.energies - expected.energies).max() < 2.0  # kcal/mol


TRACES = f"""
import os, torch, numpy as np
from merrow.potentials import Molecule, load_potential
torch.set_num_threads(2)
state = torch.random.get_rng_state()
potential = load_potential({NAME!r}, Molecule((6, 8, 1, 1, 1, 1)), precision='float64')
potential.evaluate(np.arange(18.0).reshape(1, 6, 3) ** 0.5)
assert 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD' not in os.environ
assert torch.get_default_dtype() == torch.float32
assert torch.get_num_threads() == 2
assert torch.equal(torch.random.get_rng_state(), state)
safe = torch.serialization.get_safe_globals()
assert all(item.__module__.startswith('torch.') for item in safe), safe  # torch's own
print('no trace')
"""


@pytest.mark.slow  # imports everything once more
def test_loading_leaves_no_trace_in_the_process_and_prints_nothing():
    done = subprocess.run(
        [sys.executable, "-c", TRACES],
        env={k: v for k, v in os.environ.items() if k != "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, "no trace\n"), done.stderr
    assert not done.stderr


@pytest.mark.slow
def test_energy_is_conserved_along_a_trajectory(tiny):
    # 0.25 ps of velocity Verlet at 0.25 fs from 300 K: the wiggle of the total goes as the step
    # squared, and no drift may stand out of it.
    from merrow.units import GAS_CONSTANT, KCAL_PER_KJ, KJ_PER_KCAL  # noqa: PLC0415

    masses = np.array([12.011, 15.999, 1.008, 1.008, 1.008, 1.008])[:, None]
    inverse = KJ_PER_KCAL * 100.0 / masses  # (kcal/mol/Å)/dalton in Å/ps²
    k_t = GAS_CONSTANT * KCAL_PER_KJ * 300.0
    x, step = METHANOL_GEOMETRY[None].copy(), 2.5e-4
    v = np.random.default_rng(1).standard_normal(x.shape) * np.sqrt(k_t * inverse)
    answer, totals = tiny.evaluate(x), []
    for _ in range(1000):
        v += 0.5 * step * answer.forces * inverse
        x = x + step * v
        answer = tiny.evaluate(x)
        v += 0.5 * step * answer.forces * inverse
        totals.append(answer.energies[0] + 0.5 * (v**2 / inverse).sum())
    first, last = np.mean(totals[:200]), np.mean(totals[-200:])
    assert abs(last - first) < 0.05  # kcal/mol
    assert np.std(totals) < 0.1
