# SPDX-License-Identifier: MIT
"""Which potential puts the two routes to a free energy to the test at the speed of MM?

The MM terms of a molecule with one torsion shifted and all bonds stiffened: another conformer
balance, other vibrations, and yet native OpenMM forces. The task list calls it
"potentials/testing"; it lives here because it is made of OpenMM forces, which that room may not
see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from merrow.errors import InputError
from merrow.system.internal import ClassicalPotential, InternalTerms
from merrow.units import KJ_PER_KCAL

SHIFT = 3.0
"""Energy by which the trans arrangement is lowered against cis [kcal/mol]."""
STIFFNESS = 1.5
"""Factor on the force constant of every bond."""


def stressed_terms(
    terms: InternalTerms,
    torsion: Sequence[int],
    *,
    shift: float = SHIFT,
    stiffness: float = STIFFNESS,
) -> InternalTerms:
    """Return terms with ½ shift (1 + cos φ) added on one torsion, and stiffer bonds.

    Args:
        terms: The molecule's MM terms.
        torsion: Local indices of the four atoms.
        shift: Energy by which φ = 180° is lowered against φ = 0° [kcal/mol].
        stiffness: Factor on the force constants of all bonds.

    Raises:
        InputError: The torsion is not made of four atoms of the molecule.
    """
    if len(set(torsion)) != 4 or not all(0 <= i < terms.n_atoms for i in torsion):
        raise InputError(
            f"torsion {tuple(torsion)} does not name four of the {terms.n_atoms} atoms; "
            "give four different indices that count from 0."
        )
    extra = (*(float(i) for i in torsion), 1.0, 0.0, 0.5 * shift * KJ_PER_KCAL)
    bonded = []
    for name, rows in terms.bonded:
        if name == "HarmonicBondForce":
            rows = tuple((*row[:3], row[3] * stiffness) for row in rows)  # noqa: PLW2901
        bonded.append((name, rows))
    return replace(terms, bonded=(*bonded, ("PeriodicTorsionForce", (extra,))))


def stress_potential(
    terms: InternalTerms,
    torsion: Sequence[int],
    *,
    shift: float = SHIFT,
    stiffness: float = STIFFNESS,
) -> ClassicalPotential:
    """Return the potential of `stressed_terms`; inside a hybrid system it is native forces.

    Raises:
        InputError: The torsion is not made of four atoms of the molecule.
    """
    changed = stressed_terms(terms, torsion, shift=shift, stiffness=stiffness)
    return ClassicalPotential(changed, name="stress", identity=f"stress:{changed.digest()}")
