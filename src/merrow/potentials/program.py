# SPDX-License-Identifier: MIT
"""A function of positions in one shape, which a GPU replays as one graph.

A network in fixed shapes is hundreds of small operations, each of which a GPU waits for; captured
once, they are one.
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
"""Calls before a graph is captured, in which libraries allocate what they need."""

logger = logging.getLogger(__name__)


@dataclass
class Program:
    """A function of positions in one shape; on a CUDA device it is captured once and replayed.

    Attributes:
        function: From positions on the device to an answer.
        shape: Shape of the positions, (R, N, 3).
        device: Where it runs.
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
        """Return the function's answer for positions of this shape, on the processor, float64.

        Both ways lead through pinned memory, and the GPU is waited for once.
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
        """Return the function recorded as one graph, which writes `_output`."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self.device):  # of several GPUs this one
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
    """Return the rows of a pass: a power of two, so that few shapes occur.

    Args:
        n: Conformers.
        most: Rows that there is memory for.
    """
    return min(1 << max(0, n - 1).bit_length(), 1 << (most.bit_length() - 1))


def in_rows(positions: Array, rows: int) -> Iterator[tuple[Array, int]]:
    """Yield batches of so many rows, and how many of them count: the last one fills what is left.

    Args:
        positions: Positions, shape (R, N, 3).
        rows: Rows of a batch.
    """
    for first in range(0, len(positions), rows):
        part = positions[first : first + rows]
        yield np.concatenate([part, np.repeat(part[-1:], rows - len(part), axis=0)]), len(part)
