# SPDX-License-Identifier: MIT
"""The hybrid Hamiltonian: prmtop + region + potential → one OpenMM System.

E = E_internal(region) + E_MM(environment) + E_region-environment(λ), mechanical embedding:
E_internal is the potential or the region's own MM terms and is never scaled; the region interacts
with its environment through the prmtop's charges (PME) and Lennard-Jones parameters.
"""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from itertools import combinations

import openmm as mm

from merrow.amber.topology import AmberTopology
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.nonbonded.kernel import NonbondedKernel
from merrow.potentials.interface import Potential
from merrow.system import alchemy
from merrow.system.force import PotentialBridge, PrefetchForce, potential_force
from merrow.system.internal import ClassicalPotential, internal_forces
from merrow.system.masses import Masses, region_masses
from merrow.system.outside import Bonded, outside
from merrow.system.pme import Nonbonded
from merrow.system.region import NO_BONDS, Bonds, MLRegion, bonds_within, capped
from merrow.system.rendering import rendered
from merrow.system.soft_core import SoftCoreSum

ENVIRONMENT, NONBONDED, SOFT_CORE, TAIL, INTERNAL, RESTRAINT, CONFINE = range(7)
"""Force groups of a hybrid system."""
PAIR_BYTES = 1800
"""Memory per each of the n² pairs of a region during an energy decomposition [bytes]."""


@dataclass(frozen=True, eq=False)
class NativeForces:
    """Our kernel in a System, and the OpenMM forces that it replaces.

    Attributes:
        kernel: The kernel of the force in the System.
        replaced: System of the same particles with only OpenMM's nonbonded and soft-core forces.
    """

    kernel: NonbondedKernel
    replaced: mm.System


@dataclass(frozen=True)
class HybridSystem:
    """A System with λ coupling, ready for a Context.

    Attributes:
        system: OpenMM System; force groups as the constants above, parameters λ_elec and λ_sterics.
        region: The ML region.
        tail: Coefficient K of the region-environment tail [kJ nm³/mol]; 0 without tail.
        stretched_tail: The same with all σ scaled by `SIGMA_SCALE`.
        bonds: Bonds within the region.
        bridge: The potential in the System, or None if the internal energy is native.
        periodic: Whether there is a box.
        native: Our kernel in place of OpenMM's nonbonded forces, or None.
        edges: Box edges for which the tail in the System was made [nm]; valid while they change
            by less than a quarter. None if always valid.
        soft_core: Soft-core sum for records; None for the pairs of the System's force.
    """

    system: mm.System
    region: MLRegion
    tail: float
    bridge: PotentialBridge | None
    periodic: bool
    stretched_tail: float = 0.0
    bonds: Bonds = NO_BONDS
    native: NativeForces | None = None
    edges: tuple[float, ...] | None = None
    soft_core: SoftCoreSum | None = None

    @property
    def couplable(self) -> mm.System:
        """System that contains OpenMM's own nonbonded and soft-core forces."""
        return self.system if self.native is None else self.native.replaced


def base_system(topology: AmberTopology, nonbonded: Nonbonded, *, rigid_water: bool) -> mm.System:
    """Return OpenMM's System of a prmtop with our nonbonded settings and no other constraints.

    Raises:
        InputError: A cutoff is given without a box.
        MerrowError: As in `rendered`.
    """
    if nonbonded.cutoff is not None and not topology.has_box:
        raise InputError(f"{topology.path} has no box; a cutoff needs one.")
    system = rendered(topology, cutoff=nonbonded.cutoff, rigid_water=rigid_water)
    for force in system.getForces():
        if isinstance(force, mm.NonbondedForce):
            _apply_nonbonded(force, nonbonded)
        elif isinstance(force, mm.CustomNonbondedForce):
            force.setUseLongRangeCorrection(nonbonded.lj_tail and nonbonded.cutoff is not None)
    return system


def virtual_site(system: mm.System, particle: int) -> mm.VirtualSite:
    """Return a new virtual site like that of a particle, since sites cannot be copied.

    Raises:
        UnsupportedPhysicsError: The kind of site is not that of a water model.
    """
    site = system.getVirtualSite(particle)
    atoms = [site.getParticle(k) for k in range(site.getNumParticles())]
    if isinstance(site, mm.OutOfPlaneSite):
        weights = (site.getWeight12(), site.getWeight13(), site.getWeightCross())
        return mm.OutOfPlaneSite(*atoms, *weights)
    if isinstance(site, mm.TwoParticleAverageSite | mm.ThreeParticleAverageSite):
        return type(site)(*atoms, *(site.getWeight(k) for k in range(len(atoms))))
    raise UnsupportedPhysicsError(
        f"particle {particle + 1} is a {type(site).__name__}, which is not available here."
    )


def hybrid_system(
    topology: AmberTopology,
    region: MLRegion,
    potential: Potential,
    *,
    nonbonded: Nonbonded,
    rigid: bool = True,
    solute_constraints: bool = False,
    solute_masses: Masses = "prmtop",
    reference: float = 0.0,
    overlap: bool = False,
    gpu_edges: tuple[float, ...] | None = None,
) -> HybridSystem:
    """Build the hybrid system of a prmtop.

    Args:
        topology: The whole system.
        region: Atoms whose internal energy comes from `potential`.
        potential: An ML potential, or a `ClassicalPotential`, which becomes native forces.
        nonbonded: Cutoff, tail and Ewald settings.
        rigid: Whether water is rigid and bonds to hydrogen in the environment are constrained.
        solute_constraints: Whether bonds to hydrogen in the region are also constrained.
        solute_masses: Choice of the region's masses.
        reference: Energy subtracted from E_ML inside OpenMM [kJ/mol].
        overlap: Whether the potential runs in parallel with the MM forces; results do not change.
        gpu_edges: Edges of the initial rectangular box [nm], for a System evaluated on a GPU
            alone; None for any platform and box.

    Raises:
        InputError: OpenMM cannot read the prmtop.
        UnsupportedPhysicsError: A force is not supported, or the region's pairs exceed the memory.
    """
    _refuse_size(len(region.atoms))
    base = base_system(topology, nonbonded, rigid_water=rigid)
    system = mm.System()
    _copy_particles(base, system)
    bridge = None
    if not isinstance(potential, ClassicalPotential):
        bridge = PotentialBridge(capped(potential, region), reference)
        if overlap:  # OpenMM computes forces in the order in which they were added
            system.addForce(
                potential_force(PrefetchForce(bridge), region.model_atoms, group=INTERNAL)
            )
    for force in base.getForces():
        for part in _environment_part(force, topology, region, nonbonded):
            system.addForce(part)
    tails = _add_soft_core(system, topology, region, nonbonded, gpu_edges)
    system.addForce(alchemy.whole_molecule_force(region.atoms))
    for force in _internal_part(potential, bridge, region):
        system.addForce(force)
    if rigid:
        _constrain_hydrogens(system, base, topology, region, solute_constraints)
    for i, mass in zip(region.atoms, region_masses(topology, region, solute_masses), strict=True):
        system.setParticleMass(i, mass)
    return HybridSystem(
        *(system, region, tails[0], bridge, nonbonded.cutoff is not None),
        stretched_tail=tails[1],
        bonds=bonds_within(topology, region),
        edges=gpu_edges if tails[0] else None,
    )


def _internal_part(
    potential: Potential, bridge: PotentialBridge | None, region: MLRegion
) -> list[mm.Force]:
    """Return the forces within the region."""
    if isinstance(potential, ClassicalPotential):
        return list(internal_forces(potential.terms, region.atoms, group=INTERNAL))
    return [] if bridge is None else [potential_force(bridge, region.model_atoms, group=INTERNAL)]


def physical_memory() -> int:
    """Return the memory of this machine [bytes]."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _refuse_size(n_atoms: int) -> None:
    needed, there = PAIR_BYTES * n_atoms**2, physical_memory()
    if needed > there:
        raise UnsupportedPhysicsError(
            f"the ML region has {n_atoms} atoms, whose pairs need about {needed / 2**30:.1f} GiB, "
            f"and this machine has {there / 2**30:.1f} GiB; select fewer atoms."
        )


def _add_soft_core(
    system: mm.System,
    topology: AmberTopology,
    region: MLRegion,
    nonbonded: Nonbonded,
    gpu_edges: tuple[float, ...] | None,
) -> tuple[float, float]:
    """Add region-environment Lennard-Jones terms; return K of the tail, plain and stretched."""
    own = next(f for f in system.getForces() if isinstance(f, mm.NonbondedForce))
    pairs = [own.getExceptionParameters(k)[:2] for k in range(own.getNumExceptions())]
    soft = alchemy.soft_core_force(
        topology, region.atoms, pairs, nonbonded=nonbonded, slope=gpu_edges is None
    )
    soft.setForceGroup(SOFT_CORE)
    system.addForce(soft)
    if not nonbonded.lj_tail or nonbonded.cutoff is None:
        return 0.0, 0.0
    tail, stretched = (
        alchemy.tail_coefficient(topology, region.atoms, nonbonded.cutoff, size=size)
        for size in (1.0, alchemy.SIGMA_SCALE)
    )
    tail_force: mm.Force = alchemy.tail_force(tail)
    if gpu_edges is not None:
        tail_force = alchemy.tail_force_by_edges(tail, gpu_edges)
    tail_force.setForceGroup(TAIL)
    system.addForce(tail_force)
    return tail, stretched


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
            system.setVirtualSite(i, virtual_site(base, i))
    for k in range(base.getNumConstraints()):
        system.addConstraint(*base.getConstraintParameters(k))
    system.setDefaultPeriodicBoxVectors(*base.getDefaultPeriodicBoxVectors())


def _environment_part(
    force: mm.Force, topology: AmberTopology, region: MLRegion, nonbonded: Nonbonded
) -> list[mm.Force]:
    """Return the part of a prmtop force outside the region."""
    inside = set(region.atoms)
    if isinstance(force, Bonded):
        kept = outside(force, inside)
        kept.setUsesPeriodicBoundaryConditions(nonbonded.cutoff is not None)
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
    """Give the region its own type without interaction (prmtops with NBFIX pairs)."""
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
    """Constrain bonds to hydrogen outside water; those of the region only on request."""
    lengths = _bond_lengths(base)
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
