# SPDX-License-Identifier: MIT
"""MACE with fixed shapes, so that a GPU replays one graph per call.

The number of pairs within the cutoff varies between calls, so that a GPU waits for hundreds of
launches. Here all pairs of the molecule are edges; those beyond the cutoff are moved far away,
where MACE's cutoff function makes their energy and force zero. In a large molecule most pairs are
of that kind, and lists are faster; `fastest_way` measures which.

Vectors are computed and atomic energies summed in float64.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
import torch
from torch import Tensor

from merrow.errors import first_line
from merrow.potentials.interface import Array
from merrow.potentials.program import WARM_UP, Program, in_rows, rows_of

FAR: Final = 5.5
"""Minimum distance assigned to pairs beyond the cutoff [Å]: beyond the range of the repulsive
pair term of MACE, twice the largest covalent radius."""
CALLS: Final = 5
"""Number of timed calls of each method."""

logger = logging.getLogger(__name__)


@dataclass
class StaticMace:
    """A MACE model for one molecule.

    Attributes:
        network: The layers, without energies of isolated atoms, on the device.
        one_hot: Elements of the atoms, shape (N, elements), on the device.
        cutoff: Cutoff radius [Å].
        head: Index of the head.
        most_pairs: Limit of pairs per pass; larger batches are split to save memory.
    """

    network: torch.nn.Module
    one_hot: Tensor
    cutoff: float
    head: int
    most_pairs: int
    _programs: dict[int, Program] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        n, device = len(self.one_hot), self.one_hot.device
        pairs = np.nonzero(~np.eye(n, dtype=bool))
        self._first, self._second = (torch.tensor(index).to(device) for index in pairs)
        far = max(FAR, self.cutoff + 0.1)
        self._far = torch.tensor([far, 0.0, 0.0], dtype=torch.float64).to(device)

    def rows(self, conformers: int) -> int:
        """Return the rows of the program for a number of conformers."""
        return rows_of(conformers, max(1, self.most_pairs // max(1, len(self._first))))

    def evaluate(self, positions: Array) -> tuple[Array, Array]:
        """Return energies without isolated atoms [eV] and forces [eV/Å], float64.

        Args:
            positions: Positions [Å], shape (R, N, 3), float64.
        """
        rows, parts = self.rows(len(positions)), []
        if rows not in self._programs:
            function = partial(self._answer, self._constant(rows))
            shape = (rows, len(self.one_hot), 3)
            self._programs[rows] = Program(function, shape, str(self.one_hot.device))
        for whole, count in in_rows(positions, rows):
            parts.append([values[:count] for values in self._programs[rows](whole)])
        energies, forces = (np.concatenate(each) for each in zip(*parts, strict=True))
        return energies, forces

    def _constant(self, rows: int) -> dict[str, Tensor]:
        """Return the constant inputs of the network for a number of rows."""
        n, device = len(self.one_hot), self.one_hot.device
        pairs = torch.stack([self._first, self._second])
        offset = n * torch.arange(rows, device=device).repeat_interleave(pairs.shape[1])
        dtype = self.one_hot.dtype
        return {
            "edge_index": pairs.repeat(1, rows) + offset,
            "unit_shifts": torch.zeros(len(offset), 3, dtype=dtype, device=device),
            "cell": torch.zeros(3 * rows, 3, dtype=dtype, device=device),
            "batch": torch.arange(rows, device=device).repeat_interleave(n),
            "ptr": torch.arange(rows + 1, device=device) * n,
            "head": torch.full((rows,), self.head, device=device),
            "node_attrs": self.one_hot.repeat(rows, 1),
        }

    def _answer(self, constant: dict[str, Tensor], positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return energies and forces of positions [Å], shape (R, N, 3), float64, on the device."""
        r, n = positions.shape[:2]
        vectors = positions.index_select(1, self._second) - positions.index_select(1, self._first)
        near = vectors.square().sum(-1, keepdim=True) < self.cutoff**2
        shifts = torch.where(near, vectors, self._far).flatten(0, 1).to(self.one_hot.dtype)
        origin = torch.zeros(r * n, 3, dtype=shifts.dtype, device=shifts.device)
        data = constant | {"positions": origin, "shifts": shifts}
        # TorchScript would optimise after its first runs and then round differently.
        with torch.enable_grad(), torch.jit.optimized_execution(False):
            answer = self.network(data, compute_force=True)
        energies = answer["node_energy"].detach().double().view(r, n).sum(1)
        return energies, answer["forces"].detach().view(r, n, 3)


def fastest_way(ways: Mapping[str, Callable[[Array], object]], positions: Array) -> str:
    """Return the name of the fastest method; methods that fail are skipped.

    Args:
        ways: Methods by name; the last one always works.
        positions: Positions for the timing [Å], shape (R, N, 3).
    """
    times: dict[str, float] = {}
    for name, way in ways.items():
        try:
            for _ in range(WARM_UP):
                way(positions)
            times[name] = 1e3 * statistics.median(_seconds(way, positions) for _ in range(CALLS))
        except RuntimeError as error:  # a layer that cannot be captured, or too little memory
            if name == [*ways][-1]:
                raise
            logger.warning("a MACE is not computed by %s: %s", name, first_line(error))
    best = min(times, key=lambda name: times[name])
    told = ", ".join(f"{name} {ms:.2f} ms" for name, ms in times.items())
    logger.info("a MACE of %d conformers is computed by %s (%s).", len(positions), best, told)
    return best


def _seconds(way: Callable[[Array], object], positions: Array) -> float:
    began = time.perf_counter()
    way(positions)
    return time.perf_counter() - began
