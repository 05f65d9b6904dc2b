# SPDX-License-Identifier: MIT
"""Forces of each member of an ensemble, and how far they disagree on each atom; on demand only.

An evaluation gives the forces of the mean; those of each member cost more and move nothing, so
they are asked for where a number is printed, never in a step.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from merrow.errors import InputError
from merrow.potentials.interface import Array, Potential


@runtime_checkable
class EnsembleEngine(Protocol):
    """A potential, or its engine, that can tell its members apart."""

    def member_forces(self, positions: Array) -> Array | None:
        """Return the forces of each member [kcal/mol/Å], shape (R, M, N, 3), or None.

        Args:
            positions: Positions [Å], shape (R, N, 3).
        """


@runtime_checkable
class MemberEnergies(Protocol):
    """A potential, or its engine, that gives the energies of its members."""

    def member_energies(self, positions: Array) -> Array | None:
        """Return the energy of each member [kcal/mol], shape (R, M), or None.

        Args:
            positions: Positions [Å], shape (R, N, 3).
        """


def member_energies(potential: Potential, positions: Array) -> Array | None:
    """Return the energy of each member [kcal/mol], (R, M); None where they are not told."""
    return potential.member_energies(positions) if isinstance(potential, MemberEnergies) else None


def member_forces(potential: Potential, positions: Array) -> Array | None:
    """Return the forces of each member [kcal/mol/Å], (R, M, N, 3); None where they are not told."""
    if potential.capabilities.ensemble_size < 2 or not isinstance(potential, EnsembleEngine):
        return None
    return potential.member_forces(positions)


def force_spread(potential: Potential, positions: Array) -> Array | None:
    """Return how far the members disagree on the force on each atom.

    Args:
        potential: Any potential.
        positions: Positions [Å], shape (R, N, 3).

    Returns:
        As `spread_of`, or None where the potential cannot tell.
    """
    forces = member_forces(potential, positions)
    return None if forces is None else spread_of(forces)


def spread_of(forces: Array) -> Array:
    """Return the root of the mean squared deviation of the members' forces from their mean.

    Args:
        forces: Forces of the members [kcal/mol/Å], shape (R, M, N, 3).

    Returns:
        Length of the deviation of each atom's force, M − 1 in the denominator [kcal/mol/Å],
        shape (R, N).
    """
    return np.asarray(np.sqrt(forces.var(axis=1, ddof=1).sum(axis=-1)))


def check_ensemble(max_spread: float | None, potential: Potential) -> None:
    """Refuse a threshold of the energy's spread where the potential has none.

    Args:
        max_spread: The threshold [kcal/mol], or None.
        potential: The potential.

    Raises:
        InputError: The threshold would do nothing.
    """
    if max_spread is not None and potential.capabilities.ensemble_size < 2:
        raise InputError(
            f"max_spread={max_spread:g} needs a potential with several members, and "
            f"{potential.capabilities.name} is one alone; take max_spread out, or choose such as "
            "ani2x or aimnet2."
        )
