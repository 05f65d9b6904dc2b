# SPDX-License-Identifier: MIT
"""The parameters that define an ANI model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """A dense layer of all M ensemble members.

    Attributes:
        weight: Shape (M, n_in, n_out), float32; y = x · weight + bias.
        bias: Shape (M, n_out), float32.
    """

    weight: Array32
    bias: Array32


@dataclass(frozen=True)
class AniParameters:
    """Symmetry functions and networks of an ANI ensemble (Smith et al., 10.1039/C6SC05720A).

    Lengths are in Å and energies in Hartree, as the models were trained.

    Attributes:
        name: "ani1x", "ani1ccx" or "ani2x".
        elements: Atomic numbers in the order of the networks, length S.
        radial_cutoff, angular_cutoff: Cutoff radii [Å].
        radial_eta: Exponent η of the radial terms [Å⁻²].
        radial_shifts: Shape (16,) [Å].
        angular_eta, zeta: Exponents η [Å⁻²] and ζ of the angular terms.
        angular_shifts: Shape (n_shifts,) [Å]; 8 in ANI-2x, 4 in ANI-1x and ANI-1ccx.
        sections: Angles θ_s of the angular terms, shape (n_sections,) [rad]; 4 or 8.
        networks: Layers of each element, first to last, with celu(α = 0.1) in between.
            Input columns: 16 radial for each neighbour element, then 32 angular (shift-major,
            section-minor) for each pair of neighbour elements (a ≤ b, row by row of the triangle).
        self_energies: Shape (S,) [Hartree], the float32 values of the published state dicts.
    """

    name: str
    elements: tuple[int, ...]
    radial_cutoff: float
    angular_cutoff: float
    radial_eta: float
    radial_shifts: Array
    angular_eta: float
    zeta: float
    angular_shifts: Array
    sections: Array
    networks: tuple[tuple[Layer, ...], ...]
    self_energies: Array

    @property
    def n_members(self) -> int:
        """Number of ensemble members M."""
        return int(self.networks[0][0].weight.shape[0])

    def pruned(self, numbers: Iterable[int]) -> AniParameters:
        """Return the same model restricted to molecules of given elements, which is exact.

        Input columns of absent elements are always zero, so they are removed from the first layer.

        Args:
            numbers: Atomic numbers of the molecule, all of them in `elements`.
        """
        wanted = set(numbers)
        kept = [k for k, number in enumerate(self.elements) if number in wanted]
        columns = self._columns(kept)
        networks = []
        for k in kept:
            first, *rest = self.networks[k]
            first = Layer(np.ascontiguousarray(first.weight[:, columns, :]), first.bias)
            networks.append((first, *rest))
        return replace(
            self,
            elements=tuple(self.elements[k] for k in kept),
            networks=tuple(networks),
            self_energies=self.self_energies[kept],
        )

    def member(self, index: int) -> AniParameters:
        """Return a member of the ensemble as a separate model."""
        own = slice(index, index + 1)
        networks = tuple(
            tuple(Layer(layer.weight[own], layer.bias[own]) for layer in layers)
            for layers in self.networks
        )
        return replace(self, networks=networks)

    def _columns(self, kept: list[int]) -> NDArray[np.intp]:
        """Return the input columns of the kept elements, in the same order."""
        n_elements, n_radial = len(self.elements), len(self.radial_shifts)
        n_angular = len(self.angular_shifts) * len(self.sections)
        radial = [np.arange(n_radial) + n_radial * k for k in kept]
        pairs = [(a, b) for a in range(n_elements) for b in range(a, n_elements)]
        start = n_radial * n_elements
        angular = [
            np.arange(n_angular) + start + n_angular * p
            for p, (a, b) in enumerate(pairs)
            if a in kept and b in kept
        ]
        return np.concatenate(radial + angular)

    def digest(self) -> str:
        """Return the SHA-256 of the canonical tensor content: names, shapes and values."""
        sha = hashlib.sha256()
        scalars = ("radial_cutoff", "angular_cutoff", "radial_eta", "angular_eta", "zeta")
        arrays = ("radial_shifts", "angular_shifts", "sections", "self_energies")
        values = [("elements", np.asarray(self.elements, dtype="<i8"))]
        values += [(name, np.asarray([getattr(self, name)])) for name in scalars]
        values += [(name, getattr(self, name)) for name in arrays]
        for number, layers in zip(self.elements, self.networks, strict=True):
            for depth, layer in enumerate(layers):
                values.append((f"{number}.{depth}.weight", layer.weight))
                values.append((f"{number}.{depth}.bias", layer.bias))
        for name, value in values:
            data = value.astype("<i8") if value.dtype.kind == "i" else value.astype("<f4")
            sha.update(f"{name}{data.shape}".encode())
            sha.update(np.ascontiguousarray(data).tobytes())
        return sha.hexdigest()
