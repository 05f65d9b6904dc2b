# SPDX-License-Identifier: MIT
"""What is the energy of one configuration, term by term as AMBER names them?"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import openmm as mm

from mlmm.engine.simulation import choose_platform
from mlmm.errors import InputError, UnsupportedPhysicsError
from mlmm.system.build import INTERNAL
from mlmm.units import COULOMB_OPENMM

Array = np.ndarray

TERMS = ("bond", "angle", "dihedral", "vdw", "vdw14", "elec", "elec14", "lj_tail", "ml")
"""AMBER's terms, the tail, and "ml": the region's internal energy, whatever gives it."""
BONDED_TERMS = {
    "HarmonicBondForce": "bond",
    "HarmonicAngleForce": "angle",
    "PeriodicTorsionForce": "dihedral",
}
SILENT = ("CustomBondForce", "CMMotionRemover")
"""Forces without an energy of their own here (zero-energy bonds)."""


@dataclass(frozen=True)
class Decomposition:
    """Energies [kJ/mol] by the names of `TERMS`, their sum, and forces [kJ/mol/nm], (N, 3)."""

    terms: dict[str, float]
    total: float
    forces: Array


def decompose(
    system: mm.System, positions: Array, box: Array | None, *, platform: str
) -> Decomposition:
    """Return energies and forces of a System without constraints.

    Args:
        system: A plain or a hybrid System; its default box is set.
        positions: Positions [nm], shape (N, 3).
        box: Box vectors [nm], shape (3, 3), or None.
        platform: OpenMM platform.

    Raises:
        InputError: OpenMM refuses the configuration, such as a box below twice the cutoff.
        UnsupportedPhysicsError: A force has no AMBER term.
    """
    terms = dict.fromkeys(TERMS, 0.0)
    context = _context(system, positions, box, platform)
    state = context.getState(getEnergy=True, getForces=True)
    total = float(state.getPotentialEnergy()._value)
    for force in system.getForces():
        for name, value in _terms_of(force, system, positions, box, platform):
            terms[name] += value
    return Decomposition(terms, total, np.array(state.getForces(asNumpy=True)._value))


def _terms_of(
    force: mm.Force, system: mm.System, positions: Array, box: Array | None, platform: str
) -> list[tuple[str, float]]:
    def alone(one: mm.Force) -> float:
        return _energy_alone(one, system, positions, box, platform)

    kind = type(force).__name__
    if force.getForceGroup() == INTERNAL:
        return [("ml", alone(force))]
    if kind in BONDED_TERMS:
        return [(BONDED_TERMS[kind], alone(force))]
    if isinstance(force, mm.NonbondedForce):
        return _nonbonded_terms(force, positions, alone)
    if isinstance(force, mm.CustomNonbondedForce):
        bare = copy.deepcopy(force)
        bare.setUseLongRangeCorrection(False)
        direct = alone(bare)
        return [("vdw", direct), ("lj_tail", alone(force) - direct)]
    if isinstance(force, mm.CustomVolumeForce):
        return [("lj_tail", alone(force))]
    if kind in SILENT:
        return []
    raise UnsupportedPhysicsError(f"{kind} has no AMBER term; the system cannot be decomposed.")


def _nonbonded_terms(
    force: mm.NonbondedForce, positions: Array, alone: Callable[[mm.Force], float]
) -> list[tuple[str, float]]:
    """Split a NonbondedForce into Lennard-Jones, Coulomb, 1-4 pairs and the tail."""
    full = alone(force)
    uncharged = _without_charges(force)
    with_tail = alone(uncharged)
    uncharged.setUseDispersionCorrection(False)
    without_tail = alone(uncharged)
    vdw14, elec14 = _one_four(force, positions)
    return [
        ("vdw", without_tail - vdw14),
        ("vdw14", vdw14),
        ("elec", full - with_tail - elec14),
        ("elec14", elec14),
        ("lj_tail", with_tail - without_tail),
    ]


def _without_charges(force: mm.NonbondedForce) -> mm.NonbondedForce:
    clone = copy.deepcopy(force)
    for i in range(clone.getNumParticles()):
        _, sigma, epsilon = clone.getParticleParameters(i)
        clone.setParticleParameters(i, 0.0, sigma, epsilon)
    for k in range(clone.getNumParticleParameterOffsets()):
        name, i, *_ = clone.getParticleParameterOffset(k)
        clone.setParticleParameterOffset(k, name, i, 0.0, 0.0, 0.0)
    for k in range(clone.getNumExceptions()):
        i, j, _, sigma, epsilon = clone.getExceptionParameters(k)
        clone.setExceptionParameters(k, i, j, 0.0, sigma, epsilon)
    return clone


def _one_four(force: mm.NonbondedForce, positions: Array) -> tuple[float, float]:
    """Return Lennard-Jones and Coulomb energy of the exceptions that interact [kJ/mol]."""
    vdw = elec = 0.0
    for k in range(force.getNumExceptions()):
        i, j, product, sigma, epsilon = force.getExceptionParameters(k)
        distance = float(np.linalg.norm(positions[i] - positions[j]))
        ratio = (sigma._value / distance) ** 6
        vdw += 4 * epsilon._value * ratio * (ratio - 1)
        elec += COULOMB_OPENMM * product._value / distance
    return vdw, elec


def _energy_alone(
    force: mm.Force, system: mm.System, positions: Array, box: Array | None, platform: str
) -> float:
    """Return the energy of one force in a System that holds no other."""
    if isinstance(force, mm.PythonForce):
        context = _context(system, positions, box, platform)
        group = {force.getForceGroup()}
        return float(context.getState(getEnergy=True, groups=group).getPotentialEnergy()._value)
    single = mm.System()
    for i in range(system.getNumParticles()):
        single.addParticle(system.getParticleMass(i))
        if system.isVirtualSite(i):
            single.setVirtualSite(i, copy.copy(system.getVirtualSite(i)))
    single.setDefaultPeriodicBoxVectors(*system.getDefaultPeriodicBoxVectors())
    single.addForce(copy.deepcopy(force))
    context = _context(single, positions, box, platform)
    return float(context.getState(getEnergy=True).getPotentialEnergy()._value)


def _context(system: mm.System, positions: Array, box: Array | None, platform: str) -> mm.Context:
    if box is not None:
        system.setDefaultPeriodicBoxVectors(*(mm.Vec3(*map(float, row)) for row in box))
    try:
        context = mm.Context(system, mm.VerletIntegrator(0.001), *choose_platform(platform))
        context.setPositions(positions)
        context.computeVirtualSites()
    except mm.OpenMMException as error:
        raise InputError(f"OpenMM refuses the configuration: {error}.") from error
    return context
