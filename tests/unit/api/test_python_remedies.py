# SPDX-License-Identifier: MIT
"""Does what the Python interface recommends help? Each row: refused, recommended, the same done."""

from __future__ import annotations

from pathlib import Path

import openmm as mm
import pytest
from openmm import app, unit

import merrow
from helped import helped
from merrow.ambertools.solvent import solvate
from merrow.api.complexes import _methods

SYSTEMS = Path(__file__).resolve().parents[2] / "data" / "systems"
METHANE = SYSTEMS / "methane.prmtop", SYSTEMS / "methane.inpcrd"
TINY = "tiny-ani"


@pytest.fixture(scope="module")
def wet(tmp_path_factory):
    """Methane in water, as OpenMM reads it."""
    folder = tmp_path_factory.mktemp("wet")
    return app.AmberPrmtopFile(str(solvate(*METHANE, folder=folder, n_waters=200)[0]))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """An ester and an ether in water."""
    folder, files = (
        tmp_path_factory.mktemp("two"),
        (SYSTEMS / "complex.prmtop", SYSTEMS / "complex.inpcrd"),
    )
    return app.AmberPrmtopFile(str(solvate(*files, folder=folder, n_waters=400)[0]))


@pytest.fixture(scope="module")
def gas():
    """Methane without a box."""
    return app.AmberPrmtopFile(str(METHANE[0]))


@pytest.fixture(scope="module")
def peptide():
    """Alanine dipeptide."""
    return app.AmberPrmtopFile(str(SYSTEMS / "dipeptide.prmtop"))


def system(prmtop, **changes):
    """Return a System of a prmtop; in a box with PME."""
    boxed = {"nonbondedMethod": app.PME, "nonbondedCutoff": 0.7 * unit.nanometer}
    options = boxed if prmtop.topology.getPeriodicBoxVectors() else {}
    return prmtop.createSystem(**options, **changes)


def nonbonded(found):
    """Return its NonbondedForce."""
    return next(f for f in found.getForces() if isinstance(f, mm.NonbondedForce))


def mixed(prmtop, atoms=":1", potential="mm", made=None, topology=None, **asked):
    """Return a way to make a mixed System; `made` changes the System of the user first."""

    def make():
        own = asked.pop("system", None) or system(prmtop, **asked.pop("of", {}))
        if made is not None:
            made(own)
        ml = merrow.MLPotential(potential, weights=asked.pop("weights", None))
        return ml.create_mixed_system(topology or prmtop.topology, own, atoms, **asked)

    return make


def coupled(prmtop, atoms=":1", made=None, **changes):
    """Return a way to make an alchemical System."""

    def make():
        own = system(prmtop, **changes)
        if made is not None:
            made(own)
        return merrow.alchemical_system(prmtop.topology, own, atoms)

    return make


def reordered(topology):
    """Name the atoms of a molecule in the opposite order, as another file of it may."""
    found = app.Topology()
    residue = found.addResidue("LIG", found.addChain())
    atoms = [found.addAtom(a.name, a.element, residue) for a in reversed(list(topology.atoms()))]
    for one, two in topology.bonds():
        found.addBond(atoms[-1 - one.index], atoms[-1 - two.index])
    return found


def twice(own):
    """Add a second NonbondedForce."""
    second = mm.NonbondedForce()
    for _ in range(own.getNumParticles()):
        second.addParticle(0.0, 0.3, 0.0)
    own.addForce(second)


def reciprocal_alone(own):
    """Leave the direct space to another force."""
    nonbonded(own).setIncludeDirectSpace(False)


def offset(own):
    """Let a global parameter change a charge of the solute."""
    nonbonded(own).addGlobalParameter("scale", 1.0)
    nonbonded(own).addParticleParameterOffset("scale", 0, 0.1, 0.0, 0.0)


def wild(own):
    """Give an atom a parameter beyond all sense."""
    nonbonded(own).setParticleParameters(0, 1e40, 0.3, 0.1)


def held(own):
    """Hold two atoms of the solute together by a force that may be a term of it."""
    force = mm.CustomBondForce("k*(r-0.1)^2")
    force.addGlobalParameter("k", 10.0)
    force.addBond(0, 1, [])
    own.addForce(force)
    return own


def held_after(prmtop):
    """Make the mixed System first, then add the restraint to it."""
    return lambda: held(mixed(prmtop)())


def own_nonbonded(own):
    """Add pairs by another force."""
    force = mm.CustomNonbondedForce("0*r")
    force.setNonbondedMethod(mm.CustomNonbondedForce.CutoffPeriodic)
    for _ in range(own.getNumParticles()):
        force.addParticle([])
    for k in range(nonbonded(own).getNumExceptions()):
        force.addExclusion(*nonbonded(own).getExceptionParameters(k)[:2])
    own.addForce(force)


def lj_pme(own):
    """Let PME hold Lennard-Jones terms too."""
    nonbonded(own).setNonbondedMethod(mm.NonbondedForce.LJPME)


def across(own):
    """Make an exception between solute and water."""
    nonbonded(own).addException(0, 8, 0.0, 0.3, 0.0)


def site(own):
    """Make an atom of the solute a site."""
    own.setParticleMass(4, 0.0)
    own.setVirtualSite(4, mm.TwoParticleAverageSite(0, 1, 0.5, 0.5))


def energy(**asked):
    """Return a way to ask for an energy of methane."""
    return lambda: merrow.energy(*METHANE, **{"potential": "mm", **asked})


def of_atoms(wet, gas, weights):
    """Return the rows about what is asked."""
    other = app.AmberPrmtopFile(str(SYSTEMS / "methanol.prmtop"))
    sound = mixed(wet)
    return [
        (mixed(wet, "@%c3"), "select by names and residues", mixed(wet, ":1@*")),
        (mixed(wet, "@%c3"), "or give indices", mixed(wet, range(5))),
        (mixed(wet, [True, False]), "atoms holds booleans; give indices", mixed(wet, range(5))),
        (mixed(wet, [True]), "booleans; give indices, or an AMBER mask", sound),
        (mixed(wet, [0.5]), "give indices (atom.index) from 0 on", mixed(wet, range(5))),
        (mixed(wet, []), "give the indices of the ML region", mixed(wet, range(5))),
        (mixed(wet, [0, 0, 1, 2, 3, 4]), "give each index once", mixed(wet, range(5))),
        (mixed(gas, weights=weights), "take weights out", mixed(gas)),
        (
            mixed(gas, weights=weights),
            "or name the potential",
            mixed(gas, potential="ani1x", weights=weights),
        ),
        (
            mixed(gas, topology="methane"),
            "give an openmm.app.Topology, such as `prmtop.topology`",
            mixed(gas),
        ),
        (
            mixed(gas, system="methane"),
            "give an openmm.System, such as `prmtop.createSystem(...)`",
            mixed(gas, system=gas.createSystem()),
        ),
        (
            mixed(gas, topology=other.topology),
            "give the topology from which the System was made",
            mixed(gas),
        ),
        (
            mixed(gas, topology=reordered(gas.topology)),
            "in another order; give the topology from which the System was made",
            mixed(gas),
        ),
        (mixed(gas, 5), "atoms is 5; give indices, or an AMBER mask", mixed(gas, range(5))),
        (energy(ml_mask=[0, 1]), "a mask is text, such as ':LIG'", energy(ml_mask=":LIG")),
        (lambda: _methods("nmode"), "use gb, pb or both", lambda: _methods(("gb", "pb"))),
        (energy(ewald_coeff=0.3), "ewald_coeff and pme_grid belong together; give both", energy()),
        (energy(precision="half"), "use double or single", energy(precision="single")),
    ]


def of_systems(wet, two, gas, peptide):
    """Return the rows about what the System of the user holds."""
    rigid = {"of": {"constraints": app.HBonds}}
    sound, whole = mixed(wet), coupled(wet)
    cut = range(6, 16)  # the alanine of the dipeptide
    return [
        (mixed(gas, made=twice), "of an ML region; make the System with one", mixed(gas)),
        (mixed(wet, made=reciprocal_alone), "make the System with both in one", sound),
        (mixed(wet, made=offset), "of the ML region; give a System without it", sound),
        (mixed(gas, made=wild), "correct the System", mixed(gas)),
        (mixed(gas, made=held), "make mm_system without it", mixed(gas)),
        (mixed(gas, made=held), "add it to the System that is returned", held_after(gas)),
        (mixed(wet, **rigid), "make the System with constraints=None", sound),
        (
            mixed(wet, **rigid),
            "or ask for remove_constraints=False",
            mixed(wet, **rigid, remove_constraints=False),
        ),
        (mixed(gas, made=site), "choose a region of atoms", mixed(gas)),
        (mixed(wet, ":1,2"), "select the solute alone", sound),
        (mixed(two, ":HST,GST"), "choose one of them", mixed(two, ":GST")),
        (coupled(wet, made=own_nonbonded), "use a force field whose nonbonded terms", whole),
        (coupled(wet, made=lj_pme), "make the System with PME, or with NoCutoff", whole),
        (coupled(gas, made=lj_pme), "make the System with PME, or with NoCutoff", coupled(gas)),
        (coupled(wet, made=across), "λ does not scale; give a System without it", whole),
        (coupled(peptide, cut), "select whole molecules or", coupled(peptide, range(22))),
        (
            mixed(peptide, cut, potential=TINY),
            "select whole molecules or",
            mixed(peptide, range(22), potential="mm"),
        ),
    ]


N_ROWS = 35


@pytest.mark.parametrize("number", range(N_ROWS))
def test_what_is_recommended_is_taken(number, wet, two, gas, peptide, ani_weights):
    every = of_atoms(wet, gas, ani_weights / "ani1x_state_dict.pt")
    every += of_systems(wet, two, gas, peptide)
    assert len(every) == N_ROWS
    helped(*every[number])
