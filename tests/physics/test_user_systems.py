# SPDX-License-Identifier: MIT
"""Do Systems of the user's own, with an ML region or coupled by λ, keep the identities?

With the region's own MM terms in the place of a network every energy is known from OpenMM alone.
"""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import openmm as mm
import pytest
from hybrids import CUTOFF, Box, context_of, energy, forces, slope
from openmm import app, unit

import merrow
from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from merrow.api.systems import region_at
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.potentials.interface import Molecule
from merrow.potentials.registry import load_potential
from merrow.system.alchemy import tail_coefficient
from merrow.system.build import hybrid_system
from merrow.system.pme import Nonbonded
from merrow.system.region import select_region
from merrow.system.user_system import described
from merrow.units import KJ_PER_KCAL

ML = 7
"""Force group of the potential."""
TINY = "tiny-ani"
ROUNDING = {"Reference": 1e-8, "CPU": 5e-3}
"""kJ/mol; the CPU platform adds pairs in single precision."""
STATES = ((1.0, 1.0), (0.4, 1.0), (0.0, 1.0), (0.0, 0.3), (0.0, 0.0))
PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "python.md"
REFERENCE = mm.Platform.getPlatform("Reference")


def own_system(box: Box, **changes) -> tuple[app.Topology, mm.System]:
    """Return what a user of OpenMM makes of the files."""
    prmtop = app.AmberPrmtopFile(str(box.prmtop))
    options = {
        "nonbondedMethod": app.PME,
        "nonbondedCutoff": CUTOFF * unit.nanometer,
        "constraints": None,
        **changes,
    }
    return prmtop.topology, prmtop.createSystem(**options)


def nonbonded(system: mm.System) -> mm.NonbondedForce:
    return next(f for f in system.getForces() if isinstance(f, mm.NonbondedForce))


def opened(system: mm.System, box: Box, platform: str = "Reference") -> mm.Context:
    return context_of(system, box.positions, box.vectors, platform=platform)


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_with_its_own_mm_terms_the_mixed_system_is_the_users(acetone, platform):
    topology, plain = own_system(acetone)
    mixed = merrow.MLPotential("mm").create_mixed_system(topology, plain, ":1")
    there, here = opened(plain, acetone, platform), opened(mixed, acetone, platform)
    assert energy(here) == pytest.approx(energy(there), abs=ROUNDING[platform])
    bar = 1e-6 if platform == "Reference" else 0.5  # kJ/mol/nm, of up to 1e4
    np.testing.assert_allclose(forces(here), forces(there), rtol=0, atol=bar)


def test_the_identity_holds_without_a_box(acetone, tmp_path):
    prmtop = app.AmberPrmtopFile(str(acetone.gas))
    plain = prmtop.createSystem()
    mixed = merrow.MLPotential("mm").create_mixed_system(prmtop.topology, plain, range(10))
    x = acetone.positions[:10]
    assert energy(context_of(mixed, x)) == pytest.approx(energy(context_of(plain, x)), abs=1e-8)


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_e_ml_is_the_model_called_directly_and_forces_are_slopes(acetone, platform):
    topology, plain = own_system(acetone, rigidWater=False)
    potential = merrow.MLPotential(TINY, precision="float64")
    mixed = potential.create_mixed_system(topology, plain, ":1", force_group=ML)
    context = opened(mixed, acetone, platform)
    model = load_potential(TINY, acetone.region.molecule, precision="float64")
    direct = model.evaluate(acetone.positions[None, acetone.atoms] * 10).energies[0] * KJ_PER_KCAL
    assert energy(context, ML) == pytest.approx(direct, abs=1e-6)
    if platform == "Reference":
        found = forces(context)
        for atom in (0, 3, 10):
            way = found[atom] / np.linalg.norm(found[atom])
            assert -slope(context, acetone.positions, atom, way) == pytest.approx(
                found[atom] @ way, rel=1e-5
            )


def test_the_system_of_the_user_stays_as_it_was(acetone):
    topology, plain = own_system(acetone)
    before = mm.XmlSerializer.serialize(plain)
    merrow.MLPotential(TINY).create_mixed_system(topology, plain, ":1")
    merrow.alchemical_system(topology, plain, ":1")
    assert mm.XmlSerializer.serialize(plain) == before


def test_a_molecule_that_the_box_cuts_has_the_same_energy(acetone):
    topology, plain = own_system(acetone)
    mixed = merrow.MLPotential(TINY, precision="float64").create_mixed_system(topology, plain, ":1")
    x = acetone.positions.copy()
    x[3:6] += acetone.vectors[0]
    x[7] -= acetone.vectors[1] + acetone.vectors[2]
    whole = energy(opened(mixed, acetone))
    assert energy(context_of(mixed, x, acetone.vectors)) == pytest.approx(whole, abs=1e-4)


def test_a_mixed_system_is_written_and_read(acetone):
    topology, plain = own_system(acetone)
    mixed = merrow.MLPotential(TINY).create_mixed_system(topology, plain, ":1")
    again = mm.XmlSerializer.deserialize(mm.XmlSerializer.serialize(mixed))
    assert energy(opened(again, acetone)) == energy(opened(mixed, acetone))


@pytest.mark.parametrize("state", STATES)
def test_the_coupled_system_is_that_of_the_amber_files(acetone, state):
    topology, plain = own_system(acetone, rigidWater=False)
    nonbonded(plain).setPMEParameters(acetone.pme.alpha, *acetone.pme.grid)
    nonbonded(plain).setUseDispersionCorrection(False)
    ours = opened(merrow.alchemical_system(topology, plain, ":1"), acetone)
    files = opened(acetone.hybrid().system, acetone)
    values = []
    for context in (ours, files):
        for name, value in zip(("electrostatics", "sterics"), state, strict=True):
            context.setParameter(f"lambda_{name}", value)
        values.append(energy(context))
    # A and B of the prmtop have nine digits, those of the System are made from σ and ε
    assert values[0] == pytest.approx(values[1], abs=1e-4)


@pytest.mark.parametrize("switch", [None, 0.5])
def test_fully_coupled_is_the_users_system_but_for_the_tail_within_the_region(acetone, switch):
    topology, plain = own_system(acetone)
    force = nonbonded(plain)
    if switch is not None:
        force.setUseSwitchingFunction(True)
        force.setSwitchingDistance(switch)
    view, volume = described(topology, plain), float(np.prod(np.diag(acetone.vectors)))
    for tail in (False, True):
        force.setUseDispersionCorrection(tail)
        coupled = merrow.alchemical_system(topology, plain, ":1")
        within = openmms_tail_less_ours(view, acetone.atoms, switch) / volume if tail else 0.0
        difference = energy(opened(plain, acetone)) - energy(opened(coupled, acetone))
        assert difference == pytest.approx(within, abs=2e-5)
    assert abs(within) > 1e-2  # so the tail would be seen


def openmms_tail_less_ours(view, atoms: list[int], switch: float | None) -> float:
    """K of pairs within the region, which OpenMM counts and we do not.

    OpenMM also counts each atom as a pair with itself, and weighs all pairs by N/(N + 1).
    """
    n_types, weight = len(view.lj_a), len(view) / (len(view) + 1)
    count = np.bincount(view.lj_type[atoms], minlength=n_types)
    within = 0.0
    for i in range(n_types):
        for j in range(i, n_types):
            pairs = count[i] * count[j] if i != j else count[i] * (count[i] + 1) / 2
            within += pairs * pair_tail(view, i, j, switch) if pairs else 0.0
    between = tail_coefficient(view, atoms, CUTOFF, switch=switch)
    return weight * within - (1.0 - weight) * between


def pair_tail(view, i: int, j: int, switch: float | None) -> float:
    """K of one pair of types, by the trapezoid rule on a fine grid."""
    a, b = (float(m[i, j]) * KJ_PER_KCAL * 0.1**p for m, p in ((view.lj_a, 12), (view.lj_b, 6)))
    k = 4 * math.pi * (a / (9 * CUTOFF**9) - b / (3 * CUTOFF**3))
    if switch is None:
        return k
    r = np.linspace(switch, CUTOFF, 20001)
    x = (r - switch) / (CUTOFF - switch)
    y = 4 * math.pi * r**2 * (a / r**12 - b / r**6) * (10 * x**3 - 15 * x**4 + 6 * x**5)
    return k + float(np.sum((y[1:] + y[:-1]) / 2 * np.diff(r)))


def test_decoupled_is_the_surroundings_and_the_model_alone(acetone):
    topology, plain = own_system(acetone, rigidWater=False)
    nonbonded(plain).setUseDispersionCorrection(False)
    potential = merrow.MLPotential(TINY, precision="float64")
    coupled = merrow.alchemical_system(topology, plain, ":1", potential=potential, force_group=ML)
    context = opened(coupled, acetone)
    for name in ("lambda_electrostatics", "lambda_sterics"):
        context.setParameter(name, 0.0)
    far = acetone.positions.copy()
    far[acetone.atoms] += (0.3, -0.2, 0.9)  # nm: it may stand anywhere
    before = energy(context)
    context.setPositions(far)
    assert energy(context) == pytest.approx(before, abs=1e-4)
    assert abs(before - energy(context, ML)) > 100.0


def test_mask_and_indices_select_the_same(acetone):
    topology, plain = own_system(acetone)
    view = described(topology, plain)
    by_mask = region_at(view, ":1", link_atoms=False)
    assert by_mask == region_at(view, np.arange(10), link_atoms=False)
    assert by_mask.atoms == acetone.region.atoms
    assert by_mask.molecule == acetone.region.molecule == Molecule(by_mask.molecule.numbers)


@pytest.mark.parametrize(
    ("atoms", "told"),
    [
        ([], "empty"),
        ([0, 0], "twice"),
        ([-1], "has atoms 0 to"),
        ([10**9], "has atoms 0 to"),
        ([0.5], "indices"),
        ([True, False], "booleans"),
        (["C1"], "indices"),
        (":XYZ", "Residues"),
        ("@%c3", "selects by atom type"),
        ([0, 1], "cuts the covalent bond"),
        (":2", "water"),
    ],
)
def test_atoms_that_are_no_region_are_refused(acetone, atoms, told):
    topology, plain = own_system(acetone)
    with pytest.raises(InputError, match=told):
        merrow.MLPotential(TINY).create_mixed_system(topology, plain, atoms)


def restraint(kind: type, text: str, atoms: list[int]) -> mm.Force:
    force = kind(text)
    add = "addTorsion" if kind is mm.CustomTorsionForce else "addBond"
    getattr(force, add)(*atoms, [])
    return force


STRANGE = [
    (mm.CustomBondForce("r^2"), "addBond", (0, 1, [])),
    (mm.CustomAngleForce("theta^2"), "addAngle", (0, 1, 2, [])),
    (mm.CustomTorsionForce("theta^2"), "addTorsion", (0, 1, 2, 3, [])),
    (mm.CustomCompoundBondForce(2, "distance(p1,p2)"), "addBond", ([0, 1], [])),
]


@pytest.mark.parametrize(("force", "add", "term"), STRANGE, ids=lambda x: type(x).__name__)
def test_a_custom_term_within_the_region_is_refused_and_one_outside_kept(acetone, force, add, term):
    topology, plain = own_system(acetone)
    here, name = copy.deepcopy(force), type(force).__name__
    getattr(here, add)(*term)
    plain.addForce(here)
    with pytest.raises(UnsupportedPhysicsError, match=name):
        merrow.MLPotential(TINY).create_mixed_system(topology, plain, ":1")
    plain.removeForce(plain.getNumForces() - 1)
    there = copy.deepcopy(force)
    moved = [
        [i + 9 for i in value] if isinstance(value, list) else value + 9 for value in term[:-1]
    ]
    getattr(there, add)(*moved, [])  # the last atom of the solute and the first ones of water
    plain.addForce(there)
    mixed = merrow.MLPotential("mm").create_mixed_system(topology, plain, ":1")
    assert energy(opened(mixed, acetone)) == pytest.approx(energy(opened(plain, acetone)), abs=1e-8)


@pytest.mark.parametrize("kind", [mm.CustomHbondForce, mm.CustomManyParticleForce, mm.DrudeForce])
def test_a_force_that_is_not_understood_is_refused_by_name(acetone, kind):
    topology, plain = own_system(acetone)
    arguments = {mm.CustomHbondForce: ("0",), mm.CustomManyParticleForce: (3, "0")}
    plain.addForce(kind(*arguments.get(kind, ())))
    with pytest.raises(UnsupportedPhysicsError, match=kind.__name__):
        merrow.MLPotential(TINY).create_mixed_system(topology, plain, ":1")


def test_what_lambda_cannot_scale_is_refused_by_name(acetone):
    topology, plain = own_system(acetone)
    nonbonded(plain).setNonbondedMethod(mm.NonbondedForce.LJPME)
    with pytest.raises(UnsupportedPhysicsError, match="LJPME"):
        merrow.alchemical_system(topology, plain, ":1")
    nonbonded(plain).setNonbondedMethod(mm.NonbondedForce.PME)
    nonbonded(plain).addException(0, 20, 0.0, 0.1, 0.0)
    with pytest.raises(UnsupportedPhysicsError, match="exception"):
        merrow.alchemical_system(topology, plain, ":1")
    nonbonded(plain).setIncludeDirectSpace(False)
    with pytest.raises(UnsupportedPhysicsError, match="direct space"):
        merrow.MLPotential(TINY).create_mixed_system(topology, plain, ":1")
    twice = merrow.alchemical_system(topology, own_system(acetone)[1], ":1")
    with pytest.raises(UnsupportedPhysicsError, match="lambda_electrostatics"):
        merrow.MLPotential(TINY).create_mixed_system(topology, twice, ":1")


def test_a_bond_that_is_cut_is_capped_as_in_the_amber_files(systems):
    # dipeptide: the side chain of ALA is the region, with a link atom in the place of CA
    prmtop = systems / "dipeptide.prmtop"
    mask = ":2@CB,HB1,HB2,HB3"
    files, loaded = app.AmberPrmtopFile(str(prmtop)), read_topology(prmtop)
    x = read_coordinates(systems / "dipeptide.inpcrd").positions / 10
    potential = merrow.MLPotential(TINY, precision="float64")
    mixed = potential.create_mixed_system(
        files.topology, files.createSystem(), mask, link_atoms=True
    )
    region = select_region(loaded, mask, link_atoms=True)
    model = load_potential(TINY, region.molecule, precision="float64")
    hybrid = hybrid_system(loaded, region, model, nonbonded=Nonbonded(cutoff=None), rigid=False)
    here, there = context_of(mixed, x), context_of(hybrid.system, x)
    assert energy(here) == pytest.approx(energy(there), abs=1e-4)  # nine digits of A and B
    np.testing.assert_allclose(forces(here), forces(there), rtol=0, atol=1e-2)


def test_constraints_of_the_region_go_with_its_mm_terms(acetone):
    topology, plain = own_system(acetone, constraints=app.HBonds)
    mixed = merrow.MLPotential(TINY).create_mixed_system(topology, plain, ":1")
    assert plain.getNumConstraints() - mixed.getNumConstraints() == 6
    with pytest.raises(InputError, match="constraints=None"):
        merrow.MLPotential("mm").create_mixed_system(topology, plain, ":1")


def test_a_topology_of_other_atoms_is_refused(acetone):
    topology, _ = own_system(acetone)
    with pytest.raises(InputError, match="from which the System was made"):
        merrow.MLPotential(TINY).create_mixed_system(topology, mm.System(), ":1")
    with pytest.raises(InputError, match=r"openmm\.app\.Topology"):
        merrow.MLPotential(TINY).create_mixed_system(acetone.prmtop, mm.System(), ":1")


@pytest.mark.parametrize("value", [1e200, float("nan")])
def test_parameters_beyond_all_sense_are_refused(acetone, value):
    topology, plain = own_system(acetone)
    i, j, *_ = nonbonded(plain).getExceptionParameters(0)
    nonbonded(plain).setExceptionParameters(0, i, j, 0.0, value, 1.0)
    with pytest.raises(InputError, match="an exception with the parameter"):
        merrow.MLPotential("mm").create_mixed_system(topology, plain, ":1")


def test_bonds_that_a_topology_lacks_are_those_of_the_system(acetone):
    topology, plain = own_system(acetone)
    bare = app.Topology()
    chain = bare.addChain()
    for residue in topology.residues():
        own = bare.addResidue(residue.name, chain)
        for atom in residue.atoms():
            bare.addAtom(atom.name, atom.element, own)
    assert described(bare, plain).molecules == described(topology, plain).molecules


def test_the_tail_of_the_files_is_that_of_the_system(acetone):
    topology, plain = own_system(acetone)
    of_files = tail_coefficient(acetone.topology, acetone.atoms, 0.9)
    assert tail_coefficient(described(topology, plain), acetone.atoms, 0.9) == pytest.approx(
        of_files, rel=1e-6
    )


@pytest.mark.filterwarnings("ignore:Non-optimal GB parameters")
def test_implicit_solvent_is_kept_in_full(systems):
    """The page of Python says so: it has the solvation energy of the region's own charges, too."""
    prmtop = app.AmberPrmtopFile(str(systems / "ethanol.prmtop"))
    positions = app.AmberInpcrdFile(str(systems / "ethanol.inpcrd")).positions
    found = []
    for solvent in (app.OBC2, app.HCT, None):
        plain = prmtop.createSystem(implicitSolvent=solvent)
        mixed = merrow.MLPotential("mm").create_mixed_system(prmtop.topology, plain, ":1")
        for system in (plain, mixed):
            context = mm.Context(system, mm.VerletIntegrator(0.001), REFERENCE)
            context.setPositions(positions)
            found.append(context.getState(energy=True).getPotentialEnergy()._value)
    assert found[0::2] == pytest.approx(found[1::2], abs=1e-8)
    assert min(abs(found[4] - found[k]) for k in (0, 2)) > 5.0
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `GBSAOBCForce`")]
    assert "| kept in full, with the solvation energy of the region's own" in rows[0]
