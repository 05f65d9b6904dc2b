# SPDX-License-Identifier: MIT
"""Superposition of frames on a reference, and RMSD."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]


def superposed(frames: Array, reference: Array, fit: IntArray) -> Array:
    """Return frames superposed on a reference by a least-squares fit of some atoms.

    Args:
        frames: Positions [Å], shape (F, N, 3).
        reference: Positions [Å], shape (N, 3).
        fit: Indices of the fitted atoms, at least three, unweighted.

    Reference:
        Kabsch, doi:10.1107/S0567739476001873.
    """
    target = reference[fit]
    centre = target.mean(axis=0)
    moving = frames[:, fit]
    centres = moving.mean(axis=1, keepdims=True)
    covariance = np.einsum("fni,nj->fij", moving - centres, target - centre)
    u, _, vt = np.linalg.svd(covariance)
    handed = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    u[:, :, 2] *= handed[:, None]
    turned: Array = (frames - centres) @ (u @ vt) + centre
    return turned


def rmsd(frames: Array, reference: Array, atoms: IntArray) -> Array:
    """Return the RMSD [Å] of some atoms from a reference, without superposition.

    Args:
        frames: Positions [Å], shape (F, N, 3).
        reference: Positions [Å], shape (N, 3).
        atoms: Indices of the atoms.

    Returns:
        One value per frame, shape (F,).
    """
    shift = frames[:, atoms] - reference[atoms]
    found: Array = np.sqrt((shift**2).sum(axis=2).mean(axis=1))
    return found
