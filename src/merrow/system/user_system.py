# SPDX-License-Identifier: MIT
"""Conversion of a user's OpenMM Topology and System to the form of a prmtop.

ML region, masks, link atoms and alchemical terms then work as for AMBER files. Lennard-Jones types
are the distinct (σ, ε) of the System, combined as in its NonbondedForce.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openmm as mm
from openmm import app

from merrow.amber.topology import AmberTopology, find_water
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.geometry import connected_atoms
from merrow.potentials.interface import Array
from merrow.units import ANGSTROM_PER_NM, KCAL_PER_KJ

NAME = Path("the topology")
"""Name in messages."""
LARGEST = 1e6
"""Upper limit of charges [e], σ [nm] and ε [kJ/mol]."""


def described(topology: app.Topology, system: mm.System) -> AmberTopology:
    """Return a description of the atoms of a System.

    Args:
        topology: Elements, names, residues and bonds; missing bonds that join molecules are taken
            from the System.
        system: Charges, Lennard-Jones parameters and masses.

    Raises:
        InputError: The two differ in their atoms, or have the wrong type.
        UnsupportedPhysicsError: There are several NonbondedForces.
    """
    if not isinstance(topology, app.Topology):
        raise InputError(
            f"topology is a {type(topology).__name__}; give an openmm.app.Topology, such as "
            "`prmtop.topology` or `pdb.topology`."
        )
    if not isinstance(system, mm.System):
        raise InputError(
            f"mm_system is a {type(system).__name__}; give an openmm.System, such as "
            "`prmtop.createSystem(...)` or `forcefield.createSystem(...)` returns."
        )
    atoms = list(topology.atoms())
    if len(atoms) != system.getNumParticles():
        raise InputError(
            f"the topology has {len(atoms)} atoms and mm_system {system.getNumParticles()} "
            "particles; give the topology from which the System was made."
        )
    numbers = tuple(0 if a.element is None else int(a.element.atomic_number) for a in atoms)
    bonds = _bonds(topology, system)
    molecules = connected_atoms(len(atoms), bonds)
    charges, sigma, epsilon = _parameters(system)
    types, lj_type = np.unique(np.stack([sigma, epsilon], axis=1), axis=0, return_inverse=True)
    lj_a, lj_b = _lorentz_berthelot(types)
    return AmberTopology(
        path=NAME,
        numbers=numbers,
        names=tuple(a.name for a in atoms),
        types=tuple(a.name for a in atoms),
        residue_names=tuple(r.name for r in topology.residues()),
        residue_index=np.array([a.residue.index for a in atoms], dtype=np.int64),
        charges=charges,
        masses=np.array([system.getParticleMass(i)._value for i in range(len(atoms))]),
        lj_type=np.asarray(lj_type, dtype=np.int64).reshape(-1),
        lj_a=lj_a,
        lj_b=lj_b,
        bonds=bonds,
        molecules=molecules,
        is_water=find_water(numbers, bonds, molecules),
        has_box=bool(system.usesPeriodicBoundaryConditions()),
        box_angle=90.0,
        has_cmap=any(isinstance(f, mm.CMAPTorsionForce) for f in system.getForces()),
    )


def nonbonded_force(system: mm.System) -> mm.NonbondedForce | None:
    """Return the NonbondedForce of a System, or None.

    Raises:
        UnsupportedPhysicsError: There are several.
    """
    found = [force for force in system.getForces() if isinstance(force, mm.NonbondedForce)]
    if len(found) > 1:
        raise UnsupportedPhysicsError(
            f"mm_system has {len(found)} NonbondedForces, of which one alone can hold the charges "
            "of an ML region; make the System with one."
        )
    return found[0] if found else None


def _bonds(topology: app.Topology, system: mm.System) -> tuple[tuple[int, int], ...]:
    """Return the bonds i < j, with those of the System that join molecules."""
    bonds = {_ordered(a.index, b.index) for a, b in topology.bonds()}
    molecule = np.zeros(system.getNumParticles(), dtype=np.int64)
    for k, atoms in enumerate(connected_atoms(len(molecule), sorted(bonds))):
        molecule[list(atoms)] = k
    joining = (_ordered(i, j) for i, j in held_together(system) if molecule[i] != molecule[j])
    return tuple(sorted(bonds.union(joining)))


def held_together(system: mm.System) -> Iterator[tuple[int, int]]:
    """Yield the pairs of atoms that a System bonds or constrains, and sites with their first atom.

    Args:
        system: The System.
    """
    for k in range(system.getNumConstraints()):
        i, j, _ = system.getConstraintParameters(k)
        yield i, j
    for i in range(system.getNumParticles()):
        if system.isVirtualSite(i):
            yield system.getVirtualSite(i).getParticle(0), i
    for force in system.getForces():
        if isinstance(force, mm.HarmonicBondForce):
            for k in range(force.getNumBonds()):
                i, j, *_ = force.getBondParameters(k)
                yield i, j


def _ordered(i: int, j: int) -> tuple[int, int]:
    return min(i, j), max(i, j)


def _parameters(system: mm.System) -> tuple[Array, Array, Array]:
    """Return charges [e], σ [nm] and ε [kJ/mol] of all particles, shape (N,) each."""
    force = nonbonded_force(system)
    n = system.getNumParticles()
    if force is None:
        return np.zeros(n), np.ones(n), np.zeros(n)
    rows = [_plain(force.getParticleParameters(i)) for i in range(n)]
    charges, sigma, epsilon = _sound(rows, "a particle").T
    exceptions = range(force.getNumExceptions())
    _sound([_plain(force.getExceptionParameters(k)[2:]) for k in exceptions], "an exception")
    return charges, np.where(epsilon == 0.0, 1.0, sigma), epsilon


def _sound(rows: list[list[float]], what: str) -> Array:
    """Return parameters of the NonbondedForce as an array, shape (n, 3).

    Raises:
        InputError: A parameter is unreasonable.
    """
    found = np.array(rows, dtype=np.float64).reshape(-1, 3)
    wild = found[~(np.abs(found) < LARGEST)]
    if wild.size:
        raise InputError(
            f"the NonbondedForce of mm_system has {what} with the parameter {wild[0]:g}; correct "
            "the System."
        )
    return found


def _plain(values: Iterable[Any]) -> list[float]:
    return [float(getattr(value, "_value", value)) for value in values]


def _lorentz_berthelot(types: Array) -> tuple[Array, Array]:
    """Return A [kcal/mol Å¹²] and B [kcal/mol Å⁶] of all pairs of types (σ [nm], ε [kJ/mol])."""
    sigma = (types[:, None, 0] + types[None, :, 0]) / 2.0 * ANGSTROM_PER_NM
    epsilon = np.sqrt(types[:, None, 1] * types[None, :, 1]) * KCAL_PER_KJ
    return 4.0 * epsilon * sigma**12, 4.0 * epsilon * sigma**6
