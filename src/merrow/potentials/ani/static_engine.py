# SPDX-License-Identifier: MIT
"""ANI computed by torch with fixed shapes, so that a GPU replays one graph per call.

The equations are those of `torch_engine`, whose neighbour lists vary in length, so that a GPU waits
for about 150 launches and copies per call. Here every atom has a fixed number of slots for
neighbours inside the angular cutoff, and atoms farther away have weight zero. If an atom has more
neighbours than slots, the slots are increased and the call repeated, so nothing is left out.

Distances are computed and totals summed in float64.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from torch import Tensor

from merrow.potentials.ani.parameters import AniParameters, Array
from merrow.potentials.ani.torch_engine import (
    DTYPES,
    cutoff_weight,
    member_energies,
    pair_table,
)
from merrow.potentials.device import CPU
from merrow.potentials.program import Program, in_rows, rows_of

SPARE: Final = 4
"""Extra neighbour slots beyond the maximum number in the first conformers."""
MOST_TERMS: Final = 50_000_000
"""Limit of angular terms per pass; larger batches are split to save memory."""

Answer = tuple[Tensor, Tensor, Tensor]
"""Member energies (R, M), gradient of their mean (R, N, 3), maximum number of neighbours ()."""


class StaticAni:
    """An ANI ensemble for one molecule."""

    def __init__(
        self,
        parameters: AniParameters,
        numbers: tuple[int, ...],
        precision: str,
        device: str = CPU,
    ) -> None:
        """Prepare the networks for one molecule.

        Args:
            parameters: The model, preferably `pruned` to the elements of the molecule.
            numbers: Atomic numbers of the molecule, length N.
            precision: Precision of descriptors and networks, "float32" or "float64".
            device: Device of descriptors and networks.
        """
        self._parameters, self._numbers = parameters, numbers
        self._precision, self._device = precision, device
        self._arrange()

    def __getstate__(self) -> tuple[AniParameters, tuple[int, ...], str, str]:
        return self._parameters, self._numbers, self._precision, self._device

    def __setstate__(self, state: tuple[AniParameters, tuple[int, ...], str, str]) -> None:
        self._parameters, self._numbers, self._precision, self._device = state
        self._arrange()

    def _arrange(self) -> None:
        p, n = self._parameters, len(self._numbers)
        element = np.array([p.elements.index(number) for number in self._numbers])
        n_elements = len(p.elements)
        self._element = self._tensor(element, torch.int64)
        self._one_hot = self._tensor(np.eye(n_elements)[element])
        table = pair_table(n_elements)
        self._kind, self._n_kinds = self._tensor(table, torch.int64), int(table.max()) + 1
        self._atoms = [
            self._tensor(np.flatnonzero(element == e), torch.int64) for e in range(n_elements)
        ]
        self._self = self._tensor(np.eye(n), torch.bool)
        self._shifts = self._tensor(p.radial_shifts), self._tensor(p.angular_shifts)
        self._turns = self._tensor(np.cos(p.sections)), self._tensor(np.sin(p.sections))
        self._networks = [
            [(self._tensor(one.weight), self._tensor(one.bias)[:, None]) for one in layers]
            for layers in p.networks
        ]
        self._self_energy = float(p.self_energies[element].sum())
        self._places = 0
        self._programs: dict[int, Program] = {}

    def evaluate(self, positions: Array) -> tuple[Array, Array]:
        """Return the energies of all members and the forces of their mean.

        Args:
            positions: Positions [Å], shape (R, N, 3), float64.

        Returns:
            Total energies with self energies [Hartree], shape (R, M), and forces of the ensemble
            mean −∂E/∂x [Hartree/Å], shape (R, N, 3), both float64.
        """
        if not self._programs:
            self._make_room(_crowd(positions, self._parameters.angular_cutoff) + SPARE)
        rows = rows_of(len(positions), self._most_rows())
        energies, forces = [], []
        for whole, count in in_rows(positions, rows):
            members, pull = self._pass(whole)
            energies.append(members[:count])
            forces.append(pull[:count])
        return np.concatenate(energies) + self._self_energy, np.concatenate(forces)

    def instance(self, conformers: int) -> tuple[int, int]:
        """Return the current rows and slots of the program for a number of conformers."""
        return rows_of(conformers, self._most_rows()), self._places

    def _pass(self, positions: Array) -> tuple[Array, Array]:
        """Return energies (rows, M) and forces (rows, N, 3) of a full pass."""
        rows = len(positions)
        while True:
            if rows not in self._programs:
                self._programs[rows] = Program(
                    self._answer, (rows, len(self._numbers), 3), self._device
                )
            members, slope, crowd = self._programs[rows](positions)
            if int(crowd) <= self._places:
                return members, -slope
            self._make_room(int(crowd) + SPARE)

    def _make_room(self, places: int) -> None:
        """Set the number of neighbour slots per atom; earlier programs are discarded."""
        self._places = min(max(0, len(self._numbers) - 1), places)
        self._second, self._third = (
            self._tensor(index, torch.int64) for index in np.triu_indices(self._places, 1)
        )
        self._programs = {}

    def _most_rows(self) -> int:
        terms = len(self._numbers) * len(self._second)
        width = len(self._shifts[1]) * len(self._turns[0]) + self._n_kinds
        return max(1, MOST_TERMS // max(1, terms * width))

    def _answer(self, positions: Tensor) -> Answer:
        """Evaluate positions [Å], shape (R, N, 3), float64, on the device."""
        leaf = positions.detach().requires_grad_()
        with torch.enable_grad():
            arms = leaf[:, None] - leaf[:, :, None]  # (R, i, j, 3), from i to j
            square = (arms * arms).sum(-1).masked_fill(self._self, 1.0)
            distance = square.sqrt().to(self._dtype)
            hidden = distance.detach().masked_fill(self._self, math.inf)
            crowd = (hidden < self._parameters.angular_cutoff).sum(-1).max()
            descriptors = torch.cat(
                [
                    self._radial(distance, hidden).flatten(2),
                    self._angular(arms.to(self._dtype), distance, hidden).flatten(2),
                ],
                dim=-1,
            )
            members = member_energies(descriptors, self._atoms, self._networks)
            (slope,) = torch.autograd.grad(members.mean(1).sum(), leaf)
        return members.detach(), slope, crowd

    def _radial(self, distance: Tensor, hidden: Tensor) -> Tensor:
        """Return the radial terms (equation 3), shape (R, N, elements, radial shifts)."""
        p = self._parameters
        weight = 0.25 * cutoff_weight(distance, p.radial_cutoff) * (hidden < p.radial_cutoff)
        terms = torch.exp(-p.radial_eta * (distance[..., None] - self._shifts[0]) ** 2)
        return torch.einsum("rijs,rij,je->ries", terms, weight, self._one_hot)

    def _angular(self, arms: Tensor, distance: Tensor, hidden: Tensor) -> Tensor:
        """Return the angular terms (equation 4), shape (R, N, kinds, angular shifts · sections)."""
        p = self._parameters
        apart, neighbour = hidden.topk(self._places, dim=-1, largest=False, sorted=True)
        near = apart < p.angular_cutoff
        d = distance.gather(-1, neighbour)
        arm = arms.gather(-2, neighbour[..., None].expand(*neighbour.shape, 3))
        kind = self._element[neighbour]
        kind = self._kind[kind[..., self._second], kind[..., self._third]]
        envelope = cutoff_weight(d, p.angular_cutoff) * near
        d2, d3 = d[..., self._second], d[..., self._third]
        dot = (arm[..., self._second, :] * arm[..., self._third, :]).sum(-1)
        cosine = 0.95 * dot / (d2 * d3)
        sine = torch.sqrt(1 - cosine**2)  # at most 0.95² below the root: never zero
        turn = 0.5 * (1 + cosine[..., None] * self._turns[0] + sine[..., None] * self._turns[1])
        weight = 2 * envelope[..., self._second] * envelope[..., self._third]
        shell = torch.exp(-p.angular_eta * (0.5 * (d2 + d3)[..., None] - self._shifts[1]) ** 2)
        terms = (shell * weight[..., None])[..., :, None] * (turn**p.zeta)[..., None, :]
        one_hot = torch.nn.functional.one_hot(kind, self._n_kinds).to(self._dtype)
        return torch.einsum("rnts,rntk->rnks", terms.flatten(3), one_hot)

    @property
    def _dtype(self) -> torch.dtype:
        return DTYPES[self._precision]

    def _tensor(self, values: object, dtype: torch.dtype | None = None) -> Tensor:
        return torch.tensor(np.asarray(values), dtype=dtype or self._dtype, device=self._device)


def _crowd(positions: Array, radius: float) -> int:
    """Return the maximum number of neighbours within a radius [Å]."""
    apart = np.linalg.norm(positions[:, :, None] - positions[:, None], axis=-1)
    return int((apart < radius).sum(axis=-1).max()) - 1
