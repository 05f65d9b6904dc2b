# SPDX-License-Identifier: MIT
"""The MM torsion terms about a molecule's rotatable bonds, and its energy with other ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from merrow.amber.topology import AmberTopology
from merrow.geometry import Array, torsion_angles
from merrow.potentials.interface import Potential
from merrow.potentials.scaled_torsions import ScaledTorsions
from merrow.system.internal import ClassicalPotential, InternalTerms
from merrow.system.torsions import conformer_torsions

TORSIONS = "PeriodicTorsionForce"
HIGHEST = 35.0
"""Highest barrier of the torsion terms about a bond that are scaled [kJ/mol]. Esters, amides and
acids have 50 to 90: their other form has no weight, or is more than a few states away."""
LEAST = 1.5
"""Least spread of the torsion terms about a bond that are scaled [kJ/mol], 0.6 kT at 298 K. Below
it is no barrier to lower: the hydroxyl of ethanol (0.9) is held by its water."""
TURN = np.radians(np.arange(0.0, 360.0, 5.0))
"""Angles by which a bond is turned to find its barrier [rad]."""

Row = tuple[float, ...]


@dataclass(frozen=True)
class TurningTorsions:
    """Torsion terms about bonds that tell conformers apart.

    Attributes:
        terms: The proper torsion terms of bonds with barriers neither high nor negligible, V_tors.
        spread: Standard deviation of V_tors if these bonds turn freely [kJ/mol].
        held: Whether another bond that tells conformers apart keeps its terms.
    """

    terms: InternalTerms
    spread: float
    held: bool

    @property
    def potential(self) -> ClassicalPotential:
        """V_tors as a potential."""
        return ClassicalPotential(
            self.terms, name="torsions", identity=f"torsions:{self.terms.digest()}"
        )

    def scaled(self, potential: Potential, scale: float) -> Potential:
        """Return E + (f − 1) V_tors.

        Args:
            potential: E, of MM or a network.
            scale: f.
        """
        if not isinstance(potential, ClassicalPotential):
            return ScaledTorsions(potential, self.potential, scale)
        whole, rows = potential.terms, dict(self.terms.bonded)[TORSIONS]
        less = tuple((*row[:-1], (scale - 1.0) * row[-1]) for row in rows)
        terms = InternalTerms(whole.n_atoms, (*whole.bonded, (TORSIONS, less)), whole.pairs)
        name = f"{potential.capabilities.name} with torsions times {scale:g}"
        return ClassicalPotential(terms, name=name, identity=f"{name}:{terms.digest()}")


def turning_torsions(
    terms: InternalTerms, topology: AmberTopology, atoms: Sequence[int], positions: Array
) -> TurningTorsions:
    """Find the torsion terms that may be scaled.

    Args:
        terms: MM terms of a molecule.
        topology: Its prmtop.
        atoms: Its atoms, in the order of the terms.
        positions: A conformer [Å], shape (n, 3), for the angles between the terms about a bond.
    """
    bonded = {frozenset(bond) for bond in topology.bonds_among(atoms)}
    about: dict[frozenset[int], list[Row]] = {
        frozenset(own[0][1:3]): [] for own in conformer_torsions(topology, atoms)
    }
    for name, rows in terms.bonded:
        for row in rows if name == TORSIONS else ():
            bond = frozenset(map(int, row[1:3]))
            if bond in about and _is_chain(row, bonded):
                about[bond].append(row)
    curves = {bond: turned(rows, positions) for bond, rows in about.items()}
    low = {
        bond
        for bond, curve in curves.items()
        if np.ptp(curve) <= HIGHEST and np.std(curve) >= LEAST
    }
    kept = tuple(row for bond, rows in about.items() if bond in low for row in rows)
    return TurningTorsions(
        InternalTerms(terms.n_atoms, ((TORSIONS, kept),), ()),
        float(np.sqrt(sum(np.var(curves[bond]) for bond in low))),
        held=low != set(about),
    )


def turned(rows: Sequence[Row], positions: Array) -> Array:
    """Return the energy of the torsion terms about a bond as it is turned [kJ/mol].

    Args:
        rows: Atoms, periodicity, phase [rad] and k [kJ/mol] of each term.
        positions: A conformer [Å], shape (n, 3).

    Returns:
        Energy for each of `TURN`, shape (72,).
    """
    energy = np.zeros(len(TURN))
    for i, j, k, l, periodicity, phase, height in rows:  # noqa: E741
        chain = (int(i), int(j), int(k), int(l))
        angle = np.radians(torsion_angles(positions[None], [chain])[0, 0])
        energy += height * (1.0 + np.cos(periodicity * (angle + TURN) - phase))
    return energy


def _is_chain(row: Row, bonded: Collection[frozenset[int]]) -> bool:
    """Tell whether neighbouring atoms of a torsion are bonded; those of an improper are not."""
    members = [int(i) for i in row[:4]]
    return all(frozenset(members[k : k + 2]) in bonded for k in range(3))
