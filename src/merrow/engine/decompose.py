# SPDX-License-Identifier: MIT
"""Decomposition of the energy of a configuration into AMBER's terms."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import openmm as mm

from merrow.engine.simulation import Snapshot, choose_platform, forces_in
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.system.build import (
    CONFINE,
    INTERNAL,
    RESTRAINT,
    TAIL,
    HybridSystem,
    virtual_site,
)
from merrow.units import COULOMB_OPENMM

Array = np.ndarray

TERMS = ("bond", "angle", "dihedral", "vdw", "vdw14", "elec", "elec14", "lj_tail", "ml")
"""AMBER's terms, the tail, and "ml", the internal energy of the region from any potential. The
terms "urey_bradley", "improper", "cmap", "restraint" and "confine" appear only if the System has
them."""
BONDED_TERMS = {
    "HarmonicBondForce": "bond",
    "UreyBradleyForce": "urey_bradley",  # CHARMM's, a HarmonicBondForce of this name
    "HarmonicAngleForce": "angle",
    "PeriodicTorsionForce": "dihedral",
    "CMAPTorsionForce": "cmap",
    "CustomTorsionForce": "improper",  # CHARMM's
}
"""Terms of bonded forces by name, which OpenMM's readers give some of them, or else by class."""
GROUP_TERMS = {INTERNAL: "ml", TAIL: "lj_tail", RESTRAINT: "restraint", CONFINE: "confine"}
"""Force groups that form one term each, whatever forces they contain."""
SILENT = (
    "CustomBondForce",
    "CMMotionRemover",
    "MonteCarloBarostat",
    "MonteCarloAnisotropicBarostat",
)
"""Forces without energy (zero-energy bonds)."""


@dataclass(frozen=True)
class Decomposition:
    """Energies [kJ/mol] by the names of `TERMS`, their sum, and forces [kJ/mol/nm], (N, 3).

    Virtual sites have no force of their own.
    """

    terms: dict[str, float]
    total: float
    forces: Array


class EnergyDecomposition:
    """Energy decomposition of a System, for any number of configurations.

    Each force, and each part of a NonbondedForce, has its own Context, made once. Forces that call
    Python are left to the caller, who has their last result at hand.
    """

    def __init__(
        self,
        system: mm.System,
        box: Array | None,
        *,
        platform: str,
        more: Sequence[mm.Force] = (),
    ) -> None:
        """Prepare the decomposition.

        Args:
            system: A plain or a hybrid System.
            box: Box vectors [nm], shape (3, 3), or None.
            platform: OpenMM platform.
            more: Additional forces, such as those that our kernel replaces.

        Raises:
            InputError: OpenMM rejects a force, for example for a box below twice the cutoff.
            UnsupportedPhysicsError: A force has no AMBER term.
        """
        self._probes: list[tuple[str, float, mm.Context]] = []
        self._one_four: list[mm.NonbondedForce] = []
        self.names: list[str] = [*TERMS]
        for force in [*system.getForces(), *more]:
            for name, sign, part in self._parts(force):
                self._probes.append((name, sign, _alone(part, system, box, platform)))
                if name not in self.names:
                    self.names.append(name)

    def terms(self, positions: Array, box: Array | None) -> dict[str, float]:
        """Return the energies [kJ/mol] at positions [nm], (N, 3), and box vectors [nm], (3, 3)."""
        terms = dict.fromkeys(self.names, 0.0)
        for name, sign, context in self._probes:
            if box is not None:
                context.setPeriodicBoxVectors(*(mm.Vec3(*map(float, row)) for row in box))
            _place(context, positions)
            terms[name] += sign * _energy(context)
        for force in self._one_four:
            vdw14, elec14 = _one_four(force, positions)
            for near, whole, value in (("vdw14", "vdw", vdw14), ("elec14", "elec", elec14)):
                terms[near] += value
                terms[whole] -= value
        return terms

    def _parts(self, force: mm.Force) -> list[tuple[str, float, mm.Force]]:
        """Return (term, sign, force) whose signed energies make up the terms of one force."""
        kind = type(force).__name__
        bonded = BONDED_TERMS.get(force.getName(), BONDED_TERMS.get(kind))
        whole = GROUP_TERMS.get(force.getForceGroup(), bonded)
        if isinstance(force, mm.PythonForce) or (whole is None and kind in SILENT):
            return []
        if whole is not None:
            return [(whole, 1.0, force)]
        if isinstance(force, mm.NonbondedForce):
            self._one_four.append(force)
            return _nonbonded_parts(force)
        if isinstance(force, mm.CustomNonbondedForce):
            return _custom_parts(force)
        raise UnsupportedPhysicsError(f"{kind} has no AMBER term; the system cannot be decomposed.")


@dataclass(frozen=True)
class HybridEnergies:
    """Energies of a snapshot of a hybrid system.

    Attributes:
        terms: Energies [kJ/mol] by the names of `TERMS`; "ml" is absolute.
        shift: Absolute potential energy less that of OpenMM [kJ/mol].
        spread: Ensemble spread of E_ML [kJ/mol]; None without an ensemble.
    """

    terms: dict[str, float]
    shift: float
    spread: float | None


class HybridDecomposition(EnergyDecomposition):
    """Energy decomposition of a hybrid system, including the term of the potential."""

    def __init__(self, hybrid: HybridSystem, box: Array, *, platform: str) -> None:
        """Prepare the decomposition, as in `EnergyDecomposition`."""
        within = box if hybrid.periodic else None
        more = () if hybrid.native is None else hybrid.native.replaced.getForces()
        super().__init__(hybrid.system, within, platform=platform, more=more)
        self._hybrid = hybrid

    def at(self, snapshot: Snapshot) -> HybridEnergies:
        """Return the energies of a snapshot."""
        hybrid, bridge = self._hybrid, self._hybrid.bridge
        terms = self.terms(snapshot.positions, snapshot.box if hybrid.periodic else None)
        if bridge is None:
            return HybridEnergies(terms, 0.0, None)
        # the bridge has cached its answer for the current positions
        absolute, _, spread = bridge.evaluate(snapshot.positions[list(hybrid.region.model_atoms)])
        terms["ml"] += absolute
        return HybridEnergies(terms, bridge.reference, None if math.isnan(spread) else spread)


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
        InputError: OpenMM rejects the configuration, for example a box below twice the cutoff.
        UnsupportedPhysicsError: A force has no AMBER term.
    """
    decomposition = EnergyDecomposition(system, box, platform=platform)
    context = _context(system, box, platform)
    _place(context, positions)
    terms = decomposition.terms(positions, box)
    called = {f.getForceGroup() for f in system.getForces() if isinstance(f, mm.PythonForce)}
    terms["ml"] += sum(_energy(context, {group}) for group in called)
    return Decomposition(terms, _energy(context), forces_in(context))


def _nonbonded_parts(force: mm.NonbondedForce) -> list[tuple[str, float, mm.Force]]:
    uncharged = _without_charges(force)
    bare = copy.deepcopy(uncharged)
    bare.setUseDispersionCorrection(False)
    parts = [("vdw", 1.0, bare), ("elec", 1.0, force), ("elec", -1.0, uncharged)]
    if force.getUseDispersionCorrection():
        parts += [("lj_tail", 1.0, uncharged), ("lj_tail", -1.0, bare)]
    return parts


def _custom_parts(force: mm.CustomNonbondedForce) -> list[tuple[str, float, mm.Force]]:
    if not force.getUseLongRangeCorrection():
        return [("vdw", 1.0, force)]
    bare = copy.deepcopy(force)
    bare.setUseLongRangeCorrection(False)
    return [("vdw", 1.0, bare), ("lj_tail", 1.0, force), ("lj_tail", -1.0, bare)]


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
    """Return Lennard-Jones and Coulomb energy of the interacting exceptions [kJ/mol]."""
    vdw = elec = 0.0
    for k in range(force.getNumExceptions()):
        i, j, product, sigma, epsilon = force.getExceptionParameters(k)
        distance = float(np.linalg.norm(positions[i] - positions[j]))
        ratio = (sigma._value / distance) ** 6
        vdw += 4 * epsilon._value * ratio * (ratio - 1)
        elec += COULOMB_OPENMM * product._value / distance
    return vdw, elec


def _alone(force: mm.Force, system: mm.System, box: Array | None, platform: str) -> mm.Context:
    """Return a Context of a System with a single force."""
    single = mm.System()
    for i in range(system.getNumParticles()):
        single.addParticle(system.getParticleMass(i))
        if system.isVirtualSite(i):
            single.setVirtualSite(i, virtual_site(system, i))
    single.setDefaultPeriodicBoxVectors(*system.getDefaultPeriodicBoxVectors())
    single.addForce(copy.deepcopy(force))
    return _context(single, box, platform)


def _context(system: mm.System, box: Array | None, platform: str) -> mm.Context:
    if box is not None:
        system.setDefaultPeriodicBoxVectors(*(mm.Vec3(*map(float, row)) for row in box))
    try:
        return mm.Context(system, mm.VerletIntegrator(0.001), *choose_platform(platform))
    except mm.OpenMMException as error:
        raise InputError(f"OpenMM refuses the configuration: {error}.") from error


def _place(context: mm.Context, positions: Array) -> None:
    try:
        context.setPositions(positions)
        context.computeVirtualSites()
    except mm.OpenMMException as error:
        raise InputError(f"OpenMM refuses the configuration: {error}.") from error


def _energy(context: mm.Context, groups: set[int] | None = None) -> float:
    options = {} if groups is None else {"groups": groups}
    return float(context.getState(getEnergy=True, **options).getPotentialEnergy()._value)
