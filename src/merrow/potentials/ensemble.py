# SPDX-License-Identifier: MIT
"""Forces of ensemble members, and their disagreement on each atom, on demand.

An evaluation gives the mean forces; those of each member cost more and are not needed for dynamics,
so they are computed only for output, never in a step.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from merrow.errors import InputError
from merrow.potentials.interface import Array, Potential


@runtime_checkable
class EnsembleEngine(Protocol):
    """A potential, or its engine, that gives the forces of its members."""

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
    """Return the energy of each member [kcal/mol], shape (R, M), or None if not available."""
    return potential.member_energies(positions) if isinstance(potential, MemberEnergies) else None


def member_forces(potential: Potential, positions: Array) -> Array | None:
    """Return the forces of each member [kcal/mol/Å], shape (R, M, N, 3), or None."""
    if potential.capabilities.ensemble_size < 2 or not isinstance(potential, EnsembleEngine):
        return None
    return potential.member_forces(positions)


def force_spread(potential: Potential, positions: Array) -> Array | None:
    """Return the disagreement of the members on the force on each atom.

    Args:
        potential: Any potential.
        positions: Positions [Å], shape (R, N, 3).

    Returns:
        As in `spread_of`, or None if not available.
    """
    forces = member_forces(potential, positions)
    return None if forces is None else spread_of(forces)


def spread_of(forces: Array) -> Array:
    """Return the standard deviation of the members' forces from their mean.

    Args:
        forces: Forces of the members [kcal/mol/Å], shape (R, M, N, 3).

    Returns:
        Root mean square length of the deviation of each atom's force [kcal/mol/Å], with M − 1 in
        the denominator, shape (R, N).
    """
    return np.asarray(np.sqrt(forces.var(axis=1, ddof=1).sum(axis=-1)))


def check_ensemble(max_spread: float | None, potential: Potential) -> None:
    """Refuse a threshold of the energy spread for a potential without an ensemble.

    Args:
        max_spread: The threshold [kcal/mol], or None.
        potential: The potential.

    Raises:
        InputError: The threshold would have no effect.
    """
    if max_spread is not None and potential.capabilities.ensemble_size < 2:
        raise InputError(
            f"max_spread={max_spread:g} needs a potential with several members, and "
            f"{potential.capabilities.name} is one alone; take max_spread out, or choose such as "
            "ani2x or aimnet2."
        )
