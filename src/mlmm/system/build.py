# SPDX-License-Identifier: MIT
"""Which Hamiltonian is simulated? prmtop + region + potential → one OpenMM System.

E = E_internal(region) + E_MM(environment) + E_region-environment(λ), mechanical embedding:
E_internal is the potential or the region's own MM terms and is never scaled; the region meets its
environment with the prmtop's charges (PME) and Lennard-Jones parameters.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import openmm as mm
from openmm import app, unit

from mlmm.amber.topology import AmberTopology
from mlmm.errors import InputError, UnsupportedPhysicsError
from mlmm.potentials.interface import Array, Potential
from mlmm.system import alchemy
from mlmm.system.force import HeadStart, PotentialBridge, potential_force
from mlmm.system.internal import (
    BONDED,
    ClassicalPotential,
    add_parameters,
    add_term,
    internal_forces,
    n_terms,
    vacuum_system,
)
from mlmm.system.pme import Nonbonded
from mlmm.system.region import MLRegion

ENVIRONMENT, NONBONDED, SOFT_CORE, TAIL, INTERNAL, RESTRAINT, CONFINE = range(7)
"""Force groups of a hybrid system."""


@dataclass(frozen=True)
class HybridSystem:
    """A System with λ-coupling, ready for a Context.

    Attributes:
        system: OpenMM System; force groups as the constants above, parameters λ_elec and λ_lj.
        region: The ML region.
        tail: Coefficient K of the region-environment tail [kJ nm³/mol]; 0 without tail.
        bridge: The potential inside the System, or None where the internal energy is native.
        periodic: Whether there is a box.
    """

    system: mm.System
    region: MLRegion
    tail: float
    bridge: PotentialBridge | None
    periodic: bool


def base_system(topology: AmberTopology, nonbonded: Nonbonded, *, rigid_water: bool) -> mm.System:
    """Return OpenMM's rendering of a prmtop with our nonbonded settings and no other constraint.

    Raises:
        InputError: OpenMM cannot read the prmtop, or a cutoff is asked for without a box.
    """
    if nonbonded.cutoff is not None and not topology.has_box:
        raise InputError(f"{topology.path} has no box; a cutoff needs one.")
    try:
        prmtop = app.AmberPrmtopFile(str(topology.path))
        system = prmtop.createSystem(
            nonbondedMethod=app.NoCutoff if nonbonded.cutoff is None else app.PME,
            nonbondedCutoff=(nonbonded.cutoff or 1.0) * unit.nanometer,
            constraints=None,
            rigidWater=rigid_water,
            removeCMMotion=False,
        )
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"{topology.path} cannot be read by OpenMM: {error}.") from error
    for force in system.getForces():
        if isinstance(force, mm.NonbondedForce):
            _apply_nonbonded(force, nonbonded)
        elif isinstance(force, mm.CustomNonbondedForce):
            force.setUseLongRangeCorrection(nonbonded.lj_tail and nonbonded.cutoff is not None)
    return system


def hybrid_system(
    topology: AmberTopology,
    region: MLRegion,
    potential: Potential,
    *,
    nonbonded: Nonbonded,
    rigid: bool = True,
    solute_constraints: bool = False,
    hydrogen_mass: float | None = None,
    reference: float = 0.0,
    overlap: bool = False,
) -> HybridSystem:
    """Build the hybrid system of a prmtop.

    Args:
        topology: The whole system.
        region: The atoms whose internal energy comes from `potential`.
        potential: An ML potential, or a `ClassicalPotential`, which becomes native forces.
        nonbonded: Cutoff, tail and Ewald settings.
        rigid: Whether water is rigid and bonds to hydrogen in the environment are constrained.
        solute_constraints: Whether bonds to hydrogen in the region are constrained too.
        hydrogen_mass: Mass of the region's hydrogens [dalton], taken from their heavy atoms.
        reference: Energy subtracted from E_ML inside OpenMM [kJ/mol].
        overlap: Whether the potential works in a thread beside the MM forces; numbers stay equal.

    Raises:
        InputError: OpenMM cannot read the prmtop.
        UnsupportedPhysicsError: A force of the prmtop is not understood beside a region.
    """
    base = base_system(topology, nonbonded, rigid_water=rigid)
    system = mm.System()
    _copy_particles(base, system)
    bridge = None
    if not isinstance(potential, ClassicalPotential):
        bridge = PotentialBridge(potential, reference)
        if overlap:  # OpenMM computes forces in the order in which they were added
            system.addForce(potential_force(HeadStart(bridge), region.atoms, group=INTERNAL))
    for force in base.getForces():
        for part in _environment_part(force, topology, region, nonbonded):
            system.addForce(part)
    own = next(f for f in system.getForces() if isinstance(f, mm.NonbondedForce))
    pairs = [own.getExceptionParameters(k)[:2] for k in range(own.getNumExceptions())]
    soft = alchemy.soft_core_force(topology, region.atoms, pairs, nonbonded=nonbonded)
    soft.setForceGroup(SOFT_CORE)
    system.addForce(soft)
    tail = 0.0
    if nonbonded.lj_tail and nonbonded.cutoff is not None:
        tail = alchemy.tail_coefficient(topology, region.atoms, nonbonded.cutoff)
        tail_force = alchemy.tail_force(tail)
        tail_force.setForceGroup(TAIL)
        system.addForce(tail_force)
    system.addForce(alchemy.whole_molecule_force(region.atoms))
    if isinstance(potential, ClassicalPotential):
        for force in internal_forces(potential.terms, region.atoms, group=INTERNAL):
            system.addForce(force)
    elif bridge is not None:
        system.addForce(potential_force(bridge, region.atoms, group=INTERNAL))
    if rigid:
        _constrain_hydrogens(system, base, topology, region, solute_constraints)
    for i, mass in zip(region.atoms, region_masses(topology, region, hydrogen_mass), strict=True):
        system.setParticleMass(i, mass)
    return HybridSystem(system, region, tail, bridge, periodic=nonbonded.cutoff is not None)


def _apply_nonbonded(force: mm.NonbondedForce, nonbonded: Nonbonded) -> None:
    force.setUseDispersionCorrection(nonbonded.lj_tail and nonbonded.cutoff is not None)
    force.setEwaldErrorTolerance(nonbonded.ewald_tolerance)
    if nonbonded.pme is not None and nonbonded.cutoff is not None:
        force.setPMEParameters(nonbonded.pme.alpha, *nonbonded.pme.grid)
    if nonbonded.charge_scale != 1.0:
        for i in range(force.getNumParticles()):
            charge, sigma, epsilon = force.getParticleParameters(i)
            force.setParticleParameters(i, charge * nonbonded.charge_scale, sigma, epsilon)
        for k in range(force.getNumExceptions()):
            i, j, product, sigma, epsilon = force.getExceptionParameters(k)
            scaled = product * nonbonded.charge_scale**2
            force.setExceptionParameters(k, i, j, scaled, sigma, epsilon)


def _copy_particles(base: mm.System, system: mm.System) -> None:
    for i in range(base.getNumParticles()):
        system.addParticle(base.getParticleMass(i))
    for i in range(base.getNumParticles()):
        if base.isVirtualSite(i):
            system.setVirtualSite(i, copy.copy(base.getVirtualSite(i)))
    for k in range(base.getNumConstraints()):
        system.addConstraint(*base.getConstraintParameters(k))
    system.setDefaultPeriodicBoxVectors(*base.getDefaultPeriodicBoxVectors())


def _environment_part(
    force: mm.Force, topology: AmberTopology, region: MLRegion, nonbonded: Nonbonded
) -> list[mm.Force]:
    """Return what of a force of the prmtop acts outside the region."""
    inside = set(region.atoms)
    if isinstance(force, BONDED):
        kept = type(force)()
        kept.setUsesPeriodicBoundaryConditions(nonbonded.cutoff is not None)
        for k in range(n_terms(force)):
            atoms, parameters = add_parameters(force, k)
            if not any(atom in inside for atom in atoms):
                add_term(kept, atoms, parameters)
        kept.setForceGroup(ENVIRONMENT)
        return [kept]
    if isinstance(force, mm.NonbondedForce):
        kept = copy.deepcopy(force)
        alchemy.couple_charges(
            kept, topology.charges, region.atoms, charge_scale=nonbonded.charge_scale
        )
        kept.setForceGroup(NONBONDED)
        return [kept]
    if isinstance(force, mm.CustomNonbondedForce):
        return [_without_region(force, inside)]
    raise UnsupportedPhysicsError(
        f"{topology.path.name} has {type(force).__name__} terms, which are not available beside "
        "an ML region."
    )


def _without_region(force: mm.CustomNonbondedForce, inside: set[int]) -> mm.CustomNonbondedForce:
    """Give the region a type of its own without interaction (prmtops with NBFIX pairs)."""
    kept = copy.deepcopy(force)
    for k in range(kept.getNumTabulatedFunctions()):
        table = kept.getTabulatedFunction(k)
        size, _, values = table.getFunctionParameters()
        padded = [
            values[i + size * j] if i < size and j < size else 0.0
            for j in range(size + 1)
            for i in range(size + 1)
        ]
        table.setFunctionParameters(size + 1, size + 1, padded)
    for i in inside:
        kept.setParticleParameters(i, [float(size)])
    present = {tuple(sorted(kept.getExclusionParticles(k))) for k in range(kept.getNumExclusions())}
    for i, j in combinations(sorted(inside), 2):
        if (i, j) not in present:
            kept.addExclusion(i, j)
    kept.setForceGroup(ENVIRONMENT)
    return kept


def _constrain_hydrogens(
    system: mm.System,
    base: mm.System,
    topology: AmberTopology,
    region: MLRegion,
    solute_constraints: bool,
) -> None:
    """Constrain bonds to hydrogen outside water; those of the region only if asked."""
    lengths = _bond_lengths(base if not solute_constraints else vacuum_system(topology.path))
    inside = set(region.atoms)
    for i, j in topology.bonds:
        if 1 not in (topology.numbers[i], topology.numbers[j]) or topology.is_water[i]:
            continue
        if i in inside and not solute_constraints:
            continue
        system.addConstraint(i, j, lengths[min(i, j), max(i, j)])


def _bond_lengths(system: mm.System) -> dict[tuple[int, int], float]:
    force = next(f for f in system.getForces() if isinstance(f, mm.HarmonicBondForce))
    lengths = {}
    for k in range(force.getNumBonds()):
        i, j, length, _ = force.getBondParameters(k)
        lengths[min(i, j), max(i, j)] = length._value
    return lengths


def region_masses(topology: AmberTopology, region: MLRegion, hydrogen_mass: float | None) -> Array:
    """Return the masses of the region's atoms [dalton], shape (n,).

    Args:
        topology: The prmtop.
        region: The ML region.
        hydrogen_mass: Mass of hydrogens [dalton], taken from the atoms they are bound to; None
            leaves the prmtop's masses.
    """
    masses = np.array(topology.masses, dtype=float)
    inside = set(region.atoms)
    for pair in topology.bonds:
        hydrogens = [i for i in pair if topology.numbers[i] == 1]
        if hydrogen_mass is not None and pair[0] in inside and len(hydrogens) == 1:
            heavy = pair[0] if pair[1] == hydrogens[0] else pair[1]
            masses[heavy] -= hydrogen_mass - masses[hydrogens[0]]
            masses[hydrogens[0]] = hydrogen_mass
    return np.array(masses[list(region.atoms)])
