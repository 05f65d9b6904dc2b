# SPDX-License-Identifier: MIT
"""OpenMM's System of a prmtop, with errors of its reader corrected or refused.

All Systems are made here: lone pairs of five-site water, torsions of periodicity zero, 1-4 pairs
of the first atom, and extra points without a site definition are treated once for all.
"""

from __future__ import annotations

import math

import numpy as np
import openmm as mm
from openmm import app, unit

from merrow.amber.sections import readable
from merrow.amber.topology import AmberTopology, atom_label
from merrow.errors import InputError, UnsupportedPhysicsError

WATER, ATOMS = "WAT", {8: "O", 1: "H", 0: "EP"}
"""OpenMM's residue name of water in a prmtop, and its atom names by atomic number."""


def rendered(
    topology: AmberTopology, *, cutoff: float | None = None, rigid_water: bool = False
) -> mm.System:
    """Return OpenMM's System of a prmtop, with no constraints but those of water.

    Args:
        topology: The prmtop.
        cutoff: Direct-space cutoff of PME [nm]; None for no cutoff and no box.
        rigid_water: Whether water is rigid.

    Raises:
        InputError: OpenMM cannot read the prmtop.
        UnsupportedPhysicsError: An extra point has no site definition, or water cannot be held
            rigid.
    """
    try:
        with readable(topology.path) as plain:
            prmtop = app.AmberPrmtopFile(str(plain))
        _name_waters(prmtop, topology)
        _turn_torsions(prmtop)
        system = prmtop.createSystem(
            nonbondedMethod=app.NoCutoff if cutoff is None else app.PME,
            nonbondedCutoff=(cutoff or 1.0) * unit.nanometer,
            constraints=None,
            rigidWater=rigid_water,
            removeCMMotion=False,
        )
    except Exception as error:  # its reader raises many kinds of exceptions
        raise InputError(f"{topology.path} cannot be read by OpenMM: {error}.") from error
    _turn_lone_pairs(system)
    _refuse_unplaced(system, topology)
    _make_constant(system)
    if rigid_water:
        _check_rigid(system, topology)
    return system


def _name_waters(prmtop: app.AmberPrmtopFile, topology: AmberTopology) -> None:
    """Rename every water to the name by which OpenMM recognises water.

    OpenMM makes water rigid, and places its extra points, only by residue and atom names.
    """
    labels, names = (prmtop._prmtop._raw_data[f] for f in ("RESIDUE_LABEL", "ATOM_NAME"))
    for i in np.flatnonzero(topology.is_water):
        labels[topology.residue_index[i]] = WATER
        names[i] = ATOMS[topology.numbers[i]]


def _turn_torsions(prmtop: app.AmberPrmtopFile) -> None:
    """Reverse torsions whose third or fourth atom is the first atom of the file.

    A minus sign there means that a torsion adds no 1-4 pair. Index 0 cannot have one, but OpenMM's
    reader (8.6) treats it as negative, so the pair would get no interaction.
    """
    for half in ("INC_HYDROGEN", "WITHOUT_HYDROGEN"):
        flat = prmtop._prmtop._raw_data[f"DIHEDRALS_{half}"]
        for k in range(0, len(flat), 5):
            i, j, third, fourth = map(int, flat[k : k + 4])
            if 0 in (third, fourth):
                turned = (
                    abs(fourth),
                    abs(third),
                    math.copysign(j, third),
                    math.copysign(i, fourth),
                )
                flat[k : k + 4] = [str(int(atom)) for atom in turned]


def _turn_lone_pairs(system: mm.System) -> None:
    """Place the lone pairs of five-site water on the side opposite to the hydrogens.

    OpenMM's prmtop reader (8.6) places them at the positions reflected through the oxygen.
    """
    for i in range(system.getNumParticles()):
        site = system.getVirtualSite(i) if system.isVirtualSite(i) else None
        if isinstance(site, mm.OutOfPlaneSite) and site.getWeight12() > 0.0:
            atoms = [site.getParticle(k) for k in range(3)]
            weights = (site.getWeight12(), site.getWeight13(), site.getWeightCross())
            system.setVirtualSite(i, mm.OutOfPlaneSite(*atoms, *(-w for w in weights)))


def _refuse_unplaced(system: mm.System, topology: AmberTopology) -> None:
    """Refuse an extra point without a site definition, which would never move."""
    for i, number in enumerate(topology.numbers):
        if number == 0 and not system.isVirtualSite(i):
            raise UnsupportedPhysicsError(
                f"{topology.path.name} has an extra point, {atom_label(topology, i)}, that is not "
                "of a water model with four or five sites: nothing would place it; make the "
                "prmtop without extra points."
            )


def _make_constant(system: mm.System) -> None:
    """Rewrite torsions of periodicity 0, k (1 + cos δ) at any angle, for OpenMM.

    OpenMM rejects the periodicity. Two terms of periodicity 1 with opposite phases, each with half
    the constant, add up to it at every angle; a constant of zero becomes one term without force.
    """
    for force in system.getForces():
        if not isinstance(force, mm.PeriodicTorsionForce):
            continue
        for k in range(force.getNumTorsions()):
            *atoms, periodicity, phase, size = force.getTorsionParameters(k)
            if periodicity == 0:
                half = 0.5 * size._value * (1.0 + math.cos(phase._value))
                force.setTorsionParameters(k, *atoms, 1, 0.0, half)
                force.addTorsion(*atoms, 1, math.pi, half)


def _check_rigid(system: mm.System, topology: AmberTopology) -> None:
    """Refuse water that OpenMM left flexible, or with extra points without a site definition."""
    held = np.zeros(len(topology), dtype=int)
    for k in range(system.getNumConstraints()):
        held[list(system.getConstraintParameters(k)[:2])] += 1
    placed = np.array([system.isVirtualSite(i) for i in range(len(topology))])
    loose = np.flatnonzero(topology.is_water & (held < 2) & ~placed)
    if loose.size:
        raise UnsupportedPhysicsError(
            f"the water of {atom_label(topology, int(loose[0]))} in {topology.path.name} is none "
            "that OpenMM can hold rigid; use TIP3P, SPC/E, TIP4P, OPC or TIP5P with a bond between "
            "the hydrogens in the prmtop, by which AMBER's programs tell rigid water from flexible."
        )
