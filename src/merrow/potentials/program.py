# SPDX-License-Identifier: MIT
"""A function of positions in one shape, which a GPU replays as one graph.

A network in fixed shapes is hundreds of small operations, each of which a GPU waits for; captured
once, they are one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from merrow.potentials.device import to_numpy
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
        self._output: tuple[Tensor, ...] | None = None

    def __call__(self, positions: Array) -> tuple[Array, ...]:
        """Return the function's answer for positions of this shape, on the processor."""
        self._given.copy_(torch.from_numpy(np.ascontiguousarray(positions)))
        self._input.copy_(self._given, non_blocking=True)
        if self._on_cuda and self._graph is None:
            self._capture()
        if self._graph is not None and self._output is not None:
            self._graph.replay()
            answer = self._output
        else:
            answer = self.function(self._input)
        return tuple(to_numpy(part) for part in answer)

    def _capture(self) -> None:
        """Record the function as one graph."""
        stream = torch.cuda.Stream(self.device)
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self.function(self._input)
        torch.cuda.current_stream(self.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._output = self.function(self._input)
        self._graph = graph
        told = "a network for %d conformers runs as one graph on %s."
        logger.info(told, self.shape[0], self.device)


def rows_of(n: int, most: int) -> int:
    """Return the rows of a pass: a power of two, so that few shapes occur.

    Args:
        n: Conformers.
        most: Rows that there is memory for.
    """
    return min(1 << max(0, n - 1).bit_length(), 1 << (most.bit_length() - 1))
