# SPDX-License-Identifier: MIT
"""Which anion do the tests of charged molecules ask about?"""

from __future__ import annotations

import numpy as np

from merrow.potentials import Molecule

ACETATE = Molecule((6, 6, 8, 8, 1, 1, 1), charge=-1)
GEOMETRY = np.array(
    [
        [-1.38, 0.02, 0.00],
        [0.16, -0.02, 0.00],
        [0.72, 1.10, 0.01],
        [0.69, -1.15, -0.01],
        [-1.75, 0.54, 0.89],
        [-1.75, 0.56, -0.87],
        [-1.79, -0.99, -0.02],
    ]
)


def conformers(count: int) -> np.ndarray:
    """Return distorted conformers [Å] that float32 holds exactly, for published code rounds."""
    noise = np.random.default_rng(3).standard_normal((count, *GEOMETRY.shape))
    return np.round((GEOMETRY + 0.05 * noise) * 1024) / 1024
