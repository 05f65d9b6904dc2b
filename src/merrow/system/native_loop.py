# SPDX-License-Identifier: MIT
"""Parameters of our own dynamics loop from a hybrid system, and the systems it supports.

The loop supports rigid 3-site water, free ions, and a solute without constraints with a potential
or harmonic bonds and angles, periodic torsions and pairs. A System with anything else is refused
by name, and OpenMM propagates it.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import openmm as mm

from merrow.errors import UnsupportedPhysicsError
from merrow.nonbonded.loop import TERMS, LoopParameters
from merrow.nonbonded.parameters import IntArray
from merrow.potentials.interface import Array
from merrow.system.alchemy import whole_molecule_force
from merrow.system.build import INTERNAL, NONBONDED, TAIL, HybridSystem, NativeForces
from merrow.system.force import PotentialBridge
from merrow.system.internal import (
    PAIR_ENERGY,
    TERM_OF,
    add_parameters,
    n_terms,
)
from merrow.units import COULOMB_OPENMM

KIND = {
    "HarmonicBondForce": "bonds",
    "HarmonicAngleForce": "angles",
    "PeriodicTorsionForce": "torsions",
}
"""Terms of the loop by OpenMM force."""
NO_ENERGY = whole_molecule_force((0, 1)).getEnergyFunction()

Rows = dict[str, list[tuple[list[int], list[float]]]]


def loop_parameters(hybrid: HybridSystem) -> LoopParameters:
    """Return the loop's parameters of a hybrid system.

    Args:
        hybrid: Hybrid system on our nonbonded kernel.

    Raises:
        UnsupportedPhysicsError: The loop cannot propagate it; the message says why.
    """
    if hybrid.native is None:
        raise _refused("OpenMM computes its nonbonded forces")
    if hybrid.region.links:
        raise _refused("its region has link atoms")
    if hybrid.native.kernel.parameters.water_sites != 3:
        raise _refused("its water has four sites")
    known, system = hybrid.native.kernel.parameters, hybrid.system
    rows: Rows = {name: [] for name in TERMS}
    for force in system.getForces():
        _read_force(force, rows)
    sides = _sides(hybrid.native, system)
    masses = np.array([system.getParticleMass(i)._value for i in range(known.n_atoms)])
    water = np.unique(masses[known.waters[:, None] + np.arange(3)], axis=0)
    if len(water) != 1 or water[0, 1] != water[0, 2] or masses.min() <= 0.0:
        raise _refused("the masses of its waters differ, or an atom has none")
    return LoopParameters(
        masses=masses[known.single],
        water_masses=(float(water[0, 0]), float(water[0, 1])),
        water_sides=sides,
        terms={name: _table(name, found) for name, found in rows.items()},
        tail=hybrid.tail,
    )


def _refused(reason: str) -> UnsupportedPhysicsError:
    return UnsupportedPhysicsError(f"the native loop cannot be used: {reason}.")


def _table(name: str, rows: list[tuple[list[int], list[float]]]) -> tuple[IntArray, Array]:
    """Return atoms and parameters of the terms of one kind."""
    n_atoms, n_numbers = TERMS[name]
    atoms = np.array([row[0] for row in rows], dtype=np.int32).reshape(-1, n_atoms)
    return atoms, np.array([row[1] for row in rows], dtype=np.float64).reshape(-1, n_numbers)


def _read_force(force: mm.Force, rows: Rows) -> None:
    """Add the terms of a force of the System to those of the loop, or refuse it."""
    name = type(force).__name__
    if _is_known(force) or (name in TERM_OF and n_terms(force) == 0):
        return
    if force.getForceGroup() != INTERNAL:
        raise _refused(f"it has {force.getName()} terms outside the solute")
    if name in KIND:
        rows[KIND[name]] += [add_parameters(force, k) for k in range(n_terms(force))]
    elif isinstance(force, mm.CustomBondForce) and force.getEnergyFunction() == PAIR_ENERGY:
        for k in range(force.getNumBonds()):
            i, j, (product, a, b) = force.getBondParameters(k)
            rows["pairs"].append(([i, j], [COULOMB_OPENMM * product, a, b]))
    else:
        raise _refused(f"its solute has {force.getName()} terms")


def _is_known(force: mm.Force) -> bool:
    """Tell whether a force is otherwise treated by the loop, or has no energy."""
    group = force.getForceGroup()
    if isinstance(force, mm.PythonForce):
        bridge = group == INTERNAL and force.getName() == PotentialBridge.__name__
        return bool(bridge or group == NONBONDED)
    if isinstance(force, mm.CustomBondForce):
        return bool(force.getEnergyFunction() == NO_ENERGY)
    if isinstance(force, mm.CustomVolumeForce):
        return bool(group == TAIL)
    return isinstance(force, mm.MonteCarloBarostat)  # a Context's; the loop has its own


def _sides(native: NativeForces, system: mm.System) -> tuple[float, float]:
    """Return the O-H and H-H lengths of the waters [nm], the only allowed constraints."""
    lengths = {}
    for k in range(system.getNumConstraints()):
        i, j, length = system.getConstraintParameters(k)
        lengths[min(i, j), max(i, j)] = float(length._value)
    kinds = set()
    for first in native.kernel.parameters.waters.tolist():
        kinds.add(tuple(lengths.pop(pair) for pair in combinations(range(first, first + 3), 2)))
    if lengths:
        raise _refused("its solute has constraints")
    (sides,) = kinds if len(kinds) == 1 else ((0.0, 1.0, 0.0),)
    if sides[0] != sides[1]:
        raise _refused("the shapes of its waters differ")
    return sides[0], sides[2]
