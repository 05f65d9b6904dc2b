# SPDX-License-Identifier: MIT
"""Is the native ANI kernel the model that torchani publishes, for every molecule and processor?"""

from __future__ import annotations

import ctypes
import math
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from merrow.errors import InputError, MissingComponentError, NumericsError
from merrow.native import ISAS
from merrow.potentials.ani import native_engine as native
from merrow.potentials.ani.models import ANI_MODELS
from merrow.potentials.ani.native_engine import NativeAni
from merrow.potentials.ani.parameters import Array

needs_kernel = pytest.mark.skipif(not native.available(), reason=native.why_not())
HCNO = (6, 1, 1, 1, 8, 1, 7, 6, 1, 8)


@pytest.fixture(scope="module")
def parameters(parameters_of):
    """Random networks of the sizes of the published ones."""
    return {name: parameters_of(name) for name in ANI_MODELS}


@pytest.fixture(scope="module")
def geometries(molecules):
    """Atomic numbers and positions [Å] by name."""
    return {entry["name"]: geometry(entry) for entry in molecules}


@pytest.fixture(scope="module")
def oracle(random_weights):
    """torchani ANI-2x in float64 arithmetic: positions [Å] to member energies and forces."""
    torch = pytest.importorskip("torch")
    torchani = pytest.importorskip("torchani")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCHANI_DATA_DIR", str(random_weights.parent))
        model = torchani.models.ANI2x().double()

    def evaluate(numbers: tuple[int, ...], positions: Array) -> tuple[Array, Array]:
        leaf = torch.tensor(positions, requires_grad=True)
        species = torch.tensor([numbers]).expand(len(positions), -1)
        members = model((species, leaf), ensemble_values=True).energies
        (gradient,) = torch.autograd.grad(members.mean(0).sum(), leaf)
        return members.detach().numpy().T, -gradient.numpy()

    return evaluate


def geometry(entry) -> tuple[tuple[int, ...], Array]:
    return tuple(entry["atomic_numbers"]), np.asarray(entry["coordinates"])


def scattered(n_conformers: int, n_atoms: int, extent: float, seed: int) -> Array:
    """Atoms anywhere in a cube [Å]: distances from far below a bond to beyond both cutoffs."""
    return np.random.default_rng(seed).uniform(0, extent, (n_conformers, n_atoms, 3))


def relative(forces: Array, expected: Array) -> float:
    return float(np.linalg.norm(forces - expected) / np.linalg.norm(expected))


@needs_kernel
@pytest.mark.parametrize("name", ["ani1x", "ani1ccx", "ani2x"])
def test_every_model_gives_the_published_energies_and_forces(published, references, name):
    # float32 arithmetic: one atom's energy is good to 1e-7 of about 0.1 Hartree, and the sum over
    # atoms is float64. The forces of formaldehyde nearly vanish, so 2e-6 of them is the tightest.
    for entry in references:
        if name not in entry["results"]:
            continue
        numbers, positions = geometry(entry)
        expected = entry["results"][name]
        energies, forces = NativeAni(published(name), numbers).evaluate(positions[None])
        assert energies.mean() == pytest.approx(expected["energy"], abs=1e-6)
        assert energies[0] == pytest.approx(expected["member_energies"], abs=1e-6)
        assert relative(forces[0], np.asarray(expected["forces"])) < 2e-6, entry["name"]


@needs_kernel
@pytest.mark.parametrize("name", ["methanol", "chloropentane", "dipeptide", "ethoxyethyl_acetate"])
def test_displaced_geometries_agree_with_torchani_in_float64(parameters, geometries, oracle, name):
    numbers, positions = geometries[name]
    moved = positions + np.random.default_rng(3).normal(0, 0.05, (3, *positions.shape))
    energies, forces = NativeAni(parameters["ani2x"], numbers).evaluate(moved)
    expected_energies, expected_forces = oracle(numbers, moved)
    assert np.abs(energies - expected_energies).max() < 1e-6
    for conformer in range(len(moved)):
        assert relative(forces[conformer], expected_forces[conformer]) < 2e-6


@needs_kernel
@pytest.mark.parametrize("numbers", [(8,), (6, 17), (1, 1), (16, 9, 9)])
def test_atoms_and_tiny_molecules_agree_with_torchani_in_float64(parameters, oracle, numbers):
    positions = np.cumsum(np.full((1, len(numbers), 3), 0.71), axis=1)
    positions[..., 0] *= -1
    energies, forces = NativeAni(parameters["ani2x"], numbers).evaluate(positions)
    expected_energies, expected_forces = oracle(numbers, positions)
    assert np.abs(energies - expected_energies).max() < 1e-6
    assert np.abs(forces - expected_forces).max() < 1e-6


@needs_kernel
def test_all_elements_at_once_agree_with_torchani_in_float64(parameters, oracle):
    numbers = (1, 6, 7, 8, 16, 9, 17) * 2
    grid = np.stack(np.meshgrid(*[np.arange(3) * 1.6] * 3), axis=-1).reshape(-1, 3)[: len(numbers)]
    positions = grid + np.random.default_rng(5).normal(0, 0.1, (2, *grid.shape))
    energies, forces = NativeAni(parameters["ani2x"], numbers).evaluate(positions)
    expected_energies, expected_forces = oracle(numbers, positions)
    assert np.abs(energies - expected_energies).max() < 1e-6
    assert relative(forces, expected_forces) < 2e-6


@needs_kernel
def test_a_batch_equals_its_single_conformers(parameters, geometries):
    # 40 conformers of 22 atoms exceed every internal block (768 atoms, 96 rows).
    numbers, positions = geometries["dipeptide"]
    moved = positions + np.random.default_rng(9).normal(0, 0.05, (40, *positions.shape))
    kernel = NativeAni(parameters["ani2x"], numbers)
    energies, forces = kernel.evaluate(moved)
    singles = [kernel.evaluate(x[None]) for x in moved]
    assert np.abs(energies - np.concatenate([e for e, _ in singles])).max() < 1e-7
    # few rows take another order of summation in the backward pass: 1e-7 of the largest force
    limit = 1e-7 * max(1.0, float(np.abs(forces).max()))
    assert np.abs(forces - np.concatenate([f for _, f in singles])).max() < 2 * limit


@needs_kernel
def test_the_same_question_gets_the_same_bits_from_every_thread(parameters):
    positions = scattered(5, len(HCNO), 4.0, seed=1)
    kernel = NativeAni(parameters["ani2x"], HCNO)
    energies, forces = kernel.evaluate(positions)
    with ThreadPoolExecutor(4) as pool:
        for other_energies, other_forces in pool.map(kernel.evaluate, [positions] * 16):
            assert np.array_equal(energies, other_energies)
            assert np.array_equal(forces, other_forces)


@needs_kernel
@pytest.mark.parametrize("name", ["ani1x", "ani2x"])
def test_forces_are_the_slope_of_the_energy(parameters, name):
    # Energies carry about 2e-8 Hartree of float32 noise and the step 2e-3 Å: 1e-5 of round-off,
    # and the truncation is h² E'''/6 < 1e-4 for distances above 1.1 Å, as on this stretched grid.
    numbers = (6, 1, 8, 7, 1, 6)
    grid = np.stack(np.meshgrid(*[np.arange(2) * 1.35] * 3), axis=-1).reshape(-1, 3)
    positions = grid[: len(numbers)] + np.random.default_rng(2).normal(0, 0.05, (len(numbers), 3))
    kernel = NativeAni(parameters[name], numbers)
    step = 2e-3
    shifts = step * np.eye(positions.size).reshape(-1, *positions.shape)
    energies = kernel.evaluate(np.concatenate([positions + shifts, positions - shifts]))[0].mean(1)
    plus, minus = np.split(energies, 2)
    slope = ((plus - minus) / (2 * step)).reshape(positions.shape)
    assert kernel.evaluate(positions[None])[1][0] == pytest.approx(-slope, abs=1.5e-4)


@needs_kernel
def test_ten_thousand_geometries_across_both_cutoffs_are_finite(parameters):
    # Six atoms anywhere in a box of 6 Å, so that many distances lie next to 3.5 and 5.1 Å.
    kernel = NativeAni(parameters["ani2x"], (6, 1, 1, 8, 7, 1))
    energies, forces = kernel.evaluate(scattered(10_000, 6, 6.0, seed=11))
    assert np.isfinite(energies).all()
    assert np.isfinite(forces).all()


@needs_kernel
@pytest.mark.parametrize("cutoff", [3.5, 5.1])
def test_nothing_jumps_or_divides_by_zero_at_a_cutoff(parameters, cutoff):
    # The last floats below and the first above the cutoff, where the cutoff function is 0 or 1e-15.
    distances = cutoff + np.concatenate([np.linspace(-1e-6, 1e-6, 201), [0.0]])
    distances = np.concatenate([distances, np.nextafter(cutoff, [0, 10])])
    positions = np.zeros((len(distances), 3, 3))
    positions[:, 1, 0] = 1.1
    positions[:, 2, 1] = distances
    energies, forces = NativeAni(parameters["ani2x"], (8, 1, 6)).evaluate(positions)
    assert np.isfinite(forces).all()
    mean, slope = energies.mean(axis=1), -forces[:, 2, 1]
    expected = mean[0] + slope[0] * (distances - distances[0])  # the radial slope is not zero
    assert np.abs(mean - expected).max() < 2e-7  # float32 noise of three atoms
    assert np.ptp(forces, axis=0).max() < 1e-5  # curvature times 2e-6 Å, and float32 noise


@needs_kernel
def test_energies_and_forces_know_no_place_direction_or_order(parameters):
    positions = scattered(1, len(HCNO), 3.5, seed=4)
    turn, _ = np.linalg.qr(np.random.default_rng(6).normal(size=(3, 3)))  # may be a mirror as well
    order = np.random.default_rng(7).permutation(len(HCNO))
    energies, forces = NativeAni(parameters["ani2x"], HCNO).evaluate(positions)
    other = NativeAni(parameters["ani2x"], tuple(HCNO[i] for i in order))
    turned_energies, turned_forces = other.evaluate((positions @ turn + 70.0)[:, order])
    size = np.abs(forces).max()
    assert turned_energies == pytest.approx(energies, abs=1e-6)
    assert np.abs(turned_forces - (forces @ turn)[:, order]).max() < 2e-6 * size
    assert np.abs(forces.sum(axis=1)).max() < 1e-12 * size * len(HCNO)  # assembled in float64
    torque = np.cross(positions, forces).sum(axis=1)
    assert np.abs(torque).max() < 1e-12 * size * len(HCNO) * 4


@needs_kernel
@pytest.mark.parametrize("name", ["ani1ccx", "ani2x"])
def test_every_instruction_set_says_the_same(parameters, monkeypatch, name):
    # 1, 2, 4 and 3 atoms of an element, and then 11 times as many rows: all tile shapes.
    positions = scattered(11, len(HCNO), 4.0, seed=8)
    answers = {}
    for isa in ISAS:
        monkeypatch.setenv("MERROW_NATIVE_ISA", isa)
        try:
            kernel = NativeAni(parameters[name], HCNO)
        except InputError:
            continue  # not on this processor
        assert kernel.isa == isa
        answers[isa] = [kernel.evaluate(positions[:k]) for k in (1, 3, 11)]
    for isa in answers.keys() - {"baseline"}:
        for (energies, forces), (other_energies, other_forces) in zip(
            answers[isa], answers["baseline"], strict=True
        ):
            assert np.abs(energies - other_energies).max() < 1e-6
            assert relative(forces, other_forces) < 2e-6


@needs_kernel
def test_a_cluster_of_66_atoms_agrees_with_torchani_in_float64(parameters, geometries, oracle):
    # Three dipeptides side by side, the nearest atoms 2.2 Å apart along x.
    numbers, one = geometries["dipeptide"]
    step = np.array([np.ptp(one[:, 0]) + 2.2, 0.0, 0.0])
    positions = np.concatenate([one, one + step, one + 2 * step])[None]
    energies, forces = NativeAni(parameters["ani2x"], numbers * 3).evaluate(positions)
    expected_energies, expected_forces = oracle(numbers * 3, positions)
    assert np.abs(energies - expected_energies).max() < 1e-6
    assert relative(forces, expected_forces) < 2e-6


@needs_kernel
def test_a_pickled_kernel_says_the_same(parameters):
    positions = scattered(2, len(HCNO), 4.0, seed=13)
    kernel = NativeAni(parameters["ani2x"].pruned(HCNO), HCNO)
    copy = pickle.loads(pickle.dumps(kernel))
    for ours, theirs in zip(kernel.evaluate(positions), copy.evaluate(positions), strict=True):
        assert np.array_equal(ours, theirs)


@needs_kernel
def test_pruned_parameters_give_the_same_bits(parameters):
    positions = scattered(3, len(HCNO), 4.0, seed=14)
    whole = NativeAni(parameters["ani2x"], HCNO).evaluate(positions)
    pruned = NativeAni(parameters["ani2x"].pruned(HCNO), HCNO).evaluate(positions)
    assert np.array_equal(whole[0], pruned[0])
    assert np.array_equal(whole[1], pruned[1])


@needs_kernel
def test_the_input_stays_untouched_and_no_conformers_give_none(parameters):
    positions = np.asfortranarray(scattered(2, 3, 3.0, seed=15))
    before = positions.copy()
    kernel = NativeAni(parameters["ani2x"], (8, 1, 1))
    kernel.evaluate(positions)
    assert np.array_equal(positions, before)
    energies, forces = kernel.evaluate(np.empty((0, 3, 3)))
    assert energies.shape == (0, 8)
    assert forces.shape == (0, 3, 3)


@needs_kernel
@pytest.mark.parametrize(
    ("positions", "error", "words"),
    [
        (np.zeros((1, 2, 3)), InputError, "(R, 3, 3)"),
        (np.zeros((3, 3)), InputError, "(R, 3, 3)"),
        (np.full((2, 3, 3), math.nan), NumericsError, "atom 1 of conformer 1"),
        (np.full((2, 3, 3), math.inf), NumericsError, "atom 1 of conformer 1"),
    ],
)
def test_wrong_positions_are_refused_in_one_sentence(parameters, positions, error, words):
    with pytest.raises(error) as caught:
        NativeAni(parameters["ani2x"], (8, 1, 1)).evaluate(positions)
    assert words in str(caught.value)


@needs_kernel
def test_an_unknown_element_is_refused_by_its_atom(parameters):
    with pytest.raises(InputError, match="does not know element 35 of atom 2"):
        NativeAni(parameters["ani2x"], (6, 35))


@needs_kernel
def test_an_instruction_set_that_is_not_here_is_refused(parameters, monkeypatch):
    monkeypatch.setenv("MERROW_NATIVE_ISA", "altivec")
    with pytest.raises(InputError, match=r"MERROW_NATIVE_ISA='altivec'.*baseline"):
        NativeAni(parameters["ani2x"], (6,))


def test_the_kernel_can_be_turned_off(monkeypatch):
    monkeypatch.setenv("MERROW_NATIVE", "0")
    assert not native.available()
    assert "MERROW_NATIVE=0" in native.why_not()
    with pytest.raises(MissingComponentError, match="MERROW_NATIVE=0"):
        native.instruction_set()


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """The module as if it were installed in an empty folder."""
    monkeypatch.delenv("MERROW_NATIVE", raising=False)
    monkeypatch.setattr(native, "__file__", str(tmp_path / "native.py"))
    native._load.cache_clear()
    yield tmp_path
    native._load.cache_clear()


def test_without_a_compiled_library_the_reason_and_the_way_out_are_said(elsewhere):
    assert not native.available()
    assert "was not built" in native.why_not()
    assert "install a C++ compiler" in native.why_not()


def test_a_damaged_library_is_a_reason_and_not_a_crash(elsewhere):
    (elsewhere / "_ani_kernel.abi3.so").write_bytes(b"not a library")
    assert not native.available()
    assert "cannot be loaded" in native.why_not()


@needs_kernel
def test_a_library_of_another_version_is_refused(elsewhere, monkeypatch):
    real = next(
        Path(os.fspath(p)) for p in Path(native.__spec__.origin).parent.glob("_ani_kernel*")
    )
    (elsewhere / real.name).symlink_to(real)
    monkeypatch.setattr(native, "_ABI", ctypes.CDLL(str(real)).merrow_ani_abi() + 1)
    assert not native.available()
    assert "another version" in native.why_not()
