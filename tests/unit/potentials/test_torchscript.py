# SPDX-License-Identifier: MIT
"""Are TorchScript files of all three forms understood, and others refused without being run?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from merrow.errors import InputError, MerrowError, UnsupportedPhysicsError
from merrow.potentials import Molecule, load_potential
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


class Fails(torch.nn.Module):
    def forward(self, positions: Tensor, numbers: Tensor) -> Tensor:
        return positions @ numbers.to(positions.dtype)[:2]


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
