# SPDX-License-Identifier: MIT
"""Tests of NVE trajectories: drift, order of the integrator, equipartition, net forces.

All functions are pure functions of recorded numbers, in any consistent units (nm, ps and dalton
give kJ/mol).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merrow.geometry import rigid_motions
from merrow.uncertainty import inefficiency

Array = NDArray[np.float64]

BLOCKS = 10
"""Number of blocks of a trajectory whose means are used to fit the drift."""


@dataclass(frozen=True)
class Trend:
    """A slope with one standard error."""

    slope: float
    stderr: float


def trend(time: Array, values: Array) -> Trend:
    """Return the slope of values against time, fitted to the means of equal blocks.

    The standard error is the larger of two: that of the fit, valid for noise about a line, and 1.1
    times that of the mean step between blocks, valid for a random walk (discontinuities in the
    second derivative of a potential cause an undirected random walk of the energy).

    Args:
        time: Times, shape (n,).
        values: Values, shape (n,).

    Raises:
        ValueError: There are fewer values than blocks.
    """
    if len(values) < BLOCKS:
        raise ValueError(f"{len(values)} values do not make {BLOCKS} blocks of a trend.")
    x = np.array([part.mean() for part in np.array_split(time, BLOCKS)])
    y = np.array([part.mean() for part in np.array_split(values - values[0], BLOCKS)])
    x -= x.mean()
    slope = float(x @ y / (x @ x))
    residual = y - y.mean() - slope * x
    fit = math.sqrt(float(residual @ residual) / (BLOCKS - 2) / float(x @ x))
    walk = float(np.std(np.diff(y), ddof=1)) * math.sqrt(BLOCKS - 1) / float(x[-1] - x[0])
    return Trend(slope, max(fit, 1.1 * walk))


def order_ratios(timesteps: Sequence[float], spreads: Sequence[float]) -> dict[str, float]:
    """Return SD(a)/SD(b) of neighbouring time steps a > b, divided by (a/b)²/4.

    For halved steps this is the ratio itself; 4 means second order for any pair.

    Args:
        timesteps: Time steps, ascending.
        spreads: Standard deviations of the total energy at them.
    """
    pairs = zip(
        zip(timesteps[1:], spreads[1:], strict=True),
        zip(timesteps[:-1], spreads[:-1], strict=True),
        strict=True,
    )
    return {f"{a:g}/{b:g}": sa / sb / (a / b) ** 2 * 4 for (a, sa), (b, sb) in pairs}


def rigid_basis(positions: Array, masses: Array, atoms: Sequence[int]) -> Array:
    """Return the orthonormal mass-weighted translations and rotations of some atoms.

    Args:
        positions: Positions of all N particles, shape (N, 3).
        masses: Masses, shape (N,).
        atoms: Indices of the rigid body.

    Returns:
        Shape (3 N, 6): three translations, then three rotations about the centre of mass.
    """
    chosen = list(atoms)
    weights = np.zeros(len(masses))
    weights[chosen] = masses[chosen]
    return np.asarray(np.linalg.qr(rigid_motions(positions, weights))[0])


def rigid_energies(basis: Array, velocities: Array, masses: Array) -> tuple[float, float]:
    """Return the kinetic energies of translation and rotation along a rigid basis."""
    amplitude = basis.T @ (np.sqrt(masses)[:, None] * velocities).ravel()
    return 0.5 * float(amplitude[:3] @ amplitude[:3]), 0.5 * float(amplitude[3:] @ amplitude[3:])


def equipartition_share(basis: Array, conserved: Array) -> tuple[float, float]:
    """Return the mean fraction of 3/2 kT in translation and rotation of a body.

    A body in a system with zero total momenta has less than 3/2 kT, since the overall motion is
    missing. Exact for bodies without constraints to the rest.

    Args:
        basis: Rigid basis of the body, shape (3 N, 6).
        conserved: Orthonormal motions with zero momentum, shape (3 N, k); k may be 0.
    """
    overlap = (conserved.T @ basis) ** 2
    left = 1.0 - overlap.sum(axis=0)
    return float(left[:3].mean()), float(left[3:].mean())


def equipartition_z(ratios: Array) -> float:
    """Return the deviation of mean ½ kT χ²₃ energies from equipartition [standard errors].

    Args:
        ratios: Energies divided by their expectation, equally spaced in time, shape (n,).
    """
    independent = len(ratios) / inefficiency([ratios])
    return float((ratios.mean() - 1.0) / math.sqrt(2.0 / 3.0 / max(independent, 1.0)))


def net_force(forces: Array) -> float:
    """Return the largest component of the sum of forces, shape (N, 3)."""
    return float(np.abs(forces.sum(axis=0)).max())


def net_torque(positions: Array, forces: Array) -> float:
    """Return the largest component of the torque about the centroid of the positions."""
    arms = positions - positions.mean(axis=0)
    return float(np.abs(np.cross(arms, forces).sum(axis=0)).max())
