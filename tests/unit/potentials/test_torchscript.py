# SPDX-License-Identifier: MIT
"""Are TorchScript files of all three forms understood, and others refused without being run?"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from merrow.errors import InputError, MerrowError, UnsupportedPhysicsError
from merrow.potentials import Molecule, load_potential
from merrow.potentials.registry import describe
from merrow.testing import check_potential
from merrow.units import EV_KCAL, HARTREE_KCAL

WATER = Molecule((8, 1, 1))
GEOMETRY = np.array([[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.77, -0.45]])


class Plain(torch.nn.Module):
    """Springs of length zero between all pairs: ½ Σ r² over ordered pairs."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = [1, 6, 7, 8]

    def forward(self, positions: Tensor, numbers: Tensor) -> Tensor:
        weight = numbers[:, None] * numbers[None, :]
        arm = positions[:, :, None] - positions[:, None]
        return 0.5 * (weight[None, :, :, None] * arm**2).sum((1, 2, 3))


class PlainPair(torch.nn.Module):
    """The same, with its forces, scaled by 1 + charge."""

    def forward(self, positions: Tensor, numbers: Tensor, charge: Tensor) -> tuple[Tensor, Tensor]:
        arm = positions[:, :, None] - positions[:, None]
        scale = (1.0 + charge).to(positions.dtype)
        return scale * 0.5 * (arm**2).sum((1, 2, 3)), -2.0 * scale * arm.sum(2)


class Ani(torch.nn.Module):
    """Energy in Hartree as the first of a tuple."""

    def forward(self, species: Tensor, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        arm = coordinates[:, :, None] - coordinates[:, None]
        weight = (species[:, :, None] * species[:, None]).to(coordinates.dtype)
        return 0.5 * (weight[:, :, :, None] * arm**2).sum((1, 2, 3)), species


class Mace(torch.nn.Module):
    """Energy in eV from the edges of the graph; every edge is directed and counts half."""

    def __init__(self, own_forces: bool) -> None:
        super().__init__()
        self.own_forces = own_forces

    def forward(self, data: dict[str, Tensor], local_or_ghost: Tensor) -> dict[str, Tensor]:
        x, edges = data["positions"], data["edge_index"]
        z = (data["node_attrs"] * torch.arange(1, 11, dtype=x.dtype)).sum(1) * local_or_ghost
        arm = x[edges[1]] - x[edges[0]]
        weight = (z[edges[0]] * z[edges[1]])[:, None]
        out = {"energy": (0.5 * weight * arm**2).sum().reshape(1)}
        if self.own_forces:
            zero = torch.zeros_like(x)
            out["forces"] = zero.index_add(0, edges[0], 2.0 * weight * arm)
        return out


class Strange(torch.nn.Module):
    def forward(self, x: Tensor, steps: int) -> Tensor:
        return x * steps


class Turned(torch.nn.Module):
    """Two tensors under other names: what they mean, and the unit, cannot be known."""

    def forward(self, numbers: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        return positions.sum().reshape(1), positions


class Wrong(torch.nn.Module):
    """The right signature, the wrong shape."""

    def forward(self, positions: Tensor, numbers: Tensor) -> Tensor:
        return positions.sum().reshape(1)


class WrongForces(torch.nn.Module):
    """Forces of another shape than the positions."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__()
        self.register_buffer("made", torch.zeros(shape))

    def forward(self, positions: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        return positions.sum((1, 2)), self.made


class Fails(torch.nn.Module):
    def forward(self, positions: Tensor, numbers: Tensor) -> Tensor:
        return positions @ numbers.to(positions.dtype)[:2]


class SelfEnergies(torch.nn.Module):
    """A small network beside energies of atoms [Hartree], as ANI and MACE are saved."""

    def __init__(self, network: torch.dtype, energies: torch.dtype) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.inner = torch.nn.Linear(1, 8, dtype=network)
        self.outer = torch.nn.Linear(8, 1, dtype=network)
        alone = torch.zeros(9, dtype=torch.float64)
        alone[1], alone[6], alone[7], alone[8] = (
            -0.597858394,
            -38.08933878,
            -54.7119683,
            -75.1910677,
        )
        self.register_buffer("alone", alone.to(energies))

    def forward(self, species: Tensor, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        arm = coordinates[:, :, None] - coordinates[:, None]
        near = torch.exp(-arm.square().sum(-1)).sum(-1, keepdim=True)
        bound = 0.1 * self.outer(torch.tanh(self.inner(near))).sum((1, 2))
        return bound + self.alone[species.long()].sum(1), bound


class Bare(torch.nn.Module):
    """Energies of atoms [kcal/mol] without any parameter."""

    def __init__(self, energies: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("alone", torch.full((9,), -1e5 / 3, dtype=energies))

    def forward(self, positions: Tensor, numbers: Tensor) -> Tensor:
        arm = positions[:, :, None] - positions[:, None]
        return (arm**2).sum((1, 2, 3)) + self.alone[numbers].sum()


def saved(module: torch.nn.Module, folder: Path) -> str:
    path = folder / "mine.pt"
    torch.jit.script(module).save(str(path))
    return f"torchscript:{path}"


def pair_energy(weights: np.ndarray) -> float:
    arm = GEOMETRY[:, None] - GEOMETRY[None]
    return 0.5 * float((weights[..., None] * arm**2).sum())


def outer(values: list[float]) -> np.ndarray:
    return np.outer(values, values)


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (Plain(), pair_energy(outer([8, 1, 1]))),
        (PlainPair(), pair_energy(np.ones((3, 3)))),
        (Ani(), pair_energy(outer([8, 1, 1])) * HARTREE_KCAL),
        (Mace(own_forces=False), pair_energy(outer([4, 1, 1])) * EV_KCAL),
        (Mace(own_forces=True), pair_energy(outer([4, 1, 1])) * EV_KCAL),
    ],
    ids=["plain", "plain with forces", "ani", "mace", "mace with forces"],
)
def test_each_form_is_recognised_and_its_units_are_converted(module, expected, tmp_path):
    name = saved(module, tmp_path)
    potential = load_potential(name, WATER, precision="float64")
    assert potential.evaluate(GEOMETRY[None]).energies == pytest.approx([expected], rel=1e-12)
    assert check_potential(name)


HALF, SINGLE, DOUBLE = torch.float16, torch.float32, torch.float64
ERLOTINIB = Molecule((6,) * 22 + (1,) * 23 + (7,) * 3 + (8,) * 4)


@pytest.fixture(scope="module")
def scattered():
    """Five conformers of as many atoms as erlotinib has [Å]."""
    return np.random.default_rng(1).normal(0.0, 4.0, (5, len(ERLOTINIB.numbers), 3))


def rounding(module, folder, positions):
    """Return the largest deviation of an energy from that of the file in float64 [kcal/mol]."""
    name = saved(module, folder)
    low, high = (
        load_potential(name, ERLOTINIB, precision=precision).evaluate(positions).energies
        for precision in ("float32", "float64")
    )
    return float(np.abs(low - high).max())


def test_energies_of_atoms_in_float64_stay_so_beside_a_network_in_float32(tmp_path, scattered):
    # 2e-5 from the network; converted to float32, as a file wholly in it, 0.05
    assert rounding(SelfEnergies(SINGLE, DOUBLE), tmp_path, scattered) < 1e-4
    assert rounding(SelfEnergies(SINGLE, SINGLE), tmp_path, scattered) > 0.01


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
def test_float32_is_the_precision_of_the_file_and_float64_converts_it(tmp_path, scattered, dtype):
    name = saved(SelfEnergies(dtype, DOUBLE), tmp_path)
    own = str(dtype).removeprefix("torch.")
    assert load_potential(name, ERLOTINIB).capabilities.dtype == own
    assert describe(name).capabilities.dtype == own
    assert load_potential(name, ERLOTINIB, precision="float64").capabilities.dtype == "float64"
    exact = rounding(SelfEnergies(dtype, DOUBLE), tmp_path, scattered) == 0.0
    assert exact == (dtype == DOUBLE)


def test_a_file_in_half_precision_computes_in_float32(tmp_path, scattered):
    name = saved(SelfEnergies(HALF, HALF), tmp_path)
    potential = load_potential(name, ERLOTINIB)
    assert potential.capabilities.dtype == "float32"
    assert np.abs(potential.evaluate(scattered).forces).max() > 0.0


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
def test_without_parameters_the_buffers_tell_the_precision(tmp_path, dtype):
    potential = load_potential(saved(Bare(dtype), tmp_path), WATER)
    assert potential.capabilities.dtype == str(dtype).removeprefix("torch.")
    answer = potential.evaluate(GEOMETRY[None])
    error = abs(answer.energies[0] - (2 * pair_energy(np.ones((3, 3))) - 1e5))
    assert (error < 1e-9) == (dtype == DOUBLE)


def test_without_any_number_of_its_own_a_file_takes_the_precision_asked(tmp_path):
    name = saved(Plain(), tmp_path)
    for asked in ("float32", "float64"):
        assert load_potential(name, WATER, precision=asked).capabilities.dtype == asked


def test_a_charge_reaches_a_file_that_asks_for_it_and_others_refuse_it(tmp_path):
    ion = Molecule((8, 1, 1), charge=2)
    name = saved(PlainPair(), tmp_path)
    answer = load_potential(name, ion, precision="float64").evaluate(GEOMETRY[None])
    assert answer.energies == pytest.approx([3 * pair_energy(np.ones((3, 3)))])
    with pytest.raises(UnsupportedPhysicsError, match=r"mine.pt is made for neutral"):
        load_potential(saved(Ani(), tmp_path), ion)


def test_elements_are_those_that_the_file_names(tmp_path):
    with pytest.raises(UnsupportedPhysicsError, match=r"atom 1 is S, but torchscript:mine.pt"):
        load_potential(saved(Plain(), tmp_path), Molecule((16, 1, 1)))
    with pytest.raises(UnsupportedPhysicsError, match="H, C, N, O, F, P, S, Cl, Br, I"):
        load_potential(saved(Mace(own_forces=True), tmp_path), Molecule((5, 1, 1, 1)))


class Named(torch.nn.Module):
    """Names its elements in its own way, and answers more than was asked."""

    def __init__(self, elements: list[str]) -> None:
        super().__init__()
        self.elements = elements

    def forward(self, positions: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return positions[:, 0, 0], numbers, positions


class Mute(torch.nn.Module):
    """Has nothing that is called `forward`."""

    @torch.jit.export
    def energy(self, positions: Tensor) -> Tensor:
        return positions.sum()


def test_elements_may_be_symbols_and_nothing_else(tmp_path):
    known = load_potential(saved(Named(["H", "O"]), tmp_path), WATER).capabilities
    assert known.elements == {1, 8}
    with pytest.raises(InputError, match="neither atomic numbers nor element symbols"):
        load_potential(saved(Named(["H", "oxygen"]), tmp_path), WATER)


def test_a_module_of_another_form_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(InputError, match="none of forward\\(positions, numbers"):
        load_potential(saved(Turned(), tmp_path), WATER)
    with pytest.raises(InputError, match="has no forward"):
        load_potential(saved(Mute(), tmp_path), WATER)
    with pytest.raises(MerrowError, match="fails, called in the plain form"):
        load_potential(saved(Named(["H", "O"]), tmp_path), WATER).evaluate(GEOMETRY[None])


def test_the_identity_is_the_content_wherever_the_file_lies(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    path = Path(saved(Ani(), one).partition(":")[2])
    copy = two / path.name
    copy.write_bytes(path.read_bytes())
    here, there = (load_potential(f"torchscript:{p}", WATER).identity for p in (path, copy))
    assert here == there
    assert load_potential(saved(Plain(), one), WATER).identity != here


def test_another_signature_is_refused_with_what_it_is_and_should_be(tmp_path):
    with pytest.raises(InputError) as caught:
        load_potential(saved(Strange(), tmp_path), WATER)
    assert "has forward(x: Tensor, steps: int), which is none of" in str(caught.value)


def test_an_answer_of_another_shape_and_a_failure_are_named(tmp_path):
    x = np.stack([GEOMETRY, GEOMETRY])
    with pytest.raises(MerrowError, match=r"mine.pt returns 1 energies"):
        load_potential(saved(Wrong(), tmp_path), WATER).evaluate(x)
    with pytest.raises(MerrowError, match=r"mine.pt fails, called in the plain form"):
        load_potential(saved(Fails(), tmp_path), WATER).evaluate(x)


@pytest.mark.parametrize("shape", [[], [2], [2, 3], [2, 9], [2, 3, 4], [3, 2, 3], [2, 1, 3]])
def test_forces_of_any_other_shape_are_refused_by_their_shape(tmp_path, shape):
    name, x = saved(WrongForces(shape), tmp_path), np.stack([GEOMETRY, GEOMETRY])
    told = re.escape(f"mine.pt returns 2 energies and forces of shape {tuple(shape)} for positions")
    with pytest.raises(MerrowError, match=told):
        load_potential(name, WATER).evaluate(x)


class Skewed(torch.nn.Module):
    """Stiff springs whose forces are multiplied by a factor that should be 1."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, positions: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        arm = positions[:, :, None] - positions[:, None]
        return 500.0 * (arm**2).sum((1, 2, 3)), -2000.0 * self.factor * arm.sum(2)


class Tied(torch.nn.Module):
    """Every atom is tied to the origin with its own spring."""

    def forward(self, positions: Tensor, numbers: Tensor) -> Tensor:
        return (positions.square().sum(-1) * numbers).sum(-1)


@pytest.mark.parametrize("factor", [-1.0, 0.0, 1 / 23.06, 627.5])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_forces_that_are_no_slope_are_refused(tmp_path, factor, precision):
    name = saved(Skewed(factor), tmp_path)
    with pytest.raises(UnsupportedPhysicsError, match=r"mine.pt are not the slope of its energy"):
        load_potential(name, WATER, precision=precision).evaluate(GEOMETRY[None])


def test_an_energy_that_depends_on_the_origin_is_refused(tmp_path):
    with pytest.raises(UnsupportedPhysicsError, match="must not depend on the origin"):
        load_potential(saved(Tied(), tmp_path), WATER).evaluate(GEOMETRY[None])


class Paired(torch.nn.Module):
    """Springs between all pairs, with the energies of a batch in the wrong order."""

    def forward(self, positions: Tensor, numbers: Tensor) -> Tensor:
        arm = positions[:, :, None] - positions[:, None]
        return 500.0 * (arm**2).sum((1, 2, 3)).flip(0)


def test_a_batch_whose_energies_are_in_another_order_is_refused(tmp_path):
    potential = load_potential(saved(Paired(), tmp_path), WATER)
    potential.evaluate(GEOMETRY[None])  # alone it is right
    with pytest.raises(UnsupportedPhysicsError, match=r"mine.pt gives conformers in a batch other"):
        potential.evaluate(np.stack([GEOMETRY, 1.1 * GEOMETRY]))


def test_forces_that_are_the_slope_are_taken(tmp_path):
    answer = load_potential(saved(Skewed(1.0), tmp_path), WATER).evaluate(GEOMETRY[None])
    assert answer.energies == pytest.approx(500.0 * ((GEOMETRY[:, None] - GEOMETRY) ** 2).sum())


class Evil:
    """An object whose unpickling would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("legacy", [True, False])
def test_a_pickle_is_refused_and_never_run(tmp_path, legacy):
    trace, path = tmp_path / "executed", tmp_path / "evil.pt"
    torch.save(Evil(trace), path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(InputError, match=r"evil.pt is not a TorchScript file"):
        load_potential(f"torchscript:{path}", WATER)
    assert not trace.exists()


def test_truncated_and_absent_files_are_said(tmp_path):
    path = Path(saved(Ani(), tmp_path).partition(":")[2])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"mine.pt is not a TorchScript file, or it is damaged"):
        load_potential(f"torchscript:{path}", WATER)
    with pytest.raises(InputError, match=r"there is no file lost.pt"):
        load_potential("torchscript:lost.pt", WATER)
