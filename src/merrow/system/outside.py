# SPDX-License-Identifier: MIT
"""The part of a bonded force outside an ML region: terms with at least one atom outside."""

from __future__ import annotations

import openmm as mm

from merrow.system.internal import BONDED, add_parameters, add_term, n_terms

Bonded = (*BONDED, mm.CMAPTorsionForce, mm.CustomTorsionForce)
"""Bonded forces that `outside` supports."""


def outside(force: mm.Force, inside: set[int]) -> mm.Force:
    """Return a bonded force without the terms entirely within a region.

    Args:
        force: One of `Bonded`; not modified.
        inside: Atoms of the region.
    """
    if isinstance(force, mm.CMAPTorsionForce):
        kept = _maps_outside(force, inside)
    elif isinstance(force, mm.CustomTorsionForce):
        kept = _impropers_outside(force, inside)
    else:
        kept = type(force)()
        for k in range(n_terms(force)):
            atoms, parameters = add_parameters(force, k)
            if not inside.issuperset(atoms):
                add_term(kept, atoms, parameters)
    kept.setUsesPeriodicBoundaryConditions(force.usesPeriodicBoundaryConditions())
    kept.setForceGroup(force.getForceGroup())
    kept.setName(force.getName())
    return kept


def _maps_outside(force: mm.CMAPTorsionForce, inside: set[int]) -> mm.CMAPTorsionForce:
    kept = mm.CMAPTorsionForce()
    for k in range(force.getNumMaps()):
        kept.addMap(*force.getMapParameters(k))
    for k in range(force.getNumTorsions()):
        grid, *atoms = force.getTorsionParameters(k)
        if not inside.issuperset(atoms):
            kept.addTorsion(grid, *atoms)
    return kept


def _impropers_outside(force: mm.CustomTorsionForce, inside: set[int]) -> mm.CustomTorsionForce:
    """Keep CHARMM impropers with an atom outside the region."""
    kept = mm.CustomTorsionForce(force.getEnergyFunction())
    for k in range(force.getNumPerTorsionParameters()):
        kept.addPerTorsionParameter(force.getPerTorsionParameterName(k))
    for k in range(force.getNumTorsions()):
        *atoms, parameters = force.getTorsionParameters(k)
        if not inside.issuperset(atoms):
            kept.addTorsion(*atoms, parameters)
    return kept
