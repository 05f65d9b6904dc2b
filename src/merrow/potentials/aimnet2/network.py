# SPDX-License-Identifier: MIT
"""Evaluation of all networks of an AIMNet2 ensemble on a batch of conformers in one call.

The published layers treat one network, any molecule and padded batches. Here the molecule is fixed
and all members are stacked, so that a step takes a hundred operations instead of ten thousand; for
a small molecule these, not the arithmetic, take the time. A test compares the results with the
published layers; they agree except for the last digits.

Neighbours within 5 Å are described by 16 Gaussians of the distance, alone and times the direction.
Dimensions: members M, conformers R, atoms N, features A, Gaussians G and combinations of them H.
Reference: Anstine, Zubatyuk, Isayev, 10.1039/D4SC08572H; D3(BJ): 10.1002/jcc.21759.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import gelu

from merrow.potentials.device import CPU

ACTIVATED: Final = (False, True, True)
"""Whether the last layer of each pass has an activation."""
COULOMB: Final = 7.1998226
"""Half of e²/4πε₀ [eV Å], as in the published layers; pairs are counted twice."""
HALF_HARTREE: Final = 13.605693012183622
"""Energy unit of D3 [eV], whose pairs are counted twice."""
BOHR_PER_ANGSTROM: Final = 1.8897261258369282
FAR: Final = 5.0
"""Distance assigned to an atom and itself [Å], where the cutoff function is zero."""
LEAST_WEIGHT: Final = 1e-5
D3: Final = ("s6", "s8", "a1", "a2", "k1", "k3")


@dataclass(frozen=True)
class AimMember:
    """A network of the ensemble.

    Attributes:
        tensors: State dict with the names of the published layers, including the D3 tables.
        d3: Parameters s6, s8, a1 and a2 [bohr], k1 and k3 of D3(BJ).
        coulomb_range: Radius within which the network includes the Coulomb energy [Å].
    """

    tensors: Mapping[str, Tensor]
    d3: Mapping[str, float]
    coulomb_range: float


def published_members(path: Path) -> list[AimMember]:
    """Return the networks of a TorchScript file of 2023.

    Args:
        path: The file, already verified, since TorchScript is code.
    """
    ensemble = torch.jit.load(str(path), map_location="cpu")
    members = []
    for network in (each.module for each in ensemble.models.children()):
        heads = network.outputs
        d3 = {key: float(getattr(heads.d3bj, key)) for key in D3}
        members.append(AimMember(dict(network.state_dict()), d3, float(heads.lrcoulomb.rc)))
    return members


class AimNetworks:
    """All members of an ensemble for one molecule."""

    def __init__(
        self,
        members: Sequence[AimMember],
        numbers: Sequence[int],
        charge: int,
        dtype: torch.dtype,
        device: str = CPU,
    ) -> None:
        """Stack the members in the order of their evaluation.

        Args:
            members: The networks; all have the radial functions and D3 parameters of the first.
            numbers: Atomic numbers of the molecule, length N.
            charge: Net charge [e].
            dtype: Precision of the networks; totals are always float64.
            device: Device of the networks.
        """
        self._dtype, self._device, self._charge = dtype, device, float(charge)
        z = torch.tensor(tuple(numbers))
        first = members[0]

        def stacked(name: str) -> Tensor:
            return torch.stack([member.tensors[name] for member in members]).to(dtype)

        self._shifts = first.tensors["aev.shifts_s"].to(device, dtype)
        self._eta = float(first.tensors["aev.eta_s"])
        self._cutoff = float(first.tensors["aev.rc_s"])
        agh = stacked("conv_a.agh")
        both = torch.cat([agh, stacked("conv_q.agh")], 1)
        self._combine = agh.to(device), both.to(device)
        a, g, h = agh.shape[1:]
        features = stacked("afv.weight")[:, z].unflatten(-1, (a, g)).transpose(-1, -2)
        self._features = features.to(device)
        self._passes = []
        for step in range(len(ACTIVATED)):
            layers = _layers(members, f"mlps.{step}.", dtype)
            columns = _columns(a, g, h, charged=step > 0)
            layers[0] = (layers[0][0][:, columns], layers[0][1])
            if step < len(ACTIVATED) - 1:
                rows = [0, 1, *(2 + k * g + i for i in range(g) for k in range(a))]
                layers[-1] = (layers[-1][0][:, :, rows], layers[-1][1][:, :, rows])
            self._passes.append(_moved(layers, device))
        self._head = _moved(_layers(members, "outputs.energy_mlp.mlp.", dtype), device)
        shift = "outputs.atomic_shift.shifts.weight"
        shifts = torch.stack([member.tensors[shift].double() for member in members])
        self._alone = shifts[:, z, 0].sum(1).to(device)
        ranges = torch.tensor([member.coulomb_range for member in members], dtype=dtype)
        self._range = ranges.view(-1, 1, 1, 1).to(device)
        self._dispersion = Dispersion(first, z, dtype, device)
        self._diagonal = torch.eye(len(z), dtype=torch.bool).to(device)

    def evaluate(self, positions: Tensor, *, apart: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Return energies [eV], forces [eV/Å] and charges [e].

        Args:
            positions: Positions [Å], shape (R, N, 3), near the origin.
            apart: Whether the forces of each member are returned instead of the mean forces;
                each then has a copy of the geometry.

        Returns:
            Arrays of shapes (M, R), (M or 1, R, N, 3) and (M, R, N), float64, on the device.
        """
        shared, m = positions.to(self._dtype).to(self._device), len(self._alone)
        copies = m if apart else 1
        with torch.enable_grad(), no_tiny_numbers():
            x = shared.expand(copies, *shared.shape).clone().requires_grad_()
            y = shared.clone().requires_grad_()
            energy, charges = self._networks(x)
            dispersion = self._dispersion.energy(y)
            slopes = torch.autograd.grad(energy.sum() + dispersion.sum(), (x, y))
        total = energy.detach() + dispersion.detach() + self._alone[:, None]
        forces = -(slopes[0].double() * copies / m + slopes[1].double())
        return total, forces, charges.detach().double()

    def _networks(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return energies without isolated atoms and dispersion (M, R), and charges (M, R, N)."""
        m, (_, r, n, _) = len(self._alone), x.shape
        arm = x.transpose(-1, -2).unsqueeze(2) - x.unsqueeze(-1)  # (M, R, N, 3, N): n to j
        d = arm.square().sum(3).masked_fill(self._diagonal, FAR**2).sqrt()
        basis = self._basis(arm, d)
        a = self._features.unsqueeze(1).expand(m, r, -1, -1, -1)  # (M, R, N, G, A)
        out = self._pass(0, a, None, basis)
        q = self._equilibrated(out[..., 0], out[..., 1])
        a = a + out[..., 2:].unflatten(-1, a.shape[-2:])
        out = self._pass(1, a, q, basis)
        q = self._equilibrated(q + out[..., 0], out[..., 1])
        a = a + out[..., 2:].unflatten(-1, a.shape[-2:])
        out = self._pass(2, a, q, basis)
        atomic = _through(self._head, out.view(m, r * n, -1), last=False).view(m, r, n)
        return atomic.double().sum(-1) + self._coulomb(q, d), q

    def _pass(self, step: int, a: Tensor, q: Tensor | None, basis: Tensor) -> Tensor:
        """Return the output of one pass for every atom, shape (M, R, N, columns)."""
        m, r, n = a.shape[:3]
        seen = self._around(a, q, basis, self._combine[q is not None])
        out = _through(self._passes[step], seen.view(m, r * n, -1), last=ACTIVATED[step])
        return out.view(m, r, n, -1)

    def _basis(self, arm: Tensor, d: Tensor) -> Tensor:
        """Return Gaussians of the distance, alone and times the direction.

        Shape (C, R, G, 4N, N): each of C copies of the geometry is used by M/C members.
        """
        near = 0.5 * torch.cos(torch.pi * (d / self._cutoff).clamp(max=1.0)) + 0.5
        gaps = d.unsqueeze(2) - self._shifts.view(-1, 1, 1)
        radial = torch.exp(-self._eta * gaps.square()) * near.unsqueeze(2)
        direction = arm / d.unsqueeze(3)
        angular = torch.cat([torch.ones_like(direction[:, :, :, :1]), direction], 3)
        return (radial.unsqueeze(4) * angular.unsqueeze(2)).flatten(3, 4)

    def _around(self, a: Tensor, q: Tensor | None, basis: Tensor, combine: Tensor) -> Tensor:
        """Return the features of every atom and its neighbours, shape (M, R, N, columns)."""
        m, r, n, g, _ = a.shape
        own = [a.flatten(-2)]
        if q is not None:
            own.append(q.unsqueeze(-1))
            a = torch.cat([a, q[..., None, None].expand(-1, -1, -1, g, 1)], -1)
        shares = a.unflatten(0, (len(basis), -1)).permute(0, 2, 4, 3, 1, 5).flatten(4)
        seen = torch.matmul(basis, shares).view(len(basis), r, g, n, 4, -1, a.shape[-1])
        seen = seen.permute(0, 5, 1, 3, 4, 2, 6).flatten(0, 1)  # (M, R, N, 4, G, A)
        scalar = seen[:, :, :, 0].flatten(-2)
        vector = seen[:, :, :, 1:].permute(0, 5, 1, 2, 3, 4).reshape(m, -1, r * n * 3, g)
        length = torch.matmul(vector, combine).view(m, -1, r, n, 3, combine.shape[-1])
        length = length.square().sum(4).permute(0, 2, 3, 1, 4).flatten(-2)
        return torch.cat([*own, scalar, length], -1)

    def _equilibrated(self, q: Tensor, f: Tensor) -> Tensor:
        """Return charges normalised to the net charge, with the rest distributed by f²."""
        weight = f.square()
        rest = self._charge - q.sum(-1, keepdim=True)
        return q + weight * rest / (weight.sum(-1, keepdim=True) + 1e-6)

    def _coulomb(self, q: Tensor, d: Tensor) -> Tensor:
        """Return the Coulomb energy of the charges beyond the range of the networks, (M, R)."""
        part = (d / self._range).clamp(max=0.999999)
        beyond = 1.0 - torch.exp(1.0 - 1.0 / (1.0 - part.square()))
        pairs = (q.unsqueeze(-1) * q.unsqueeze(-2)).masked_fill(self._diagonal, 0.0)
        return (COULOMB * beyond * pairs / d).flatten(-2).double().sum(-1)


class Dispersion:
    """D3(BJ) of one molecule; the same for all members."""

    def __init__(self, member: AimMember, numbers: Tensor, dtype: torch.dtype, device: str) -> None:
        """Look up the parameters of all pairs of the molecule."""

        def table(name: str) -> Tensor:
            return member.tensors[f"outputs.d3bj.{name}"].to(dtype)

        self._p = member.d3
        self._diagonal = torch.eye(len(numbers), dtype=torch.bool).to(device)
        c6ab = table("c6ab")[numbers[:, None], numbers[None, :]].to(device)
        self._c6, self._cn_i, self._cn_j = c6ab.unbind(-1)  # (N, N, 5, 5) each
        rcov = table("rcov")[numbers].to(device)
        self._covalent = rcov[:, None] + rcov[None, :]
        self._most = table("cnmax")[numbers].to(device)
        r4r2 = table("r4r2")[numbers].to(device)
        self._ratio = 3.0 * r4r2[:, None] * r4r2[None, :]
        radius = self._p["a1"] * self._ratio.sqrt() + self._p["a2"]
        self._r6, self._r8 = radius**6, radius**8

    def energy(self, x: Tensor) -> Tensor:
        """Return the dispersion energy [eV], (R,), float64, of positions [Å], (R, N, 3)."""
        p = self._p
        arm = x.unsqueeze(-3) - x.unsqueeze(-2)
        d = arm.square().sum(-1).masked_fill(self._diagonal, FAR**2).sqrt() * BOHR_PER_ANGSTROM
        count = torch.reciprocal(1.0 + torch.exp(p["k1"] * (self._covalent / d - 1.0)))
        cn = count.masked_fill(self._diagonal, 0.0).sum(-1)
        cn = torch.minimum(cn, self._most)[..., None, None, None]
        gap = (cn - self._cn_i).square() + (cn.transpose(-4, -3) - self._cn_j).square()
        near = torch.exp(p["k3"] * gap)
        weight = near.sum((-1, -2))
        c6 = (self._c6 * near).sum((-1, -2)) / weight.clamp(min=LEAST_WEIGHT)
        c6 = c6.masked_fill((weight < LEAST_WEIGHT) | self._diagonal, 0.0)
        each = c6 * (p["s6"] / (d**6 + self._r6) + p["s8"] * self._ratio / (d**8 + self._r8))
        return -HALF_HARTREE * each.flatten(-2).double().sum(-1)


@contextlib.contextmanager
def no_tiny_numbers() -> Iterator[None]:
    """Flush numbers below 1e-38 to zero in this thread, since CPUs handle them slowly."""
    was = bool(torch.full((), 1e-30) * 1e-10 == 0.0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(was)


def _moved(layers: list[tuple[Tensor, Tensor]], device: str) -> list[tuple[Tensor, Tensor]]:
    return [(w.contiguous().to(device), b.contiguous().to(device)) for w, b in layers]


def _layers(
    members: Sequence[AimMember], prefix: str, dtype: torch.dtype
) -> list[tuple[Tensor, Tensor]]:
    """Return weights (M, in, out) and biases (M, 1, out) of all linear layers below a prefix."""
    names = [key for key in members[0].tensors if key.startswith(prefix) and key.endswith("weight")]
    names.sort(key=lambda key: int(key.removeprefix(prefix).partition(".")[0]))
    found = []
    for name in names:
        weight = torch.stack([member.tensors[name] for member in members]).to(dtype)
        bias = [member.tensors[name.removesuffix("weight") + "bias"] for member in members]
        found.append((weight.transpose(1, 2).contiguous(), torch.stack(bias).to(dtype)[:, None]))
    return found


def _columns(a: int, g: int, h: int, *, charged: bool) -> list[int]:
    """Return the published column of each of our columns.

    Published: features (A, G), sums (A, G), lengths (A, H), then charge, its sums (G) and its
    lengths (H). Ours: features (G, A), charge, sums (G, A + 1), lengths (A + 1, H).
    """
    features, q = a * g, 2 * a * g + a * h
    own = [k * g + i for i in range(g) for k in range(a)]
    sums = [
        features + k * g + i if k < a else q + 1 + i for i in range(g) for k in range(a + charged)
    ]
    lengths = [
        2 * features + k * h + i if k < a else q + 1 + g + i
        for k in range(a + charged)
        for i in range(h)
    ]
    return [*own, *([q] if charged else []), *sums, *lengths]


def _through(layers: Sequence[tuple[Tensor, Tensor]], x: Tensor, *, last: bool) -> Tensor:
    """Return the output (M, rows, columns) of linear layers with activations in between."""
    for k, (weight, bias) in enumerate(layers):
        x = torch.baddbmm(bias, x, weight)
        if last or k < len(layers) - 1:
            x = gelu(x)
    return x
