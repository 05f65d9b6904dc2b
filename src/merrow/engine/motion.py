# SPDX-License-Identifier: MIT
"""Degrees of freedom of a System, and its overall motion."""

from __future__ import annotations

import numpy as np
import openmm as mm

from merrow.engine.simulation import Snapshot, choose_platform, set_snapshot
from merrow.units import GAS_CONSTANT

Array = np.ndarray

SAME_LENGTH = 1e-5
"""[nm]; constrained distances that differ by more change the energy visibly."""
LONGEST_HELD = 0.2
"""[nm]; no constrained distance is longer."""


def particle_masses(system: mm.System) -> Array:
    """Return the masses of all particles [dalton], shape (N,)."""
    n = system.getNumParticles()
    return np.array([system.getParticleMass(i)._value for i in range(n)])


def degrees_of_freedom(system: mm.System, *, at_rest: bool, periodic: bool) -> int:
    """Return 3 N − constraints − overall motions, where N counts the particles with a mass.

    Args:
        system: The System.
        at_rest: Whether the system neither drifts nor, without a box, rotates.
        periodic: Whether there is a box.
    """
    masses = particle_masses(system)
    constraints = 0
    for k in range(system.getNumConstraints()):
        i, j, _ = system.getConstraintParameters(k)
        constraints += bool(masses[i] > 0 and masses[j] > 0)
    massive = int(np.count_nonzero(masses))
    # a linear body has one rotation less, and a point none
    whole = 3 if periodic else {1: 3, 2: 5}.get(massive, 6)
    return 3 * massive - constraints - at_rest * whole


def constraint_error(system: mm.System, positions: Array) -> float:
    """Return how far the worst constrained distance is from its value [nm]; 0 without constraints.

    Args:
        system: The System.
        positions: Positions [nm], shape (N, 3).
    """
    rows = [system.getConstraintParameters(k) for k in range(system.getNumConstraints())]
    if not rows:
        return 0.0
    first, second = np.array([row[:2] for row in rows]).T
    lengths = np.array([row[2]._value for row in rows])
    found = np.linalg.norm(positions[first] - positions[second], axis=1)
    return float(np.abs(found - lengths).max())


def holds_constraints(system: mm.System, positions: Array, tolerance: float) -> bool:
    """Tell whether positions are those of a run with the constraints of a System.

    Args:
        system: The System.
        positions: Positions [nm], shape (N, 3).
        tolerance: Relative tolerance of the constraints.
    """
    return constraint_error(system, positions) <= SAME_LENGTH + 2 * tolerance * LONGEST_HELD


def unconstrained(system: mm.System) -> tuple[int, ...]:
    """Return the particles with a mass and no constraint, ascending."""
    bound: set[int] = set()
    for k in range(system.getNumConstraints()):
        bound.update(system.getConstraintParameters(k)[:2])
    masses = particle_masses(system)
    return tuple(i for i in range(len(masses)) if masses[i] > 0 and i not in bound)


def force_probe(system: mm.System, start: Snapshot, *, platform: str) -> mm.Context:
    """Return a Context for force evaluations only."""
    context = mm.Context(system, mm.VerletIntegrator(0.001), *choose_platform(platform))
    set_snapshot(context, start)
    return context


def forces_at(context: mm.Context, positions: Array, box: Array) -> Array:
    """Return the forces [kJ/mol/nm] at positions [nm] and box vectors [nm], shape (N, 3)."""
    context.setPeriodicBoxVectors(*(mm.Vec3(*map(float, row)) for row in box))
    context.setPositions(positions)
    return np.array(context.getState(getForces=True).getForces(asNumpy=True)._value)


def kinetic_energy(velocities: Array, masses: Array) -> float:
    """Return ½ Σ m v² [kJ/mol] of velocities [nm/ps], shape (N, 3)."""
    return 0.5 * float(masses @ np.einsum("ij,ij->i", velocities, velocities))


def kinetic_temperature(kinetic: float, freedom: int) -> float:
    """Return the temperature [K] of a kinetic energy [kJ/mol]."""
    return 2 * kinetic / (max(freedom, 1) * GAS_CONSTANT)


def without_drift(positions: Array, velocities: Array, masses: Array, *, rotation: bool) -> Array:
    """Return the velocities without the overall motion.

    Args:
        positions: Positions [nm], shape (N, 3).
        velocities: Velocities [nm/ps], shape (N, 3).
        masses: Masses [dalton], shape (N,).
        rotation: Whether the rotation about the centre of mass is also removed.
    """
    weights = masses / masses.sum()
    moving = velocities - weights @ velocities
    if not rotation:
        return np.asarray(moving)
    arms = positions - weights @ positions
    momentum = np.einsum("i,ij->j", masses, np.cross(arms, moving))
    square = np.einsum("i,ij,ij->", masses, arms, arms)
    inertia = square * np.eye(3) - np.einsum("i,ij,ik->jk", masses, arms, arms)
    spin = np.linalg.pinv(inertia) @ momentum
    return np.asarray(moving - np.cross(spin, arms))
