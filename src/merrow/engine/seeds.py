# SPDX-License-Identifier: MIT
"""Independent random seeds derived from the seed of a run."""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, *labels: str | int) -> int:
    """Return a seed in 1..2³¹−1 that depends on the run seed and on every label.

    0 is never returned, since OpenMM takes it as a request for a random seed.
    """
    text = "/".join([str(seed), *(str(label) for label in labels)])
    value = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    return value % (2**31 - 1) + 1


def generator(seed: int, *labels: str | int) -> np.random.Generator:
    """Return a NumPy generator with the same derived seed."""
    return np.random.default_rng(derive_seed(seed, *labels))
