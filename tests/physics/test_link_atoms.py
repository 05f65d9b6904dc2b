# SPDX-License-Identifier: MIT
"""Is a peptide whose side chain is the ML region one Hamiltonian, across the bond that is cut?

ff19SB, so that there is a CMAP term; ANI sees the side chain with a hydrogen in place of CA.
"""

from __future__ import annotations

import numpy as np
import openmm as mm
import pytest
from peptides import capped_residue

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import AmberTopology, read_topology
from merrow.engine.decompose import decompose
from merrow.engine.dynamics import DynamicsPlan, at_rest_as_a_whole, draw_velocities, run_dynamics
from merrow.engine.simulation import Snapshot
from merrow.engine.slope import couple
from merrow.errors import UnsupportedPhysicsError
from merrow.potentials.interface import Capabilities, Evaluation
from merrow.samples import LambdaState
from merrow.system.build import base_system, hybrid_system
from merrow.system.link_atoms import LINK_DISTANCE
from merrow.system.pme import Nonbonded
from merrow.system.potentials import open_potential
from merrow.system.region import capped, select_region
from merrow.units import KCAL_PER_KJ

VACUUM = Nonbonded(cutoff=None)
SIDE_CHAIN = ":2&!@N,H,CA,HA,C,O"


@pytest.fixture(scope="module")
def peptides(tmp_path_factory, sander) -> dict[str, tuple[AmberTopology, np.ndarray]]:
    """ACE-X-NME of ff19SB by name of X, with positions [nm] that are not at a minimum."""
    folder = tmp_path_factory.mktemp("peptides")
    found = {}
    for name in ("ALA", "PHE"):
        prmtop, inpcrd = capped_residue(name, folder, force_field="ff19SB")
        topology = read_topology(prmtop)
        positions = read_coordinates(inpcrd).positions / 10
        positions = relaxed(topology, positions)
        noise = np.random.default_rng(2).normal(0.0, 0.004, positions.shape)
        found[name] = topology, positions + noise
    return found


def relaxed(topology: AmberTopology, positions: np.ndarray) -> np.ndarray:
    """tleap's side chain of PHE clashes; a hundred steps of MM part it."""
    context = mm.Context(
        base_system(topology, VACUUM, rigid_water=False),
        mm.VerletIntegrator(0.001),
        mm.Platform.getPlatformByName("Reference"),
    )
    context.setPositions(positions)
    mm.LocalEnergyMinimizer.minimize(context, 10.0, 100)
    return np.array(context.getState(getPositions=True).getPositions(asNumpy=True)._value)


def forces_of(system: mm.System, positions: np.ndarray) -> tuple[float, np.ndarray]:
    answer = decompose(system, positions, None, platform="Reference")
    return answer.total, answer.forces


@pytest.mark.parametrize("name", ["ALA", "PHE"])
def test_the_mm_terms_of_the_side_chain_give_the_whole_peptide_back(peptides, name):
    topology, positions = peptides[name]
    region = select_region(topology, SIDE_CHAIN, link_atoms=True)
    potential = open_potential("mm", topology, region)
    hybrid = hybrid_system(topology, region, potential, nonbonded=VACUUM, rigid=False)
    base = base_system(topology, VACUUM, rigid_water=False)
    ours = decompose(hybrid.system, positions, None, platform="Reference")
    plain = decompose(base, positions, None, platform="Reference")
    # Every bonded, CMAP, 1-4 and pair term is counted once, on one side of the cut or the other;
    # Lennard-Jones across the cut is by the prmtop's table, not by OpenMM's rule: nine digits.
    assert ours.total == pytest.approx(plain.total, abs=1e-5)
    np.testing.assert_allclose(ours.forces, plain.forces, atol=1e-3, rtol=1e-7)
    assert ours.terms["cmap"] == pytest.approx(plain.terms["cmap"], abs=1e-9)
    assert abs(plain.terms["cmap"]) > 1e-3
    assert ours.terms["bond"] < plain.terms["bond"]


def test_the_link_atom_lies_on_the_bond_and_the_potential_is_asked_for_toluene(peptides):
    topology, positions = peptides["PHE"]
    region = select_region(topology, SIDE_CHAIN, link_atoms=True)
    assert sorted(region.molecule.numbers) == [1] * 8 + [6] * 7
    assert region.molecule.charge == 0
    ((inside, outside),) = region.links
    assert (topology.names[inside], topology.names[outside]) == ("CB", "CA")
    assert region.labels[-1] == "link H of :2@CB"

    class Spy:
        capabilities = Capabilities(name="spy", elements=None)
        identity = "spy"

        def evaluate(self, x):
            self.seen = x[0]
            return Evaluation(np.zeros(len(x)), np.zeros_like(x))

    spy = Spy()
    asked = positions[list(region.model_atoms)] * 10
    assert capped(spy, region).evaluate(asked[None]).forces.shape == (1, *asked.shape)
    cb, ca = asked[region.atoms.index(inside)], asked[-1]
    assert np.linalg.norm(spy.seen[-1] - cb) == pytest.approx(LINK_DISTANCE)
    assert np.linalg.norm(np.cross(spy.seen[-1] - cb, ca - cb)) == pytest.approx(0.0, abs=1e-12)
    assert (spy.seen[-1] - cb) @ (ca - cb) > 0


def with_ani(peptides, ani, name: str = "ALA"):
    topology, positions = peptides[name]
    region = select_region(topology, SIDE_CHAIN, link_atoms=True)
    potential = ani("ani1ccx", region.molecule)
    hybrid = hybrid_system(topology, region, potential, nonbonded=VACUUM, rigid=False)
    return hybrid, positions


def test_forces_across_the_cut_are_slopes_of_the_energy(peptides, ani):
    hybrid, positions = with_ani(peptides, ani)
    _, forces = forces_of(hybrid.system, positions)
    context = mm.Context(
        hybrid.system,
        mm.VerletIntegrator(0.001),
        mm.Platform.getPlatformByName("Reference"),
    )

    def energy(x):
        context.setPositions(x)
        return context.getState(getEnergy=True).getPotentialEnergy()._value

    h = 1e-5  # nm: truncation h² F'' ~ 1e-4, round-off of 1e5 kJ/mol ~ 1e-5 kJ/mol/nm
    ((inside, outside),) = hybrid.region.links
    for atom in (inside, outside, hybrid.region.atoms[1], 0):
        for axis in range(3):
            step = np.zeros_like(positions)
            step[atom, axis] = h
            slope = (energy(positions + step) - energy(positions - step)) / (2 * h)
            assert -slope == pytest.approx(forces[atom, axis], abs=0.05)


def test_the_capped_region_pushes_nothing_as_a_whole(peptides, ani):
    hybrid, positions = with_ani(peptides, ani, "PHE")
    region = hybrid.region
    asked = positions[list(region.model_atoms)]
    _, forces, _ = hybrid.bridge.evaluate(asked)
    assert np.abs(forces[-1]).max() > 1.0  # CA feels the side chain's potential
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-7)
    np.testing.assert_allclose(np.cross(asked, forces).sum(axis=0), 0.0, atol=1e-7)


@pytest.mark.slow
def test_dynamics_across_the_cut_conserve_energy_to_second_order(peptides, ani):
    hybrid, positions = with_ani(peptides, ani)
    rest = Snapshot(positions, np.zeros_like(positions), np.eye(3))
    warm = draw_velocities(hybrid, rest, temperature=300.0, seed=4, platform="Reference")
    start = at_rest_as_a_whole(hybrid, warm, platform="Reference")
    spread = []
    for halving in (1, 2):
        timestep = 0.0005 / halving
        plan = DynamicsPlan(
            timestep=timestep,
            thermostat="none",
            temperature=300.0,
            friction=0.0,
            coupling_time=0.0,
            pressure=None,
            barostat_interval=0,
            com_removal_interval=0,
            constraint_tolerance=1e-10,
            platform="Reference",
            seed=1,
        )
        frames = run_dynamics(
            hybrid, plan, start, first_step=0, steps=120 * halving, report_interval=2 * halving
        )
        total = [frame.kinetic + frame.potential for frame in frames]
        spread.append(float(np.std(total)) * KCAL_PER_KJ)
    assert spread[1] < 0.03  # kcal/mol, the bar of the droplet
    assert spread[0] / spread[1] == pytest.approx(4.0, rel=0.15)


def test_a_region_that_hangs_on_a_bond_cannot_be_decoupled(peptides, ani):
    hybrid, _ = with_ani(peptides, ani)
    couple(hybrid, LambdaState(1.0, 1.0))
    with pytest.raises(UnsupportedPhysicsError, match="cannot be decoupled"):
        couple(hybrid, LambdaState(0.5, 1.0))


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (":2@C,O", "cuts the bond :2@CA-:2@C; link atoms are for single bonds"),
        (":1,2", "cuts the bond :2@C-:3@N"),
        (":2@HB1", "cuts the bond :2@CB-:2@HB1"),
    ],
)
def test_cuts_that_a_hydrogen_cannot_heal_are_refused(peptides, mask, words):
    with pytest.raises(UnsupportedPhysicsError, match=words):
        select_region(peptides["ALA"][0], mask, link_atoms=True)


def test_without_link_atoms_a_cut_is_refused(peptides):
    with pytest.raises(UnsupportedPhysicsError, match="ask for link atoms"):
        select_region(peptides["ALA"][0], SIDE_CHAIN)
