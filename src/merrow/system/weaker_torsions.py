# SPDX-License-Identifier: MIT
"""The MM torsion terms about a molecule's rotatable bonds, and its energy with weaker ones."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from merrow.amber.topology import AmberTopology
from merrow.potentials.interface import Potential
from merrow.potentials.softer import WeakerTorsions
from merrow.system.internal import ClassicalPotential, InternalTerms
from merrow.system.torsions import conformer_torsions

TORSIONS = "PeriodicTorsionForce"
HIGHEST = 35.0
"""Highest barrier of the torsion terms about a bond that are weakened [kJ/mol]. Esters and amides
have 80 or more: their other form has no weight, or takes more than a few states to reach."""


def turning_terms(
    terms: InternalTerms, topology: AmberTopology, atoms: Sequence[int]
) -> InternalTerms:
    """Return the proper torsion terms about the bonds that tell conformers apart.

    Args:
        terms: MM terms of a molecule.
        topology: Its prmtop.
        atoms: Its atoms, in the order of the terms.
    """
    bonded = {frozenset(bond) for bond in topology.bonds_among(atoms)}
    turning = {frozenset(own[0][1:3]) for own in conformer_torsions(topology, atoms)}
    rows = [row for name, found in terms.bonded if name == TORSIONS for row in found]
    chains = {row: tuple(int(i) for i in row[:4]) for row in rows}
    proper = [row for row in rows if _is_chain(chains[row], bonded)]
    barriers: dict[frozenset[int], float] = {}
    for row in proper:
        bond = frozenset(chains[row][1:3])
        barriers[bond] = barriers.get(bond, 0.0) + 2 * abs(row[-1])
    low = {bond for bond, height in barriers.items() if height <= HIGHEST} & turning
    kept = tuple(row for row in proper if frozenset(chains[row][1:3]) in low)
    return InternalTerms(terms.n_atoms, ((TORSIONS, kept),), ())


def torsion_spread(torsions: InternalTerms) -> float:
    """Return the standard deviation of the energy of torsion terms if all bonds turn freely.

    Terms of the same periodicity about a bond are taken to be in phase, as at sp3 carbons: one of
    amplitude k then has the variance k²/2.

    Returns:
        Standard deviation [kJ/mol].
    """
    waves: dict[tuple[frozenset[int], int], float] = {}
    for _, rows in torsions.bonded:
        for row in rows:
            wave = frozenset(map(int, row[1:3])), int(row[4])
            waves[wave] = waves.get(wave, 0.0) + row[-1]
    return math.sqrt(sum(k**2 / 2 for k in waves.values()))


def weakened(potential: Potential, torsions: InternalTerms, scale: float) -> Potential:
    """Return E + (f − 1) V_tors.

    Args:
        potential: E, of MM or a network.
        torsions: V_tors, see `turning_terms`.
        scale: f.
    """
    if not isinstance(potential, ClassicalPotential):
        return WeakerTorsions(potential, as_potential(torsions), scale)
    whole, rows = potential.terms, dict(torsions.bonded)[TORSIONS]
    less = tuple((*row[:-1], (scale - 1.0) * row[-1]) for row in rows)
    terms = InternalTerms(whole.n_atoms, (*whole.bonded, (TORSIONS, less)), whole.pairs)
    name = f"{potential.capabilities.name} with torsions times {scale:g}"
    return ClassicalPotential(terms, name=name, identity=f"{name}:{terms.digest()}")


def as_potential(torsions: InternalTerms) -> ClassicalPotential:
    """Return torsion terms as a potential."""
    return ClassicalPotential(torsions, name="torsions", identity=f"torsions:{torsions.digest()}")


def _is_chain(members: Sequence[int], bonded: Collection[frozenset[int]]) -> bool:
    """Tell whether neighbouring atoms of a torsion are bonded; those of an improper are not."""
    return all(frozenset(members[k : k + 2]) in bonded for k in range(3))
