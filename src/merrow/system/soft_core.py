# SPDX-License-Identifier: MIT
"""Soft-core energy of a configuration at any number of λ_sterics, as a sum over pairs.

The region has a few thousand pairs within the cutoff, whose distances do not depend on λ: one pass
over the positions replaces one OpenMM energy evaluation per λ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import openmm as mm
from numpy.typing import NDArray

from merrow.errors import UnsupportedPhysicsError
from merrow.potentials.interface import Array
from merrow.system.alchemy import SOFT_CORE_ALPHA, SOFT_CORE_NAME

Pair = tuple[int, int, float, float]


@dataclass(frozen=True)
class SoftCore:
    """Soft-core energies and derivatives of a configuration.

    Attributes:
        energies: Energies at the requested λ_sterics [kJ/mol].
        slope: ∂V/∂λ_sterics at the current λ_sterics [kJ/mol].
        size_slope: ∂V/∂ln σ of all pairs at λ_sterics = 1 [kJ/mol].
    """

    energies: Array
    slope: float
    size_slope: float


class SoftCoreSum:
    """Sum over the pairs of a force from `alchemy.soft_core_force`, and additional pairs."""

    def __init__(self, force: mm.CustomNonbondedForce, more: Sequence[Pair] = ()) -> None:
        """Read the interaction group, types and tables of the force.

        Args:
            force: The force.
            more: Pairs in other forces of the System, without cutoff or images: two atoms, σ [nm]
                and ε [kJ/mol].

        Raises:
            UnsupportedPhysicsError: The force has a switching function.
        """
        if force.getUseSwitchingFunction():
            raise UnsupportedPhysicsError("a soft core that is switched off before the cutoff.")
        tables = {}
        for k in range(force.getNumTabulatedFunctions()):
            rows, columns, values = force.getTabulatedFunction(k).getFunctionParameters()
            tables[force.getTabulatedFunctionName(k)] = np.reshape(values, (columns, rows)).T
        kinds = np.array([int(force.getParticleParameters(i)[0]) for i in range(_count(force))])
        acting, partners = force.getInteractionGroupParameters(0)
        self._acting, self._partners = np.array(acting, int), np.array(partners, int)
        pairs = np.ix_(kinds[self._acting], kinds[self._partners])
        self._sigma, self._epsilon = tables["sigmas"][pairs], tables["epsilons"][pairs]
        periodic = force.getNonbondedMethod() == mm.CustomNonbondedForce.CutoffPeriodic
        self._cutoff = float(force.getCutoffDistance()._value) if periodic else None
        self._more = np.array([pair[:2] for pair in more], int).reshape(-1, 2).T
        self._more_sigma = np.array([pair[2] for pair in more])
        self._more_epsilon = np.array([pair[3] for pair in more])

    def at(self, positions: Array, box: Array, *, here: float, grid: tuple[float, ...]) -> SoftCore:
        """Return energies and derivatives.

        Args:
            positions: Positions of all atoms [nm], shape (N, 3).
            box: Box vectors in reduced form [nm], shape (3, 3); ignored without a cutoff.
            here: The current λ_sterics.
            grid: λ_sterics of the energies.
        """
        x, epsilon = self._pairs(positions, box)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # coinciding atoms
            energies = [
                float(np.sum(_energy(x, epsilon, value))) if value > 0.0 else 0.0 for value in grid
            ]
            slope = float(np.sum(_slope(x, epsilon, here)))
            size = float(np.sum(4 * epsilon * (12 / x**2 - 6 / x)))
        return SoftCore(np.array(energies), slope, size)

    def _pairs(self, positions: Array, box: Array) -> tuple[Array, Array]:
        """Return (r/σ)⁶ and ε [kJ/mol] of pairs within the cutoff, and of the additional ones."""
        x, epsilon = self._near(positions, box)
        one, other = positions[self._more[0]], positions[self._more[1]]
        further = (np.sum((one - other) ** 2, axis=-1) / self._more_sigma**2) ** 3
        return np.concatenate([x, further]), np.concatenate([epsilon, self._more_epsilon])

    def _near(self, positions: Array, box: Array) -> tuple[Array, Array]:
        if not len(self._acting) or not len(self._partners):
            return np.zeros(0), np.zeros(0)
        own, others = positions[self._acting], positions[self._partners]
        if self._cutoff is None:
            square = np.sum((own[:, None] - others[None]) ** 2, axis=-1)
            return (square / self._sigma**2).ravel() ** 3, self._epsilon.ravel()
        near = _within(own, others, box, self._cutoff)
        square = np.sum(_nearest(own[:, None] - others[None, near], box) ** 2, axis=-1)
        within = square < self._cutoff**2
        sigma, epsilon = self._sigma[:, near][within], self._epsilon[:, near][within]
        return (square[within] / sigma**2) ** 3, epsilon


def soft_core_sum(system: mm.System) -> SoftCoreSum:
    """Return the sum for the soft core of a System, cached."""
    if system not in _sums:
        _sums[system] = SoftCoreSum(soft_core_of(system))
    return _sums[system]


def soft_core_of(system: mm.System) -> mm.CustomNonbondedForce:
    """Return the soft-core force of a System."""
    return next(f for f in system.getForces() if f.getName() == SOFT_CORE_NAME)


_sums: WeakKeyDictionary[mm.System, SoftCoreSum] = WeakKeyDictionary()


def _count(force: mm.CustomNonbondedForce) -> int:
    return int(force.getNumParticles())


def _within(own: Array, others: Array, box: Array, cutoff: float) -> NDArray[np.intp]:
    """Return the partners that may be within the cutoff of an own atom, as indices.

    Args:
        own: Positions of the acting atoms [nm], shape (n, 3).
        others: Positions of the partners [nm], shape (m, 3).
        box: Box vectors in reduced form [nm], shape (3, 3).
        cutoff: Cutoff [nm].
    """
    middle = own.mean(axis=0)
    reach = cutoff + float(np.linalg.norm(own - middle, axis=1).max())
    if np.any(box[~np.eye(3, dtype=bool)]) and reach >= 0.5 * np.diag(box).min():
        each = [np.sum(_nearest(others - one, box) ** 2, axis=-1) < cutoff**2 for one in own]
        return np.flatnonzero(np.any(each, axis=0))
    return np.flatnonzero(np.sum(_nearest(others - middle, box) ** 2, axis=-1) < reach**2)


def _nearest(vectors: Array, box: Array) -> Array:
    """Return the minimum images of vectors [nm], as in OpenMM.

    In a tilted box it is the shortest of those that are shorter than half of each edge along its
    axis; others may have a shorter image.
    """
    found = vectors - np.round(vectors[..., 2:3] / box[2, 2]) * box[2]
    found = found - np.round(found[..., 1:2] / box[1, 1]) * box[1]
    return np.asarray(found - np.round(found[..., :1] / box[0, 0]) * box[0])


def _energy(x: Array, epsilon: Array, value: float) -> Array:
    s = SOFT_CORE_ALPHA * (1 - value) + x
    return np.asarray(4 * epsilon * value * (1 / s**2 - 1 / s))


def _slope(x: Array, epsilon: Array, value: float) -> Array:
    s = SOFT_CORE_ALPHA * (1 - value) + x
    change = SOFT_CORE_ALPHA * value * (2 / s**3 - 1 / s**2)
    return np.asarray(4 * epsilon * (1 / s**2 - 1 / s + change))
