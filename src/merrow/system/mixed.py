# SPDX-License-Identifier: MIT
"""An ML region in a user's OpenMM System, fully interacting or coupled by λ.

The System is copied. Bonded terms, constraints and nonbonded pairs within the region are replaced
by the potential; all else is kept: the region interacts with its surroundings through the charges
and Lennard-Jones parameters, cutoff and Ewald sum of the System. Forces whose relation to the
region is ambiguous are refused by name.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import openmm as mm

from merrow.amber.topology import AmberTopology, atom_label
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.geometry import joined
from merrow.potentials.interface import Array, Potential
from merrow.system import alchemy
from merrow.system.force import PotentialBridge, potential_force
from merrow.system.internal import ClassicalPotential, internal_forces
from merrow.system.outside import Bonded, outside
from merrow.system.pme import Nonbonded
from merrow.system.region import MLRegion, capped
from merrow.system.user_system import held_together, nonbonded_force

UNTOUCHED = (
    mm.CMMotionRemover,
    mm.AndersenThermostat,
    mm.MonteCarloBarostat,
    mm.MonteCarloAnisotropicBarostat,
    mm.MonteCarloMembraneBarostat,
    mm.MonteCarloFlexibleBarostat,
    mm.CustomExternalForce,
    mm.RMSDForce,
)
"""Forces without intramolecular terms."""
IMPLICIT_SOLVENT = (mm.GBSAOBCForce, mm.CustomGBForce)
"""Implicit-solvent forces, which respond to all charges, including those of the region."""
CUSTOM_BONDED = (mm.CustomBondForce, mm.CustomAngleForce, mm.CustomCompoundBondForce)
READERS_IMPROPER = "k*min(dtheta, 2*"
"""Start of the expression of harmonic impropers from OpenMM's prmtop and PSF readers."""
ADVICE = "make mm_system without it; if it is a restraint, add it to the System that is returned."

PairForce = Callable[[mm.NonbondedForce], list[mm.Force]]


class WholeRegion:
    """Evaluates a potential on a region made whole along its bonds, since it may be wrapped."""

    def __init__(self, bridge: PotentialBridge, bonds: Sequence[tuple[int, int]]) -> None:
        """Wrap a bridge.

        Args:
            bridge: The potential of the region.
            bonds: Pairs of bonded atoms, by their indices among the potential's atoms.
        """
        self.bridge, self.bonds = bridge, tuple(bonds)

    def __call__(self, state: mm.State) -> tuple[float, Array]:
        """Return energy [kJ/mol] and forces [kJ/mol/nm], shape (N, 3), to OpenMM."""
        positions = state.getPositions(asNumpy=True)._value
        box = np.array(state.getPeriodicBoxVectors(asNumpy=True)._value)
        whole = joined(positions[None], self.bonds, box[None])[0]
        energy, forces, _ = self.bridge.evaluate(whole)
        return energy - self.bridge.reference, forces


def mixed_system(
    system: mm.System,
    topology: AmberTopology,
    region: MLRegion,
    potential: Potential,
    *,
    remove_constraints: bool = True,
    force_group: int = 0,
) -> mm.System:
    """Return a System in which a potential gives the region's internal energy.

    Args:
        system: The user's System; not modified.
        topology: Its description from `described`.
        region: The ML region.
        potential: A potential of the region's molecule, or its own MM terms.
        remove_constraints: Whether constraints within the region are removed.
        force_group: Group of the potential's force.

    Raises:
        InputError: The MM terms of the region are not complete.
        UnsupportedPhysicsError: A force is not supported with an ML region.
    """

    def pairs(force: mm.NonbondedForce) -> list[mm.Force]:
        for i, j in combinations(region.atoms, 2):
            force.addException(i, j, 0.0, 1.0, 0.0, True)
        return [force]

    return _with_region(system, topology, region, potential, pairs, remove_constraints, force_group)


def coupled_system(
    system: mm.System,
    topology: AmberTopology,
    region: MLRegion,
    potential: Potential,
    *,
    remove_constraints: bool = True,
    force_group: int = 0,
) -> mm.System:
    """Return a mixed System in which λ couples the region to its surroundings.

    Charges are scaled by `lambda_electrostatics`, Lennard-Jones pairs by `lambda_sterics` through
    a soft core; at λ = 1 the System is the mixed one, except that the dispersion correction of a
    NonbondedForce includes pairs within the region and this one does not.

    Args:
        system: The user's System; not modified.
        topology: Its description from `described`.
        region: The ML region, whole molecules.
        potential: A potential of the region's molecule, or its own MM terms.
        remove_constraints: Whether constraints within the region are removed.
        force_group: Group of the potential's force.

    Raises:
        InputError: The MM terms of the region are not complete.
        UnsupportedPhysicsError: A force is not supported with an ML region, or cannot be scaled.
    """
    _check_coupling(system, topology, region)

    def pairs(force: mm.NonbondedForce) -> list[mm.Force]:
        switched = force.getUseSwitchingFunction()
        periodic = force.usesPeriodicBoundaryConditions()
        cutoff = force.getCutoffDistance()._value if periodic else None
        tail = bool(periodic and force.getUseDispersionCorrection())
        alchemy.couple_charges(force, topology.charges, region.atoms, charge_scale=1.0)
        excluded = [force.getExceptionParameters(k)[:2] for k in range(force.getNumExceptions())]
        soft = alchemy.soft_core_force(
            topology, region.atoms, excluded, nonbonded=Nonbonded(cutoff, lj_tail=tail)
        )
        soft.setForceGroup(force.getForceGroup())
        start = force.getSwitchingDistance()._value if periodic and switched else None
        if start is not None:
            soft.setUseSwitchingFunction(True)
            soft.setSwitchingDistance(start)
        forces: list[mm.Force] = [force, soft]
        if tail and cutoff is not None:
            k_tail = alchemy.tail_coefficient(topology, region.atoms, cutoff, switch=start)
            forces.append(alchemy.tail_force(k_tail))
            forces[-1].setForceGroup(force.getForceGroup())
        return forces

    return _with_region(system, topology, region, potential, pairs, remove_constraints, force_group)


def _with_region(
    system: mm.System,
    topology: AmberTopology,
    region: MLRegion,
    potential: Potential,
    pairs: PairForce,
    remove_constraints: bool,
    force_group: int,
) -> mm.System:
    """Return a copy with the potential; `pairs` converts the NonbondedForce."""
    _check_region(system, topology, region, potential, remove_constraints)
    parts = [_beside(force, region, topology, pairs) for force in system.getForces()]
    new = copy.deepcopy(system)
    for k in reversed(range(new.getNumForces())):
        new.removeForce(k)
    for force in (force for part in parts for force in part):
        new.addForce(force)
    new.addForce(alchemy.whole_molecule_force(region.atoms))
    if isinstance(potential, ClassicalPotential):
        for force in internal_forces(potential.terms, region.atoms, group=force_group):
            new.addForce(force)
    else:
        bonds = topology.bonds_among(region.model_atoms)
        new.addForce(_ml_force(capped(potential, region), region, bonds, topology, force_group))
    if remove_constraints:
        inside = set(region.atoms)
        for k in reversed(range(new.getNumConstraints())):
            i, j, _ = new.getConstraintParameters(k)
            if i in inside and j in inside:
                new.removeConstraint(k)
    return new


def _ml_force(
    potential: Potential,
    region: MLRegion,
    bonds: Sequence[tuple[int, int]],
    topology: AmberTopology,
    group: int,
) -> mm.PythonForce:
    bridge = PotentialBridge(potential)
    if not topology.has_box:
        return potential_force(bridge, region.model_atoms, group=group)
    force = mm.PythonForce(WholeRegion(bridge, bonds), {})
    force.setParticles(list(region.model_atoms))
    force.setUsesPeriodicBoundaryConditions(True)
    force.setForceGroup(group)
    force.setName(PotentialBridge.__name__)
    return force


def _beside(
    force: mm.Force, region: MLRegion, topology: AmberTopology, pairs: PairForce
) -> list[mm.Force]:
    """Return the part of a force that is kept besides the region's internal terms.

    Raises:
        UnsupportedPhysicsError: That part is ambiguous.
    """
    inside = set(region.atoms)
    if isinstance(force, mm.CustomTorsionForce) and not _is_improper(force):
        _refuse_terms(force, "Torsion", inside, topology)
        return [copy.deepcopy(force)]
    if isinstance(force, Bonded):
        return [outside(force, inside)]
    if isinstance(force, CUSTOM_BONDED):
        _refuse_terms(
            force, "Angle" if isinstance(force, mm.CustomAngleForce) else "Bond", inside, topology
        )
        return [copy.deepcopy(force)]
    if isinstance(force, mm.NonbondedForce):
        if not force.getIncludeDirectSpace():
            raise UnsupportedPhysicsError(
                f"mm_system has a {_told(force)} without its direct space, so another force holds "
                "pairs of the region; make the System with both in one."
            )
        _refuse_offsets(force, inside, topology)
        kept = copy.deepcopy(force)
        kept.setExceptionsUsePeriodicBoundaryConditions(topology.has_box)
        return pairs(kept)
    if isinstance(force, mm.CustomNonbondedForce):
        return [_without_pairs(force, region.atoms)]
    if isinstance(force, UNTOUCHED + IMPLICIT_SOLVENT):
        return [copy.deepcopy(force)]
    raise UnsupportedPhysicsError(
        f"mm_system has a {_told(force)}, which is not understood beside an ML region; {ADVICE}"
    )


def _is_improper(force: mm.CustomTorsionForce) -> bool:
    """Tell whether a force is a harmonic improper from OpenMM's readers."""
    parameters = [
        force.getPerTorsionParameterName(k) for k in range(force.getNumPerTorsionParameters())
    ]
    return (
        force.getEnergyFunction().startswith(READERS_IMPROPER)
        and parameters == ["k", "theta0"]
        and force.getNumGlobalParameters() == 0
    )


def _refuse_terms(force: mm.Force, kind: str, inside: set[int], topology: AmberTopology) -> None:
    """Refuse terms within the region that may be force-field terms or restraints."""
    for k in range(getattr(force, f"getNum{kind}s")()):
        values = getattr(force, f"get{kind}Parameters")(k)
        first = values[0]
        atoms = (
            list(first)
            if isinstance(first, list | tuple)
            else [v for v in values if isinstance(v, int)]
        )
        if inside.issuperset(atoms):
            label = "-".join(atom_label(topology, i) for i in atoms)
            raise UnsupportedPhysicsError(
                f"mm_system has a {_told(force)} with the term {label} within the ML region, "
                f"which may belong to the force field or not; {ADVICE}"
            )


def _refuse_offsets(force: mm.NonbondedForce, inside: set[int], topology: AmberTopology) -> None:
    """Refuse parameters of the region that depend on a global parameter."""
    changed = [
        force.getParticleParameterOffset(k)[:2]
        for k in range(force.getNumParticleParameterOffsets())
    ]
    for k in range(force.getNumExceptionParameterOffsets()):
        name, exception, *_ = force.getExceptionParameterOffset(k)
        changed += [(name, i) for i in force.getExceptionParameters(exception)[:2]]
    for name, atom in changed:
        if atom in inside:
            raise UnsupportedPhysicsError(
                f"mm_system has a {_told(force)} in which {name} changes "
                f"{atom_label(topology, atom)} of the ML region; give a System without it."
            )


def _without_pairs(force: mm.CustomNonbondedForce, atoms: Sequence[int]) -> mm.Force:
    """Return a copy with pairs within the region excluded."""
    kept = copy.deepcopy(force)
    there = {tuple(sorted(kept.getExclusionParticles(k))) for k in range(kept.getNumExclusions())}
    for pair in combinations(atoms, 2):
        if pair not in there:
            kept.addExclusion(*pair)
    return kept


def _check_region(
    system: mm.System,
    topology: AmberTopology,
    region: MLRegion,
    potential: Potential,
    remove_constraints: bool,
) -> None:
    """Refuse a region that no potential can treat in this System."""
    inside = set(region.atoms)
    _check_order(system, topology, inside)
    if region.parts and topology.has_box:
        raise UnsupportedPhysicsError(
            f"the ML region has {len(region.parts)} molecules, which move apart into different "
            "images of the box; choose one of them."
        )
    for i in region.atoms:
        if system.isVirtualSite(i) or topology.numbers[i] == 0:
            raise UnsupportedPhysicsError(
                f"{atom_label(topology, i)} of the ML region is no atom but a site or an extra "
                "point; choose a region of atoms, or a force field without such sites for it."
            )
    constrained = [system.getConstraintParameters(k)[:2] for k in range(system.getNumConstraints())]
    within = [pair for pair in constrained if inside.issuperset(pair)]
    if within and isinstance(potential, ClassicalPotential) and remove_constraints:
        label = "-".join(atom_label(topology, i) for i in within[0])
        raise InputError(
            f"mm_system constrains the bond {label} of the region, so its MM terms are not in it; "
            "make the System with constraints=None, or ask for remove_constraints=False."
        )


def _check_order(system: mm.System, topology: AmberTopology, inside: set[int]) -> None:
    """Refuse a topology with bonds in the region that the System does not have.

    It is mostly one with its atoms in another order, and so with other elements.
    """
    held = {(min(pair), max(pair)) for pair in held_together(system)}
    if not any(inside.issuperset(pair) for pair in held):
        return  # a force field without bonds, or with bonds in forces of its own
    for i, j in topology.bonds:
        if inside.issuperset((i, j)) and (i, j) not in held:
            pair = f"{atom_label(topology, i)} and {atom_label(topology, j)}"
            raise InputError(
                f"{pair} are bonded in the topology, but not in mm_system, whose atoms are then in "
                "another order; give the topology from which the System was made."
            )


def _check_coupling(system: mm.System, topology: AmberTopology, region: MLRegion) -> None:
    """Refuse interactions of region and environment that λ cannot scale."""
    for force in system.getForces():
        if isinstance(force, (mm.CustomNonbondedForce, *IMPLICIT_SOLVENT)):
            raise UnsupportedPhysicsError(
                f"mm_system has a {_told(force)}, which λ does not scale; use a force field whose "
                "nonbonded terms are in one NonbondedForce."
            )
    force = nonbonded_force(system)
    if force is None:
        raise UnsupportedPhysicsError("mm_system has no NonbondedForce that λ could scale.")
    known = (mm.NonbondedForce.NoCutoff, mm.NonbondedForce.CutoffPeriodic)
    if force.getNonbondedMethod() not in (*known, mm.NonbondedForce.Ewald, mm.NonbondedForce.PME):
        raise UnsupportedPhysicsError(
            f"mm_system has a {_told(force)} with LJPME or with a cutoff without a box, which λ "
            "does not scale; make the System with PME, or with NoCutoff."
        )
    if region.links:
        raise UnsupportedPhysicsError(
            "the ML region is bonded to its surroundings and cannot be decoupled; select a whole "
            "molecule."
        )
    inside = set(region.atoms)
    for k in range(force.getNumExceptions()):
        i, j = force.getExceptionParameters(k)[:2]
        if (i in inside) != (j in inside):
            pair = f"{atom_label(topology, i)}-{atom_label(topology, j)}"
            raise UnsupportedPhysicsError(
                f"mm_system has a {_told(force)} with the exception {pair} between the region and "
                "its surroundings, which λ does not scale; give a System without it."
            )


def _told(force: mm.Force) -> str:
    kind, name = type(force).__name__, force.getName()
    return kind if name == kind else f"{kind} named {name!r}"
