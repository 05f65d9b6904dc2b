# SPDX-License-Identifier: MIT
"""A confining wall around the centre of the ML region, in three branches.

With r the distance of an atom from the centre, it is zero below `inner`, ½k(r − inner)² up to
`outer`, and linear beyond. The form is that of MLMM4AMBER; here its energy is part of the potential
energy, so the total energy is conserved.
"""

from __future__ import annotations

from collections.abc import Sequence

import openmm as mm

from merrow.errors import InputError
from merrow.potentials.interface import Array
from merrow.system.build import CONFINE


def confining_force(
    atoms: Sequence[int],
    *,
    inner: float,
    outer: float,
    stiffness: float,
    centre: Array | None,
    periodic: bool = False,
) -> mm.Force:
    """Return the confining potential of each atom.

    Args:
        atoms: Indices of the ML region.
        inner: Distance at which the wall starts [nm].
        outer: Distance beyond which it is linear [nm].
        stiffness: Force constant k [kJ/mol/nm²].
        centre: A fixed centre [nm], shape (3,); None for the moving centroid of the atoms,
            without net force.
        periodic: Whether distances from a fixed centre are those of the nearest image; GPUs move
            whole molecules into the cell.

    Raises:
        InputError: The distances are out of order, k is negative, or there are no atoms.
    """
    if not 0 <= inner <= outer or not stiffness >= 0 or not len(atoms):
        raise InputError(
            f"a confining potential from {inner} to {outer} nm with k = {stiffness} on "
            f"{len(atoms)} atoms makes no sense; check confine1 <= confine2, confinek and animask."
        )
    wall = (
        f"select(step(r - {inner!r}), select(step(r - {outer!r}), far, near), 0);"
        f"near = {0.5 * stiffness!r}*(r - {inner!r})^2;"
        f"far = {stiffness * (outer - inner)!r}*(r - {(inner + outer) / 2!r});"
    )
    force = _following(wall, atoms) if centre is None else _fixed(wall, atoms, centre, periodic)
    force.setForceGroup(CONFINE)
    force.setName("ConfiningPotential")
    return force


def _fixed(wall: str, atoms: Sequence[int], centre: Array, periodic: bool) -> mm.Force:
    x, y, z = (float(value) for value in centre)
    r = f"sqrt((x - ({x!r}))^2 + (y - ({y!r}))^2 + (z - ({z!r}))^2)"
    if periodic:
        r = f"periodicdistance(x, y, z, {x!r}, {y!r}, {z!r})"
    force = mm.CustomExternalForce(f"{wall} r = {r}")
    for atom in atoms:
        force.addParticle(int(atom), [])
    return force


def _following(wall: str, atoms: Sequence[int]) -> mm.Force:
    force = mm.CustomCentroidBondForce(2, f"{wall} r = distance(g1, g2)")
    members = [int(atom) for atom in atoms]
    whole = force.addGroup(members, [1.0] * len(members))
    for atom in members:
        force.addBond([whole, force.addGroup([atom], [1.0])], [])
    force.setUsesPeriodicBoundaryConditions(False)  # the region is whole and not wrapped
    return force
