# SPDX-License-Identifier: MIT
"""Restraints on atoms, distances, angles and torsions, in AMBER's form without ½."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import openmm as mm

from merrow.errors import InputError
from merrow.potentials.interface import Array
from merrow.system.build import RESTRAINT

WELL = (
    "select(step(r2 - x), low, select(step(x - r3), high, 0));"
    "low = rk2*select(step(x - r1), (x - r2)^2, (r1 - r2)*(2*x - r1 - r2));"
    "high = rk3*select(step(r4 - x), (x - r3)^2, (r4 - r3)*(2*x - r4 - r3));"
)
"""Harmonic below r2 and above r3, and linear below r1 and above r4."""
COORDINATES = {
    2: "x = r",
    3: "x = theta",
    4: f"x = theta - {2 * math.pi!r}*floor((theta - (r2 + r3)/2)/{2 * math.pi!r} + 0.5)",
}
"""Distance, angle, and the torsion shifted by 2π to be nearest to the middle of the well."""

POSITIONAL = "PositionalRestraints"
"""Name of the force of ntr=1 in a System."""


@dataclass(frozen=True)
class FlatBottom:
    """An NMR restraint on a distance, an angle or a torsion, as in AMBER's DISANG.

    Attributes:
        atoms: Two, three or four zero-based indices.
        bounds: r1 ≤ r2 ≤ r3 ≤ r4 [nm or rad]; no energy between r2 and r3.
        rk2, rk3: Force constants below r2 and above r3 [kJ/mol/nm² or kJ/mol/rad²]; E = rk (x−r)².
    """

    atoms: tuple[int, ...]
    bounds: tuple[float, float, float, float]
    rk2: float
    rk3: float


def positional_force(
    atoms: Sequence[int], reference: Array, weight: float, *, periodic: bool
) -> mm.Force:
    """Return harmonic restraints E = weight · |x − x₀|² (sander's ntr = 1).

    Args:
        atoms: Indices of the restrained atoms.
        reference: Their reference positions x₀ [nm], shape (len(atoms), 3).
        weight: Force constant without ½ [kJ/mol/nm²].
        periodic: Whether distances from x₀ are minimum-image.

    Raises:
        InputError: No atom is restrained, or the weight is negative.
    """
    if not len(atoms) or len(atoms) != len(reference) or not weight >= 0:
        raise InputError(
            f"positional restraints of weight {weight} on {len(atoms)} atoms with "
            f"{len(reference)} reference positions make no sense; check restraintmask, "
            "restraint_wt and the reference coordinates."
        )
    distance = "periodicdistance(x, y, z, x0, y0, z0)^2"
    free = "(x - x0)^2 + (y - y0)^2 + (z - z0)^2"
    force = mm.CustomExternalForce(f"{float(weight)!r}*({distance if periodic else free})")
    for name in ("x0", "y0", "z0"):
        force.addPerParticleParameter(name)
    for atom, place in zip(atoms, reference, strict=True):
        force.addParticle(int(atom), [float(value) for value in place])
    force.setForceGroup(RESTRAINT)
    force.setName(POSITIONAL)
    return force


def flat_bottom_forces(restraints: Sequence[FlatBottom], *, periodic: bool) -> list[mm.Force]:
    """Return one force for each kind of restrained coordinate.

    Args:
        restraints: The restraints.
        periodic: Whether differences of positions are minimum-image.

    Raises:
        InputError: A restraint names the wrong number of atoms, or its bounds are out of order.
    """
    forces: dict[int, mm.Force] = {}
    for restraint in restraints:
        _check(restraint)
        size = len(restraint.atoms)
        if size not in forces:
            forces[size] = _empty(size, periodic=periodic)
        values = [*restraint.bounds, restraint.rk2, restraint.rk3]
        if size == 2:
            forces[size].addBond(*restraint.atoms, values)
        elif size == 3:
            forces[size].addAngle(*restraint.atoms, values)
        else:
            forces[size].addTorsion(*restraint.atoms, values)
    return list(forces.values())


def _empty(size: int, *, periodic: bool) -> mm.Force:
    expression = f"{WELL} {COORDINATES[size]}"
    kind = {2: "Bond", 3: "Angle", 4: "Torsion"}[size]
    force = getattr(mm, f"Custom{kind}Force")(expression)
    for name in ("r1", "r2", "r3", "r4", "rk2", "rk3"):
        getattr(force, f"addPer{kind}Parameter")(name)
    force.setUsesPeriodicBoundaryConditions(periodic)
    force.setForceGroup(RESTRAINT)
    force.setName(f"{kind}Restraints")
    return force


def _check(restraint: FlatBottom) -> None:
    named = ",".join(str(atom + 1) for atom in restraint.atoms)
    if len(restraint.atoms) not in COORDINATES or len(set(restraint.atoms)) != len(restraint.atoms):
        raise InputError(
            f"the restraint on atoms {named} is none: name two atoms for a distance, three for an "
            "angle, four for a torsion."
        )
    if list(restraint.bounds) != sorted(restraint.bounds) or min(restraint.rk2, restraint.rk3) < 0:
        raise InputError(
            f"the restraint on atoms {named} needs r1 <= r2 <= r3 <= r4 and force constants that "
            "are not negative."
        )
