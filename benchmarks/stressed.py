# SPDX-License-Identifier: MIT
"""A potential that puts two routes to a free energy to the test at the speed of MM.

The MM terms of a molecule with one torsion shifted and all bonds stiffened: another conformer
balance, other vibrations, and yet native OpenMM forces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from merrow.errors import InputError
from merrow.system.internal import ClassicalPotential, InternalTerms
from merrow.units import KJ_PER_KCAL

SHIFT, STIFFNESS = 3.0, 1.5


def stressed(
    terms: InternalTerms,
    torsion: Sequence[int],
    *,
    shift: float = SHIFT,
    stiffness: float = STIFFNESS,
) -> ClassicalPotential:
    """Return MM terms with ½ shift (1 + cos φ) added on one torsion, and stiffer bonds.

    Args:
        terms: The molecule's MM terms.
        torsion: Local indices of the four atoms.
        shift: Energy by which φ = 180° is lowered against φ = 0° [kcal/mol].
        stiffness: Factor on the force constants of all bonds.

    Raises:
        InputError: The torsion is not made of four atoms of the molecule.
    """
    if len(set(torsion)) != 4 or not all(0 <= i < terms.n_atoms for i in torsion):
        raise InputError(f"torsion {tuple(torsion)} does not name four of {terms.n_atoms} atoms.")
    extra = (*(float(i) for i in torsion), 1.0, 0.0, 0.5 * shift * KJ_PER_KCAL)
    bonded = [
        (name, tuple((*row[:3], row[3] * stiffness) for row in rows))
        if name == "HarmonicBondForce"
        else (name, rows)
        for name, rows in terms.bonded
    ]
    changed = replace(terms, bonded=(*bonded, ("PeriodicTorsionForce", (extra,))))
    return ClassicalPotential(changed, name="stress", identity=f"stress:{changed.digest()}")
