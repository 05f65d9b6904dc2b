# SPDX-License-Identifier: MIT
"""A function of positions with a fixed shape, which a GPU replays as one graph.

A network with fixed shapes consists of hundreds of small operations, each with a launch latency on
a GPU; captured as a graph, they are one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from merrow.potentials.interface import Array

WARM_UP: Final = 3
"""Warm-up calls before a graph is captured, in which libraries allocate memory."""

logger = logging.getLogger(__name__)


@dataclass
class Program:
    """A function of positions with a fixed shape; on CUDA it is captured once and replayed.

    Attributes:
        function: Function of positions on the device.
        shape: Shape of the positions, (R, N, 3).
        device: The device.
    """

    function: Callable[[Tensor], tuple[Tensor, ...]]
    shape: tuple[int, int, int]
    device: str

    def __post_init__(self) -> None:
        self._on_cuda = torch.device(self.device).type == "cuda"
        self._given = torch.zeros(self.shape, dtype=torch.float64, pin_memory=self._on_cuda)
        self._input = torch.zeros(self.shape, dtype=torch.float64, device=self.device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._output: tuple[Tensor, ...] = ()
        self._brought: tuple[Tensor, ...] = ()

    def __call__(self, positions: Array) -> tuple[Array, ...]:
        """Return the function's values for positions of this shape, as float64 arrays on the CPU.

        Both transfers use pinned memory, with one synchronisation.
        """
        self._given.copy_(torch.from_numpy(np.ascontiguousarray(positions)))
        self._input.copy_(self._given, non_blocking=True)
        if self._on_cuda and self._graph is None:
            self._graph = self._captured()
        if self._graph is not None:
            self._graph.replay()
        else:
            self._output = self._answer()
        if not self._brought:
            self._brought = tuple(
                torch.zeros(part.shape, dtype=torch.float64, pin_memory=self._on_cuda)
                for part in self._output
            )
        for place, part in zip(self._brought, self._output, strict=True):
            place.copy_(part, non_blocking=True)
        if self._on_cuda:
            torch.cuda.current_stream(self.device).synchronize()
        return tuple(place.numpy().copy() for place in self._brought)

    def _answer(self) -> tuple[Tensor, ...]:
        return tuple(part.detach().double() for part in self.function(self._input))

    def _captured(self) -> torch.cuda.CUDAGraph:
        """Return the function captured as one graph, which writes `_output`."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self.device):  # the right one of several GPUs
            stream, current = torch.cuda.Stream(), torch.cuda.current_stream()
            stream.wait_stream(current)
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP):
                    self._answer()
            current.wait_stream(stream)
            with torch.cuda.graph(graph, stream=stream):
                self._output = self._answer()
        told = "a network for %d conformers runs as one graph on %s."
        logger.info(told, self.shape[0], self.device)
        return graph


def rows_of(n: int, most: int) -> int:
    """Return the number of rows per pass: a power of two, to limit the number of shapes.

    Args:
        n: Number of conformers.
        most: Maximum number of rows, by memory.
    """
    return min(1 << max(0, n - 1).bit_length(), 1 << (most.bit_length() - 1))


def in_rows(positions: Array, rows: int) -> Iterator[tuple[Array, int]]:
    """Yield batches of equal size with their number of valid rows; the last one is padded.

    Args:
        positions: Positions, shape (R, N, 3).
        rows: Number of rows of a batch.
    """
    for first in range(0, len(positions), rows):
        part = positions[first : first + rows]
        yield np.concatenate([part, np.repeat(part[-1:], rows - len(part), axis=0)]), len(part)
