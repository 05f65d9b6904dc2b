# SPDX-License-Identifier: MIT
"""Does sander, asked through our adapter, agree with OpenMM term by term?"""

from __future__ import annotations

import numpy as np
import openmm
import pytest
from openmm import app, unit
from parmed.amber import AmberFormat

from merrow.ambertools.sander import parse_first_block, single_point
from merrow.ambertools.solvent import solvate
from merrow.errors import InputError, MerrowError
from merrow.units import KCAL_PER_KJ, amber_coulomb_charge_scale

BLOCK = """
   NSTEP       ENERGY          RMS            GMAX         NAME    NUMBER
      1      -4.0000E+00     1.0000E+01     3.0000E+01     O          1

 BOND    =        1.0000  ANGLE   =        2.0000  DIHED      =        3.0000
 VDWAALS =       -4.0000  EEL     =       -5.0000  HBOND      =        0.0000
 1-4 VDW =        6.0000  1-4 EEL =       -7.0000  RESTRAINT  =        0.0000


                    FINAL RESULTS

   NSTEP       ENERGY          RMS            GMAX         NAME    NUMBER
      1       9.0000E+00     1.0000E+01     3.0000E+01     O          1

 BOND    =        9.0000  ANGLE   =        9.0000  DIHED      =        9.0000
"""


def openmm_terms(prmtop, inpcrd, pme=None):
    """OpenMM's terms [kcal/mol] in sander's conventions; pme: cutoff Å, 1/Å, grid.

    sander has another Coulomb constant, and it takes a small net charge off all atoms equally
    ("Forcing neutrality"), which FreeSolv's four-decimal charges make it do.
    """
    top, crd = app.AmberPrmtopFile(str(prmtop)), app.AmberInpcrdFile(str(inpcrd))
    options = {"constraints": None, "rigidWater": False, "removeCMMotion": False}
    if pme:
        options |= {"nonbondedMethod": app.PME, "nonbondedCutoff": pme[0] * unit.angstrom}
    system = top.createSystem(**options)
    force = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    if pme:
        force.setPMEParameters(10 * pme[1], *pme[2])
        force.setUseDispersionCorrection(False)
    terms = {}

    def energy(group):
        platform = openmm.Platform.getPlatformByName("Reference")
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
        if pme:
            context.setPeriodicBoxVectors(*crd.boxVectors)
        context.setPositions(crd.positions)
        state = context.getState(getEnergy=True, groups={group})
        return state.getPotentialEnergy()._value * KCAL_PER_KJ

    for i, f in enumerate(system.getForces()):
        f.setForceGroup(i)
    names = {
        "HarmonicBondForce": "bond",
        "HarmonicAngleForce": "angle",
        "PeriodicTorsionForce": "dihedral",
    }
    for i, f in enumerate(system.getForces()):
        if f.getName() in names:
            terms[names[f.getName()]] = energy(i)
    group, scale = force.getForceGroup(), amber_coulomb_charge_scale()
    atoms = [force.getParticleParameters(i) for i in range(force.getNumParticles())]
    pairs = [force.getExceptionParameters(i) for i in range(force.getNumExceptions())]
    charges = np.array([q._value for q, _, _ in atoms])
    neutral = charges - charges.mean()
    for factor in (0.0, scale):
        for i, (_, s, e) in enumerate(atoms):
            force.setParticleParameters(i, neutral[i] * factor, s, e)
        for i, (a, b, q, s, e) in enumerate(pairs):
            part = q._value / (charges[a] * charges[b]) if q._value else 0.0
            product = part * neutral[a] * neutral[b] * factor**2
            force.setExceptionParameters(i, a, b, product, s, e)
        terms["nonbonded" if factor else "vdw"] = energy(group)
    terms["elec"] = terms.pop("nonbonded") - terms["vdw"]
    return terms


def summed(terms):
    """1-4 terms added to their kinds, as OpenMM has them."""
    return {
        "bond": terms["bond"],
        "angle": terms["angle"],
        "dihedral": terms["dihedral"],
        "vdw": terms["vdw"] + terms["vdw14"],
        "elec": terms["elec"] + terms["elec14"],
    }


@pytest.mark.usefixtures("ambertools")
@pytest.mark.parametrize("name", ["methanol", "ethoxyethyl_acetate", "fluorobenzene"])
def test_gas_terms_agree_with_openmm(systems, name):
    prmtop = systems / f"{name}.prmtop"
    sander = summed(single_point(prmtop, prmtop.with_suffix(".inpcrd")))
    expected = openmm_terms(prmtop, prmtop.with_suffix(".inpcrd"))
    # Four printed decimals, two of them added; OpenMM's conversions keep nine digits.
    assert sander == pytest.approx(expected, abs=3e-4, rel=0)


def tail(prmtop, inpcrd, cutoff):
    """sander's Lennard-Jones tail [kcal/mol]: −2π/(3Vr³) Σᵢⱼ Bᵢⱼ, all ordered pairs, no A term.

    OpenMM counts N(N+1)/2 pairs and adds the A term, so its own tail is 0.1 % deeper here.
    """
    data = AmberFormat(str(prmtop)).parm_data
    t = data["POINTERS"][1]
    index = np.reshape(data["NONBONDED_PARM_INDEX"], (t, t)) - 1
    n = np.bincount(np.array(data["ATOM_TYPE_INDEX"]) - 1, minlength=t)
    b = n @ np.array(data["LENNARD_JONES_BCOEF"])[index] @ n
    vectors = app.AmberInpcrdFile(str(inpcrd)).boxVectors.value_in_unit(unit.angstrom)
    return -2 * np.pi * b / (3 * np.linalg.det(np.array(vectors)) * cutoff**3)


@pytest.mark.usefixtures("ambertools")
@pytest.mark.parametrize("lj_tail", [True, False])
def test_pme_terms_agree_with_openmm_at_matched_settings(systems, tmp_path, lj_tail):
    gas = systems / "methanol.prmtop"
    prmtop, inpcrd = solvate(gas, gas.with_suffix(".inpcrd"), folder=tmp_path, n_waters=300)
    pme = {"cutoff": 8.0, "ewald_coefficient": 0.4, "grid": (48, 48, 48)}
    sander = summed(single_point(prmtop, inpcrd, **pme, lj_tail=lj_tail, folder=tmp_path))
    expected = openmm_terms(prmtop, inpcrd, tuple(pme.values()))
    expected["vdw"] += tail(prmtop, inpcrd, 8.0) if lj_tail else 0.0
    for term in ("bond", "angle", "dihedral", "vdw"):
        assert sander[term] == pytest.approx(expected[term], abs=3e-4), term
    # Splines of order 5 in OpenMM and 6 in sander: about 1e-6 of the energy.
    assert sander["elec"] == pytest.approx(expected["elec"], abs=0.01)
    assert (tmp_path / "mdout").is_file()


def test_the_first_block_is_read_and_not_the_last(tmp_path):
    (tmp_path / "mdout").write_text(BLOCK)
    assert parse_first_block(tmp_path / "mdout") == {
        "bond": 1, "angle": 2, "dihedral": 3, "vdw": -4, "vdw14": 6, "elec": -5, "elec14": -7,
        "total": -4,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("RESTRAINT  =        0.0000", "RESTRAINT  =        0.1000", "unknown term RESTRAINT"),
        ("EEL     =       -5.0000", "EEL     = *************", "EEL .* overflowed"),
        ("DIHED ", "DIHEX ", "DIHE"),
        ("ENERGY", "ENERGIE", "no energies"),
    ],
)
def test_a_block_that_cannot_be_compared_is_refused(tmp_path, old, new, message):
    assert old in BLOCK
    (tmp_path / "mdout").write_text(BLOCK.replace(old, new))
    with pytest.raises(MerrowError, match=message):
        parse_first_block(tmp_path / "mdout")


@pytest.mark.usefixtures("ambertools")
def test_a_failure_of_sander_quotes_what_it_said(systems, tmp_path):
    prmtop = systems / "methanol.prmtop"
    with pytest.raises(MerrowError, match="sander"):
        single_point(prmtop, tmp_path / "absent.inpcrd", folder=tmp_path)


def test_pme_settings_without_a_cutoff_are_refused(tmp_path):
    with pytest.raises(InputError, match="needs a cutoff"):
        single_point(tmp_path / "a", tmp_path / "b", grid=(32, 32, 32))
