# SPDX-License-Identifier: MIT
"""ANI computed by torch.

Only pairs and triples inside the cutoffs, and input columns of present elements, are evaluated;
both are exact. Distances are computed in float64, so that a molecule far from the origin loses no
accuracy; totals are summed in float64.

Reference: Smith, Isayev, Roitberg, 10.1039/C6SC05720A, equations 3 and 4. Like NeuroChem, the
radial terms carry a factor 0.25 and the cosine of an angle a factor 0.95.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from merrow.potentials.ani.parameters import AniParameters, Array
from merrow.potentials.device import CPU, to_numpy

DTYPES: Final = {"float32": torch.float32, "float64": torch.float64}

CANDIDATE_TRIPLES: Final = 1_000_000
"""Limit of R · N² (N − 1) / 2 per pass; larger batches are split to save memory."""


class TorchAni:
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
        p, dtype = parameters, DTYPES[precision]
        self._dtype, self._device = dtype, device
        self._n_atoms, self._n_elements = len(numbers), len(p.elements)
        self._element = np.array([p.elements.index(number) for number in numbers])
        self._atoms = [
            self._index(np.flatnonzero(self._element == e)) for e in range(self._n_elements)
        ]
        self._pair_index = pair_table(self._n_elements)
        self._second, self._third = np.triu_indices(len(numbers), 1)
        self._cutoffs = p.radial_cutoff, p.angular_cutoff
        self._etas = p.radial_eta, p.angular_eta
        self._zeta = p.zeta
        self._shifts = tuple(
            torch.tensor(s, dtype=dtype, device=device) for s in (p.radial_shifts, p.angular_shifts)
        )
        self._cos = torch.tensor(np.cos(p.sections), dtype=dtype, device=device)
        self._sin = torch.tensor(np.sin(p.sections), dtype=dtype, device=device)
        self._networks = [
            [
                (
                    torch.tensor(layer.weight, dtype=dtype, device=device),
                    torch.tensor(layer.bias, dtype=dtype, device=device)[:, None],
                )
                for layer in layers
            ]
            for layers in p.networks
        ]
        self._self_energy = float(p.self_energies[self._element].sum())

    def evaluate(self, positions: Array) -> tuple[Array, Array]:
        """Return the energies of all members and the forces of their mean.

        Args:
            positions: Positions [Å], shape (R, N, 3), float64.

        Returns:
            Total energies with self energies [Hartree], shape (R, M), and forces of the ensemble
            mean −∂E/∂x [Hartree/Å], shape (R, N, 3), both float64.
        """
        n = self._n_atoms
        rows = max(1, CANDIDATE_TRIPLES // max(1, n * n * (n - 1) // 2))
        parts = [self._pass(positions[k : k + rows]) for k in range(0, len(positions), rows)]
        energies, forces = zip(*parts, strict=True)
        return np.concatenate(energies) + self._self_energy, np.concatenate(forces)

    def _pass(self, positions: Array) -> tuple[Array, Array]:
        """Return member energies (R, M) without self energies, and forces (R, N, 3)."""
        n_conformers, n = len(positions), self._n_atoms
        pairs, triples = self._neighbours(positions)
        conformer, i, j = pairs
        arms = positions[conformer, j] - positions[conformer, i]
        leaf = torch.from_numpy(arms).to(self._dtype).to(self._device).requires_grad_()
        with torch.enable_grad():
            descriptors = self._describe(leaf, pairs, triples, n_conformers)
            members = member_energies(
                descriptors.view(n_conformers, n, -1), self._atoms, self._networks
            )
            (slope,) = torch.autograd.grad(members.mean(1).sum(), leaf)
        pull = to_numpy(slope)
        forces = np.zeros((n_conformers * n, 3))
        np.add.at(forces, conformer * n + i, pull)
        np.subtract.at(forces, conformer * n + j, pull)
        return to_numpy(members), forces.reshape(n_conformers, n, 3)

    def _neighbours(self, positions: Array) -> tuple[tuple[Index, ...], tuple[Index, ...]]:
        """Return the neighbour lists: directed pairs (conformer, i, j), and triples of two pairs.

        A triple is (centre, pair to the second atom, pair to the third atom), where centre is
        conformer · N + atom and pairs are indices into the list of pairs.
        """
        n = self._n_atoms
        distance = np.linalg.norm(positions[:, :, None] - positions[:, None], axis=-1)
        distance[:, np.arange(n), np.arange(n)] = np.inf
        pairs = np.nonzero(distance < self._cutoffs[0])
        place = np.zeros(distance.shape, dtype=np.intp)
        place[pairs] = np.arange(len(pairs[0]))
        near = distance < self._cutoffs[1]
        conformer, centre, both = np.nonzero(near[:, :, self._second] & near[:, :, self._third])
        second = place[conformer, centre, self._second[both]]
        third = place[conformer, centre, self._third[both]]
        return pairs, (conformer * n + centre, second, third)

    def _describe(
        self, arms: Tensor, pairs: tuple[Index, ...], triples: tuple[Index, ...], n_conformers: int
    ) -> Tensor:
        """Return the descriptors of all atoms, shape (R · N, columns), from pair vectors [Å]."""
        conformer, i, j = pairs
        n_atoms = n_conformers * self._n_atoms
        distance = arms.norm(dim=-1)
        radial = self._radial(distance)
        row = (conformer * self._n_atoms + i) * self._n_elements + self._element[j]
        radial = self._summed(radial, row, n_atoms * self._n_elements)

        centre, second, third = triples
        angular = self._angular(arms, distance, self._index(second), self._index(third))
        kind = self._pair_index[self._element[j[second]], self._element[j[third]]]
        n_kinds = int(self._pair_index.max()) + 1
        angular = self._summed(angular, centre * n_kinds + kind, n_atoms * n_kinds)
        return torch.cat([radial.view(n_atoms, -1), angular.view(n_atoms, -1)], dim=1)

    def _radial(self, distance: Tensor) -> Tensor:
        """Return the radial terms (equation 3) of every pair, shape (pairs, radial shifts)."""
        weight = 0.25 * cutoff_weight(distance, self._cutoffs[0])
        return (
            torch.exp(-self._etas[0] * (distance[:, None] - self._shifts[0]) ** 2) * weight[:, None]
        )

    def _angular(self, arms: Tensor, distance: Tensor, second: Tensor, third: Tensor) -> Tensor:
        """Return the angular terms (equation 4), shape (triples, angular shifts · sections)."""
        d2, d3 = distance[second], distance[third]
        cosine = 0.95 * (arms[second] * arms[third]).sum(-1) / (d2 * d3)
        sine = torch.sqrt(1 - cosine**2)  # at most 0.95² below the root: never zero
        turn = 0.5 * (1 + cosine[:, None] * self._cos + sine[:, None] * self._sin)
        envelope = cutoff_weight(distance, self._cutoffs[1])
        weight = 2 * envelope[second] * envelope[third]
        shell = torch.exp(-self._etas[1] * (0.5 * (d2 + d3)[:, None] - self._shifts[1]) ** 2)
        return ((shell * weight[:, None])[:, :, None] * (turn**self._zeta)[:, None, :]).flatten(1)

    def _summed(self, terms: Tensor, row: Index, n_rows: int) -> Tensor:
        """Return the terms (n, columns) summed by row, shape (n_rows, columns)."""
        return terms.new_zeros(n_rows, terms.shape[1]).index_add(0, self._index(row), terms)

    def _index(self, places: Index) -> Tensor:
        return torch.from_numpy(places).to(self._device)


Index = NDArray[np.intp]


def member_energies(
    descriptors: Tensor,
    atoms: Sequence[Tensor],
    networks: Sequence[Sequence[tuple[Tensor, Tensor]]],
) -> Tensor:
    """Return the energy of each conformer and member [Hartree], shape (R, M), float64.

    Args:
        descriptors: Descriptors of all atoms, shape (R, N, columns).
        atoms: Indices of the atoms of each element.
        networks: Weight and bias of each layer, for each element.
    """
    total: Tensor | float = 0.0
    for own, layers in zip(atoms, networks, strict=True):
        x = descriptors[:, own].flatten(0, 1).expand(len(layers[0][0]), -1, -1)
        for depth, (weight, bias) in enumerate(layers):
            x = torch.baddbmm(bias, x, weight)
            if depth < len(layers) - 1:
                x = torch.nn.functional.celu(x, alpha=0.1)
        total = total + x.to(torch.float64).view(len(x), len(descriptors), len(own)).sum(-1).T
    return torch.as_tensor(total)


def cutoff_weight(distance: Tensor, radius: float) -> Tensor:
    """Return ½ cos(π r / R) + ½ as a square, which cannot become negative at r = R."""
    return torch.cos(distance * (0.5 * math.pi / radius)) ** 2


def pair_table(n: int) -> Index:
    """Return the index of each unordered pair (a ≤ b), row by row, as a symmetric (n, n) table."""
    table = np.zeros((n, n), dtype=np.intp)
    a, b = np.triu_indices(n)
    table[a, b] = table[b, a] = np.arange(len(a))
    return table
