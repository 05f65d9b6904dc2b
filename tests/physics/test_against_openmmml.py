# SPDX-License-Identifier: MIT
"""Does openmm-ml's mechanical embedding, an independent program, give the same energies and forces?

Solvated toluene, and alanine dipeptide as a whole with ff19SB, so that a CMAP term is replaced too;
Reference platform, equal Ewald parameters, no tail beyond the cutoff (openmm-ml counts the pairs
within the region in it). openmm-ml evaluates torchani in single precision: E_ML in double is ours.

openmm-ml 1.8 returns ANI's forces per Å where OpenMM takes them per nm: a tenth of the slope of its
own energy, as is asked here before they are compared with that set right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import openmm as mm
import pytest
from hybrids import context_of, energy
from openmm import app, unit
from peptides import alanine_dipeptide

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import AmberTopology, read_topology
from merrow.ambertools.solvent import solvate
from merrow.system.box import box_vectors
from merrow.system.build import INTERNAL, base_system, hybrid_system
from merrow.system.mixed import mixed_system
from merrow.system.pme import Nonbonded, PmeParameters
from merrow.system.region import MLRegion, region_of, select_region
from merrow.system.user_system import described
from merrow.units import ANGSTROM_PER_NM, KCAL_PER_KJ

TOLUENE = "toluene"
WATERS, CUTOFF = 300, 0.9
PME = PmeParameters(3.5, (48, 48, 48))
PEER_GROUP = 9
MIXED = 0.01
"""kJ/mol, of E − E_ML on the same input."""
EMBEDDING, E_ML, FORCE = 1e-3, 0.06, 0.02
"""kcal/mol, kcal/mol and kcal/mol/Å. Single precision rounds 1.7e5 kcal/mol to 0.02."""


@dataclass(frozen=True)
class Answer:
    """Energies [kcal/mol] and forces [kcal/mol/Å] of one program: its potential, and the rest."""

    ml: float
    embedding: float
    ml_forces: np.ndarray
    embedding_forces: np.ndarray


@dataclass(frozen=True)
class Case:
    """A solvated solute; positions and box vectors in nm."""

    topology: AmberTopology
    region: MLRegion
    positions: np.ndarray
    vectors: np.ndarray

    def asked(self, system: mm.System, group: int) -> Answer:
        context = context_of(system, self.positions, self.vectors)
        others = {f.getForceGroup() for f in system.getForces()} - {group}
        per_angstrom = KCAL_PER_KJ / ANGSTROM_PER_NM
        parts = [forces_in(context, groups) * per_angstrom for groups in ({group}, others)]
        return Answer(
            energy(context, group) * KCAL_PER_KJ, energy(context, *others) * KCAL_PER_KJ, *parts
        )


def forces_in(context: mm.Context, groups: set[int]) -> np.ndarray:
    state = context.getState(getForces=True, groups=groups)
    return np.array(state.getForces(asNumpy=True)._value)


@pytest.fixture(scope="module", params=["toluene", "alanine dipeptide"])
def case(request, systems, sander, tmp_path_factory) -> Case:
    folder = tmp_path_factory.mktemp("peer")
    if request.param == "toluene":
        gas = systems / f"{TOLUENE}.prmtop"
        wet = solvate(gas, gas.with_suffix(".inpcrd"), folder=folder, n_waters=WATERS)
    else:
        wet = alanine_dipeptide(folder, force_field="ff19SB", n_waters=WATERS)[2:]
    topology = read_topology(wet[0])
    region = select_region(topology, "!:WAT")
    coordinates = read_coordinates(wet[1], len(topology))
    x = coordinates.positions / ANGSTROM_PER_NM
    return Case(topology, region, x, box_vectors(coordinates) / ANGSTROM_PER_NM)


@pytest.fixture(scope="module")
def peer(random_weights):
    """openmm-ml's MLPotential, whose torchani finds its weights without a download."""
    openmmml = pytest.importorskip("openmmml", reason="openmm-ml is not here: pip install openmmml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCHANI_DATA_DIR", str(random_weights.parent))
        yield openmmml.MLPotential("ani2x")


def plain_system(case: Case) -> tuple[app.Topology, mm.System]:
    """Return the MM System that a user of OpenMM makes of the files."""
    prmtop = app.AmberPrmtopFile(str(case.topology.path))
    plain = prmtop.createSystem(
        nonbondedMethod=app.PME,
        nonbondedCutoff=CUTOFF * unit.nanometer,
        constraints=None,
        rigidWater=False,
    )
    (force,) = [f for f in plain.getForces() if isinstance(f, mm.NonbondedForce)]
    force.setPMEParameters(PME.alpha, *PME.grid)
    force.setUseDispersionCorrection(False)
    return prmtop.topology, plain


def their_system(case: Case, peer) -> mm.System:
    topology, plain = plain_system(case)
    return peer.createMixedSystem(topology, plain, list(case.region.atoms), forceGroup=PEER_GROUP)


def force_unit(case: Case, system: mm.System) -> int:
    """Return what openmm-ml's forces must be multiplied by: 1 per nm, 10 where they are per Å.

    Asked of its own energy, by the slope along one of its own forces. Single precision leaves 0.05
    kJ/mol of E_ML, so the step is long, and the answer is one of the two or none.
    """
    context = context_of(system, case.positions, case.vectors)
    force = forces_in(context, {PEER_GROUP})
    atom = int(np.argmax(np.linalg.norm(force, axis=1)))
    size = float(np.linalg.norm(force[atom]))
    values = []
    for sign in (1, -1):
        x = case.positions.copy()
        x[atom] += sign * 0.002 * force[atom] / size
        context.setPositions(x)
        values.append(energy(context, PEER_GROUP))
    ratio = (values[1] - values[0]) / 0.004 / size
    found = [unit for unit in (1, 10) if abs(ratio / unit - 1.0) < 0.1]
    assert found, f"the slope of openmm-ml's energy is {ratio} times its force"
    return found[0]


def test_embedding_e_ml_and_forces_are_openmm_mls(case, peer, random_ani2x):
    nonbonded = Nonbonded(CUTOFF, lj_tail=False, pme=PME)
    potential = random_ani2x(case.region.molecule)
    hybrid = hybrid_system(case.topology, case.region, potential, nonbonded=nonbonded, rigid=False)
    ours, system = case.asked(hybrid.system, INTERNAL), their_system(case, peer)
    theirs = case.asked(system, PEER_GROUP)
    assert ours.embedding == pytest.approx(theirs.embedding, abs=EMBEDDING)
    assert ours.ml == pytest.approx(theirs.ml, abs=E_ML)
    whole = theirs.embedding_forces + force_unit(case, system) * theirs.ml_forces
    np.testing.assert_allclose(ours.embedding_forces + ours.ml_forces, whole, rtol=0, atol=FORCE)
    # what is compared is not small, and not plain MM
    plain = case.asked(base_system(case.topology, nonbonded, rigid_water=False), INTERNAL)
    assert abs(ours.embedding - plain.embedding) > 1.0
    assert np.abs(ours.ml_forces).max() > 1.0


def test_a_mixed_system_of_the_same_input_is_openmm_mls(case, peer, random_ani2x):
    topology, plain = plain_system(case)
    (force,) = [f for f in plain.getForces() if isinstance(f, mm.NonbondedForce)]
    force.setUseDispersionCorrection(True)  # both leave it as it is
    view = described(topology, plain)
    region = region_of(view, case.region.atoms, name="the solute")
    potential = random_ani2x(region.molecule)
    ours = case.asked(
        mixed_system(plain, view, region, potential, force_group=PEER_GROUP), PEER_GROUP
    )
    atoms = list(case.region.atoms)
    theirs = case.asked(
        peer.createMixedSystem(topology, plain, atoms, forceGroup=PEER_GROUP), PEER_GROUP
    )
    direct = potential.evaluate(case.positions[None, atoms] * ANGSTROM_PER_NM).energies[0]
    assert ours.embedding == pytest.approx(theirs.embedding, abs=MIXED * KCAL_PER_KJ)
    assert ours.ml == pytest.approx(direct, abs=1e-6)
    assert ours.ml == pytest.approx(theirs.ml, abs=E_ML)
    difference = ours.embedding_forces - theirs.embedding_forces
    assert np.abs(difference).max() < 1e-6


def test_a_lost_exclusion_would_be_a_hundred_times_the_bar(case):
    system = base_system(case.topology, Nonbonded(CUTOFF, pme=PME), rigid_water=False)
    (force,) = [f for f in system.getForces() if isinstance(f, mm.NonbondedForce)]
    charges, (first, *_, last) = case.topology.charges, case.region.atoms
    values = []
    for product in (0.0, float(charges[first] * charges[last])):
        force.addException(first, last, product, 0.1, 0.0, True)
        values.append(energy(context_of(system, case.positions, case.vectors)) * KCAL_PER_KJ)
    assert abs(values[1] - values[0]) > 100 * EMBEDDING
