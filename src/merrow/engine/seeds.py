# SPDX-License-Identifier: MIT
"""Where does each stream of random numbers begin? One run seed, many independent children."""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, *labels: str | int) -> int:
    """Return a seed in 1..2³¹−1 that depends on the run seed and on every label.

    OpenMM takes 0 as "choose one yourself", so 0 never comes out.
    """
    text = "/".join([str(seed), *(str(label) for label in labels)])
    value = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    return value % (2**31 - 1) + 1


def generator(seed: int, *labels: str | int) -> np.random.Generator:
    """Return a NumPy generator for the same derivation."""
    return np.random.default_rng(derive_seed(seed, *labels))
