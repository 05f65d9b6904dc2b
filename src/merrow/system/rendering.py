# SPDX-License-Identifier: MIT
"""OpenMM's rendering of a prmtop, with what its reader gets wrong put right or refused.

Every System of ours begins here: lone pairs of five-site water, torsions of periodicity zero, 1-4
pairs of the first atom, and extra points that nothing places are looked at once for all.
"""

from __future__ import annotations

import math

import numpy as np
import openmm as mm
from openmm import app, unit

from merrow.amber.sections import plain_exponents
from merrow.amber.topology import AmberTopology, atom_label
from merrow.errors import InputError, UnsupportedPhysicsError

WATER, ATOMS = "WAT", {8: "O", 1: "H", 0: "EP"}
"""What OpenMM calls water in a prmtop, and its atoms by their atomic numbers."""


def rendered(
    topology: AmberTopology, *, cutoff: float | None = None, rigid_water: bool = False
) -> mm.System:
    """Return OpenMM's System of a prmtop, without other constraints than those of water.

    Args:
        topology: The prmtop.
        cutoff: Direct-space cutoff of PME [nm]; None for no cutoff and no box.
        rigid_water: Whether water is rigid.

    Raises:
        InputError: OpenMM cannot read the prmtop.
        UnsupportedPhysicsError: It has an extra point that nothing places, or water that cannot be
            held rigid.
    """
    try:
        with plain_exponents(topology.path) as readable:
            prmtop = app.AmberPrmtopFile(str(readable))
        _name_waters(prmtop, topology)
        _turn_torsions(prmtop)
        system = prmtop.createSystem(
            nonbondedMethod=app.NoCutoff if cutoff is None else app.PME,
            nonbondedCutoff=(cutoff or 1.0) * unit.nanometer,
            constraints=None,
            rigidWater=rigid_water,
            removeCMMotion=False,
        )
    except Exception as error:  # its reader raises many kinds
        raise InputError(f"{topology.path} cannot be read by OpenMM: {error}.") from error
    _turn_lone_pairs(system)
    _refuse_unplaced(system, topology)
    _make_constant(system)
    if rigid_water:
        _check_rigid(system, topology)
    return system


def _name_waters(prmtop: app.AmberPrmtopFile, topology: AmberTopology) -> None:
    """Call every water by the name by which OpenMM knows water.

    OpenMM makes water rigid, and places its extra points, by the names of residue and atoms alone.
    """
    labels, names = (prmtop._prmtop._raw_data[f] for f in ("RESIDUE_LABEL", "ATOM_NAME"))
    for i in np.flatnonzero(topology.is_water):
        labels[topology.residue_index[i]] = WATER
        names[i] = ATOMS[topology.numbers[i]]


def _turn_torsions(prmtop: app.AmberPrmtopFile) -> None:
    """Tell torsions whose third or fourth atom is the first of the file from their other end.

    A minus there says that a torsion adds no 1-4 pair. Index 0 can carry none, and OpenMM's reader
    (8.6) takes it for one, so that the pair would get no interaction.
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
    """Put the lone pairs of five-site water on the far side of the hydrogens, where they belong.

    OpenMM's reader of prmtop files (8.6) puts them where a reflection in the oxygen would.
    """
    for i in range(system.getNumParticles()):
        site = system.getVirtualSite(i) if system.isVirtualSite(i) else None
        if isinstance(site, mm.OutOfPlaneSite) and site.getWeight12() > 0.0:
            atoms = [site.getParticle(k) for k in range(3)]
            weights = (site.getWeight12(), site.getWeight13(), site.getWeightCross())
            system.setVirtualSite(i, mm.OutOfPlaneSite(*atoms, *(-w for w in weights)))


def _refuse_unplaced(system: mm.System, topology: AmberTopology) -> None:
    """Refuse an extra point that nothing places: it would stay where it is, and hold its atom."""
    for i, number in enumerate(topology.numbers):
        if number == 0 and not system.isVirtualSite(i):
            raise UnsupportedPhysicsError(
                f"{topology.path.name} has an extra point, {atom_label(topology, i)}, that is not "
                "of a water model with four or five sites: nothing would place it; make the "
                "prmtop without extra points."
            )


def _make_constant(system: mm.System) -> None:
    """Write a torsion of periodicity 0, k (1 + cos δ) at any angle, as OpenMM can hold it.

    OpenMM refuses the periodicity. Two terms of periodicity 1 and opposite phases, each with half
    of the constant, add up to it at every angle; a constant of zero becomes one term without force.
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
    """Refuse water that OpenMM left flexible, or with extra points that nothing places."""
    held = np.zeros(len(topology), dtype=int)
    for k in range(system.getNumConstraints()):
        held[list(system.getConstraintParameters(k)[:2])] += 1
    placed = np.array([system.isVirtualSite(i) for i in range(len(topology))])
    loose = np.flatnonzero(topology.is_water & (held < 2) & ~placed)
    if loose.size:
        raise UnsupportedPhysicsError(
            f"the water of {atom_label(topology, int(loose[0]))} in {topology.path.name} is none "
            "that OpenMM can hold rigid; use TIP3P, SPC/E, TIP4P, OPC or TIP5P."
        )
