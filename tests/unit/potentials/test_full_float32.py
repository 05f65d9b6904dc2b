# SPDX-License-Identifier: MIT
"""Is a network on a GPU computed in full float32, and away from OpenMM's thread?"""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from merrow.potentials.interface import Capabilities, Evaluation
from merrow.potentials.validation import CheckedPotential
from merrow.system.force import PotentialBridge


class Watching:
    """An engine that keeps torch's precision of products and its thread."""

    def __init__(self):
        self.precisions, self.threads = [], []

    def evaluate(self, positions):
        self.precisions.append(torch.get_float32_matmul_precision())
        self.threads.append(threading.current_thread().name)
        return Evaluation(np.zeros(len(positions)), np.zeros_like(positions))


@pytest.fixture(autouse=True)
def loose():
    """What TORCH_ALLOW_TF32_CUBLAS_OVERRIDE or a notebook has set."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(
    ("device", "precision", "thread"),
    [("cuda", "highest", "potential_0"), (None, "high", "MainThread")],
)
def test_products_are_exact_on_a_gpu_in_a_thread_of_its_own(device, precision, thread):
    engine = Watching()
    proof = None if device is None else SimpleNamespace(device=device, compare=lambda *_: None)
    known = Capabilities(name="watching", elements=None)
    potential = CheckedPotential(known, "watching:1", (1, 1), engine, proof)
    PotentialBridge(potential).evaluate(np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]]))
    assert (engine.precisions, engine.threads) == ([precision], [thread])
    assert torch.get_float32_matmul_precision() == "high"
