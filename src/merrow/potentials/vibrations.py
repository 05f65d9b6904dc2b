# SPDX-License-Identifier: MIT
"""Harmonic frequencies of a molecule at a minimum of its potential.

The Hessian comes from central differences of forces, evaluated in one batch. Translations and
rotations are projected out exactly before it is diagonalised.

Reference: Wilson, Decius, Cross, Molecular Vibrations, McGraw-Hill 1955, chapter 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from merrow.errors import NumericsError
from merrow.geometry import rigid_motions
from merrow.potentials.interface import Array, Potential
from merrow.units import WAVENUMBER

STEP: Final = 0.005
"""Displacement of the differences [Å]: the error of a C-H stretch is then 0.2 of 3000 cm⁻¹."""
REST: Final = 1e-3
"""Force component at which the minimiser stops [kcal/mol/Å]."""
NEARLY_REST: Final = 0.05
"""Largest accepted force component, for potentials in single precision [kcal/mol/Å]."""
LINEAR: Final = 0.05
"""Square root of a moment of inertia [Å √dalton] below which there is no rotation."""
UNIT: Final = 0.03
"""Length [Å] of the minimiser's first step, small enough for all atoms; 1/UNIT² is the stiffness of
a bond, which the minimiser then assumes for every coordinate [kcal/mol/Å²]."""
MOST_ITERATIONS: Final = 1000
SADDLE_POINT: Final = -5.0
"""Frequency [cm⁻¹] below which a stationary point is a saddle point."""
MOST_SADDLE_POINTS: Final = 3
NUDGE: Final = 0.2
"""Largest atomic displacement off a saddle point [Å]."""


@dataclass(frozen=True, eq=False)
class Vibrations:
    """A minimum and its harmonic frequencies.

    Attributes:
        positions: The minimum [Å], shape (N, 3).
        wavenumbers: Wavenumbers [cm⁻¹], ascending, 3 N − 6 or, for a linear molecule, 3 N − 5;
            imaginary ones are negative.
    """

    positions: Array
    wavenumbers: Array


def vibrations(potential: Potential, start: Array, masses: Array) -> Vibrations:
    """Return the harmonic frequencies of a molecule at the minimum near a geometry.

    If the search ends at a saddle point, for example by symmetry, it continues along the unstable
    mode; after `MOST_SADDLE_POINTS` of these a negative frequency is returned.

    Args:
        potential: Any potential; double precision is more accurate.
        start: Positions [Å], shape (N, 3).
        masses: Masses [dalton], shape (N,).

    Raises:
        NumericsError: No minimum is found.
    """
    for _ in range(1 + MOST_SADDLE_POINTS):
        positions = minimum(potential, start)
        found, modes = normal_modes(hessian(potential, positions), positions, masses)
        if not len(found) or found[0] > SADDLE_POINT:
            break
        way = modes[:, 0].reshape(start.shape)
        start = positions + NUDGE / np.abs(way).max() * way
    return Vibrations(positions, found)


def minimum(potential: Potential, start: Array) -> Array:
    """Return the positions [Å], shape (N, 3), of the minimum near a geometry.

    Raises:
        NumericsError: The forces there are not near zero.
    """
    zero = float(potential.evaluate(start[None]).energies[0])

    def energy_and_slope(moved: Array) -> tuple[float, Array]:
        answer = potential.evaluate(start[None] + UNIT * moved.reshape(1, *start.shape))
        return float(answer.energies[0]) - zero, -UNIT * answer.forces[0].ravel()

    options = {"gtol": REST * UNIT, "maxiter": MOST_ITERATIONS}
    still = np.zeros(start.size)
    found = minimize(energy_and_slope, still, jac=True, method="BFGS", options=options)
    left = float(np.abs(found.jac).max()) / UNIT
    if not left <= NEARLY_REST:
        raise NumericsError(
            f"{potential.capabilities.name} finds no minimum near the start: a force of "
            f"{left:.2g} kcal/mol/Å is left after {found.nit} iterations."
        )
    return np.asarray(start + UNIT * found.x.reshape(start.shape))


def hessian(potential: Potential, positions: Array) -> Array:
    """Return ∂²E/∂x∂x [kcal/mol/Å²], shape (3 N, 3 N), symmetric, at positions [Å], (N, 3)."""
    size = positions.size
    steps = STEP * np.eye(size).reshape(size, *positions.shape)
    both = np.concatenate([positions + steps, positions - steps])
    forces = potential.evaluate(both).forces.reshape(2, size, size)
    second = (forces[1] - forces[0]) / (2 * STEP)
    return np.asarray((second + second.T) / 2)


def normal_modes(second: Array, positions: Array, masses: Array) -> tuple[Array, Array]:
    """Return wavenumbers [cm⁻¹], shape (n,), and modes as columns, shape (3 N, n)."""
    root = np.repeat(np.sqrt(masses), 3)
    inner = _inner(positions, masses)
    square, turned = np.linalg.eigh(inner.T @ (second / np.outer(root, root)) @ inner)
    found = np.sign(square) * np.sqrt(np.abs(square)) * WAVENUMBER
    return np.asarray(found), np.asarray(inner @ turned / root[:, None])


def _inner(positions: Array, masses: Array) -> Array:
    """Return mass-weighted internal directions, without translation and rotation, as columns."""
    directions, sizes, _ = np.linalg.svd(rigid_motions(positions, masses))
    return np.asarray(directions[:, int((sizes > LINEAR).sum()) :])
